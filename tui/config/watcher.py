"""Applies theme and key bindings from the configuration files, and reloads them when they change."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from textual.app import App

from tui.config.errors import SettingsError
from tui.config.key_names import name_keys
from tui.config.key_remapping import remap
from tui.config.keymap import Key, textual_keymap
from tui.config.paths import config_file
from tui.config.settings import Settings, load_settings
from tui.config.themes import AUTO, DEFAULT_THEME, LIGHT_THEME, ThemeFile, find_themes, theme_files
from tui.config.toml_document import did_you_mean, set_string
from tui.process.in_thread import FILES, in_thread

INTERVAL = 2.0
# The theme used without colours (NO_COLOR).
COLORLESS = "terminal"
ABOUT_AUTO = "Dark or light, as the terminal is"

Stamp = dict[Path, tuple[int, int]]


class Appearance:
    """``keymap``: the key map with the user's bindings."""

    def __init__(self, app: App[None], settings: Settings) -> None:
        """Raises SettingsError if the configured theme or a key is invalid."""
        self.keymap: tuple[Key, ...] = ()
        self.themes: dict[str, ThemeFile] = {}
        self._app = app
        self._settings = settings
        self._light = False  # the terminal's background, once it has said
        self._problems = [*settings.warnings, *self._apply(settings, *find_themes())]
        self._stamp: Stamp | None = None
        self._turn = asyncio.Lock()  # one worker at a time reads or writes the files

    def start(self) -> None:
        """Report problems, and watch the files from now on."""
        self._say(self._problems)
        self._app.set_interval(INTERVAL, self._look)

    @property
    def current(self) -> str:
        """Name of the active theme."""
        return self._app.theme

    @property
    def keys_line(self) -> bool:
        """True if the line of keys is shown."""
        return self._settings.keys_line

    @property
    def chosen(self) -> str:
        """Name of the active theme, or AUTO if the terminal's background has chosen it."""
        return AUTO if self._settings.theme == AUTO and self.current == self._by_background else self.current

    @property
    def choices(self) -> dict[str, str]:
        """What can be chosen, with a line about each: AUTO and the themes."""
        themes = {name: file.about + " · yours" * file.own for name, file in self.themes.items()}
        return {AUTO: ABOUT_AUTO, **themes}

    def show(self, name: str) -> None:
        """Apply this theme, or that of AUTO, without saving it."""
        if not self._app.no_color:
            self._app.theme = self._by_background if name == AUTO else name

    def follow(self, light: bool) -> None:
        """Take the theme for the terminal's background, unless the user has chosen one."""
        default = self._by_background
        self._light = light
        if self._settings.theme == AUTO and self.current == default:
            self.show(self._by_background)

    @property
    def _by_background(self) -> str:
        return LIGHT_THEME if self._light else DEFAULT_THEME

    def keep(self, name: str) -> None:
        """Apply this theme and save it to the configuration file."""
        self.show(name)
        self._app.run_worker(self._save(name), group=FILES)

    async def _save(self, name: str) -> None:
        try:
            async with self._turn:
                await in_thread(set_string, config_file(), "theme", name)
        except SettingsError as error:
            self._say([str(error)])
            return
        source = self._settings.source("theme")
        self._settings = replace(self._settings, theme=name)
        if source.startswith("--"):
            self._say([f"Saved. {source} on the command line still overrides it."])

    def _apply(self, settings: Settings, themes: dict[str, ThemeFile], problems: list[str]) -> list[str]:
        """Take over themes and keys, all or nothing; returns warnings, the themes' ``problems`` among them."""
        keymap, warnings = remap(settings)
        theme = self._by_background if settings.theme == AUTO else settings.theme
        if theme not in themes:
            raise SettingsError(
                f"{settings.source('theme')}: unknown theme {settings.theme}"
                + (did_you_mean(settings.theme, themes) or "; `llm-tui themes` lists them.")
            )
        self.themes, self.keymap = themes, keymap
        for file in themes.values():
            self._app.register_theme(file.theme)
        self._app.theme = COLORLESS if self._app.no_color else theme
        self._app.set_keymap(textual_keymap(keymap))
        name_keys(keymap)
        return [*problems, *warnings]

    def _look(self) -> None:
        """Poll while the terminal has focus, in a worker: file systems may be slow."""
        if self._app.app_focus and not self._turn.locked():
            self._app.run_worker(self._reload_if_changed())

    async def _reload_if_changed(self) -> None:
        async with self._turn:
            stamp = await in_thread(_stamp)
            before, self._stamp = self._stamp, stamp
            if before not in (None, stamp):
                await self._reload()

    async def _reload(self) -> None:
        """Reload; on errors the previous settings stay."""
        try:
            settings = await in_thread(load_settings, **self._settings.flags)
            problems = [*settings.warnings, *self._apply(settings, *await in_thread(find_themes))]
            if _beyond(settings) != _beyond(self._settings):
                problems.append("Other changes in config.toml take effect after a restart.")
        except SettingsError as error:
            problems = [str(error)]
        else:
            self._settings = settings
            self._app.mutate_reactive(App.theme)  # redraws even if the theme's name is unchanged
        self._say([problem for problem in problems if problem not in self._problems])
        self._problems = problems

    def _say(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._app.notify(sentence, severity="warning", timeout=10)


def colors_unwanted() -> bool:
    """True if NO_COLOR is set and not empty (an empty one is removed: Textual would obey it)."""
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)
    return "NO_COLOR" in os.environ


def _beyond(settings: Settings) -> Settings:
    """The settings without those that apply at once."""
    return replace(settings, theme="", keys={}, keys_line=True, sources={}, warnings=())


def _stamp() -> Stamp:
    found: Stamp = {}
    for path in (config_file(), *theme_files()):
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found
