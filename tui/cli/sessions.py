"""`llm-tui sessions`: the list of sessions, or what is found in them."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from tui.cli.database import open_store
from tui.cli.options import db_option, written
from tui.cli.output import writer
from tui.terminal.sanitize import one_line

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
    named = db or context.obj.get("db")
    with open_store(context, db, new=named is None) as store:
        if search is None:
            listings = store.sessions(limit=-1)
            lines = [
                f"{listing.id[:SHORT_ID]}  {datetime.fromtimestamp(listing.updated):%Y-%m-%d %H:%M}  "
                f"{'story' if listing.mode == 'story' else 'chat '}  {listing.shown_title}"
                for listing in listings
            ]
            values = [asdict(listing) | {"title": listing.shown_title} for listing in listings]
        else:
            hits = store.search(search, FOUND + 1)
            if len(hits) > FOUND:
                click.echo(f"More than {FOUND} were found; these are the newest.", err=True)
            lines = [
                f"{hit.session_id[:SHORT_ID]}  {hit.title}\n          {one_line(hit.extract)}" for hit in hits[:FOUND]
            ]
            values = [asdict(hit) for hit in hits[:FOUND]]
    if not values:
        click.echo("No session has these words." if search else "There are no sessions yet.", err=True)
    if as_json:
        write(json.dumps(values, indent=1) + "\n")
    else:
        write("".join(line + "\n" for line in lines))
