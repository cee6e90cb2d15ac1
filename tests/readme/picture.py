"""A screen of the running app as a small SVG: a path for each colour behind text, an element for each run of text.

Takes a quarter of the bytes of Textual's export. Each row stands alone, so that a film draws a repeated row once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.app import App

# A cell in pixels, its baseline, the size of the font, and the margin around the screen.
WIDTH, HEIGHT, BASELINE, FONT, MARGIN = 12, 23, 18, 20, 12
FONTS = "ui-monospace,SFMono-Regular,Menlo,'Cascadia Mono',Consolas,'DejaVu Sans Mono',monospace"
ATTRIBUTES = {
    "bold": "font-weight:bold",
    "italic": "font-style:italic",
    "underline": "text-decoration:underline",
    "strike": "text-decoration:line-through",
}


class Run(NamedTuple):
    """Text of one style; ``x`` and ``width`` in cells."""

    x: int
    width: int
    text: str
    css: str


class Area(NamedTuple):
    """Cells of one background, in cells."""

    x: int
    y: int
    width: int
    height: int


class Picture(NamedTuple):
    """``paper``: the background around everything else. ``areas``: other backgrounds by colour."""

    columns: int
    paper: str
    areas: dict[str, list[Area]]
    rows: list[list[Run]]


class Classes:
    """Short class names for declarations that occur again and again."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, css: str) -> str:
        """The class with this declaration."""
        return self._names.setdefault(css, f"c{len(self._names)}")

    @property
    def rules(self) -> str:
        """The style sheet."""
        return "".join(f".{name}{{{css}}}" for css, name in self._names.items())


def take(app: App[None]) -> Picture:
    """The screen as it is."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens, simplify=True)
    runs: list[list[Run]] = []
    papers: list[list[str]] = []
    for (strip,) in update.strips:
        row: list[Run] = []
        paper: list[str] = []
        for text, style, _ in strip:
            color, behind = _colors(style or Style(), app)
            row += _run(text, len(paper), _css(style or Style(), color))
            paper += [behind] * cell_len(text)
        runs.append(row)
        papers.append(paper)
    usual = Counter(color for row in papers for color in row).most_common(1)[0][0]
    return Picture(app.size.width, usual, _areas(papers, usual), runs)


def svg(picture: Picture) -> str:
    """The picture as a file of its own."""
    classes = Classes()
    rows = "".join(row_text(row, classes, y) for y, row in enumerate(picture.rows))
    return document(picture, classes, [*areas(picture), rows])


def document(picture: Picture, classes: Classes, parts: Iterable[str], more: str = "") -> str:
    """A document of this picture's size and paper; ``more``: style rules."""
    body = "".join(parts)
    width, height = picture.columns * WIDTH + 2 * MARGIN, len(picture.rows) * HEIGHT + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'xml:space="preserve"><style>text{{font:{FONT}px {FONTS}}}path{{shape-rendering:crispEdges}}'
        f"{classes.rules}{more}</style>"
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="{picture.paper}" '
        f'stroke="#888" stroke-opacity=".5"/><g transform="translate({MARGIN} {MARGIN})">{body}</g></svg>\n'
    )


def areas(picture: Picture) -> Iterator[str]:
    """The backgrounds, a path for each colour."""
    for color, found in picture.areas.items():
        path = "".join(f"M{x * WIDTH} {y * HEIGHT}h{w * WIDTH}v{h * HEIGHT}h{-w * WIDTH}z" for x, y, w, h in found)
        yield f'<path fill="{color}" d="{path}"/>'


def row_text(row: list[Run], classes: Classes, y: int = 0) -> str:
    """The text of a row, each run as wide as its cells in any font."""
    runs = []
    for x, width, text, css in row:
        fitted = f' textLength="{width * WIDTH}"' if width > 1 else ""
        runs.append(f'<tspan x="{x * WIDTH}"{fitted} class="{classes.name(css)}">{escape(text, quote=False)}</tspan>')
    return f'<text y="{y * HEIGHT + BASELINE}">{"".join(runs)}</text>' if runs else ""


def _run(text: str, x: int, css: str) -> Iterator[Run]:
    """The run without blanks around it, if anything is left."""
    if shown := text.strip(" "):
        yield Run(x + len(text) - len(text.lstrip(" ")), cell_len(shown), shown, css)


def _colors(style: Style, app: App[None]) -> tuple[str, str]:
    """Of the text and behind it."""
    theme = app.current_theme
    color = style.color.get_truecolor().hex if style.color else str(theme.foreground)
    behind = style.bgcolor.get_truecolor().hex if style.bgcolor else str(theme.background)
    return (behind, color) if style.reverse else (color, behind)


def _css(style: Style, color: str) -> str:
    return ";".join([f"fill:{color}", *(css for name, css in ATTRIBUTES.items() if getattr(style, name))])


def _areas(papers: list[list[str]], usual: str) -> dict[str, list[Area]]:
    """Rectangles of each colour but ``usual``: runs of a row, joined with equal ones of the row above."""
    found: dict[str, list[Area]] = {}
    above: dict[tuple[str, int, int], int] = {}  # index of the area by colour, x and width
    for y, row in enumerate(papers):
        here: dict[tuple[str, int, int], int] = {}
        for color, x, width in _spans(row):
            if color != usual:
                of = found.setdefault(color, [])
                index = above.get((color, x, width), len(of))
                if index == len(of):
                    of.append(Area(x, y, width, 0))
                of[index] = of[index]._replace(height=of[index].height + 1)
                here[color, x, width] = index
        above = here
    return found


def _spans(row: list[str]) -> Iterator[tuple[str, int, int]]:
    """Colour, start and width of each stretch of one colour."""
    start = 0
    for x in range(1, len(row) + 1):
        if x == len(row) or row[x] != row[start]:
            yield row[start], start, x - start
            start = x
