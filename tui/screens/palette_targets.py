"""Sessions and models as targets of the command palette."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.command import Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from tui.config.paths import model_places
from tui.process.in_thread import in_thread
from tui.terminal.sanitize import one_line
from tui.widgets.plain_text import plain

if TYPE_CHECKING:
    from tui.app import LlmTui

# So many of each are looked through, and so many of each are offered at once.
LOOKED_THROUGH, OFFERED = 200, 8


class Target(NamedTuple):
    """``title`` is searched; ``go`` leads there."""

    title: str
    about: str
    go: Callable[[], None]


class PlainMatcher(Matcher):
    """Highlights in text as it is: Textual's reads it as markup."""

    def highlight(self, candidate: str) -> Content:
        content = plain(candidate)
        for offset in self.fuzzy_search.match(self.query, candidate)[1]:
            content = content.stylize(self.match_style, offset, offset + 1)
        return content


class Targets(Provider):
    """ "Session: TITLE" goes to a session; "Model: NAME" goes on with another model."""

    _sessions: tuple[Target, ...] = ()
    _models: tuple[Target, ...] = ()

    async def startup(self) -> None:
        controller = cast("LlmTui", self.app).controller
        self._sessions = tuple(
            Target(f"Session: {line.title}", line.mode, partial(controller.open, line.id))
            for line in controller.library.lines()[:LOOKED_THROUGH]
        )
        names = await in_thread(_model_names, controller.tuning.directories)
        self._models = tuple(
            Target(f"Model: {one_line(name)}", "for this session", partial(controller.tuning.use_named, name))
            for name in names
        )

    async def search(self, query: str) -> Hits:
        matcher = PlainMatcher(query, match_style=self.matcher(query).match_style)
        for targets in (self._sessions, self._models):
            scored = [(score, target) for target in targets if (score := matcher.match(target.title)) > 0]
            for score, target in sorted(scored, key=lambda pair: -pair[0])[:OFFERED]:
                yield Hit(score, matcher.highlight(target.title), target.go, target.title, plain(target.about))  # type: ignore[arg-type]


def _model_names(directories: tuple[Path, ...]) -> list[str]:
    from inference.sources.registry import find_models

    found = (found for found in find_models(model_places(directories)) if found.source != "unfinished")
    return list(dict.fromkeys(each.name for each in islice(found, LOOKED_THROUGH)))
