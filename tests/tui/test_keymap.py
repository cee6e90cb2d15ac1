from collections import Counter

import pytest
from textual.binding import Binding

from tui.actions.clipboard import Copying
from tui.actions.composer import Composing
from tui.actions.messages import Talk
from tui.actions.model import Tuning
from tui.actions.reading import Reading
from tui.actions.search import Seeking
from tui.actions.sessions import Filing
from tui.actions.story import Writing
from tui.config.keymap import KEYMAP, PLACES, Key, bindings
from tui.services.workspace import Controller
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


@pytest.mark.parametrize("key", KEYMAP, ids=lambda key: key.id)
def test_every_key_has_somebody_who_does_it(key: Key) -> None:
    if key.local:
        assert callable(getattr(WIDGETS[key.where], f"action_{key.id}"))
    else:
        owners = (Controller, Reading, Copying, Composing, Talk, Tuning, Filing, Seeking, Writing)
        assert any(callable(getattr(owner, key.id, None)) for owner in owners)


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
