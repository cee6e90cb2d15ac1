"""A row with a text, a bar of a share, and the share."""

from rich.cells import cell_len
from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from tui.widgets.explorer.spelling import percent
from tui.widgets.plain_text import plain

EIGHTHS = " ▏▎▍▌▋▊▉"
SHARE_CELLS = 8
LABEL_CELLS = 24  # at most


class BarRow(Visual):
    """Laid out when it is drawn, as ListRow is. ``text`` is safe to show; ``marked``: it is set off from the others."""

    def __init__(self, text: str, share: float, marked: bool) -> None:
        self._text = text
        self._share = share
        self._marked = marked

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """Draw the row; the bar has what room the others leave."""
        room = min(LABEL_CELLS, max(1, (width - SHARE_CELLS) // 2))
        label = plain(("▸ " if self._marked else "  ") + self._text).truncate(room, ellipsis=True, pad=True)
        share = f"{percent(self._share):>{SHARE_CELLS}}"
        cells = max(0, width - room - cell_len(share) - 1)
        row = Content.assemble(label, " ", (f"{bar(self._share, cells):<{cells}}", "$primary"), share)
        return (row.stylize("bold") if self._marked else row).truncate(width).render_strips(width, 1, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """The container's."""
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        """One line."""
        return 1


def bar(share: float, cells: int) -> str:
    """A bar of so many cells for a share from 0 to 1, to an eighth of a cell."""
    whole, eighths = divmod(round(min(max(share, 0.0), 1.0) * cells * 8), 8)
    return "█" * whole + (EIGHTHS[eighths] if eighths else "")
