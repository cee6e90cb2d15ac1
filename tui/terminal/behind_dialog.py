"""The screen behind a dialog: drawn once, and again only when it changes.

Textual draws it in each frame of the dialog, has Rich cut the picture into lines again and blends the colours of each
piece anew: a third of the time in which a dialog opens. Private parts of Textual, as in ``textual_internals``.
"""

from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from rich.segment import Segment
from rich.style import Style
from textual import screen as screens
from textual.color import Color
from textual.css.styles import RulesMap
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.visual import RenderOptions, Visual

TINTS = 512  # cached styles

# What a picture was drawn with, and its rows.
Picture = tuple[tuple[Size, Color, VisualStyle], list[Strip]]
pictures: WeakKeyDictionary[Screen[Any], Picture] = WeakKeyDictionary()


class Behind(Visual):
    """A screen under a translucent colour, without links."""

    def __init__(self, screen: Screen[Any], color: Color) -> None:
        self._screen = screen
        self._color = color

    def render_strips(self, width: int, height: int | None, style: VisualStyle, options: RenderOptions) -> list[Strip]:
        """Draw the screen's rows, at most ``height`` and of ``width`` cells."""
        compositor = self._screen._compositor
        key = (compositor.size, self._color, style)
        drawn, strips = pictures.get(self._screen, (None, []))
        if drawn != key:
            strips = [self._tinted(strip, style.rich_style) for strip in compositor.render_strips()]
            pictures[self._screen] = key, strips
        return [strip.crop(0, width) for strip in strips[:height]]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The container's."""
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        """The screen's."""
        return self._screen.size.height

    def _tinted(self, strip: Strip, base: Style) -> Strip:
        return Strip([Segment(text, tinted(base, style, self._color)) for text, style, _ in strip], strip.cell_length)


@lru_cache(maxsize=TINTS)
def tinted(base: Style, style: Style | None, color: Color) -> Style:
    """The style, on a base, under a translucent colour; without links."""
    style = Style() if style is None else style.clear_meta_and_links()
    if color.a > 0:
        over = [each and (Color.from_rich_color(each) + color).rich_color for each in (style.color, style.bgcolor)]
        style += Style.from_color(*over)
    return base + style


def remember_behind() -> None:
    """Draw what lies behind dialogs with ``Behind``; forget its picture where the screen has changed."""
    paint = Screen._compositor_refresh
    if paint.__module__ == Screen.__module__:

        def painted(screen: Screen[Any]) -> None:
            if screen._compositor._dirty_regions:
                pictures.pop(screen, None)
            paint(screen)

        Screen._compositor_refresh = painted  # type: ignore[method-assign, assignment]
        vars(screens)["BackgroundScreen"] = Behind
