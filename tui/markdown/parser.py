"""Markdown block parser: renders line by line, given the blocks open before the line.

Source line breaks are kept, as users and models intend them. The only lookahead is the line below a table's header, so
that drawn rows stay unchanged while text is appended.
"""

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

from tui.formatting.units import counted
from tui.markdown.containers import RULE, THOUGHT, Container, begin, enter, leads
from tui.markdown.highlight import Allowance, Highlighter
from tui.markdown.inline import inline
from tui.markdown.latex import latex
from tui.markdown.link_references import Links
from tui.markdown.open_blocks import Code, Fence, Header, OpenTable, formula_end
from tui.markdown.row import Row, Span, break_spans, part, restyle, split_spans
from tui.markdown.table import Table, delimits
from tui.markdown.thinking import END_THINK, THINK, ends_thought
from tui.terminal.wrap import TAB, fold, source_index, wrap

_FENCE = re.compile(r"(?P<indent> *)(?P<mark>`{3,}(?=[^`]*$)|~{3,})\s*(?P<info>(?P<language>[^\s`{]*).*)")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})(?= |$)")
_CLOSING = re.compile(r"(?:^| +)#+$")  # closing sequence of a heading
_UNDERLINE = re.compile(r" {0,3}(?P<mark>=+|-+)[ ]*$")
_TASK = re.compile(r"\[(?P<done>[ xX])\](?= )")
_NOTHING_YET = re.compile(r"[-*+_#`~>=]{1,6}|\[[ xX]?\]?|\$|\\")
# Longer paragraphs never become setext headings, so that old rows stay unchanged.
TALLEST_HEADING = 16


class Reader:
    """Renders lines to ``rows``; collects code blocks in ``codes`` and link definitions in ``links``.

    ``plain``: draw the source. ``unfolded``: draw reasoning instead of one row. ``thinking``: begin inside of it.
    """

    def __init__(
        self,
        width: int,
        rows: list[Row],
        codes: list[Code],
        links: Links,
        *,
        plain: bool,
        unfolded: bool,
        thinking: bool,
    ) -> None:
        self.rows = rows
        self.codes = codes
        self.thought_before = False  # reasoning ended that had not begun: all text before it belongs to it
        self._links = links
        self._width = width
        self._plain = plain
        self._unfolded = unfolded
        self._containers: tuple[Container, ...] = ()
        self._gap: tuple[Container, ...] | None = None  # containers of a pending blank line
        self._text = False  # the previous line was text that may continue
        self._paragraph: int | None = None  # first row of that text, while it may become a heading
        self._fence: Fence | None = None
        self._allowance = Allowance()
        self._formula = ""  # the mark that ends the open formula
        self._header: Header | None = None
        self._table: OpenTable | None = None
        self._words: int | None = None  # in the open reasoning
        self._thoughts = 0
        self._drew = False  # the line drew a row that continues with the line
        self._cut: Row | None = None  # that row, of a line parsed in parts
        self._style = ""  # style of the line
        if thinking:
            self._begin_thought()

    def fork(self) -> "Reader":
        """Another that goes on from here with the same rows; what it reads changes nothing in this one."""
        twin = copy(self)
        if self._table and not self._table.table.settled:
            twin._table = self._table._replace(table=self._table.table.copy())
        return twin

    @property
    def holding(self) -> bool:
        """True if the next line may change rows drawn already."""
        tabled = self._table is not None and not self._table.table.settled
        return self._header is not None or self._paragraph is not None or tabled

    # ---- lines

    def read(self, line: str, offset: int, growing: bool = False) -> None:
        """Parse the next line, at ``offset`` of the source. ``growing``: incomplete, so only a fork may parse it."""
        self._drew = False
        if self._plain:
            self._draw([Span(line.expandtabs(TAB))])
        elif self._words is not None:
            self._think(line, offset, growing, self._read_line)
        elif not self._fence and line.lstrip().startswith(THINK):
            self._begin_thought()
            at = line.index(THINK) + len(THINK)
            if line[at:].strip():
                self.read(line[at:], offset + at, growing)
        elif not self._fence and not growing and not self._thoughts and ends_thought(line):
            self.thought_before = True
        else:
            self._read_line(line, offset, growing)

    def _read_line(self, line: str, offset: int, growing: bool) -> None:
        shown = line.expandtabs(TAB)
        if self._fence and self._read_code(line, shown, offset, growing):
            return
        depth, at = enter(self._containers, shown)
        if not shown[at:].strip():
            self._end_table()
            self._containers = self._containers[:depth]
            self._gap, self._text, self._header, self._paragraph = self._containers, False, None, None
            self._formula = ""
            return
        if self._formula and depth == len(self._containers):
            self._read_block(shown[at:], offset, growing)
            return
        self._formula = ""
        new, behind = begin(self._containers[:depth], shown, at, growing)
        rest = shown[behind:]
        if new or depth < len(self._containers):
            self._paragraph = None
        if self._text and not new and depth < len(self._containers) and not _begins_block(rest):
            depth, rest = len(self._containers), rest.lstrip()  # lazy continuation
        self._containers = self._containers[:depth] + new
        if growing and _NOTHING_YET.fullmatch(rest.strip()):
            rest = ""
        elif new and new[-1].kind == "item" and (task := _TASK.match(rest)):
            rest = ("☐" if task["done"] == " " else "☑") + rest[3:]
        self._read_block(rest, offset, growing)

    def _read_block(self, rest: str, offset: int, growing: bool) -> None:
        """Parse the line's contents within its containers."""
        if self._read_table(rest, growing):
            return
        self._end_table()
        header, self._header = self._header, None
        was_text, self._text = self._text, False
        paragraph, self._paragraph = self._paragraph, None
        if end := self._formula or formula_end(rest.lstrip()):
            self._read_formula(rest if self._formula else rest.lstrip()[2:], end, growing)
            return
        if header and delimits(rest):
            table = Table(header.line, rest, self._room(header.leads), self._links)
            if table.fits(header.line):
                del self.rows[header.row :]
                self._table = OpenTable(table, header.leads, self._containers)
                return
        listed = any(container.fresh for container in self._containers)
        if not was_text and not listed and self._links.read(rest, growing):
            return
        if paragraph is not None and (line := _UNDERLINE.match(rest)):
            self._restyle(paragraph, "heading1" if line["mark"][0] == "=" else "heading2")
        elif (fence := _FENCE.match(rest)) and (len(fence["indent"]) < 4 or self._containers):
            self._begin_code(fence, growing)
        elif heading := _HEADING.match(rest):
            title = inline(_CLOSING.sub("", rest[heading.end() :].strip()), growing, self._links)
            self._draw(title, f"heading{min(3, len(heading['level']))}")
        elif RULE.match(rest):
            self._draw([Span("─" * self._room(self._leads()), "border")])
        elif rest.startswith("    ") and not was_text:
            self._draw([Span(rest)])
        else:
            self._text = True
            if paragraph is not None:
                self._break_line()
            begun = paragraph if was_text else len(self.rows) + self._gap_due
            if begun is not None and len(self.rows) - begun < TALLEST_HEADING:
                self._paragraph = begun
            if "|" in rest:
                self._header = Header(rest, len(self.rows) + self._gap_due, self._leads())
            self._draw(inline(rest.strip(" "), growing, self._links), "quote" if self._quoted else "")

    def _restyle(self, first: int, style: str) -> None:
        """Turn the rows from ``first`` on into a setext heading."""
        for number in range(first, len(self.rows)):
            row = self.rows[number]
            spans = (*part(row.spans, 0, row.lead), *restyle(row.body, style))
            self.rows[number] = replace(row, spans=spans)

    def _break_line(self) -> None:
        """Hide a backslash that asks for a hard break: all line breaks are kept."""
        row = self.rows[-1]
        *before, (text, style) = row.spans or (Span(""),)
        if text.endswith("\\") and "code" not in style:
            self.rows[-1] = replace(row, spans=(*before, Span(text[:-1], style)))

    # ---- lines in parts

    def cut(self) -> None:
        """Note that the last line has more parts, for ``read_on``."""
        self._header = self._paragraph = None
        if self._drew:
            self._cut = self.rows.pop()

    def read_on(self, text: str, offset: int, growing: bool = False) -> None:
        """Parse a further part of the last line. Emphasis and links end with their part."""
        if self._words is not None:
            self._think(text, offset, growing, self._draw_on)
        else:
            self._draw_on(text, offset, growing)

    def _draw_on(self, text: str, offset: int, growing: bool) -> None:
        shown = text.expandtabs(TAB)
        spans: Sequence[Span] = [Span(shown)] if self._plain else inline(shown, growing, self._links)
        if self._fence:
            spans = [Span(shown, "block")]
            if not growing and self.codes[-1].lines:
                self.codes[-1].lines[-1] = (self.codes[-1].lines[-1][0], offset + len(text))
        elif self._style:
            spans = restyle(spans, self._style)
        row, self._cut = self._cut, None
        if row is None:
            self._end_table()
            self._draw(spans)
        else:
            around = (part(row.spans, 0, row.lead), self._leads()[1])
            self._put([*row.body, *spans], around, fold if self._fence else wrap, row.fill)

    # ---- thoughts

    def _think(self, line: str, offset: int, growing: bool, draw: Callable[[str, int, bool], None]) -> None:
        thought, end, rest = line.partition(END_THINK)
        assert self._words is not None
        self._words += len(thought.split())
        if self._unfolded and (thought or not end):
            draw(thought, offset, growing and not end)
        if end:
            self._end_thought()
            if rest.strip():
                self.read(rest, offset + len(thought) + len(end), growing)

    def _begin_thought(self) -> None:
        self._end_table()
        self._thoughts += 1
        self._words = 0
        self._header, self._paragraph, self._text = None, None, False
        self._containers = ()
        if self._unfolded:
            self._draw([Span("▾ Thought", "fold")])
            self._containers = (THOUGHT,)

    def _end_thought(self) -> None:
        self._end_table()
        if not self._unfolded:
            self._draw([self._folded])
        self._words, self._fence, self._header, self._paragraph, self._text = None, None, None, None, False
        self._containers, self._gap = (), ()

    @property
    def _folded(self) -> Span:
        return Span(f"▸ Thought: {counted(self._words or 0, 'word')}", "fold")

    # ---- code

    def _begin_code(self, match: re.Match[str], growing: bool) -> None:
        self._rule(match["info"].strip())
        self._fence = Fence(
            match["mark"], len(match["indent"]), Highlighter(match["language"].lower(), self._allowance)
        )
        if not growing:
            self.codes.append(Code(len(self.rows) - 1, []))

    def _read_code(self, line: str, shown: str, offset: int, growing: bool) -> bool:
        """Parse the next line of an open code block; False if the block ended before it."""
        assert self._fence
        mark, indent, highlighter = self._fence
        depth, at = enter(self._containers, shown, loosely=True)
        if depth < len(self._containers):
            self._fence = None
            return False
        rest = shown[at:].strip()
        if len(rest) >= len(mark) and rest == mark[0] * len(rest):
            self._rule("")
            self._fence = None
            return True
        at += min(indent, len(shown[at:]) - len(shown[at:].lstrip(" ")))
        if growing:
            highlighter = highlighter.copy()
            if mark.startswith(rest):
                at = len(shown)  # perhaps a closing fence
        else:
            self.codes[-1].lines.append((offset + source_index(line, at), offset + len(line)))
        self._draw(highlighter.line(shown[at:]), fill="block", breaker=fold)
        return True

    def _rule(self, label: str) -> None:
        room = self._room(self._leads())
        line = fold((f"── {label} " if label else "") + "─" * room, room)[0]
        parts = line[:3], line[3 : 3 + len(label)], line[3 + len(label) :]
        self._draw([Span(text, style) for text, style in zip(parts, ("border", "url", "border"), strict=True) if text])
        self._drew = False

    # ---- formulas

    def _read_formula(self, text: str, end: str, growing: bool) -> None:
        """Draw the next line of a formula; it ends with its mark, or with a blank line."""
        inside, closed, after = text.partition(end)
        self._formula = "" if closed else end
        if shown := latex(inside, growing and not closed) + after.rstrip():
            self._draw([Span("  " + line, "formula") for line in shown.split("\n")])

    # ---- tables

    def _read_table(self, rest: str, growing: bool) -> bool:
        """Parse the next row of an open table; False if there is none or it ended before this line."""
        if self._table is None or "|" not in rest or self._containers != self._table.containers:
            return False
        table, around, _ = self._table
        if table.settled:
            self._surround(table.more(rest, growing), (around[1], around[1]))
        else:
            table.add(rest, growing)
            if table.full:
                self._surround(table.settle(), around)
        return True

    def _end_table(self) -> None:
        if self._table and not self._table.table.settled:
            self._surround(self._table.table.rows(), self._table.leads)
        self._table = None

    def draw_open(self) -> None:
        """Draw rows that were withheld because the next line could change them."""
        self._end_table()
        if self._words is not None and not self._unfolded:
            self._draw([self._folded])
        elif self._cut:
            self.rows.append(self._cut)

    # ---- drawing

    @property
    def _quoted(self) -> bool:
        return any(container.kind == "quote" for container in self._containers)

    @property
    def _gap_due(self) -> bool:
        return self._gap is not None and bool(self.rows)

    def _leads(self) -> tuple[list[Span], list[Span]]:
        return leads(self._containers, self._width)

    def _room(self, around: tuple[list[Span], list[Span]]) -> int:
        return self._width - sum(len(span.text) for span in around[1])

    def _draw(
        self,
        spans: Sequence[Span],
        style: str = "",
        fill: str = "",
        breaker: Callable[[str, int], list[str]] = wrap,
    ) -> None:
        """Draw one source line within its containers."""
        if any(container.kind == "thought" for container in self._containers):
            style = f"thought {style}".strip()
        self._style = style
        self._put(restyle(spans, style) if style else spans, self._leads(), breaker, fill)
        self._containers = tuple(container._replace(fresh=False) for container in self._containers)
        self._drew = True

    def _put(
        self,
        spans: Sequence[Span],
        around: tuple[list[Span], list[Span]],
        breaker: Callable[[str, int], list[str]],
        fill: str,
    ) -> None:
        self._put_gap()
        lead = around[0]
        for line in split_spans(spans):
            broken = break_spans(line, self._room(around), breaker)
            for number, body in enumerate(broken, 1):
                hard = number == len(broken)
                self.rows.append(Row((*lead, *body), sum(len(span.text) for span in lead), hard, fill))
                lead = around[1]

    def _surround(self, rows: Sequence[Row], around: tuple[list[Span], list[Span]]) -> None:
        self._put_gap()
        for number, row in enumerate(rows):
            lead = around[1 if number else 0]
            self.rows.append(Row((*lead, *row.spans), sum(len(span.text) for span in lead), row.hard))

    def _put_gap(self) -> None:
        """Draw the pending blank line, except at the beginning; consecutive ones are merged."""
        if self._gap_due and self._gap is not None:
            common = [old for old, new in zip(self._gap, self._containers, strict=False) if old == new]
            lead = leads([container for container in common if container.kind != "item"], self._width)[1]
            self.rows.append(Row(tuple(lead), sum(len(span.text) for span in lead)))
        self._gap = None


def _begins_block(rest: str) -> bool:
    return bool(_FENCE.match(rest) or _HEADING.match(rest) or RULE.match(rest))
