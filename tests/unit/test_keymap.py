from collections import Counter
from pathlib import Path

import pytest
from textual.binding import Binding

from tests.tui.conftest import app_of, make_app
from tui.config.keymap import KEYMAP, PLACES, Key, bindings, label
from tui.widgets.composer import Composer
from tui.widgets.session_list import SessionList
from tui.widgets.story_editor import StoryPane
from tui.widgets.transcript.transcript import Transcript

WIDGETS = {"input": Composer, "messages": Transcript, "sessions": SessionList, "story": StoryPane}
# The same bytes as Tab, Enter, Backspace and Esc; and the prefixes of tmux and screen.
FORBIDDEN = {"ctrl+i", "ctrl+m", "ctrl+h", "ctrl+left_square_bracket", "ctrl+b", "ctrl+a"}
KITTY_ONLY = {"shift+enter", "ctrl+enter", "alt+enter", "ctrl+tab"}


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(key.id for key in KEYMAP).items() if count > 1] == []


def test_no_key_means_two_things_in_one_place() -> None:
    for place in PLACES:
        keys = [k for key in KEYMAP if key.where in (place, "anywhere") for k in key.keys.split(",")]
        assert len(keys) == len(set(keys)), place


@pytest.mark.parametrize("key", [key for key in KEYMAP if key.local], ids=lambda key: key.id)
def test_a_local_key_has_an_action_of_its_widget(key: Key) -> None:
    assert callable(getattr(WIDGETS[key.where], f"action_{key.id}"))


async def test_every_other_key_has_an_action_in_the_registry(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test() as pilot:
        actions = {action.id: action for action in app_of(pilot).actions}
        keys = {key.id: key for key in KEYMAP if not key.local}
        assert (
            actions.keys()
            - {
                "themes",
                "compact",
                "suspend",
                "private_session",
                "export",
                "import",
                "copy_session",
                "context",
                "monitor",
            }
            == keys.keys()
        )
        assert all((actions[name].context, actions[name].title) == (key.where, key.title) for name, key in keys.items())


async def test_the_palette_offers_what_makes_sense_in_the_mode(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test() as pilot:
        app = app_of(pilot)

        def offered() -> set[tuple[str, str]]:
            return {(entry.title, entry.key) for entry in app.palette.entries()}

        story = {(key.title, label(key.keys.split(",")[0])) for key in KEYMAP if key.where == "story" and not key.local}
        assert not story & offered()
        await pilot.press("ctrl+t")
        assert story <= offered() and ("Roll back to here", "u") not in offered()


@pytest.mark.parametrize("key", KEYMAP, ids=lambda key: key.id)
def test_terminals_and_multiplexers_let_it_through(key: Key) -> None:
    keys = set(key.keys.split(","))
    assert not keys & FORBIDDEN
    assert keys - KITTY_ONLY


def test_bindings_carry_the_ids_for_remapping() -> None:
    found = bindings("messages")
    assert all(isinstance(binding, Binding) and binding.id and binding.id.startswith("messages.") for binding in found)


def test_labels_are_what_people_write() -> None:
    labels = {key.id: key.label for key in KEYMAP}
    assert labels["newline"] == "Ctrl+J Shift+Enter Alt+Enter"
    assert labels["help"] == "F1"
    assert labels["previous_sibling"] == "["
    assert labels["choose_first"] == "g Home"
