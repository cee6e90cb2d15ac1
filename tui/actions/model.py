"""What a session talks to, and how: its model and its settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.config.settings import Settings
from tui.conversation.conversation import Mode
from tui.formatting.sampling import differing, own
from tui.process.in_thread import in_thread
from tui.services.downloads import Download, Downloads
from tui.services.model_loader import Choice, LoadFailed
from tui.services.replies import Desk
from tui.services.reply import BUSY
from tui.services.session import Figures, Session
from tui.storage.store import OPEN_ELSEWHERE

if TYPE_CHECKING:
    from tui.services.workspace import Controller

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

    # Screens are imported when they are first opened: what the first paint does not need must not delay it.

    def choose_model(self) -> None:
        from tui.screens.model_picker import ModelsScreen

        if not self._refused():
            model = self._desk.model(self.current)
            running = model.precision if model else None
            screen = ModelsScreen(self._desk.choice(self.current), self.directories, self._downloads, running)
            self._app.push_screen(screen, self.use)

    @property
    def directories(self) -> tuple[Path, ...]:
        """Where the person has models."""
        return self._settings.model_directories

    def use_named(self, name: str) -> None:
        """Go on with the model of that name, held as the session's are."""
        self.use(Choice(name, self._desk.choice(self.current).precision))

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
            self._app.run_worker(in_thread(self._desk.part(session)))
        self._controller.library.save(session)
        if model is not None:
            self._desk.loaded(choice)
            self._controller.adapt(choice, model)
        self._controller.show()
        self._controller.recount()

    def sampling(self) -> None:
        """What the session's model is told, and how it chooses its words."""
        from tui.screens.session_settings import SamplingScreen

        session = self.current
        if session.readonly:
            self._controller.say(OPEN_ELSEWHERE)
        else:
            screen = SamplingScreen(session.mode, session.settings, self._defaults(session))
            self._app.push_screen(screen, self._tune)

    def _tune(self, chosen: dict[str, Any] | None) -> None:
        if chosen is not None:
            kept = {name: value for name, value in self.current.settings.items() if name not in chosen}
            self.current.settings = kept | {name: value for name, value in chosen.items() if value}
            self._controller.library.save(self.current)
            self._controller.refresh()
            self._controller.recount()

    def differing(self) -> list[str]:
        """What of the session's settings is not as it would be if nobody had said anything, in short."""
        session = self.current
        told = session.settings.get("system") or ""
        system = [] if session.mode == "story" or told == (self._settings.system or "") else ["system prompt"]
        values = own(session.settings)
        return system + (differing(values, self._defaults(session)) if values else [])

    def values(self, session: Session) -> dict[str, Any]:
        """The parameters that a reply would be asked for with, as far as they are known."""
        return self._defaults(session) | own(session.settings)

    def _defaults(self, session: Session) -> dict[str, Any]:
        """Nothing where the model recommends what cannot be: asking it will say so."""
        if self._desk.model(session) is None:
            return self._desk.defaults(session)
        from inference import InferenceError

        try:
            return self._desk.defaults(session)
        except InferenceError:
            return {}

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
        """Say so, unless the person looks on."""
        from tui.screens.model_picker import ModelsScreen

        if isinstance(self._app.screen, ModelsScreen):
            return
        if download.failed:
            self._app.notify(download.failed, severity="warning", timeout=10)
        elif download.complete:
            self._app.notify(f"{download.name} is here: F4 chooses it.", timeout=10)
