"""The application: wires the screen, the keys, the engine and the controller together."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # read when Textual is imported

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import OptionList

from tui.appearance import Appearance, colors_unwanted
from tui.bridge import Progress
from tui.controller import Controller
from tui.loader import Loaded, LoadFailed, Loading
from tui.resources import shipped
from tui.screens.main import MainScreen
from tui.screens.themes import ThemesScreen
from tui.session import Mode
from tui.settings.settings import Settings
from tui.widgets.composer import Composer
from tui.widgets.story import StoryPane

if TYPE_CHECKING:
    from inference import SamplingParams

BUILT_IN = ("guide", "story")


class LlmTui(App[None]):
    """``model_path`` None: the built-in model, or, where there is none, a page that says how to give one."""

    TITLE = "llm-tui"
    CSS_PATH = shipped("themes") / "layout.tcss"
    BINDINGS = [  # noqa: RUF012  the ids are the key map's, so that both move with the person's keys
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="anywhere.quit"),
        Binding("ctrl+p", "command_palette", "All commands", show=False, priority=True, id="anywhere.palette"),
    ]
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        model_path: Path | None,
        *,
        precision: str = "auto",
        threads: int | None = None,
        params: "SamplingParams | None" = None,
        mode: Mode | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(ansi_color=colors_unwanted() or None)
        self.appearance = Appearance(self, settings or Settings())
        self.main = MainScreen()
        self.controller = Controller(
            self, self.main, model_path or built_in(), precision=precision, threads=threads, params=params, mode=mode
        )

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def on_ready(self) -> None:
        self.appearance.start()
        self.controller.start()

    def on_unmount(self) -> None:
        self.controller.close()

    def action_do(self, name: str) -> None:
        """Carry out an action of the key map."""
        getattr(self.controller, name)()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for key in self.appearance.keymap:
            if not key.local and key.id != "palette":
                yield SystemCommand(key.title, key.label, getattr(self.controller, key.id))
        yield SystemCommand("Themes", "Colours, with a preview", self.action_themes)

    def action_themes(self) -> None:
        self.push_screen(ThemesScreen(self.appearance))

    # ---- events, on their way to the controller

    def on_loading(self, event: Loading) -> None:
        self.controller.loading(event.done, event.total)

    def on_loaded(self, event: Loaded) -> None:
        self.controller.loaded(event.model, event.engine)

    def on_load_failed(self, event: LoadFailed) -> None:
        self.controller.load_failed(event.sentence)

    def on_progress(self, event: Progress) -> None:
        self.controller.progress(event)

    def on_composer_sent(self, event: Composer.Sent) -> None:
        self.controller.send(event.text)

    def on_story_pane_edited(self, event: StoryPane.Edited) -> None:
        self.controller.story_edited(event.pane)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.controller.open(event.option_id)


def built_in() -> Path | None:
    """The model that comes with the program, if one does."""
    paths = (shipped("models") / name for name in BUILT_IN)
    return next((path for path in paths if (path / "config.json").is_file()), None)


def run_app(
    model_path: Path | None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    params: "SamplingParams | None" = None,
    mode: Mode | None = None,
    settings: Settings | None = None,
) -> None:
    """Run the application until the person quits. Raises SettingsError where the settings cannot be used."""
    LlmTui(model_path, precision=precision, threads=threads, params=params, mode=mode, settings=settings).run()
