"""The input as tests see it, and what was sent with it."""

from textual import events
from textual.pilot import Pilot

from tests.tui.conftest import app_of, current
from tui.widgets.composer import Composer


def composer(pilot: Pilot[None]) -> Composer:
    return app_of(pilot).main.composer


def title(pilot: Pilot[None]) -> str:
    return str(composer(pilot).border_title or "")


async def paste(pilot: Pilot[None], text: str) -> None:
    app_of(pilot).post_message(events.Paste(text))
    await pilot.pause()


def asked(pilot: Pilot[None]) -> list[str]:
    return [node.text for node in current(pilot).tree.path() if node.role == "user"]
