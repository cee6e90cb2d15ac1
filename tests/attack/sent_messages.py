"""The messages that came of typing, as they are in the database."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.talking import conversations
from tests.e2e.terminal import PATIENCE, Terminal
from tui.conversation.conversation import Conversation


def wait_for(terminal: Terminal, expected: Callable[[list[Conversation]], object], file: Path, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        for _ in range(10):
            terminal.pump(0.02)
        if file.exists() and expected(conversations(file)):
            return
        assert time.monotonic() < end, f"{what}\nThere is:\n{said(conversations(file))}\n{terminal.text}"


def said(all: list[Conversation]) -> list[list[str]]:
    """What was sent, by session, in the order in which it was."""
    return [
        texts
        for each in sorted(all, key=lambda one: one.created)
        if (texts := [node.text for node in each.tree if node.role == "user"])
    ]


def settle_config(home: Path) -> None:
    """Replies of one token."""
    config = home / "config" / "llm-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("max_tokens = 1\n")
