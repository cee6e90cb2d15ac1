"""A conversation as it is kept: its tree, and what else is known about it."""

import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.conversation.tree import Node, Tree
from tui.terminal.sanitize import one_line

Mode = Literal["chat", "story"]

TITLE_LENGTH = 60
ID = re.compile("[0-9a-f]{32}")


def new_id() -> str:
    """For a session or a node: 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(eq=False)
class Conversation:
    """``title``: as given by a person; empty, its first words stand for it. ``draft``: typed and not sent.

    ``created`` and ``updated``: seconds since the epoch. ``settings``: values that JSON can hold.
    """

    mode: Mode = "chat"
    tree: Tree = field(default_factory=Tree)
    id: str = field(default_factory=new_id)
    title: str = ""
    model: str = ""
    pinned: bool = False
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    settings: dict[str, Any] = field(default_factory=dict)
    draft: str = ""

    @property
    def opening(self) -> str:
        """Its first message, or what was typed for it."""
        root = self.tree.entered(None)
        return self.draft if root is None else self.tree[root].text

    @property
    def shown_title(self) -> str:
        return shown_title(self.title, self.opening, self.mode)

    def messages(self, path: list[Node], model: str) -> list[dict[str, Any]]:
        """Nodes as the model's chat template takes them, with the ids it sampled for them; first, what it is told."""
        system = self.settings.get("system")
        return [{"role": "system", "content": system}] * bool(system) + [
            {"role": node.role, "content": node.text}
            | ({"token_ids": list(ids)} if (ids := node.ids_for(model)) else {})
            for node in path
        ]


@dataclass(frozen=True)
class Listing:
    """What a list of sessions shows of one."""

    id: str
    title: str
    opening: str
    mode: Mode
    model: str
    pinned: bool
    updated: float

    @property
    def shown_title(self) -> str:
        return shown_title(self.title, self.opening, self.mode)


def shown_title(title: str, opening: str, mode: Mode) -> str:
    """One line that is safe to show: the title, else the first words, else what kind of session it is."""
    words = one_line((title or opening)[: 4 * TITLE_LENGTH])
    if not words:
        return "New story" if mode == "story" else "New chat"
    return words if len(words) <= TITLE_LENGTH else words[: TITLE_LENGTH - 1] + "…"


def has_words(shown_title: str, words: Iterable[str]) -> bool:
    """Whether the title has all these words, or beginnings or ends of words; they are in lower case."""
    title = shown_title.casefold()
    return all(word in title for word in words)
