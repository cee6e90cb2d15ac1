"""A line of a list that keeps how it was drawn, so that a list that changes draws only what has changed."""

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


class DrawnLine(Visual):
    """``content``, of one line. ``styles``: those named in it, which a theme may change."""

    def __init__(self, content: Content, styles: tuple[str, ...]) -> None:
        self._content = content
        self._styles = styles
        self._drawn: tuple[tuple[object, ...], list[Strip]] = (), []

    def __str__(self) -> str:
        return self._content.plain

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """Draw the line, or find it drawn."""
        key = width, style, *map(options.get_style, self._styles)
        if self._drawn[0] != key:
            self._drawn = key, self._content.render_strips(width, 1, style, options)
        return self._drawn[1]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The content's."""
        return self._content.get_optimal_width(rules, container_width)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One line."""
        return 1
