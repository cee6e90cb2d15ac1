"""A session in memory: its conversation, its place in the engine, its reply in progress, what is typed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tui.conversation.conversation import Conversation, Listing, Mode
from tui.conversation.tree import Node, Tree
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
class Session:
    """What is kept of it is the ``conversation``, changed only here; the rest is forgotten when the program ends.

    ``engine``, ``reply``, ``figures``, ``computed`` and ``ended`` are the ReplyService's: token ids and KV cache in the
    engine, from the first reply on; the reply in progress; whether the cache holds more than its snapshot; the
    monotonic time when a reply last ended by itself. ``readonly`` and ``deleted`` are the SessionManager's: another
    process has it open, or has deleted it. ``unread`` is the Workspace's.
    """

    conversation: Conversation
    engine: "inference.Session | None" = None
    reply: Reply | None = None
    figures: Figures = field(default_factory=Figures)
    computed: bool = False
    ended: float = 0.0
    readonly: bool = False
    deleted: bool = False
    unread: bool = False
    _notice: str = field(default="", init=False)
    typing: "Typing" = field(default_factory=lambda: Typing())

    # ---- what is kept

    @property
    def id(self) -> str:
        return self.conversation.id

    @property
    def mode(self) -> Mode:
        return self.conversation.mode

    @property
    def tree(self) -> Tree:
        return self.conversation.tree

    @property
    def tip(self) -> Node | None:
        """The last node of the path."""
        return None if self.tree.tip is None else self.tree[self.tree.tip]

    @property
    def title(self) -> str:
        """As the user gave it; empty if its first words stand for it."""
        return self.conversation.title

    @property
    def shown_title(self) -> str:
        return self.conversation.shown_title

    @property
    def model(self) -> str:
        return self.conversation.model

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.conversation.settings

    @property
    def pinned(self) -> bool:
        return self.conversation.pinned

    @property
    def updated(self) -> float:
        """Seconds since the epoch."""
        return self.conversation.updated

    @property
    def draft(self) -> str:
        """Typed and not sent: of a story, the text where it differs from its pieces."""
        return self.conversation.draft

    @property
    def empty(self) -> bool:
        return not len(self.tree) and not self.draft and not self.title

    def messages(self, path: list[Node], model: str) -> list[dict[str, Any]]:
        """Nodes as the model's chat template takes them."""
        return self.conversation.messages(path, model)

    # ---- changes of what is kept

    def rename(self, title: str) -> None:
        """Set the title; an empty one is replaced by the first words."""
        self.conversation.title = title.strip()

    def toggle_pin(self) -> None:
        """Pin it, or unpin it."""
        self.conversation.pinned = not self.pinned

    def use_model(self, model: str) -> None:
        """Continue with this model."""
        self.conversation.model = model

    def change_settings(self, values: Mapping[str, Any]) -> None:
        """Replace these settings; those without a value are removed."""
        kept = {name: value for name, value in self.settings.items() if name not in values}
        self.conversation.settings = kept | {name: value for name, value in values.items() if value}

    def become_story(self) -> None:
        """Continue as a story, whose beginning is the draft."""
        self.conversation.mode = "story"

    def touch(self) -> None:
        """It was used now."""
        self.conversation.updated = time.time()

    def put_draft(self, text: str) -> None:
        """Replace the draft."""
        self.conversation.draft = text

    # ---- the input of a chat

    @property
    def typed(self) -> str:
        """The input's text: the draft minus queued messages, plus text typed while read-only."""
        draft = self.draft.removeprefix(self.typing.before)
        unsent = self.typing.unsent
        return unsent or draft if self.readonly else "\n\n".join(filter(None, (draft, unsent)))

    def draw_up(self, typed: str) -> None:
        """Store queued, set-aside and typed text as the draft, so that a crash loses none of it.

        The draft of a session that is read-only here is another process's.
        """
        if self.readonly:
            self.typing.unsent = "" if typed == self.draft else typed
        else:
            self.typing.unsent = ""
            self.put_draft(self.typing.before + typed)

    # ---- the notice above the input

    @property
    def notice(self) -> str:
        """The sentence shown above the input; empty for none."""
        return self._notice

    def notify(self, notice: str) -> None:
        """Replace the notice. It stays until the next action, or shorter if it is one of ``services/notices.py``."""
        self._notice = notice

    def clear_notice(self) -> None:
        """Remove the notice."""
        self._notice = ""

    # ---- what it is doing

    @property
    def state(self) -> State:
        if self.reply is not None:
            return "streaming" if self.reply.streaming else "queued"
        return "unread" if self.unread else "idle"


@dataclass
class Typing:
    """What is typed in a chat and not sent, beside the input's text; the actions on messages change it.

    ``queue``: messages that wait for the end of the reply. ``editing``: the message that the input's text is another
    version of. ``aside``: the input's text before that. ``unsent``: text typed while the session was read-only.
    """

    queue: list[str] = field(default_factory=list)
    editing: str | None = None
    aside: str = ""
    unsent: str = ""

    @property
    def before(self) -> str:
        """What comes before the input's text in the draft."""
        return "".join(f"{text}\n\n" for text in [*self.queue, *([self.aside] if self.aside else [])])


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
