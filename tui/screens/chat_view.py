"""Shows a chat on the main screen and collects unsent text."""

from collections.abc import Iterator, Mapping
from functools import partial

from tui.config.remotes import host_of
from tui.conversation.speakers import model_name, speaker
from tui.conversation.tree import EDITED, Node, in_context
from tui.formatting.reply_details import made
from tui.formatting.units import counted
from tui.screens.main import MainScreen
from tui.screens.session_view import SessionView
from tui.services.models import ModelManager
from tui.services.replies import ReplyChange
from tui.services.session import Session
from tui.terminal.sanitize import one_line, sanitize
from tui.widgets.transcript.message import Entry
from tui.widgets.transcript.welcome import Welcome

RULE = "── "  # tells remarks from text
ENDINGS = {
    "cancelled": "Stopped",
    "interrupted": "Interrupted",
    "length": "Reached the length limit",
    "context": "The context is full",
    "banned": "No way around the banned phrases",
    EDITED: "Edited by you",
}
# By action ids.
KEYS = {
    "toggle_mode": "write a story",
    "new_session": "new session",
    "palette": "all commands",
    "help": "keys and help",
}
NO_CHAT = {"toggle_mode": "switch to a story"}
GREETING = Welcome(
    "guide",
    "A small model that runs inside llm-tui and knows llm-tui. Nothing you type leaves this machine.",
    "Type a question and press Enter",
    "How do I go back to an earlier turn?",
)
WELCOME = Welcome(
    "",
    "Runs inside llm-tui, on this machine. You can roll back to any message; nothing is computed twice.",
    "Type a message and press Enter",
)
REMOTE = (
    "Runs on {host}: what you type is sent there. You can roll back to any message; the server reads the rest again."
)


class ChatView(SessionView):
    """The transcript, with the message input below."""

    has_composer = True

    def __init__(self, screen: MainScreen, models: ModelManager) -> None:
        self._screen = screen
        self._models = models

    def collect(self, session: Session) -> None:
        if self._screen.shown is session:
            session.draw_up(self._screen.composer.unsent)

    def show(self, session: Session, to_end: bool) -> None:
        path, kept = session.tree.path(), self._kept(session)
        describe = partial(self._entry, session, {node.id for node in in_context(path)})
        self._screen.transcript.show(path, describe, kept and RULE + kept, self._welcome(session), to_end)
        self._screen.panes.current = "transcript"

    def show_draft(self, session: Session) -> None:
        composer = self._screen.composer
        if composer.touched:  # perhaps since it was collected last
            session.keep_typed(composer.unsent)
        if composer.whole != session.typed:
            composer.put(session.typed)

    def refresh(self, session: Session) -> None:
        """Nothing to do: the status bar has all figures of a chat."""

    def show_reply(self, change: ReplyChange, is_open: bool) -> None:
        if change.text and is_open:
            self._screen.transcript.grow(change.node, change.text)

    def _entry(self, session: Session, seen: set[str], node: Node) -> Entry:
        """``seen``: ids of the messages that the model sees."""
        model = self._models.model(session) if node.outcome and node.outcome.model in ("", session.model) else None
        return Entry(
            node,
            session.tree.place(node.id),
            speaker(node, session.model),
            made(node.outcome, model),
            tuple(RULE + remark for remark in self._remarks(session, node)),
            node.id == session.typing.editing,
            node.id not in seen,
            len(_question(session, node).quotes or ()),
        )

    def _remarks(self, session: Session, node: Node) -> Iterator[str]:
        reason = node.outcome.reason if node.outcome else ""
        if ending := ENDINGS.get(reason):
            resumable = node.id == session.tree.tip and reason != "context"
            key = self._screen.key_label("continue_reply")
            yield ending + (f" · {key} in the messages continues" if resumable else "")
        if node.id == session.forked_at:
            yield f"Forked from “{one_line(session.forked_from)}”"

    def _kept(self, session: Session) -> str:
        count = session.tree.hidden()
        if not count:
            return ""
        hidden = f"{counted(count, 'message')} hidden"
        return f"Rolled back: {hidden} · {self._screen.key_label('next_sibling')} in the messages restores"

    def _welcome(self, session: Session) -> Welcome:
        model, name = self._models.model(session), one_line(model_name(session.model))
        if model is not None and model.chat_template is None:
            return Welcome(name, sanitize(model.no_chat), keys=self._keys(NO_CHAT))
        welcome = GREETING if session.model == "guide" else WELCOME._replace(title=name)
        if host := host_of(session.model):
            welcome = welcome._replace(about=REMOTE.format(host=one_line(host)))
        return welcome._replace(keys=self._keys(KEYS), note=self._kept(session))

    def _keys(self, effects: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple((self._screen.key_label(action), effect) for action, effect in effects.items())


def _question(session: Session, node: Node) -> Node:
    """The question that a reply answers, else the node itself."""
    return session.tree[node.parent] if node.role == "assistant" and node.parent is not None else node
