"""A conversation: its message tree and metadata."""

import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Literal

from tui.conversation.background import NOTHING, Background
from tui.conversation.quotes import with_quotes
from tui.conversation.tree import Node, Tree, in_context, last_question
from tui.conversation.writer_page import BLANK, WriterPage
from tui.terminal.sanitize import shortened

Mode = Literal["chat", "story"]

TITLE_LENGTH = 60
# How a file begins that was put into a message: its name, then a code block.
FILE = re.compile(r"(?P<name>[^\n`]+):\s+```")
ID = re.compile("[0-9a-f]{32}")


def new_id() -> str:
    """A new session or node id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(eq=False)
class Conversation:
    """``title``: given by the user; if empty, the first words are shown. ``draft``: unsent text.

    ``created`` and ``updated``: seconds since the epoch. ``settings``: JSON values.
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
    page: WriterPage = BLANK

    @property
    def opening(self) -> str:
        """The first message, or the draft of it; a slash command in a chat's input is none."""
        root = self.tree.entered(None)
        if root is not None:
            return self.tree[root].text
        return "" if self.mode == "chat" and self.draft.startswith("/") else self.draft

    @property
    def shown_title(self) -> str:
        return shown_title(self.title, self.opening, self.mode)

    def copy(self) -> "Conversation":
        """A copy for another thread, to be read while this conversation changes."""
        nodes, entered = self.tree.contents()
        tree = Tree.of(nodes.values(), self.tree.tip, entered)
        return replace(self, tree=tree, settings=dict(self.settings))

    def messages(
        self, path: list[Node], model: str, whole: bool = True, background: Background = NOTHING
    ) -> list[dict[str, Any]]:
        """Messages for the chat template, system prompt first, with the token ids this model sampled.

        Turns that are left out of the context are missing, and without ``whole`` the last node is. A summary of earlier
        turns joins the system prompt: templates accept one at most, and at the beginning only. Passages of documents
        are in the message of the question that they were found for. Of the ``background``, what changes rarely joins
        the system prompt, and the rest the user's last message.
        """
        nodes = in_context(path)[: None if whole else -1]
        opening = list(takewhile(lambda node: node.role == "system", nodes))
        told = (self.settings.get("system"), *background.top, *(node.text for node in opening))
        system = "\n\n".join(filter(None, told))
        last = last_question(nodes)
        return [{"role": "system", "content": system}] * bool(system) + [
            {"role": node.role, "content": "\n\n".join([*near, with_quotes(node.text, node.quotes or ())])}
            | ({"token_ids": list(ids)} if (ids := node.ids_for(model)) else {})
            for node in nodes[len(opening) :]
            for near in [background.near if node is last else []]
        ]


@dataclass(frozen=True)
class Listing:
    """A session as listed, without its messages."""

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
    """Sanitised title: the given one, else the first words, else "New chat" or "New story"."""
    words = shortened(title or _without_file(opening), TITLE_LENGTH)
    return words or ("New story" if mode == "story" else "New chat")


def _without_file(opening: str) -> str:
    """The name of a file in place of its text."""
    file = FILE.match(opening[: 4 * TITLE_LENGTH])
    return file["name"] if file else opening


def has_words(shown_title: str, words: Iterable[str]) -> bool:
    """True if the title contains all these (casefolded) words."""
    title = shown_title.casefold()
    return all(word in title for word in words)
