"""A session in memory: conversation, engine session, reply in progress and typed text."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tui.conversation.background import NOTHING, Background
from tui.conversation.conversation import Conversation, Listing, Mode
from tui.conversation.tree import Node, Tree
from tui.conversation.writer_page import WriterPage
from tui.services.reply import Reply

if TYPE_CHECKING:
    import inference

State = Literal["idle", "queued", "streaming", "unread"]
ORIGIN = "forked_from"  # among the settings: title of the other session, and the last message that came from it


@dataclass
class Figures:
    """Figures for the status bar; None where unknown. Sizes in bytes, ``context_used`` in tokens."""

    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    context_used: int | None = None
    reused_tokens: int | None = None
    cache_bytes: int | None = None


@dataclass(eq=False)
class Session:
    """A session. Only ``conversation`` is persisted; it is changed only by the methods here.

    Owned by ReplyService: ``engine`` (token ids and KV cache, from the first reply on), ``reply`` (the one in
    progress), ``figures``, ``computed`` (the cache is newer than its snapshot) and ``ended`` (monotonic time at which a
    reply last finished without being stopped). Owned by SessionManager: ``readonly`` (open in another process) and
    ``deleted`` (by another process). Owned by Workspace: ``unread``. ``private``: nothing of it goes to a disk, and it
    ends with the program.
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
    private: bool = False
    _notice: str = field(default="", init=False)
    typing: "Typing" = field(default_factory=lambda: Typing())

    # ---- persisted values

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return self.conversation.id

    @property
    def mode(self) -> Mode:
        """Chat or story."""
        return self.conversation.mode

    @property
    def tree(self) -> Tree:
        """The message tree."""
        return self.conversation.tree

    @property
    def tip(self) -> Node | None:
        """The last node of the path."""
        return None if self.tree.tip is None else self.tree[self.tree.tip]

    @property
    def told_tokens(self) -> int | None:
        """Tokens of the conversation as its last reply has told them, if that is of the session's model."""
        outcome = self.tip.outcome if self.tip else None
        if outcome is None or outcome.model != self.model or not outcome.prompt_tokens:
            return None
        return outcome.prompt_tokens + outcome.generated_tokens

    @property
    def edited(self) -> Node | None:
        """The message that is being edited in the input; None if it has gone meanwhile."""
        editing = self.typing.editing
        return self.tree[editing] if editing is not None and editing in self.tree else None

    @property
    def title(self) -> str:
        """Title given by the user; empty if the first words are shown."""
        return self.conversation.title

    @property
    def shown_title(self) -> str:
        """Sanitised title: the user's, else the first words."""
        return self.conversation.shown_title

    @property
    def public_title(self) -> str:
        """The title for places that may outlive the program, or be seen by others."""
        return "Private session" if self.private else self.shown_title

    @property
    def model(self) -> str:
        """Name of the model; empty for an imported session without one."""
        return self.conversation.model

    @property
    def settings(self) -> Mapping[str, Any]:
        """The session's own settings (JSON values)."""
        return self.conversation.settings

    @property
    def forked_from(self) -> str:
        """Title of the session this one was forked from, as it was then; empty if it is no fork."""
        return str(self._origin.get("title", ""))

    @property
    def forked_at(self) -> str | None:
        """Id of the last message that came from there; None if there is none."""
        node = self._origin.get("node")
        return node if isinstance(node, str) else None

    @property
    def _origin(self) -> Mapping[str, Any]:
        origin = self.settings.get(ORIGIN)
        return origin if isinstance(origin, dict) else {}

    @property
    def collections(self) -> list[str]:
        """Names of the collections of documents that questions are answered from."""
        names = self.settings.get("documents")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    @property
    def pinned(self) -> bool:
        """True if listed before the others."""
        return self.conversation.pinned

    @property
    def updated(self) -> float:
        """Seconds since the epoch."""
        return self.conversation.updated

    @property
    def draft(self) -> str:
        """Unsent text; of a story, the whole text if it differs from its pieces."""
        return self.conversation.draft

    @property
    def empty(self) -> bool:
        """True without messages, draft, title and writer's page."""
        return not len(self.tree) and not self.draft and not self.title and self.page.blank

    @property
    def page(self) -> WriterPage:
        """Memory, author's note and lorebooks."""
        return self.conversation.page

    def messages(
        self, path: list[Node], model: str, whole: bool = True, background: Background = NOTHING
    ) -> list[dict[str, Any]]:
        """Messages for the chat template; see ``Conversation.messages``."""
        return self.conversation.messages(path, model, whole, background)

    # ---- changes of persisted values

    def rename(self, title: str) -> None:
        """Set the title; if empty, the first words are shown."""
        self.conversation.title = title.strip()

    def fork_of(self, source: "Session") -> None:
        """Note where this session, which holds a copy of the messages so far, comes from."""
        self.change_settings({ORIGIN: {"title": source.shown_title, "node": self.tree.tip}})

    def toggle_pin(self) -> None:
        """Pin or unpin the session."""
        self.conversation.pinned = not self.pinned

    def use_model(self, model: str) -> None:
        """Continue with this model."""
        self.conversation.model = model

    def change_settings(self, values: Mapping[str, Any]) -> None:
        """Replace these settings; those without a value are removed."""
        kept = {name: value for name, value in self.settings.items() if name not in values}
        self.conversation.settings = kept | {name: value for name, value in values.items() if value}

    def put_page(self, page: WriterPage) -> None:
        """Replace the writer's page."""
        self.conversation.page = page

    def become_story(self) -> None:
        """Turn a chat into a story that begins with the draft."""
        self.conversation.mode = "story"

    def touch(self) -> None:
        """Set the time of last use to now."""
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

    def keep_typed(self, typed: str) -> None:
        """Keep what was typed while the session was read-only, beside another process's draft."""
        self.typing.unsent = typed

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

    # ---- activity

    @property
    def state(self) -> State:
        """Activity shown in the session list."""
        if self.reply is not None:
            return "streaming" if self.reply.streaming else "queued"
        return "unread" if self.unread else "idle"


@dataclass
class Typing:
    """Unsent text of a chat besides the input's; changed by MessageActions.

    ``queue``: messages to send when the reply ends. ``editing``: id of the message being edited in the input.
    ``aside``: the input's text before editing. ``unsent``: text typed while the session was read-only.
    """

    queue: list[str] = field(default_factory=list)
    editing: str | None = None
    aside: str = ""
    unsent: str = ""

    @property
    def before(self) -> str:
        """Queued and set-aside text, which precedes the input's text in the draft."""
        return "".join(f"{text}\n\n" for text in [*self.queue, *([self.aside] if self.aside else [])])


@dataclass(frozen=True)
class Line:
    """Entry of the session list. ``given``: the user's title. ``updated``: seconds since the epoch."""

    id: str
    title: str
    given: str
    mode: Mode
    state: State
    pinned: bool
    updated: float

    @classmethod
    def of(cls, session: Session | Listing, here: Session | None) -> "Line":
        """Build from a session or listing. ``here``: the same session in memory, for its state."""
        state = here.state if here else "idle"
        title = f"Private: {session.shown_title}" if here and here.private else session.shown_title
        return cls(session.id, title, session.title, session.mode, state, session.pinned, session.updated)
