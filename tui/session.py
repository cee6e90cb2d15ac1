"""A session as the sidebar lists it: its conversation, its place in the engine, its reply on the way."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tui.conversation.tree import Node, Tree
from tui.reply import Reply
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    import inference

Mode = Literal["chat", "story"]
State = Literal["idle", "queued", "streaming", "unread"]

TITLE_LENGTH = 60


@dataclass
class Figures:
    """What the status bar shows of a session; None where there is nothing to show yet."""

    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    context_used: int | None = None
    reused_tokens: int | None = None
    cache_bytes: int | None = None


@dataclass(eq=False)
class Session:
    """``engine``: its token ids and KV cache in the engine, from the first reply on. ``draft``: typed, not sent.

    ``editing``: the message that the draft would be another version of. ``notice``: what went wrong last.
    """

    mode: Mode
    tree: Tree = field(default_factory=Tree)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    engine: "inference.Session | None" = None
    reply: Reply | None = None
    figures: Figures = field(default_factory=Figures)
    draft: str = ""
    editing: str | None = None
    notice: str = ""
    unread: bool = False

    @property
    def state(self) -> State:
        if self.reply is not None:
            return "streaming" if self.reply.streaming else "queued"
        return "unread" if self.unread else "idle"

    @property
    def empty(self) -> bool:
        return not len(self.tree) and not self.draft

    @property
    def title(self) -> str:
        """Its first words, safe to show."""
        path = self.tree.path()
        words = one_line((path[0].text if path else self.draft)[: 4 * TITLE_LENGTH])
        if not words:
            return "New story" if self.mode == "story" else "New chat"
        return words if len(words) <= TITLE_LENGTH else words[: TITLE_LENGTH - 1] + "…"

    @property
    def tip(self) -> Node | None:
        return None if self.tree.tip is None else self.tree[self.tree.tip]
