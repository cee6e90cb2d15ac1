"""Actions on the open session's model: choose, download, cancel loading."""

from pathlib import Path

from tui.actions.context import ActionGroup
from tui.config.errors import SettingsError
from tui.config.key_names import key_name
from tui.config.paths import model_places
from tui.config.remotes import Address, is_remote
from tui.messages import DownloadEnded, ModelLoaded, ModelLoading, ModelNews, ModelPrepared, ModelPreparing
from tui.process.in_thread import FILES, in_thread
from tui.services.model_choice import ModelChoice
from tui.services.notices import still_generating
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE


class ModelActions(ActionGroup):
    """Actions on the open session's model."""

    # Screens are imported when they are first opened: what the first paint does not need must not delay it.

    def choose_model(self) -> None:
        """Open the model picker."""
        from tui.screens.model_picker import ModelPicker

        if not self._refused():
            model, choice = self._workspace.model, self._services.models.choice(self.current)
            running = model.precision if model else None
            models = self._services.models
            screen = ModelPicker(
                choice, models.directories, self._services.downloads, running, models.computing, models.servers
            )
            self._app.push_screen(screen, self.use)

    def use_named(self, name: str) -> None:
        """Continue with the model of that name, in the session's precision."""
        self.use(ModelChoice(name, self._services.models.choice(self.current).precision))

    def use_typed(self, name: str) -> None:
        """Continue with the model of that name, if there is one; else the session keeps its model."""
        if not self._refused():
            self._app.run_worker(self._use_found(self.current, name), group=FILES)

    async def _use_found(self, session: Session, name: str) -> None:
        lacking = await in_thread(missing, name, self._services.models.directories)
        if session is not self.current:
            return
        if lacking:
            self._presenter.say(lacking)
        else:
            self.use_named(name)

    def use(self, choice: ModelChoice | None) -> None:
        """Continue with this model, if one was chosen."""
        if choice is None or self._refused():
            return
        self._services.next_version.drop()
        self._workspace.use(choice)
        self._show(to_end=True)

    def adapt(self) -> None:
        """Make a new chat a story if its model can only continue text."""
        if self.current.mode == "chat":
            self._presenter.collect()
            if self._workspace.becomes_story():
                self._presenter.show()
                self._screen.focus_work()

    def take(self, event: ModelNews) -> None:
        """Handle a loader's message, unless loading was cancelled."""
        if not self._workspace.take_model(event):
            return
        if isinstance(event, ModelLoading | ModelPreparing | ModelPrepared):
            self._presenter.refresh_progress()
            if isinstance(event, ModelPrepared) and event.warning:
                self._app.notify(event.warning, severity="warning", timeout=10)
            return
        if isinstance(event, ModelLoaded):
            for warning in event.model.warnings:
                self._app.notify(warning, severity="warning", timeout=10)
        self._show(to_end=False)

    def _show(self, to_end: bool) -> None:
        self.adapt()
        self._presenter.show(to_end)
        if self._screen.whole and self._screen.focused is None:  # there was nothing to type into without a model
            self._screen.focus_work()
        self._replies.recount(self.current)

    def stop_loading(self) -> bool:
        """Cancel loading the session's model; False if it is not being loaded."""
        cancelled = self._workspace.stop_loading()
        if cancelled:
            self._presenter.show(to_end=False)
        return cancelled

    def look_for_offered(self) -> None:
        """Find out whether the model that is offered, if one is, is downloaded already."""
        if name := self._services.offer.name(self.current):
            self._app.run_worker(self._look_for(name), group=FILES)

    async def _look_for(self, name: str) -> None:
        self._services.offer.here = not await in_thread(missing, name, self._services.models.directories)
        self._presenter.refresh()

    def take_offer(self) -> None:
        """Ask the model that is offered, downloaded first if it is not here."""
        if (name := self._services.offer.name(self.current)) and not self._refused():
            self._app.run_worker(self._get(self.current, name), group=FILES)

    async def _get(self, session: Session, name: str) -> None:
        if await in_thread(missing, name, self._services.models.directories):
            self._services.offer.waiting = session
            self._services.downloads.begin(name)
            self._presenter.refresh()
        else:
            self._continue(session, name)

    def _continue(self, session: Session, name: str) -> None:
        """Ask the offered model what the guide has declined, if the offer still stands."""
        declined = session.tree.tip
        if self.current is session and declined is not None and self._services.offer.name(session) == name:
            self.use_named(name)
            self._workspace.ask(session, lambda: session.tree.regenerate(declined))
            self._presenter.show()

    def downloaded(self, event: DownloadEnded) -> None:
        """Notify the user, unless the model picker shows it or a session waits for it."""
        from tui.screens.model_picker import ModelPicker

        waiting, offer = self._services.offer.waiting, self._services.offer
        if waiting is not None and event.name == offer.name(waiting):
            offer.waiting = None
            self._presenter.refresh()
            if not event.failure and waiting is self.current and not isinstance(self._app.front, ModelPicker):
                self._continue(waiting, event.name)
                return
        if isinstance(self._app.front, ModelPicker):
            return
        if event.failure:
            self._app.notify(event.failure, severity="warning", timeout=10)
        else:
            self._app.notify(f"{event.name} downloaded. Press {key_name('choose_model')} to use it.", timeout=10)

    def _refused(self) -> bool:
        """True, with a notice, if the session's model cannot be changed now."""
        session = self.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        elif session.reply is not None and self._services.models.ready(session):
            self._presenter.say(still_generating())
        else:
            return False
        return True


def missing(name: str, directories: tuple[Path, ...]) -> str:
    """Why there is no such model; empty if there is. Of one on a server only the address is looked at."""
    from inference import CheckpointError
    from inference.sources.registry import find_model

    try:
        if is_remote(name):
            Address.parse(name)
        else:
            find_model(name, model_places(directories))
    except (CheckpointError, SettingsError) as error:
        return str(error)
    return ""
