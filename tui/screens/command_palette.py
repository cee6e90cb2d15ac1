"""The command palette: Textual's, with safe drawing, and with sessions and models beside the commands."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from textual.app import ComposeResult
from textual.command import CommandInput, CommandList, CommandPalette, Hit, Hits, Provider, SearchIcon
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.widgets import LoadingIndicator

from tui.config.paths import model_places
from tui.process.in_thread import in_thread
from tui.terminal.sanitize import one_line
from tui.widgets.plain_text import plain
from tui.widgets.safe_input import Field

# Maximum sessions and models searched, and results of each.
LOOKED_THROUGH, OFFERED = 200, 8


class PaletteField(CommandInput, Field):
    """Palette input that draws its text sanitised."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self.compact = False


class Palette(CommandPalette):
    """Palette that ignores page keys until its list has a height."""

    def compose(self) -> ComposeResult:
        with Vertical(id="--container"):
            with Horizontal(id="--input"):
                yield SearchIcon()
                yield PaletteField(self._placeholder)
            with Vertical(id="--results"):
                yield CommandList()
                yield LoadingIndicator()

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)


class Target(NamedTuple):
    """A session or model. ``title`` is searched; ``go`` opens it."""

    title: str
    about: str
    go: Callable[[], None]


def target_provider(sessions: Callable[[], Sequence[Target]], models: Callable[[], Sequence[Target]]) -> type[Provider]:
    """Create a provider class for sessions and models, which the palette instantiates.

    ``models`` is called on another thread.
    """

    class TargetProvider(Provider):
        _sessions: Sequence[Target] = ()
        _models: Sequence[Target] = ()

        async def startup(self) -> None:
            self._sessions = sessions()[:LOOKED_THROUGH]
            self._models = await in_thread(models)

        async def search(self, query: str) -> Hits:
            matcher = PlainMatcher(query, match_style=self.matcher(query).match_style)
            for targets in (self._sessions, self._models):
                scored = [(score, target) for target in targets if (score := matcher.match(target.title)) > 0]
                for score, target in sorted(scored, key=lambda pair: -pair[0])[:OFFERED]:
                    yield Hit(score, matcher.highlight(target.title), target.go, target.title, plain(target.about))  # type: ignore[arg-type]

    return TargetProvider


class PlainMatcher(Matcher):
    """Matcher that highlights plain text; Textual's parses markup."""

    def highlight(self, candidate: str) -> Content:
        content = plain(candidate)
        for offset in self.fuzzy_search.match(self.query, candidate)[1]:
            content = content.stylize(self.match_style, offset, offset + 1)
        return content


def session_target(title: str, mode: str, go: Callable[[], None]) -> Target:
    """The target that opens a session."""
    return Target(f"Session: {title}", mode, go)


def model_targets(directories: tuple[Path, ...], use: Callable[[str], None]) -> list[Target]:
    """The targets that continue the open session with another model."""
    from inference.sources.registry import find_models

    found = (found for found in find_models(model_places(directories)) if found.source != "unfinished")
    names = dict.fromkeys(each.name for each in islice(found, LOOKED_THROUGH))
    return [Target(f"Model: {one_line(name)}", "for this session", partial(use, name)) for name in names]
