"""One message as rows: a heading, its text, how it was made where that is asked for, and a blank row."""

from dataclasses import dataclass
from functools import cached_property

from textual.selection import Selection

from tui.conversation.tree import Node
from tui.markdown.document import Document
from tui.markdown.row import Row, Span
from tui.terminal.sanitize import sanitize
from tui.terminal.wrap import wrap


@dataclass(frozen=True)
class Entry:
    """A message to show: ``place`` of how many siblings, ``speaker`` as its heading, ``details`` on how it was made."""

    node: Node
    place: tuple[int, int]
    speaker: str
    details: str = ""


class Message:
    """``unfolded``: thoughts are shown. ``detailed``: the details are."""

    def __init__(self, entry: Entry, width: int, unfolded: bool = False, detailed: bool = False) -> None:
        self.entry = entry
        self.detailed = detailed
        typed = entry.node.role != "assistant"
        self._document = Document(width, plain=typed, unfolded=unfolded)
        self._length = 0  # of its text that the document has
        self.show(entry)

    @property
    def width(self) -> int:
        return self._document.width

    @property
    def unfolded(self) -> bool:
        return self._document.unfolded

    @property
    def text_rows(self) -> list[Row]:
        return self._document.rows

    @cached_property
    def _footer(self) -> list[Row]:
        return [Row((Span(line, "faint"),)) for line in wrap(self.entry.details, self.width)]

    @property
    def height(self) -> int:
        return 1 + max(1, len(self._document.rows)) + len(self._footer if self.detailed else ()) + 1

    def show(self, entry: Entry) -> int:
        """Show it as it is now: its text may have grown or ended. Returns the first row that has changed."""
        self.entry = entry
        vars(self).pop("_footer", None)
        text = entry.node.text[self._length :]
        if entry.node.growing:
            text = text.removesuffix("\r")  # a newline may follow, of which it is a part
        changed = self._document.append(sanitize(text.replace("\r\n", " \n")))
        self._length += len(text)
        if not entry.node.growing:
            changed = min(changed, self._document.finish())
        return 1 + changed

    def row(self, number: int) -> Row:
        """A row behind the heading, which is row 0."""
        rows = self._document.rows
        if number - 1 < len(rows):
            return rows[number - 1]
        below = number - 1 - max(1, len(rows))
        return self._footer[below] if self.detailed and 0 <= below < len(self._footer) else Row()

    @property
    def last_text_row(self) -> int:
        return max(1, len(self._document.rows))

    def excerpt(self, selection: Selection, top: int) -> str:
        """What is selected of it, where its heading is at row ``top``; joined where only the width broke it."""
        text = ""
        hard = True
        for number in range(self.height):
            row = self.row(number) if number else Row((Span(self.entry.speaker),))
            if selected := selection.get_span(top + number):
                start, end = selected
                text += row.text[start if hard else max(start, row.lead) : None if end == -1 else end]
                text = text.rstrip() + "\n" if row.hard else text
            hard = row.hard
        return text

    def folds_at(self, number: int) -> bool:
        """Whether that row stands for a thought."""
        return any(span.style == "fold" for span in self.row(number).spans)

    def code(self, number: int | None) -> str | None:
        """The block of code that row is in; without one, the last of the message."""
        codes = self._document.codes
        code = None if number is None else self._document.code_at(number - 1)
        if code is None and codes:
            code = codes[-1]
        return (
            None
            if code is None
            else "\n".join(self.entry.node.text[start:end].removesuffix("\r") for start, end in code.lines)
        )


def guess(node: Node, width: int) -> int:
    """About how many rows a message has that was not laid out."""
    return len(node.text) // width + node.text.count("\n") + 3
