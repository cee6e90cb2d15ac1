"""A row of a list: text at the left, cut where it must be, and a short text at the right."""

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


class ListRow(Visual):
    """Laid out when it is drawn, so that a list is complete before its width is known."""

    def __init__(self, left: Content, right: Content) -> None:
        self._left = left
        self._right = right

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """Draw the row; without room for both, the left text alone."""
        room = width - self._right.cell_length - 2
        if room < self._right.cell_length:
            row = self._left.truncate(width, ellipsis=True)
        else:
            left = self._left.truncate(room, ellipsis=True, pad=True)
            row = Content.assemble(left, "  " if self._right else "", self._right)
        return row.render_strips(width, 1, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The container's: the right text is at its edge."""
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One line."""
        return 1
