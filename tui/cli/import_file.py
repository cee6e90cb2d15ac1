"""`llm-tui import`: sessions from a file."""

from pathlib import Path

import click

from tui.cli.database import open_store
from tui.cli.options import db_option
from tui.cli.output import tell, writer


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@db_option
@click.pass_context
def import_command(context: click.Context, file: Path, db: Path | None) -> None:
    """Add the sessions in FILE to yours.

    FILE is what `llm-tui export` wrote as JSON or Markdown, or the conversations.json of a ChatGPT export.
    """
    from tui.conversation.exchange import import_file

    with open_store(context, db, new=True) as store:
        imported = import_file(store, file)
    count = len(imported.session_ids)
    writer()(f"Imported {count} session{'' if count == 1 else 's'}.\n")
    if imported.left_out:
        kinds = ", ".join(f"{number} × {kind}" for kind, number in sorted(imported.left_out.items()))
        tell(f"Left out: {kinds}.")
