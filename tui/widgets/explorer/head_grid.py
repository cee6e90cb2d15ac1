"""All heads of all layers, each as a bar of how much it looks at one token; a layer or a head is chosen."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

LEVELS = "▁▂▃▄▅▆▇█"


class HeadGrid(Widget):
    """A row for each layer, the first at the top, and a column for each head. What does not fit is scrolled."""

    COMPONENT_CLASSES = {"heads--chosen", "heads--layer"}  # noqa: RUF012  as Textual declares it
    can_focus = False

    def __init__(self, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._strongest: Sequence[Sequence[float]] = ()
        self._layer = 0
        self._head: int | None = None

    def show(self, strongest: Sequence[Sequence[float]], layer: int, head: int | None) -> None:
        """Show the largest share of each head. Without ``head`` the layer as a whole is chosen."""
        self._strongest, self._layer, self._head = strongest, layer, head
        self.styles.height = min(len(strongest), 12)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the row of a layer."""
        height, width, plain = self.size.height, self.size.width, self.rich_style
        first = min(max(0, self._layer - height // 2), max(0, len(self._strongest) - height))
        layer = first + y
        if layer >= len(self._strongest):
            return Strip.blank(width, plain)
        own = layer == self._layer
        row = self._strongest[layer]
        number = f"{layer + 1:>3} "
        room = max(1, width - len(number))
        start = min(max(0, (self._head or 0) - room // 2), max(0, len(row) - room))
        segments = [Segment(number, plain + self._style("layer") if own else plain)]
        for head, share in enumerate(row[start : start + room], start):
            chosen = own and self._head in (None, head)
            level = LEVELS[min(int(share * len(LEVELS)), len(LEVELS) - 1)]
            segments.append(Segment(level, plain + self._style("chosen") if chosen else plain))
        return Strip(segments).crop_extend(0, width, plain)

    def _style(self, name: str) -> Style:
        return self.get_component_styles(f"heads--{name}").partial_rich_style
