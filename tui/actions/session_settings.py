"""The action that changes the open session's system prompt and sampling parameters."""

from typing import Any

from textual.app import App

from tui.screens.main_presenter import MainPresenter
from tui.services.replies import ReplyService
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.sessions import SessionManager
from tui.services.workspace import Workspace
from tui.storage.store import OPEN_ELSEWHERE


class SettingsActions:
    """Opens the settings of the session."""

    def __init__(
        self,
        app: App[None],
        presenter: MainPresenter,
        workspace: Workspace,
        sessions: SessionManager,
        replies: ReplyService,
        sampling: SamplingDefaults,
    ) -> None:
        self._app = app
        self._presenter = presenter
        self._workspace = workspace
        self._sessions = sessions
        self._replies = replies
        self._sampling = sampling

    def sampling(self) -> None:
        """Open the session's settings."""
        from tui.screens.session_settings import SettingsScreen  # when first opened: not needed for the first paint

        session = self._workspace.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        else:
            screen = SettingsScreen(session.mode, session.settings, self._sampling.defaults(session))
            self._app.push_screen(screen, self._save)

    def _save(self, chosen: dict[str, Any] | None) -> None:
        if chosen is not None:
            session = self._workspace.current
            session.change_settings(chosen)
            self._sessions.save(session)
            self._presenter.refresh()
            self._replies.recount(session)
