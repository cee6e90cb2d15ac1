"""Status bar: what the model is doing, how full the context is, and figures on demand."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.formatting.units import counted, size
from tui.services.session import Figures
from tui.widgets.plain_text import plain

GAUGE = 6
SEPARATOR = " · "
# Share of the context from which on the rest of it is counted, in percent.
NEARLY_FULL = 80


class Activity(NamedTuple):
    """What the session's model is doing, and how far it is."""

    mark: str = ""
    word: str = ""
    detail: str = ""


def gauge(done: int, total: int, width: int = GAUGE) -> str:
    """A progress bar: full only at ``total``, empty only at 0."""
    filled = 0 if total <= 0 else round(width * done / total)
    if 0 < done < total:
        filled = min(max(filled, 1), width - 1)
    return "▓" * min(filled, width) + "░" * (width - min(filled, width))


def rate(tokens_per_second: float) -> str:
    """Speed without more digits than can be read while it changes."""
    return f"{tokens_per_second:.{0 if tokens_per_second >= 10 else 1}f} tok/s"


def time_left(seconds: float) -> str:
    """Estimated remaining time."""
    return f"{math.ceil(seconds)} s left" if seconds <= 90 else f"{round(seconds / 60)} min left"


class StatusBar(Widget):
    """Activity and context. The other figures are on wide screens, elsewhere in a row of their own on demand."""

    figures: reactive[Figures] = reactive(Figures, always_update=True)
    state: reactive[Activity] = reactive(Activity())
    context: reactive[int] = reactive(0)
    streaming: reactive[int] = reactive(0)  # sessions

    @property
    def toggled(self) -> bool:
        """True if the figures were asked for."""
        return self.has_class("-toggled")

    def toggle(self) -> None:
        """Show or hide the figures."""
        self.toggle_class("-toggled")
        self.refresh(layout=True)

    def render(self) -> Content:
        wide, toggled = self.screen.has_class("-wide"), self.toggled
        figures = list(self._figures())
        line = self._line(figures if wide and not toggled else [])
        if toggled and not wide:
            below = plain(" " + SEPARATOR.join(_fitting(figures, self.size.width - 1)), "$text-muted")
            line = Content("\n").join([line, below])
        return line

    def _line(self, figures: list[str]) -> Content:
        mark, word, detail = self.state
        activity = Content.assemble(
            (f" {mark} " if mark else " ", "$accent"),
            plain(f"{word} {detail}".rstrip(), "$text-muted" if word == "ready" else "$foreground"),
        )
        room = self.size.width - activity.cell_length - len(SEPARATOR)
        fields = [*([f"{self.streaming} generating"] if self.streaming > 1 else []), *figures]
        context = next((text for text in self._contexts() if len(text) <= room), "")
        parts = [activity, *([plain(context, self._urgency)] if context else [])]
        rest = _fitting(fields, room - len(context) - len(SEPARATOR))
        parts += [plain(field, "$text-muted") for field in rest]
        return plain(SEPARATOR, "$text-muted").join(parts).truncate(self.size.width, ellipsis=True)

    # ---- the context

    @property
    def _percent(self) -> int:
        return 100 * (self.figures.context_used or 0) // max(1, self.context)

    @property
    def _urgency(self) -> str:
        if self._percent >= 100:
            return "$error"
        return "$warning" if self._percent >= NEARLY_FULL else "$text-muted"

    def _contexts(self) -> Iterator[str]:
        """How full the context is, and what comes of it, the longest text first; nothing until it is known."""
        used = self.figures.context_used
        if used is None or not self.context:
            return
        bar = gauge(used, self.context)
        if used >= self.context:
            yield f"context {used}/{self.context} {bar} full: a reply has no room"
            yield "context full: no room"
        elif self._percent >= NEARLY_FULL:
            left = counted(self.context - used, "token")
            yield f"context {used}/{self.context} {bar} {left} left, then replies stop"
            yield f"context {bar} {left} left"
        else:
            yield f"context {used}/{self.context} {bar}"
        yield f"context {self._percent} %"

    # ---- the other figures

    def _figures(self) -> Iterator[str]:
        """Those that are known."""
        f = self.figures
        if f.tokens_per_second is not None and self.state.word == "ready":
            yield f"{f.tokens_per_second:.1f} tok/s"
        if f.first_token_seconds is not None:
            yield f"first token {_duration(f.first_token_seconds)}"
        if f.reused_tokens is not None:
            yield f"reused {f.reused_tokens}"
        if f.cache_bytes is not None:
            yield f"KV cache {size(f.cache_bytes)}"


def _fitting(fields: list[str], width: int) -> list[str]:
    """The first of them, as many as fit."""
    count = len(fields)
    while count and len(SEPARATOR.join(fields[:count])) > width:
        count -= 1
    return fields[:count]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
