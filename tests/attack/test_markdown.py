"""Markdown and code made to keep the interface busy: each line takes a bounded time, and its text is drawn."""

import random
import time

import pytest
from pygments.lexers import get_all_lexers

from tests.attack.code import CODE_STARTS, MARKDOWN_STARTS, UNITS
from tests.attack.conftest import Attack
from tui.actions.slash_commands import TYPED
from tui.markdown import highlight
from tui.markdown.document import LONGEST_LINE, Document
from tui.markdown.latex_symbols import SYMBOLS
from tui.terminal.sanitize import sanitize

# Processor seconds. What is meant to be a tenth of a second may be much more on a poor machine; a line that is read
# in a time that grows with its square or worse takes minutes.
HANGING = 3.0
FORMULA_COMMANDS = (
    "frac",
    "sqrt",
    "begin{pmatrix}",
    "end{pmatrix}",
    "left",
    "not",
    "hat",
    "mathbb",
    "text",
    "tag",
    "\\",
)


@pytest.fixture(autouse=True)
def no_strikes() -> None:
    highlight._STRIKES.clear()


def draw(text: str) -> tuple[Document, float]:
    begun = time.thread_time()
    document = Document(80, text)
    document.append("x")
    document.finish()
    return document, time.thread_time() - begun


def test_every_language_gives_up_in_time(attack: Attack, rounds: int) -> None:
    chance = random.Random(11)
    languages = sorted(names[0] for _, names, _, _ in get_all_lexers(plugins=False) if names)
    known = [("tads3", "extern //" + "\\" * 60), ("easytrieve", "\t" * 600), ("systemd", "(" + "\t" * 600)]
    tried = [(language, chance.choice(CODE_STARTS) + chance.choice(UNITS) * 300) for language in languages]
    for language, line in [*known, *chance.sample(tried, min(len(tried), 60 * rounds))]:
        with attack("markdown: languages"):
            document, seconds = draw(f"```{language}\n{line}\n```\nafter")
            assert seconds < HANGING, (language, line[:20])
            assert document.rows[-1].text == "afterx"


@pytest.mark.slow
def test_no_line_of_markdown_takes_long(attack: Attack, rounds: int) -> None:
    chance = random.Random(12)
    every = [start + unit * ((LONGEST_LINE - 20) // len(unit)) for start in MARKDOWN_STARTS for unit in UNITS]
    for line in [">>" * 900, "# x " + "\t" * 1900, "*a " * 600, *chance.sample(every, min(len(every), 40 * rounds))]:
        with attack("markdown: lines"):
            assert draw(line)[1] < HANGING, line[:20]


def test_no_formula_takes_long(attack: Attack, rounds: int) -> None:
    chance = random.Random(14)
    commands = [
        *"{}^_&$[] x2",
        "\\(",
        "\\[",
        "\\]",
        "\\)",
        "$$",
        *(f"\\{name}" for name in (*FORMULA_COMMANDS, *SYMBOLS)),
    ]
    for _ in range(100 * rounds):
        with attack("markdown: formulas"):
            pieces = chance.choices(commands, k=chance.choice((3, 40, 600)))
            if chance.random() < 0.5:
                pieces = [chance.choice(("\\(", "\\[", "$$", "$")), *pieces[:3] * (len(pieces) // 3)]
            document, seconds = draw("".join(pieces))
            assert seconds < HANGING, pieces[:6]
            assert [row for row in document.rows if sanitize(row.text) != row.text or set(row.text) & set("\n\t")] == []


def test_what_is_drawn_is_safe_whatever_entities_and_breaks_say(attack: Attack, rounds: int) -> None:
    chance = random.Random(13)
    pieces = [
        "&#27;",
        "&#x1b;",
        "&#x9b;",
        "&#x202e;",
        "&NewLine;",
        "&Tab;",
        "&#10;",
        "&#13;",
        "&lrm;",
        "&zwj;",
        "<br>",
        "*",
    ]
    for _ in range(200 * rounds):
        with attack("markdown: entities"):
            text = "".join(chance.choices([*pieces, "|", "a", "`", "\n", "# ", "[x](", ")"], k=12))
            for row in draw(text)[0].rows:
                assert sanitize(row.text) == row.text and not set(row.text) & set("\n\t")


@pytest.mark.parametrize("text", ["/a x" + " " * 50_000 + "y", "/a" + " x" * 50_000, "/a" + " " * 50_000 + "\x00"])
def test_a_long_message_is_known_to_be_no_command_at_once(text: str) -> None:
    begun = time.thread_time()
    match = TYPED.fullmatch(text)
    assert time.thread_time() - begun < HANGING
    assert match and match["name"] == "a"
