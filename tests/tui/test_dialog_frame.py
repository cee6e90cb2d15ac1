"""The keys in the lower edge of dialogs are whole at any width, and the way out is always among them."""

import importlib
import pkgutil

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import OptionList

import tui.screens
from tests.commit_params import first_of
from tests.tui.conftest import app_of, make_app, ready, until
from tui.screens.dialog import Dialog
from tui.screens.dialog_keys import DialogKeysScreen
from tui.screens.help import HelpScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.writer import KEYS, LIST_KEYS
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain

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


async def test_f1_lists_the_keys_for_which_there_is_no_room(tiny_model: object) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: "Tab next · Esc close" in lower_edge(pilot))
        assert "c always or by keys" not in lower_edge(pilot), "the memory has the focus, where c is a letter"
        writer = app_of(pilot).screen
        writer.query_one(OptionList).focus()
        await until(pilot, lambda: "F1 more" in lower_edge(pilot))
        assert "x export" not in lower_edge(pilot) and "Tab next · Esc close ─╯" in lower_edge(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, DialogKeysScreen))
        shown = str(app_of(pilot).screen.query_one(Plain).render())
        assert shown.splitlines() == [*LIST_KEYS, *KEYS]
        await pilot.press("f1")
        await until(pilot, lambda: app_of(pilot).screen is writer)
        assert writer.query_one(OptionList).has_focus


async def test_f1_lists_the_keys_where_nothing_has_the_focus(tiny_model: object) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app_of(pilot).actions.do("monitor")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, MonitorScreen))
        monitor = app_of(pilot).screen
        assert monitor.focused is None
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, DialogKeysScreen))
        shown = str(app_of(pilot).screen.query_one(Plain).render())
        assert shown.splitlines() == list(monitor.query_one(DialogFrame).keys)
        await pilot.press("escape")
        await until(pilot, lambda: app_of(pilot).screen is monitor)


def test_f1_is_a_key_of_all_dialogs_but_those_that_list_keys() -> None:
    names = [module.name for module in pkgutil.iter_modules(tui.screens.__path__, "tui.screens.")]
    defined = [each for name in names for each in vars(importlib.import_module(name)).values()]
    modal = {each for each in defined if isinstance(each, type) and issubclass(each, ModalScreen)} - {ModalScreen}
    assert {each for each in modal if not issubclass(each, Dialog)} == {HelpScreen, DialogKeysScreen}


async def test_f1_closes_the_help(tiny_model: object) -> None:
    async with make_app(tiny_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: "Esc close" in lower_edge(pilot))
        assert "F1" not in lower_edge(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
