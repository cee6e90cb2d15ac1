"""Hostile texts where they leave the screen: in the terminal's title, in notifications, and line by line."""

import re
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.attack.hostile import TEXTS
from tests.e2e.talking import PROGRAM, settle
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.storage.store import Store
from tui.terminal.notification import notification
from tui.terminal.sanitize import STEERING
from tui.terminal.window_title import LONGEST, titled

# What the line editor says to the terminal while it reads lines.
EDITING = re.compile(rb"\x1b\[\?2004[hl]|\x1b\[\d*[CDK]|\r|\x08")
TERMINALS = ["xterm", "xterm-kitty", "foot", "wezterm", "rxvt-unicode"]


@pytest.mark.parametrize("text", TEXTS)
def test_titles_and_notifications_carry_text_only(text: str, attack: Attack) -> None:
    with attack("texts: titles and notifications"):
        inner = titled(text).removeprefix("\x1b]2;").removesuffix("\a")
        assert not set(map(ord, inner)) & set(STEERING) and len(inner) <= LONGEST
        for term in TERMINALS:
            sequence = notification("desktop", text, {"TERM": term})
            inner = sequence.removeprefix("\x1b]").removesuffix("\x1b\\").removesuffix("\a")
            assert not set(map(ord, inner)) & set(STEERING)


@pytest.mark.e2e
def test_line_by_line_nothing_steers_the_terminal(tiny_model: Path, attack: Attack) -> None:
    store, conversation = Store(load_settings().db), Conversation(title="\x1b]2;owned\x07")
    for text in TEXTS:
        conversation.tree.add("user", text)
    store.save(conversation)
    store.close()
    with attack("texts: line by line"), Terminal([PROGRAM, "--plain", "--model", str(tiny_model)]) as terminal:
        terminal.until("You:")
        terminal.press("/sessions", "enter")
        terminal.until("NUMBER opens one")
        terminal.press("/open 1", "enter", "/show", "enter", "/rename last line", "enter")
        terminal.until("last line\\.")
        settle(terminal)
        written = EDITING.sub(b"", terminal.raw).decode()
        assert {char for char in written if ord(char) in STEERING} <= {"\n", "\t"}
