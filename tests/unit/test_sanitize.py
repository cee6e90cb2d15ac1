from hypothesis import given
from hypothesis import strategies as st

from tui.terminal.sanitize import one_line, sanitize

DANGEROUS = {chr(code) for code in [*range(0x20), 0x7F, *range(0x80, 0xA0)]} - set("\n\t")
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_escape_sequences_become_symbols() -> None:
    assert sanitize("\x1b[31mred\x07 \x9b2J \x1b]52;c;aGk=\x07") == "␛[31mred␇ �2J ␛]52;c;aGk=␇"


def test_a_line_cannot_be_turned_around() -> None:
    assert sanitize("invoice\u202egpj.exe") == "invoice\ufffdgpj.exe"


def test_what_people_write_stays() -> None:
    text = "naïve 東京 👩‍👩‍👧 عربي עברית\n\ttab"
    assert sanitize(text) == text


@given(st.text(st.characters(codec=None, categories=None)))
def test_nothing_dangerous_is_left_and_no_position_moves(text: str) -> None:
    safe = sanitize(text)
    assert len(safe) == len(text)
    assert not set(safe) & (DANGEROUS | BIDI)
    safe.encode("utf-8")
    assert sanitize(safe) == safe


@given(st.text())
def test_a_title_is_one_line(text: str) -> None:
    assert not set(one_line(text)) & (DANGEROUS | BIDI | set("\n\t"))
