"""`llm-tui sessions`: the list of sessions, or what is found in them."""

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

# What a search shows at most; it says so when there is more.
FOUND = 200
SHORT_ID = 8


@click.command()
@click.option("--search", metavar="TEXT", callback=written, help="Only what has these words, in a title or a message.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@db_option
@click.pass_context
def sessions(context: click.Context, search: str | None, as_json: bool, db: Path | None) -> None:
    """List the sessions, those used last first."""
    write = writer()
    values: list[dict[str, object]] = []
    lines: list[str] = []
    try:
        with open_store(context, db, new=False) as store:
            lines, values = _listed(store) if search is None else _found(store, search)
        if not values:
            tell("There are no sessions yet." if search is None else "No session has these words.")
    except AbsentError as error:
        if db or context.obj.get("db"):
            raise  # a file that was named on this line is more likely misspelt than new
        tell(error)
    write(json.dumps(values, indent=1) + "\n" if as_json else "".join(line + "\n" for line in lines))


def _listed(store: "Store") -> tuple[list[str], list[dict[str, object]]]:
    listings = store.sessions(limit=-1)
    lines = [
        f"{listing.id[:SHORT_ID]}  {datetime.fromtimestamp(listing.updated):%Y-%m-%d %H:%M}  "
        f"{'story' if listing.mode == 'story' else 'chat '}  {listing.shown_title}"
        for listing in listings
    ]
    return lines, [asdict(listing) | {"title": listing.shown_title} for listing in listings]


def _found(store: "Store", words: str) -> tuple[list[str], list[dict[str, object]]]:
    hits = store.search(words, FOUND + 1)
    if len(hits) > FOUND:
        tell(f"More than {FOUND} were found; these are the newest.")
    lines = [f"{hit.session_id[:SHORT_ID]}  {hit.title}\n          {one_line(hit.extract)}" for hit in hits[:FOUND]]
    return lines, [asdict(hit) for hit in hits[:FOUND]]
