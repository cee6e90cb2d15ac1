"""`llm-tui import`: read sessions from files."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.options import FilledPath, db_option, settings_for
from tui.cli.output import tell, writer
from tui.cli.session_store import open_store

if TYPE_CHECKING:
    from tui.import_export.importer import Imported

# How many unreadable sessions are reported individually.
NAMED = 20


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FilledPath(path_type=Path))
@db_option
@click.pass_context
def import_command(context: click.Context, files: tuple[Path, ...], db: Path | None) -> None:
    """Import sessions from files.

    FILE is JSON, Markdown or JSON lines from `llm-tui export`, or an export of ChatGPT, Claude or Open WebUI: the
    JSON file or the whole ZIP archive. Sessions that are in the database already are skipped. The title of another one
    with the same title gets “import:” before it.
    """
    from tui.import_export.importer import import_file
    from tui.services.model_presence import has_model
    from tui.storage.errors import StoreError

    known = partial(has_model, settings_for(context, db=db).model_directories)
    failed = False
    with open_store(context, db, new=True) as store:
        for file in files:
            try:
                _tell(import_file(store, file, known), file if len(files) > 1 else None)
            except StoreError as error:
                if len(files) == 1 or store.trouble:
                    raise
                tell(f"Error: {error}")
                failed = True
    context.exit(1 if failed else 0)


def _tell(imported: "Imported", file: Path | None) -> None:
    writer()(imported.summary(str(file or "")) + "\n")
    if imported.modelless:
        have = "1 session has" if imported.modelless == 1 else f"{imported.modelless} sessions have"
        tell(f"{have} no available model and will use the default one.")
    if imported.left_out:
        kinds = ", ".join(f"{number} × {kind}" for kind, number in sorted(imported.left_out.items()))
        tell(f"Left out: {kinds}.")
    for refused in imported.refused[:NAMED]:
        tell(f"Not imported: {refused}.")
    if len(imported.refused) > NAMED:
        tell(f"Not imported: {len(imported.refused) - NAMED} more.")
