"""Context shared by all classes of actions, and their base class."""

from dataclasses import dataclass

from tui.config.watcher import Appearance
from tui.screens.main import MainScreen
from tui.screens.main_presenter import MainPresenter
from tui.services.services import Services
from tui.services.session import Session
from tui.terminal.interruptible_app import InterruptibleApp


@dataclass(frozen=True)
class ActionContext:
    """The application, its main screen and its services."""

    app: InterruptibleApp
    appearance: Appearance
    screen: MainScreen
    presenter: MainPresenter
    services: Services


class ActionGroup:
    """Base class of actions on one subject."""

    def __init__(self, context: ActionContext) -> None:
        self._app = context.app
        self._appearance = context.appearance
        self._screen = context.screen
        self._presenter = context.presenter
        self._services = context.services
        self._workspace = context.services.workspace
        self._sessions = context.services.sessions
        self._replies = context.services.replies

    @property
    def current(self) -> Session:
        """The open session."""
        return self._workspace.current
