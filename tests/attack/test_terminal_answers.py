"""Bytes that nobody typed, between words that somebody did: answers of terminals, pastes, and anything else."""

import random
import time
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.attack.sent_messages import said, settle_config, wait_for
from tests.attack.typist import GAPS
from tests.e2e.talking import LOADED, PROGRAM
from tests.e2e.terminal import Terminal
from tests.unit.terminal_answers import ANSWERS
from tui.config.settings import load_settings
from tui.terminal.input_parser import TerminalParser
from tui.terminal.key_sequences import Typed

pytestmark = pytest.mark.e2e
PIECES = [
    *(
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x1bO",
        b"\x1b_",
        b"[",
        b"]",
        b"O",
        b"M",
        b"<",
        b"?",
        b">",
        b";",
        b":",
        b"$",
    ),
    *(
        b"0",
        b"1",
        b"27",
        b"200~",
        b"201~",
        b"9" * 40,
        b"9" * 5000,
        b"u",
        b"R",
        b"c",
        b"t",
        b"m",
        b"y",
        b"~",
        b"\\",
        b"\x07",
    ),
    *(
        b"\r",
        b"\n",
        b"\x7f",
        b"\x00",
        b"\x9b",
        b"\xff",
        b"\xe9",
        "아".encode(),
        "😀".encode()[:2],
        b"hello",
        b"48;24;80;1;1",
    ),
    *ANSWERS,
]


def test_any_bytes_leave_the_parser_sound(attack: Attack, rounds: int) -> None:
    """Whatever came, after a silence what is typed is typed."""
    for number in range(1000 * rounds):
        chance = random.Random(f"bytes {number}")
        parser = TerminalParser(lambda *_: None)
        now = 0.0
        with attack("bytes"):
            for _ in range(chance.randrange(1, 12)):
                data = b"".join(chance.choices(PIECES, k=chance.randrange(1, 5)))
                list(parser.feed(data, now))
                now += chance.choice((0.0, 0.05, 0.2, 2.0))
                list(parser.tick(now))
            while parser.due is not None:
                now = max(now, parser.due)
                list(parser.tick(now))
            now += 2.0
            (typed,) = parser.feed(b"typed", now)
            assert isinstance(typed, Typed) and typed.text == "typed"


# What is pasted, and what becomes of it.
PASTES = [
    b"\x1b[31mERROR \x1b[0m disk full\rsecond line\r\nthird",
    b"caf\xe9 \xff\x00 \x1b]11;?\x07 \x1b[?1049l",
    b"\x1b[200~ nested \x1b[20",
    b"\x03\x11\x1a\x0e\x10 control keys",
]


@pytest.mark.slow
def test_nothing_that_a_terminal_says_is_typed(brief_model: Path, home: Path, attack: Attack, rounds: int) -> None:
    """Answers cut anywhere, bytes that are no UTF-8, and pastes with anything in them, between words that are typed."""
    settle_config(home)
    file = load_settings().db
    with Terminal([PROGRAM, "--model", str(brief_model)], 24, 80) as terminal:
        terminal.until(LOADED)
        expected: list[str] = []
        for number in range(12 * rounds):
            chance = random.Random(f"answers {number}")
            expected.append("")
            for _ in range(3):
                with attack("answers"):
                    answer = chance.choice([*ANSWERS, b"\x1b[<0;300;300M\x1b[<0;300;300m"])
                    cut = chance.randrange(2, len(answer))  # Escape alone may be the key, on a busy machine
                    for part in (b"ab", answer[:cut], answer[cut:], b"c"):
                        terminal.send(part)
                        time.sleep(chance.choice(GAPS))
                expected[-1] += "abc"
            with attack("pastes"):
                paste = chance.choice(PASTES)
                whole = b"\x1b[200~" + paste + b"\x1b[201~"
                cut = chance.randrange(1, len(whole))
                for part in (whole[:cut], whole[cut:], b"\xe9\xe9 ", b"\r"):
                    terminal.send(part)
                    time.sleep(chance.choice(GAPS))
                expected[-1] += paste.decode("utf-8", "latin-1").replace("\r\n", "\n").replace("\r", "\n") + "éé "
                wait_for(terminal, lambda found: said(found) == [expected], file, f"{expected[-1]!r} of {paste!r}")
