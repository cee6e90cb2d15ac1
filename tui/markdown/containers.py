"""Container blocks (list items, block quotes, thinking) and their nesting."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len

from tui.markdown.row import Span, part

BULLETS = "•◦▪"
DEEPEST = 32  # deeper nesting is rendered as text
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"(?P<indent> {0,3})(?P<mark>[-*+]|\d{1,9}[.)])(?: {1,4}(?! )| (?= )|$)")
RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")


class Container(NamedTuple):
    """``mark``: as drawn. ``indent``: columns of a list item's continuation lines. ``fresh``: still empty."""

    kind: Literal["item", "quote", "thought"]
    mark: str
    indent: int = 0
    fresh: bool = True

    @property
    def lead(self) -> Span:
        """Prefix of a line in it."""
        if self.kind == "thought":
            return Span(self.mark, "border")
        if self.kind == "quote":
            return Span(self.mark, "bullet")
        return Span(self.mark, "bullet") if self.fresh else Span(" " * cell_len(self.mark))


THOUGHT = Container("thought", "┆ ")


def enter(containers: Sequence[Container], line: str, loosely: bool = False) -> tuple[int, int]:
    """Number of containers that the line continues, and length of their prefix in it.

    ``loosely``: list items continue at any indentation, for code blocks that a model did not indent.
    """
    at = 0
    for number, container in enumerate(containers):
        if container.kind == "quote":
            match = _QUOTE.match(line, at)
            if match is None:
                return number, at
            at = match.end()
        elif container.kind == "item":
            indent = min(container.indent, len(line) - at - len(line[at:].lstrip(" ")))
            if indent < container.indent and line[at:].strip() and not loosely:
                return number, at
            at += indent
    return len(containers), at


def begin(outer: Sequence[Container], line: str, at: int, growing: bool) -> tuple[tuple[Container, ...], int]:
    """Containers that begin at this character of the line, and the index of their contents.

    In a ``growing`` line, a bullet at the end begins nothing, as it may become emphasis; a rule such as ``* **`` may
    become an item that begins with emphasis.
    """
    found: list[Container] = []
    while len(outer) + len(found) < DEEPEST:
        if match := _QUOTE.match(line, at):
            found.append(Container("quote", "▎ "))
        elif (match := _ITEM.match(line, at)) and (growing or not RULE.match(line, at)):
            if growing and match.end("mark") == len(line) and match["mark"] in "-*+":
                break
            depth = sum(container.kind == "item" for container in (*outer, *found))
            mark = match["mark"] if match["mark"][0].isdigit() else BULLETS[min(depth, len(BULLETS) - 1)]
            width = match.end() - at + (match.end() == len(line))
            found.append(Container("item", f"{match['indent']}{mark} ", width))
        else:
            break
        at = match.end()
    return tuple(found), at


def leads(containers: Sequence[Container], width: int) -> tuple[list[Span], list[Span]]:
    """Prefixes of the first and of further rows of a line, at most half of the width."""
    first = [container.lead for container in containers]
    further = [container._replace(fresh=False).lead for container in containers]
    while first and sum(cell_len(span.text) for span in first) > width // 2:
        if len(first) == 1:
            return part(first, 0, width // 2), part(further, 0, width // 2)
        del first[0], further[0]
    return first, further
