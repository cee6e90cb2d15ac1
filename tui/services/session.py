"""A session while the program runs: its conversation, its place in the engine, its reply on the way."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tui.conversation.conversation import Conversation, Listing, Mode
from tui.conversation.tree import Node
from tui.services.reply import Reply

if TYPE_CHECKING:
    import inference

State = Literal["idle", "queued", "streaming", "unread"]


@dataclass
class Figures:
    """What the status bar shows of a session; None where there is nothing to show yet."""

    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    context_used: int | None = None
    reused_tokens: int | None = None
    cache_bytes: int | None = None


@dataclass(eq=False)
class Session(Conversation):
    """``engine``: its token ids and KV cache in the engine, from the first reply on.

    ``editing``: the message that the draft would be another version of. ``notice``: what went wrong last.
    ``readonly``: another process has it open, or has ``deleted`` it. ``queue``: messages that wait for the end of the
    reply. ``aside``: the input's text before a message was edited there. ``unsent``: text typed while read-only.
    ``computed``: its cache holds more than its snapshot. ``ended``: monotonic time when a reply last ended by itself.
    """

    engine: "inference.Session | None" = None
    reply: Reply | None = None
    figures: Figures = field(default_factory=Figures)
    editing: str | None = None
    notice: str = ""
    unread: bool = False
    readonly: bool = False
    deleted: bool = False
    queue: list[str] = field(default_factory=list)
    aside: str = ""
    unsent: str = ""
    computed: bool = False
    ended: float = 0.0

    @classmethod
    def of(cls, conversation: Conversation) -> "Session":
        """The conversation, opened; the tree is shared."""
        session = cls()
        session.take(conversation)
        return session

    def take(self, conversation: Conversation) -> None:
        """Be that conversation from now on, as another process or an earlier start has left it."""
        for name in Conversation.__dataclass_fields__:
            setattr(self, name, getattr(conversation, name))

    @property
    def typed(self) -> str:
        """What stands in the input: the draft without what is not there, and what was typed beside it."""
        draft = self.draft.removeprefix(self._elsewhere)
        return self.unsent or draft if self.readonly else "\n\n".join(filter(None, (draft, self.unsent)))

    def draw_up(self, typed: str) -> None:
        """Have as draft what waits, what was put aside and what is typed: none of it is lost with the program.

        The draft of a session that is only read here is another window's.
        """
        if self.readonly:
            self.unsent = "" if typed == self.draft else typed
        else:
            self.draft, self.unsent = self._elsewhere + typed, ""

    @property
    def _elsewhere(self) -> str:
        return "".join(f"{text}\n\n" for text in [*self.queue, *([self.aside] if self.aside else [])])

    @property
    def state(self) -> State:
        if self.reply is not None:
            return "streaming" if self.reply.streaming else "queued"
        return "unread" if self.unread else "idle"

    @property
    def empty(self) -> bool:
        return not len(self.tree) and not self.draft and not self.title

    @property
    def tip(self) -> Node | None:
        return None if self.tree.tip is None else self.tree[self.tree.tip]


@dataclass(frozen=True)
class Line:
    """What the list of sessions shows of one. ``given``: the title as a person gave it. ``updated``: seconds since the
    epoch.
    """

    id: str
    title: str
    given: str
    mode: Mode
    state: State
    pinned: bool
    updated: float

    @classmethod
    def of(cls, session: Session | Listing, here: Session | None) -> "Line":
        """``here``: the same session in memory, if it is there; its state is shown, whoever wrote the rest."""
        state = here.state if here else "idle"
        return cls(session.id, session.shown_title, session.title, session.mode, state, session.pinned, session.updated)
