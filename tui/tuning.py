"""What a session talks to, and how: its model and its settings."""

import asyncio
from typing import TYPE_CHECKING

from textual.app import App

from tui.conversation.conversation import Mode
from tui.conversation.store import OPEN_ELSEWHERE
from tui.desk import Desk
from tui.download import Download, Downloads
from tui.loader import Choice, LoadFailed
from tui.screens.models import ModelsScreen
from tui.session import Figures, Session
from tui.settings.settings import Settings
from tui.talk import BUSY
from tui.terminal.sanitize import sanitize

if TYPE_CHECKING:
    from tui.controller import Controller

STOPPED = "Loading was stopped. F4 chooses a model; a message that you send has this one loaded after all."


class Tuning:
    """Acts on the controller's current session."""

    def __init__(self, controller: "Controller", app: App[None], desk: Desk, settings: Settings) -> None:
        self._controller = controller
        self._app = app
        self._desk = desk
        self._settings = settings
        self._downloads = Downloads(lambda download: app.call_later(self._downloaded, download))

    @property
    def current(self) -> Session:
        return self._controller.current

    def close(self) -> None:
        """Leave nothing on its way; what has arrived is kept."""
        self._downloads.close()

    # ---- the model

    def choose_model(self) -> None:
        if not self._refused():
            screen = ModelsScreen(self._desk.choice(self.current), self._settings.model_directories, self._downloads)
            self._app.push_screen(screen, self.use)

    def use(self, choice: Choice | None) -> None:
        """Go on with this model from now on; what was said stays, and is read anew when it is needed."""
        session = self.current
        if choice is None or self._refused():
            return
        session.model = choice.name
        session.settings.pop("precision", None)
        if choice != self._desk.choice(session):
            session.settings["precision"] = choice.precision
        session.notice = ""
        session.figures = Figures()
        self.load(again=True)
        model = self._desk.model(session)
        if session.engine is not None and session.engine.model is not model:
            self._app.run_worker(asyncio.to_thread(self._desk.part(session)))
        self._controller.library.save(session)
        if model is not None:
            self._desk.loaded(choice)
            self._controller.adapt(choice, model)
        self._controller.show()
        self._controller.recount()

    def load(self, again: bool = False) -> None:
        """Have the current session's model loaded. Those that nobody needs any more make room for it.

        ``again`` tries once more what has failed.
        """
        desk, session = self._desk, self.current
        choice = desk.choice(session)
        if not desk.shelf.lacks(choice, again):
            return
        models = desk.shelf.drop({desk.choice(needed) for needed in (session, *desk.replying, *self._beside(session))})
        leaving = [
            desk.part(other) for other in self._controller.library if other.engine and other.engine.model in models
        ]

        def make_room() -> None:
            while leaving:
                leaving.pop()()

        desk.shelf.want(choice, again, make_room)

    def stop_loading(self) -> bool:
        """Give up loading the current session's model; False if it is not being loaded."""
        choice = self._desk.choice(self.current)
        if not self._desk.shelf.abandon(choice):
            return False
        self._controller.model_news(LoadFailed(choice, STOPPED))
        return True

    def _beside(self, session: Session) -> list[Session]:
        """The session that Ctrl+T leads to, if it was opened yet: going there and back must not load anything."""
        mode: Mode = "chat" if session.mode == "story" else "story"
        latest = self._controller.library.latest(mode)
        return [other for other in self._controller.library if other.id == latest]

    def _refused(self) -> bool:
        """Whether the session's model cannot be changed now; says why."""
        session = self.current
        if session.readonly:
            self._controller.say(OPEN_ELSEWHERE)
        elif session.reply is not None and self._desk.model(session) is not None:
            self._controller.say(BUSY)
        else:
            return False
        return True

    def _downloaded(self, download: Download) -> None:
        if download.failed:
            self._app.notify(sanitize(download.failed), severity="warning", timeout=10, markup=False)
        elif download.complete:
            self._app.notify(f"{download.name} is here: F4 chooses it.", timeout=10, markup=False)
