"""The keys in the lower edge of dialogs are whole at any width, and the way out is always among them."""

import pytest
from textual.pilot import Pilot

from tests.commit_params import first_of
from tests.tui.conftest import app_of, make_app, ready, until
from tui.widgets.dialog_frame import DialogFrame

# By what opens them: the first and the last of their keys.
DIALOGS = {
    "ctrl+p": ("↑ ↓ move", "Esc cancel"),
    "ctrl+r": ("↑ ↓ move", "Esc cancel"),
    "f1": ("type to filter", "Esc close"),
    "f3": ("↑ ↓ message", "Esc cancel"),
    "f4": ("↑ ↓ model", "Esc cancel"),
    "f6": ("empty = default", "Esc cancel"),
}


def lower_edge(pilot: Pilot[None]) -> str:
    screen = app_of(pilot).screen
    row = screen.query_one(DialogFrame).region.bottom - 1
    return screen._compositor.render_strips()[row].text


@pytest.mark.parametrize("key", first_of(DIALOGS, 2))
async def test_keys_that_do_not_fit_are_left_out_the_first_ones_first(tiny_model: object, key: str) -> None:
    first, last = DIALOGS[key]
    async with make_app(tiny_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert last in lower_edge(pilot) and "…" not in lower_edge(pilot)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: first in lower_edge(pilot) and last in lower_edge(pilot))
