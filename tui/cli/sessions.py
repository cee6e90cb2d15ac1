"""`llm-tui sessions`: list or search sessions."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.options import db_option, written
from tui.cli.output import tell, writer
from tui.cli.session_store import AbsentError, open_store
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from tui.storage.store import Store

# Maximum number of search results.
FOUND = 200
SHORT_ID = 8


@click.command()
@click.option("--search", metavar="TEXT", callback=written, help="Search titles and messages for these words.")
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@db_option
@click.pass_context
def sessions(context: click.Context, search: str | None, as_json: bool, db: Path | None) -> None:
    """List the sessions, pinned ones (*) first, then the most recent."""
    write = writer()
    values: list[dict[str, object]] = []
    lines: list[str] = []
    try:
        with open_store(context, db, new=False) as store:
            lines, values = _listed(store) if search is None else _found(store, search)
        if not values:
            tell("No sessions yet." if search is None else "No results.")
    except AbsentError as error:
        if db or context.obj.get("db"):
            raise  # an explicit path is more likely misspelt than new
        tell(error)
    write(json.dumps(values, indent=1) + "\n" if as_json else "".join(line + "\n" for line in lines))


def _listed(store: "Store") -> tuple[list[str], list[dict[str, object]]]:
    listings = store.sessions(limit=-1)
    lines = [
        f"{listing.id[:SHORT_ID]}  {datetime.fromtimestamp(listing.updated):%Y-%m-%d %H:%M}  "
        f"{'story' if listing.mode == 'story' else 'chat '} {'*' if listing.pinned else ' '} {listing.shown_title}"
        for listing in listings
    ]
    return lines, [asdict(listing) | {"title": listing.shown_title} for listing in listings]


def _found(store: "Store", words: str) -> tuple[list[str], list[dict[str, object]]]:
    hits = store.search(words, FOUND + 1)
    if len(hits) > FOUND:
        tell(f"Showing the {FOUND} newest results.")
    lines = [f"{hit.session_id[:SHORT_ID]}  {hit.title}\n          {one_line(hit.extract)}" for hit in hits[:FOUND]]
    return lines, [asdict(hit) for hit in hits[:FOUND]]
