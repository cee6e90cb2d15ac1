"""A text as its tokens, each in a style of its own, one of them chosen."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.terminal.wrap import wrap
from tui.widgets.explorer.spelling import END, in_text

# By the least probability, and by the least share of the attention, of a token.
PROBABLE = ((0.5, "likely"), (0.1, "possible"), (0.01, "unlikely"), (0.0, "rare"))
LOOKED_AT = ((0.3, "most"), (0.1, "much"), (0.03, "some"), (0.0, "little"))
STYLES = ("plain", "chosen", "mark", *(name for bands in (PROBABLE, LOOKED_AT) for _, name in bands))


def band(bands: Sequence[tuple[float, str]], value: float) -> str:
    """The style of a value."""
    return next(name for least, name in bands if value >= least)


class TokenText(ScrollView):
    """``style_of`` tells the style of each token, by its index. After the last one, the end can be chosen too."""

    COMPONENT_CLASSES = {f"token--{name}" for name in STYLES}  # noqa: RUF012  as Textual declares it
    can_focus = False

    class Clicked(Message):
        """A token was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, style_of: Callable[[int], str]) -> None:
        super().__init__()
        self._style_of = style_of
        self.chosen = 0
        self._text = ""
        self._starts: list[int] = [0]  # of the tokens in the text, the end's last
        self._rows: list[tuple[int, int]] = []  # of the text, without line breaks

    @property
    def length(self) -> int:
        """The number of tokens, without the end; 0 until they are shown."""
        return len(self._starts) - 1

    def show(self, texts: Sequence[str]) -> None:
        """Show these tokens."""
        spelled = [*map(in_text, texts), END]
        self._text = "".join(spelled)
        self._starts = [0, *accumulate(map(len, spelled[:-1]))]
        self._lay_out()

    def choose(self, index: int) -> None:
        """Choose a token, and scroll to it."""
        self.chosen = index
        self._reach()
        self.refresh()

    def above(self, lines: int) -> int:
        """The token that stands so many lines above the chosen one; below, for a negative number."""
        at = self._starts[self.chosen]
        row = self._row_of(at)
        start, _ = self._rows[row]
        first, last = self._rows[min(max(row - lines, 0), len(self._rows) - 1)]
        return self._token_at(min(first + at - start, max(first, last - 1)))

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if row < len(self._rows):
            start, end = self._rows[row]
            used = start + Strip([Segment(self._text[start:end])]).crop(0, event.x).cell_length
            self.post_message(self.Clicked(self._token_at(min(used, max(start, end - 1)))))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        self._rows, start = [], 0
        for line in self._text.split("\n"):
            for row in wrap(line, width):
                self._rows.append((start, start + len(row)))
                start += len(row)
            start += 1
        self.virtual_size = Size(width, len(self._rows))
        self._reach()
        self.refresh()

    def _reach(self) -> None:
        """Scroll to the chosen token."""
        if self._rows:
            row = self._row_of(self._starts[self.chosen])
            self.scroll_to_region(Region(0, row, 1, 1), animate=False, immediate=True)

    def _row_of(self, at: int) -> int:
        return max(0, bisect_right(self._rows, at, key=lambda row: row[0]) - 1)

    def _token_at(self, at: int) -> int:
        return max(0, bisect_right(self._starts, at) - 1)

    def render_line(self, y: int) -> Strip:
        y += self.scroll_offset.y
        width = self.size.width
        if not 0 <= y < len(self._rows):
            return Strip.blank(width, self.rich_style)
        start, end = self._rows[y]
        segments = []
        for index in range(self._token_at(start), self._token_at(max(start, end - 1)) + 1):
            first = max(start, self._starts[index])
            last = min(end, self._starts[index + 1] if index + 1 < len(self._starts) else end)
            segments.append(Segment(self._text[first:last], self._style(index)))
        return Strip(segments).crop_extend(0, width, self.rich_style)

    def _style(self, index: int) -> Style:
        ends = index == len(self._starts) - 1
        names = ["mark" if ends else self._style_of(index), *(["chosen"] if index == self.chosen else [])]
        style = self.rich_style
        for name in names:
            style += self.get_component_styles(f"token--{name}").partial_rich_style
        return style
