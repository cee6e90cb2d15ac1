"""What actions act on."""

from dataclasses import dataclass

from textual.app import App

from tui.config.watcher import Appearance
from tui.screens.main import MainScreen
from tui.screens.main_presenter import MainPresenter
from tui.services.services import Services


@dataclass(frozen=True)
class ActionContext:
    """The application, its main screen and its services, handed to all classes of actions."""

    app: App[None]
    appearance: Appearance
    screen: MainScreen
    presenter: MainPresenter
    services: Services
