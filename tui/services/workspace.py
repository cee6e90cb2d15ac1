"""The open session: opening, leaving, changing and deleting sessions, and the models they need."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App

from tui.config.remotes import is_remote
from tui.config.settings import Settings
from tui.conversation.conversation import Mode
from tui.conversation.speakers import model_name
from tui.conversation.tree import Node
from tui.messages import ModelFailed, ModelLoaded, ModelNews, RemoteFound
from tui.process.in_thread import in_thread
from tui.services.model_choice import ModelChoice
from tui.services.models import ModelManager
from tui.services.modes import STRATEGIES
from tui.services.notices import Passing
from tui.services.passages import PassageService
from tui.services.replies import ReplyChange, ReplyService
from tui.services.session import Session
from tui.services.sessions import SessionManager
from tui.storage.errors import StoreError
from tui.storage.store import OPEN_ELSEWHERE

if TYPE_CHECKING:
    from inference import Model

WARM = 4  # recently left sessions kept in memory
# Sessions of a mode, in notices.
NEW: dict[Mode, str] = {"chat": "New chats", "story": "New stories"}


class Workspace:
    """The open session (``current``) and its model. ``mode``: start a new session of this mode (None: the last one)."""

    def __init__(
        self,
        app: App[None],
        sessions: SessionManager,
        models: ModelManager,
        replies: ReplyService,
        passages: PassageService,
        settings: Settings,
        mode: Mode | None,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._models = models
        self._replies = replies
        self._passages = passages
        self._settings = settings
        self._mode_given = mode is not None
        self._deleted: list[Session] = []  # in memory until the program ends, the last one with its cache
        self._left: list[Session] = []  # most recently left last
        self.on_leave: Callable[[], object] = lambda: None  # before another session is open
        asked = mode or "chat_model" in settings.flags
        self.current = self.new(mode or "chat") if asked else self.last_or_new("chat")

    # ---- opening

    @property
    def held(self) -> set[str]:
        """Ids of the sessions in memory, including the one that was deleted last."""
        return {session.id for session in (*self._sessions, *self._deleted[-1:])}

    @property
    def restorable(self) -> bool:
        """True if a deleted session can be restored."""
        return bool(self._deleted)

    def new(self, mode: Mode, private: bool = False) -> Session:
        """Create a session with the usual model and the configured system prompt."""
        session = self._sessions.new(mode, self._usual_model(mode), private)
        session.change_settings(STRATEGIES[mode].new_settings(self._settings))
        return session

    def last_or_new(self, mode: Mode) -> Session:
        """Open the last used session; a new one if there is none or it cannot be read."""
        last = self._sessions.latest()
        if last is None:
            return self.new(mode)
        try:
            return self.read(last)
        except StoreError as error:
            session = self.new(mode)
            session.notify(str(error))
            return session

    def read(self, session_id: str) -> Session:
        """Open a session, with the usual model if it has none.

        Raises StoreError if it cannot be read, OpeningError if that takes long (SessionRead follows).
        """
        return self.with_model(self._sessions.open(session_id))

    def with_model(self, session: Session) -> Session:
        """Set the usual model if the session has none."""
        return self._sessions.with_model(session, self._settings)

    def other_mode(self) -> Session:
        """Open the last session of the other mode; a new one if there is none. Raises StoreError."""
        mode = STRATEGIES[self.current.mode].other
        latest = self._sessions.latest(mode)
        return self.new(mode) if latest is None else self.read(latest)

    def enter(self, session: Session) -> None:
        """Make this the open session. Typed text must have been collected before."""
        if session is not self.current:
            self.on_leave()
        left, self.current = self.current, session
        if left is not session:
            left.clear_notice()
            self._sessions.leave(left)
            self._put_away(left)
        session.unread = False
        self.load()

    def _put_away(self, left: Session) -> None:
        """Keep the last WARM idle sessions in memory; write the caches of older ones to disk and unload them."""
        self._left = [session for session in self._left if session not in (left, self.current)] + [left]
        idle = [session for session in self._left if session.reply is None]
        for session in idle[:-WARM]:
            self._left.remove(session)
            self._detach(session)
            self._sessions.put_away(session)

    # ---- changing and deleting

    def change(self, session_id: str, change: Callable[[Session], None]) -> None:
        """Change a session, open or not, and save it. Raises StoreError if it is read-only or unreadable."""
        session = self.current if session_id == self.current.id else self._sessions.open(session_id)
        try:
            if session.readonly:
                raise StoreError(OPEN_ELSEWHERE)
            change(session)
            self._sessions.save(session)
        finally:
            if session is not self.current:
                self._sessions.leave(session)

    def delete(self, session_id: str) -> Session:
        """Delete a session. It can be restored until the program ends. Raises StoreError if open elsewhere."""
        session = self.current if session_id == self.current.id else self._sessions.open(session_id)
        self._replies.stop(session)
        self._sessions.delete(session)
        # Texts take little memory, a cache may take gigabytes: only that of the last one is kept.
        if self._deleted and (cache := self._replies.detach(self._deleted[-1])):
            cache.engine.close()
        self._deleted.append(session)
        if session is self.current:
            self.on_leave()
            self.current = self.last_or_new(session.mode)
            self.load()
        return session

    def restore(self) -> Session | None:
        """Restore the session that was deleted last, of those that were not restored yet; None if there is none."""
        if not self._deleted:
            return None
        session = self._sessions.add(self._deleted.pop())
        self._sessions.save(session)
        session.computed = session.engine is not None  # its snapshot was deleted too
        return session

    # ---- models

    @property
    def model(self) -> "Model | None":
        """The model that the open session has on this machine, once it is loaded."""
        return self._models.model(self.current)

    def load(self, again: bool = False) -> None:
        """Load the open session's model, after unloading those that no session needs; one on a server needs no room.

        ``again`` retries after a failure. Without it, a new session falls back to the configured model.
        """
        if not again:
            self._fall_back()
        choice = self._models.choice(self.current)
        if not self._models.lacks(choice, again):
            return
        if is_remote(choice.name):
            self._models.load(choice, again)
            return
        busy = [session for session in self._sessions if session.reply is not None]
        needed = (self.current, *busy, *self._beside())
        models = self._models.drop({self._models.choice(session) for session in needed})
        leaving = [other for other in self._sessions if other.engine and other.engine.model in models]
        self._models.load(choice, again, [cache for cache in map(self._replies.detach, leaving) if cache])

    def _fall_back(self) -> None:
        """Use the configured model in a new session if the last used one could not be loaded."""
        session, state = self.current, self._models.state(self.current)
        configured = STRATEGIES[session.mode].default_model(self._settings)
        if state.broken and session.empty and session.model == self._usual_model(session.mode) != configured:
            session.use_model(configured)
            session.notify(f"{state.failed} This session uses {model_name(configured)}.")

    def _usual_model(self, mode: Mode) -> str:
        return self._sessions.usual_model(mode, self._settings)

    def use(self, choice: ModelChoice) -> None:
        """Continue the open session with this model; its prompt is recomputed by the next reply.

        A message that has no reply because there was no model is answered. New sessions use the model too.
        """
        session, unanswered, usual = self.current, self._unanswered, self._usual_model(self.current.mode)
        session.use_model(choice.name)
        session.touch()
        session.change_settings({"precision": ""})
        if choice != self._models.choice(session):
            session.change_settings({"precision": choice.precision})
        session.clear_notice()
        self._replies.forget_figures(session)
        self.load(again=True)
        model = self.model
        if session.engine is not None and session.engine.model is not model:
            self._detach(session)
        self._sessions.save(session)
        if self._models.ready(session):
            self._replies.model_loaded(choice)
        if unanswered:
            self.ask(session, lambda: session.tree.begin("assistant"))
        if choice.name != usual and f"{session.mode}_model" not in self._settings.flags and not session.private:
            session.notify(Passing(f"{NEW[session.mode]} use {model_name(choice.name)} too."))

    @property
    def _unanswered(self) -> bool:
        """True if the open chat ends with a message, and has no model to answer it."""
        session = self.current
        waits = session.tip is not None and session.tip.role == "user" and session.reply is None
        return waits and self._models.state(session).broken

    def stop_loading(self) -> bool:
        """Cancel loading the open session's model; False if it is not being loaded."""
        choice = self._models.choice(self.current)
        cancelled = self._models.cancel(choice)
        if cancelled:
            self._stop_waiting(choice)
        return cancelled

    def take_model(self, event: ModelNews) -> bool:
        """Handle a loader's message, and submit or end the replies that waited; False if nobody waits for it."""
        if not self._models.take(event):
            return False
        if isinstance(event, ModelLoaded | RemoteFound):
            self._replies.model_loaded(event.choice)
        elif isinstance(event, ModelFailed):
            self._stop_waiting(event.choice)
            if isinstance(self.current.notice, Passing) and self._models.state(self.current).failed:
                self.current.clear_notice()  # it would hide the failure
            self.load()
        return True

    def becomes_story(self) -> bool:
        """Make a new chat a story if its model can only continue text; False if it stays a chat."""
        session, model = self.current, self.model
        if model is None or model.chat_template is not None or self._mode_given:
            return False
        if session.mode == "story" or len(session.tree):
            return False
        session.become_story()
        return True

    def _stop_waiting(self, choice: ModelChoice) -> None:
        for session in self._replies.waiting(choice):
            self._replies.stop(session)

    def _detach(self, session: Session) -> None:
        """Take an idle session from its model, and put its cache away on another thread."""
        if cache := self._replies.detach(session):
            self._app.run_worker(in_thread(cache.put_away))

    def _beside(self) -> list[Session]:
        """The session Ctrl+T switches to, if in memory: switching back and forth must not reload models."""
        latest = self._sessions.latest(STRATEGIES[self.current.mode].other)
        return [other for other in self._sessions if other.id == latest]

    # ---- replies

    def ask(self, session: Session, grow: Callable[[], Node], before: str | None = None) -> bool:
        """Generate a reply in the node that ``grow`` adds; False if another one is in progress.

        The session is saved before the reply is submitted. ``before``: the tip to restore if nothing is generated.
        """
        if session.reply is not None:
            return False
        before = before or session.tree.tip
        node = grow()
        session.touch()
        saved, prepare = self._sessions.save(session), self._passages.preparation(session, node)
        self._replies.ask(session, node, before, saved, prepare)
        return True

    def reply_ended(self, change: ReplyChange) -> None:
        """Save the session after its reply has ended, and leave it if another one is open."""
        session = change.session
        session.unread = session is not self.current and change.node.id in session.tree
        self._sessions.save(session)
        if session is not self.current:
            self._sessions.leave(session)

    # ---- shutdown

    def closing(self) -> list[Callable[[], object]]:
        """Shutdown steps, in order: save sessions, stop the engine, write caches, close the database."""
        session = self.current
        if not (session.empty or session.readonly or session.id == self._sessions.latest()):
            session.touch()  # the next start opens the session that was open, though another one was changed later
        steps: list[Callable[[], object]] = [partial(self._sessions.save, session) for session in self._sessions]
        steps.append(self._models.close)
        steps += [partial(self._replies.keep, session) for session in self._sessions]
        return [*steps, self._sessions.close]
