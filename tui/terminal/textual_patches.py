"""Workarounds for problems in Textual."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from textual.css.scalar import Scalar
from textual.geometry import Region
from textual.strip import Strip
from textual.style import Style

from tui.terminal.textual_internals import Animator, StylesCache

ENTRIES = 128  # in a cache of a method


class Still(Animator):
    """Animator that jumps to the end at once: over a slow connection every frame counts.

    Textual's fails if setting an animated attribute starts or stops another animation, as in views that scroll when
    scrolled.
    """

    def animate(self, obj: object, attribute: str, value: Any, *, final_value: object = ..., **options: Any) -> None:
        setattr(obj, attribute, value if final_value is ... else final_value)
        if (then := options.get("on_complete")) is not None:
            self.app.call_later(then)


def forget_widgets() -> None:
    """Fix a cached method meant to be a class method: per widget, its cache keeps a thousand removed widgets alive."""
    method = StylesCache.__dict__["get_inner_outer"]
    if not isinstance(method, classmethod):
        StylesCache.get_inner_outer = classmethod(method)  # type: ignore[assignment]


def forget_lines() -> None:
    """Avoid reference cycles of strips that are not divided, which would stay until the garbage collector runs."""
    divide = Strip.divide
    if divide.__module__ == Strip.__module__:

        def divided(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
            within = [cut for cut in cuts if cut <= strip.cell_length]
            return [strip] if within == [strip.cell_length] else divide(strip, within)

        Strip.divide = divided  # type: ignore[assignment]


def shrink_caches() -> None:
    """Shrink Textual's caches of geometry and styles, whose thousands of entries are rarely hit after scrolling."""
    for owner in (Region, Scalar, Style):
        for name, method in list(vars(owner).items()):
            if hasattr(method, "cache_parameters") and method.cache_parameters()["maxsize"] > ENTRIES:
                setattr(owner, name, lru_cache(ENTRIES)(method.__wrapped__))
