"""Keys that a person binds: how they may be written, and what is refused."""

import pytest

from tui.config.errors import SettingsError
from tui.config.key_remapping import remap
from tui.config.keymap import KEYMAP, textual_keymap
from tui.config.settings import Settings


def picked(**keys: object) -> tuple[dict[str, str], list[str]]:
    keymap, warnings = remap(Settings(keys=keys))  # type: ignore[arg-type]
    return {key.id: key.keys for key in keymap if key.id in keys}, warnings


def test_keys_may_be_written_as_people_write_them() -> None:
    assert picked(help="Ctrl+X", roll_back=["{", "U"], new_session="Esc", stop="pgup", scroll_up="Alt+Up")[0] == {
        "help": "ctrl+x",
        "roll_back": "left_curly_bracket,U",
        "new_session": "escape",
        "stop": "pageup",
        "scroll_up": "alt+up",
    }
    assert picked(toggle_sidebar="f1", help="f9") == ({"help": "f9", "toggle_sidebar": "f1"}, [])


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"help": "f9"}, "F9 is bound to both help and toggle_sidebar"),
        ({"roll_back": "["}, "[ is bound to both roll_back and previous_sibling (messages)"),
        ({"help": "enter"}, "Enter is bound to both help and send (input)"),
        ({"help": "crtl+x"}, "unknown key “crtl”; did you mean ctrl?"),
        ({"help": "escap"}, "unknown key “escap”; did you mean escape?"),
        ({"send": "s"}, "s cannot be bound to send because it types text"),
        ({"continue_story": "space"}, "Space cannot be bound to continue_story because it types text"),
        ({"help": "ctrl+"}, "unknown key “”"),
        ({"roll_back": "\x1b"}, "unknown key"),
    ],
)
def test_keys_that_cannot_be(keys: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        picked(**keys)
    assert told in str(caught.value)


def test_warnings_on_keys() -> None:
    assert picked(hepl="f11")[1] == ["default: unknown action hepl; did you mean help?"]
    assert "cannot tell Ctrl+I from Tab" in picked(help="ctrl+i")[1][0]


def test_textual_is_told_what_differs_from_the_bindings() -> None:
    assert textual_keymap(KEYMAP) == {}
    assert textual_keymap(remap(Settings(keys={"help": "f11"}))[0]) == {"anywhere.help": "f11"}
