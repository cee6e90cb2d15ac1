"""`llm-tui export`: write a session to standard output or a file."""

import sys
from pathlib import Path

import click

from tui.cli.options import FilledPath, db_option, written
from tui.cli.output import write_bytes, writer
from tui.cli.session_store import find_session, open_store
from tui.import_export import FORMATS
from tui.storage.errors import StoreError


@click.command()
@click.argument("session", metavar="SESSION", callback=written)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="Output format.  [default: FILE's suffix, else md]",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=FilledPath(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write to FILE instead of standard output (-).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing FILE.")
@db_option
@click.pass_context
def export(
    context: click.Context, session: str, kind: str | None, output: Path | None, force: bool, db: Path | None
) -> None:
    """Export a session.

    SESSION is its title or the start of its id (`llm-tui sessions` lists them). md (Markdown), html and jsonl
    (JSON lines, for fine-tuning) have the visible messages; json has all of the session, for `llm-tui import`.
    """
    from tui.import_export.exporter import WRITERS, export_file

    if output == Path("-"):
        output = None
    if kind is None:
        suffix = output.suffix.removeprefix(".") if output else ""
        kind = suffix if suffix in FORMATS else "md"
    with open_store(context, db, new=False) as store:
        found = find_session(store, session)
        if found is None:
            raise StoreError(f"No session matches “{session[:40]}”; `llm-tui sessions` lists them.")
        conversation = store.read(found)
    if output is not None:
        export_file(conversation, kind, output, force)
    elif sys.stdout.isatty():
        writer()(WRITERS[kind](conversation))
    else:
        write_bytes(WRITERS[kind](conversation).encode())
