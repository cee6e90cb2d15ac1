"""Workarounds for problems in Textual."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from textual.geometry import Region
from textual.strip import Strip

from tui.terminal.textual_internals import Animator, StylesCache

PLACES = 512  # answers of a kind about regions that are remembered


class Still(Animator):
    """An animation is at its end at once: over a slow line every frame counts.

    Textual's goes through a list of animations and dies where what one of them sets begins or ends another, as views do
    that scroll when they are scrolled.
    """

    def animate(self, obj: object, attribute: str, value: Any, *, final_value: object = ..., **options: Any) -> None:
        setattr(obj, attribute, value if final_value is ... else final_value)
        if (then := options.get("on_complete")) is not None:
            self.app.call_later(then)


def forget_widgets() -> None:
    """A method that remembers what it was called with is meant to be the class's: as each widget's own it remembers a
    thousand widgets that are gone, with all that they drew.
    """
    method = StylesCache.__dict__["get_inner_outer"]
    if not isinstance(method, classmethod):
        StylesCache.get_inner_outer = classmethod(method)  # type: ignore[assignment]


def forget_lines() -> None:
    """A line that is cut nowhere remembers itself as its only part: so it would stay, with all that was ever drawn of
    it, until Python looks through everything.
    """
    divide = Strip.divide
    if divide.__module__ == Strip.__module__:

        def divided(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
            within = [cut for cut in cuts if cut <= strip.cell_length]
            return [strip] if within == [strip.cell_length] else divide(strip, within)

        Strip.divide = divided  # type: ignore[assignment]


def forget_places() -> None:
    """Textual remembers thousands of regions with what each was asked: they differ with each scroll and each size, and
    take half an hour to fill their places.
    """
    for name, method in list(vars(Region).items()):
        if hasattr(method, "cache_parameters") and method.cache_parameters()["maxsize"] > PLACES:
            setattr(Region, name, lru_cache(PLACES)(method.__wrapped__))
