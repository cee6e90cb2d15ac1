"""The application: wires the screen, the keys, the engine and the controller together."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import OptionList

from tui.config.paths import snapshots_directory
from tui.config.resources import shipped
from tui.config.settings import Settings
from tui.config.watcher import Appearance, colors_unwanted
from tui.conversation.conversation import Mode
from tui.process.garbage_collection import often
from tui.screens.command_palette import Palette
from tui.screens.main import MainScreen
from tui.screens.theme_picker import ThemesScreen
from tui.services.event_poller import Progress
from tui.services.model_loader import Loaded, LoadFailed, Loading
from tui.services.sessions import library_at
from tui.services.workspace import Controller
from tui.terminal.driver import PatientDriver
from tui.terminal.painted_app import PaintedApp
from tui.terminal.sanitize import sanitize
from tui.terminal.textual_patches import Still, forget_lines, forget_widgets
from tui.widgets.composer import Composer
from tui.widgets.plain_text import plain
from tui.widgets.session_list import Sidebar
from tui.widgets.story_editor import StoryPane

if TYPE_CHECKING:
    from textual.command import Provider

    from inference import SamplingParams


def _targets() -> "type[Provider]":
    """Imported when the palette is first opened."""
    from tui.screens.palette_targets import Targets

    return Targets


class LlmTui(PaintedApp):
    """``params`` are instead of what models recommend, ``mode`` begins with a new session.

    Raises StoreError for a database that cannot be used, SettingsError for settings that cannot.
    """

    TITLE = "llm-tui"
    CSS_PATH = shipped("themes") / "layout.tcss"
    BINDINGS = [  # noqa: RUF012  the ids are the key map's, so that both move with the person's keys
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="anywhere.quit"),
        Binding("ctrl+p", "command_palette", "All commands", show=False, priority=True, id="anywhere.palette"),
    ]
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = PaintedApp.COMMANDS | {_targets}

    def __init__(self, settings: Settings, *, params: "SamplingParams | None" = None, mode: Mode | None = None) -> None:
        super().__init__(PatientDriver, ansi_color=colors_unwanted() or None)
        forget_widgets()
        forget_lines()
        self.animation_level = "none"
        self._animator = Still(self)
        self.appearance = Appearance(self, settings)
        self.main = MainScreen()
        library = library_at(settings.db, snapshots_directory(), settings.snapshot_limit_mb * 2**20)
        self.controller = Controller(self, self.main, library, settings, params=params, mode=mode)

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def on_ready(self) -> None:
        self.appearance.start()
        actions = {key.id: partial(self.controller.do, key.id) for key in self.appearance.keymap if not key.local}
        self.controller.composing.commands.offer({**actions, "themes": self.action_themes})
        self.controller.start()

    def on_unmount(self) -> None:
        self.controller.close()

    def key_ctrl_z(self) -> None:
        """Nothing was to be taken back: as in other programs, to the shell."""
        self.action_suspend_process()

    # ---- the end, where nobody asked for it

    @property
    def mistake(self) -> BaseException | None:
        """Of the program itself, that ended it."""
        return self._exception

    @property
    def terminal_gone(self) -> bool:
        return self.patient_driver is not None and self.patient_driver.gone

    def end(self) -> None:
        """From a signal's handler or from any thread: in the app's own time."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.exit)
        else:
            self._exit = True  # before anything is shown

    def restore_terminal(self) -> None:
        """Where the end was so hard that nobody did."""
        if self.patient_driver is not None:
            self.patient_driver.restore()

    def mistaken(self, error: BaseException) -> None:
        """End by a mistake: who runs the app hears of it."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error  # type: ignore[assignment]
            self._exception_event.set()
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        """Textual would print pages."""
        self.mistaken(error)

    async def action_quit(self) -> None:
        self.controller.quit()

    def copy_to_clipboard(self, text: str) -> None:
        """To the person's own terminal, through tmux too."""
        self._clipboard = text
        if self._driver is not None:
            self.run_worker(self.controller.copying.send(text, self._driver.write))

    def action_do(self, name: str) -> None:
        """Carry out an action of the key map."""
        self.controller.do(name)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.controller.tour.done("palette")
            self.push_screen(Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for key in self.appearance.keymap:
            if not key.local and key.id != "palette":
                yield SystemCommand(key.title, plain(key.label), partial(self.controller.do, key.id))  # type: ignore[arg-type]
        yield SystemCommand("Themes", "Colours, with a preview", self.action_themes)

    def notify(self, message: str, **options: Any) -> None:
        """Say it in a corner for a while, as it is: it may name files and models."""
        super().notify(sanitize(message), **{**options, "markup": False})

    def action_themes(self) -> None:
        self.push_screen(ThemesScreen(self.appearance))

    # ---- events, on their way to the controller

    @on(Loading)
    @on(Loaded)
    @on(LoadFailed)
    def _on_model_news(self, event: Loading | Loaded | LoadFailed) -> None:
        if not isinstance(event, Loading):
            often()
        self.controller.model_news(event)

    def on_progress(self, event: Progress) -> None:
        self.controller.progress(event)

    def on_composer_sent(self, event: Composer.Sent) -> None:
        self.controller.composing.send(event.text)

    @on(Composer.Typed)
    @on(StoryPane.Typed)
    def _on_typed(self) -> None:
        self.controller.typed()

    def on_story_pane_edited(self, event: StoryPane.Edited) -> None:
        self.controller.refresh()

    def on_sidebar_filtered(self, event: Sidebar.Filtered) -> None:
        self.controller.filing.filter(event.text)

    def on_sidebar_renamed(self, event: Sidebar.Renamed) -> None:
        self.controller.filing.rename(event.session_id, event.title)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.controller.open(event.option_id)
