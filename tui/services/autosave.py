"""Periodic work: autosave, following other processes, cache snapshots, daily backup."""

import time

from textual.app import App

from tui.messages import Notice, SessionChanged, SessionsChanged, SessionsSaved
from tui.process.in_thread import in_thread
from tui.services.modes import STRATEGIES
from tui.services.replies import ReplyService
from tui.services.session import Session
from tui.services.sessions import SessionManager
from tui.services.workspace import Workspace
from tui.storage.backup import back_up_daily
from tui.storage.database import FAULTS
from tui.storage.errors import StoreError

# Seconds between saves; ticks between reloads of a read-only session, and between updates of ages.
TICK, FOLLOW_TICKS, AGE_TICKS = 0.5, 4, 60
# Seconds of idleness before a session's cache is written to disk.
IDLE_SECONDS = 2.0


class Autosave:
    """Runs on every tick. Posts Notice, SessionChanged, SessionsChanged and SessionsSaved."""

    def __init__(self, app: App[None], workspace: Workspace, sessions: SessionManager, replies: ReplyService) -> None:
        self._app = app
        self._workspace = workspace
        self._sessions = sessions
        self._replies = replies
        self._ticks = 0
        self._idle: dict[str, float] = {}  # id of a session whose cache is not written yet: start of idleness

    async def back_up(self) -> None:
        """Back up the database, once a day."""
        try:
            await in_thread(back_up_daily, self._sessions.store.file)
        except StoreError as error:
            self._app.post_message(Notice(str(error)))
        except FAULTS:
            pass  # disk full or not writable: the database itself is unaffected

    def tick(self, changed: bool) -> None:
        """Save changes (``changed``: of the open session), and check for those of other processes."""
        self._ticks += 1
        if told := self._sessions.make_up_for_loss():
            self._app.post_message(Notice(told))
        current = self._workspace.current
        if changed and STRATEGIES[current.mode].counts_draft:
            self._replies.recount(current)
        for session in {*self._replies.replying, *([current] if changed else [])}:
            self._sessions.save(session)
        trouble = self._sessions.trouble
        if trouble:
            self._sessions.retry()
        if self._sessions.recovered():
            self._app.post_message(SessionsSaved())
        elsewhere = self._sessions.changed()
        if current.readonly and (elsewhere or self._ticks % FOLLOW_TICKS == 0):
            self._sessions.follow(current)
            self._workspace.load()
            self._app.post_message(SessionChanged(current))
            if elsewhere:
                self._replies.recount(current)
        elif elsewhere or trouble or self._ticks % AGE_TICKS == 0:
            self._app.post_message(SessionsChanged())
        self._keep_idle()

    def reply_ended(self, session: Session) -> None:
        """Start the idle time of the session."""
        self._idle[session.id] = time.monotonic()

    def _keep_idle(self) -> None:
        """Write the caches of sessions idle for IDLE_SECONDS, on another thread."""
        due = [session_id for session_id, since in self._idle.items() if time.monotonic() - since > IDLE_SECONDS]
        for session in [session for session in self._sessions if session.id in due and session.reply is None]:
            self._app.run_worker(in_thread(self._replies.keep, session))
        for session_id in due:
            del self._idle[session_id]
