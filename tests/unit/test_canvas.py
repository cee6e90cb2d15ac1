"""What is written of a frame: the terminal shows the same as if all was, and hardly anything is."""

import random
import re

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.terminal.screen_buffer import Canvas

WIDTH, HEIGHT = 40, 6
STYLES = [
    None,
    Style(),
    Style(color="red"),
    Style(color="#102030", bgcolor="#405060"),
    Style(color="color(200)", bgcolor="#405060", italic=True),
    Style(color="bright_red", bgcolor="bright_blue", underline=True),
    Style(bgcolor="blue", bold=True),
    Style(reverse=True, meta={"offset": 3}),
    Style(strike=True, color="#102030"),
]
CONSOLE = Console(color_system="truecolor", width=WIDTH, height=HEIGHT)


def strip(chance: random.Random, width: int, letters: str) -> Strip:
    segments: list[Segment] = []
    while width:
        length = chance.randint(1, width)
        segments.append(Segment("".join(chance.choices(letters, k=length)), chance.choice(STYLES)))
        width -= length
    return Strip(segments)


def random_update(chance: random.Random) -> CompositorUpdate:
    """All of the screen, or some pieces of some rows."""
    letters = chance.choice(["  ab", "aé…│"])
    cut = chance.randint(1, WIDTH - 1)
    rows = [[strip(chance, cut, letters), strip(chance, WIDTH - cut, letters)] for _ in range(HEIGHT)]
    if chance.random() < 0.1:  # characters of two cells
        rows[0] = [Strip([Segment("漢字" * (WIDTH // 4))])]
    if chance.random() < 0.3:
        return LayoutUpdate(list(rows), Region(0, 0, WIDTH, HEIGHT))
    chops = [{0: left, cut: right} for left, right in (row if len(row) == 2 else rows[1] for row in rows)]
    spans = sorted((y, *sorted(chance.sample(range(WIDTH + 1), 2))) for y in chance.sample(range(HEIGHT), 2))
    return ChopsUpdate(chops, spans, [[cut, WIDTH]] * HEIGHT)


def seen(screen: pyte.Screen, y: int, width: int = WIDTH) -> list[object]:
    """What there is to see in a row: a blank has no letters, and so no colour of theirs."""
    cells = [screen.buffer[y][x] for x in range(width)]
    return [
        cell.bg if cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough) else cell
        for cell in cells
    ]


def test_the_terminal_shows_what_it_would_if_all_was_written() -> None:
    chance = random.Random(7)
    for _ in range(60):
        canvas, whole, changed = Canvas(), pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
        streams = pyte.Stream(whole), pyte.Stream(changed)
        for _ in range(12):
            update = random_update(chance)
            streams[0].feed(update.render_segments(CONSOLE))
            streams[1].feed(canvas.draw(update, CONSOLE, WIDTH))
            assert [seen(whole, y) for y in range(HEIGHT)] == [seen(changed, y) for y in range(HEIGHT)]


def test_what_was_laid_out_for_a_wider_terminal_ends_at_its_edge() -> None:
    """As a pane is made smaller, what comes first is still of the size before: also what lies beyond, or is empty."""
    chance = random.Random(8)
    narrow = 12
    for _ in range(60):
        canvas, whole, changed = Canvas(), pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
        streams = pyte.Stream(whole), pyte.Stream(changed)
        for _ in range(12):
            update = random_update(chance)
            streams[0].feed(update.render_segments(CONSOLE))
            streams[1].feed(canvas.draw(update, CONSOLE, narrow))
            for y in range(HEIGHT):
                assert seen(changed, y, narrow) == seen(whole, y, narrow)
                assert not any(changed.buffer[y][x].data.strip() for x in range(narrow, WIDTH))


def test_pieces_beyond_the_edge_or_without_a_cell_are_nothing() -> None:
    row = [Strip([Segment("a" * 14)]), Strip([]), Strip([Segment("漢字")])]
    update = LayoutUpdate([row], Region(0, 0, WIDTH, 1))
    assert re.sub(r"\x1b[^A-Za-z]*[A-Za-z]", "", Canvas().draw(update, CONSOLE, 12)) == "a" * 12


def lines(*texts: str, style: Style | None = None) -> LayoutUpdate:
    strips = [[Strip([Segment(text.ljust(WIDTH), style)])] for text in texts]
    return LayoutUpdate(list(strips), Region(0, 0, WIDTH, len(texts)))


def test_only_what_changes_is_written() -> None:
    canvas = Canvas()
    canvas.draw(lines("Once upon a time", "there was"), CONSOLE, WIDTH)
    assert canvas.draw(lines("Once upon a time", "there was"), CONSOLE, WIDTH) == ""
    assert canvas.draw(lines("Once upon a time", "there was a"), CONSOLE, WIDTH) == "\x1b[2;11Ha"
    red = canvas.draw(lines("Once upon a time", "there was a", style=Style(color="red")), CONSOLE, WIDTH)
    assert "Once upon" in red and "there was a" in red


def test_a_look_is_written_as_what_changes_of_it() -> None:
    page, dim = Style(color="#c0c0c0", bgcolor="#101010"), Style(color="#808080", bgcolor="#101010")
    row = Strip(
        [Segment("Sessions", page), Segment("    ", dim), Segment("one", page), Segment(" " * (WIDTH - 15), dim)]
    )
    written = Canvas().draw(LayoutUpdate([[row], [row]], Region(0, 0, WIDTH, 2)), CONSOLE, WIDTH)
    text = "Sessions    one" + " " * (WIDTH - 15)
    assert written == f"\x1b[1;1H\x1b[38;2;192;192;192;48;2;16;16;16m{text}\x1b[2;1H{text}\x1b[m"
    row = Strip([Segment("on", page), Segment("off", dim), Segment(" " * (WIDTH - 5), page)])
    written = Canvas().draw(LayoutUpdate([[row]], Region(0, 0, WIDTH, 1)), CONSOLE, WIDTH)
    assert written.endswith("mon\x1b[38;2;128;128;128moff" + " " * (WIDTH - 5) + "\x1b[m")


def test_what_was_moved_or_covered_by_others_is_written_whole() -> None:
    canvas = Canvas()
    whole = canvas.draw(lines("Once upon a time"), CONSOLE, WIDTH)
    canvas.forget()
    assert canvas.draw(lines("Once upon a time"), CONSOLE, WIDTH) == whole
    assert "Once" in canvas.draw(lines("Once upon a time"), CONSOLE, WIDTH + 1)


def test_a_row_of_wide_characters_is_written_from_its_beginning() -> None:
    """A terminal that sees another width than we has the rest of the row elsewhere."""
    canvas = Canvas()
    canvas.draw(LayoutUpdate([[Strip([Segment("漢字ab")])]], Region(0, 0, 6, 1)), CONSOLE, 6)
    assert canvas.draw(LayoutUpdate([[Strip([Segment("漢字ab")])]], Region(0, 0, 6, 1)), CONSOLE, 6) == ""
    changed = canvas.draw(LayoutUpdate([[Strip([Segment("漢字ac")])]], Region(0, 0, 6, 1)), CONSOLE, 6)
    assert changed.startswith("\x1b[1;1H") and changed.endswith("漢字ac")


class OddScreen(pyte.Screen):
    """A terminal that leaves out what it does not know, and takes a cell for each sign that stands after a letter."""

    def draw(self, data: str) -> None:
        super().draw("".join({"\u05ff": "", "\u093f": "#"}.get(character, character) for character in data))


@pytest.mark.parametrize("text", ["a\u05ffb", "ह\u093fa", "a\u05ff" * 10, "ह\u093f" * 19])
def test_what_stands_beside_text_of_another_width_stays_there(text: str) -> None:
    """Too narrow or too wide for the terminal, written again alone: the border of the next piece is where it was."""
    width = WIDTH - 2
    first, second = (Strip([Segment(each)]).adjust_cell_length(width) for each in ("x" * width, text))
    border = Strip([Segment("│║")])
    canvas, screen = Canvas(), OddScreen(WIDTH, 1)
    stream = pyte.Stream(screen)
    for strip in (first, second):
        stream.feed(canvas.draw(LayoutUpdate([[strip, border]], Region(0, 0, WIDTH, 1)), CONSOLE, WIDTH))
        assert screen.display[0].endswith("│║")
        assert strip is first or "x" not in screen.display[0]


def test_what_a_widget_shows_as_it_came_steers_nothing() -> None:
    """Textual's own widgets draw control characters, for which they count no cell."""
    hostile = [Segment("a\x1b[31mb\x1b]0;title\x07c\td\n\x9b2J\u202e"), Segment("漢")]
    width = Strip(hostile).cell_length
    drawn = Canvas().draw(LayoutUpdate([[Strip(hostile)]], Region(0, 0, width, 1)), CONSOLE, width)
    assert drawn == f"\x1b[1;1H\x1b[m\x1b[{width}X\x1b[ma[31mb]0;titlecd2J漢"
