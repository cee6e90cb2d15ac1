"""Two faults of Textual's, mended for the whole program."""

from typing import Any

from textual._animator import Animator
from textual._styles_cache import StylesCache


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
