"""How a terminal is told of something: what it is known to take, else a bell."""

import base64
from collections.abc import Mapping

import pytest

from tui.terminal.notification import BELL, notification

HOSTILE = "4;1 \x1b]52;c;aGk=\x07\x9c\n; rest \u202e"


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b]99;i=llm-tui:e=1;"),
        ({"TERM": "foot"}, "\x1b]99;i=llm-tui:e=1;"),
        ({"TERM": "rxvt-unicode-256color"}, "\x1b]777;notify;llm-tui;"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "\x1b]9;done"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "\x1b]9;done"),
        ({"TERM": "xterm-ghostty"}, "\x1b]9;done"),
        ({"TERM": "xterm-256color"}, BELL),
        ({"TERM": "linux"}, BELL),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "WezTerm"}, BELL),
        ({"TERM": "xterm-kitty", "TMUX": "/socket,1,0"}, BELL),
        ({}, BELL),
    ],
)
def test_terminals_are_told_in_their_own_way(environment: Mapping[str, str], begins: str) -> None:
    assert notification("desktop", "done", environment).startswith(begins)
    assert notification("bell", "done", environment) == BELL
    assert notification("off", "done", environment) == ""


@pytest.mark.parametrize("environment", [{"TERM": "rxvt-unicode"}, {"TERM": "wezterm"}, {"TERM": "xterm-kitty"}])
def test_no_content_steers_the_terminal(environment: Mapping[str, str]) -> None:
    sequence = notification("desktop", f"Reply: {HOSTILE}", environment)
    inner = sequence.removeprefix("\x1b]").removesuffix("\x1b\\").removesuffix("\a")
    assert not {"\x1b", "\a", "\n", "\x9c", "\u202e"} & set(inner)
    if environment["TERM"] == "rxvt-unicode":
        assert inner.count(";") == 3  # no field more than it has
    if environment["TERM"] == "xterm-kitty":
        assert base64.b64decode(inner.rpartition(";")[2]).decode().startswith("Reply: 4;1 ␛]52")
