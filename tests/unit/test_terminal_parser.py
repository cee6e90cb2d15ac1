"""What the bytes of a terminal mean, in whatever pieces they come."""

from collections.abc import Iterator

import pytest
from textual import events
from textual.message import Message

from tests.unit.terminal_answers import ANSWERS
from tui.terminal.input_parser import TerminalParser
from tui.terminal.key_sequences import Typed

SILENCE = 1.1
KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1bOP": "f1",
    b"\x1b[[A": "f1",
    b"\x1b[17~": "f6",
    b"\x1b[1;5C": "ctrl+right",
    b"\x1b[3~": "delete",
    b"\x1b[3$": "shift+delete",
    b"\x1b[Z": "shift+tab",
    b"\x1b\x7f": "ctrl+w",
    b"\x1bf": "ctrl+right",
    b"\x1b\r": "alt+enter",
    b"\x1b[13;3u": "alt+enter",
    b"\x1b[13;2u": "shift+enter",
    b"\x1b[27;2;13~": "shift+enter",
    b"\x1b[27;5;106~": "ctrl+j",
    b"\x1b[27u": "escape",
    b"\x1b[1089::99;5u": "ctrl+c",  # с on a Russian layout
    b"\x1b[1081:1049:113;5u": "ctrl+q",
    b"\x1b[968::99;5u": "ctrl+c",  # ψ on a Greek one
    b"\x1b[1089::99;69u": "ctrl+c",  # and caps lock
    b"\x1b[246::59;5u": "ctrl+semicolon",
    b"\x1b[113::97;5u": "ctrl+q",  # a French layout: the letter counts where it is a Latin one
    b"\x1b[57414;1u": "enter",
    b"\x1b[1;1:1A": "up",
}


def read(*parts: bytes | float) -> list[Message | tuple[str, tuple[int, ...]]]:
    """What comes of these bytes, with so many seconds between them, and of silence at the end."""
    heard: list[Message | tuple[str, tuple[int, ...]]] = []
    parser = TerminalParser(lambda kind, numbers: heard.append((kind, numbers)))
    now = 1000.0

    def wait(until: float) -> Iterator[Message]:
        nonlocal now
        while parser.due is not None and parser.due <= until:
            now = max(now, parser.due)
            yield from parser.tick(now)

    for part in parts:
        if isinstance(part, bytes):
            heard += parser.feed(part, now)
        else:
            heard += wait(now + part)
            now += part
    heard += wait(float("inf"))
    return heard


def typed(*parts: bytes | float) -> list[str]:
    """The same, of keys, characters and pastes: names of keys in angles."""
    found: list[str] = []
    for message in read(*parts):
        if isinstance(message, events.Key):
            found.append(f"<{message.key}>")
        elif isinstance(message, events.Paste):
            found.append(f"<paste {message.text!r}>")
        elif isinstance(message, Typed):
            if found and not found[-1].startswith("<"):
                found[-1] += message.text
            else:
                found.append(message.text)
    return found


@pytest.mark.parametrize("answer", ANSWERS)
def test_nothing_of_an_answer_is_typed_wherever_it_was_cut(answer: bytes) -> None:
    assert typed(b"a" + answer + b"b") == ["ab"]
    for cut in range(1, len(answer)):
        head, tail = answer[:cut], answer[cut:]
        assert typed(b"a" + head, 0.05, tail + b"b") == ["ab"]
        assert typed(b"a", head, 0.9, tail, b"b") == (["a", "<escape>", "b"] if cut == 1 else ["ab"]), cut


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_in_single_bytes(answer: bytes) -> None:
    parts = [part for byte in answer for part in (bytes([byte]), 0.05)]
    assert typed(b"a", *parts, b"b") == ["ab"]


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a[1:2] in b"]P_^X"])
def test_an_answer_without_an_end_is_over_after_a_silence(answer: bytes) -> None:
    head = answer.rstrip(b"\x07\\\x1b")
    assert typed(head, SILENCE, b"hello\r") == ["hello", "<enter>"]


def test_an_answer_that_never_ends_is_over_after_a_while() -> None:
    endless = [part for _ in range(100) for part in (b"x" * 1000, 0.1)]
    (text,) = typed(b"\x1b]11;", *endless)
    assert set(text) == {"x"} and len(text) < 75_000
    (text,) = typed(b"\x1b[", *(part for _ in range(100) for part in (b"0" * 1000, 0.1)))
    assert set(text) == {"0"} and len(text) < 75_000


def test_the_end_of_an_answer_that_is_over_is_not_typed() -> None:
    assert typed(b"\x1b]11;rgb", SILENCE, b"\x1b\\x") == ["x"]


def test_enter_ends_an_answer_that_has_no_end() -> None:
    assert typed(b"\x1b]11;rgb:\rhello") == ["<enter>", "hello"]


def test_reports_are_told() -> None:
    assert read(b"\x1b[12;40R\x1b[?3;4R\x1b[?3;4;1R") == [("cursor", (12, 40)), ("cursor", (3, 4)), ("cursor", (3, 4))]
    assert read(b"\x1b[?62;22c\x1b[>41;390;0c\x1b[?6c\x1b[?c") == [
        *(("attributes", (62, 22)), ("attributes", (41, 390, 0)), ("attributes", (6,)), ("attributes", (0,)))
    ]


@pytest.mark.parametrize(("sequence", "key"), KEYS.items())
def test_keys_are_known_wherever_they_were_cut(sequence: bytes, key: str) -> None:
    assert typed(sequence) == [f"<{key}>"]
    for cut in range(1, len(sequence)):
        assert typed(sequence[:cut], 0.05, sequence[cut:], b"x") == [f"<{key}>", "x"]
        if cut > 1:
            assert typed(sequence[:cut], 0.9, sequence[cut:], b"x") == [f"<{key}>", "x"]


@pytest.mark.parametrize("sequence", [b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\x1b[17~", b"\x1b[200~x\x1b[201~"])
def test_the_rest_of_a_sequence_that_began_as_escape_is_not_typed(sequence: bytes) -> None:
    whole = typed(sequence)
    assert typed(b"\x1b", 0.4, sequence[1:]) == ["<escape>", *whole]


def test_where_the_cursor_is_may_be_told_before_the_rest() -> None:
    """Each painting asks, also the one that follows the Escape key."""
    place = b"\x1b[3;14R"
    assert typed(b"\x1b", 0.2, place, 0.1, b"[<0;10;5M", b"x") == ["<escape>", "x"]
    assert typed(b"\x1b", 0.2, place + place + b"]11;rgb:0/0/0\x1b\\", b"x") == ["<escape>", "x"]
    assert typed(b"\x1b", 0.2, place, b"x", b"[1;2c") == ["<escape>", "x[1;2c"]


def test_escape_alone_is_a_key_after_its_delay() -> None:
    parser = TerminalParser(lambda *_: None)
    assert list(parser.feed(b"\x1b", 5.0)) == []
    assert parser.due == pytest.approx(5.1)
    assert list(parser.tick(5.05)) == []
    (key,) = parser.tick(5.11)
    assert isinstance(key, events.Key) and key.key == "escape" and parser.due is None
    assert typed(b"\x1b", 0.3, b"k", 0.1, b"e") == ["<escape>", "ke"]
    assert typed(b"\x1b", 0.3, b"[", 0.2, b"]") == ["<escape>", "[]"]
    assert typed(b"\x1b\x1b") == ["<escape>", "<escape>"]
    assert typed(b"\x1b\x1b[A") == ["<escape>", "<up>"]
    assert typed(b"\x1b\x0ehi") == ["<escape>", "<ctrl+n>", "hi"]


def test_what_cannot_be_a_sequence_was_typed() -> None:
    assert typed(b"\x1b[j") == ["<escape>", "[j"]
    assert typed(b"\x1b[", SILENCE, b"x") == ["<escape>", "[x"]
    assert typed(b"\x1b]", SILENCE, b"x") == ["<escape>", "]x"]
    assert typed(b"\x1bO", SILENCE, b"x") == ["<escape>", "Ox"]


@pytest.mark.parametrize("sequence", [b"\x1b[12z", b"\x1b[1;2;3;4;5X", b"\x1b[=1c", b"\x1b[>x", b"\x1b[999999999999u"])
def test_what_is_not_known_is_dropped(sequence: bytes) -> None:
    assert typed(b"a" + sequence + b"b") == ["ab"]


def test_a_control_character_breaks_a_sequence_off() -> None:
    assert typed(b"\x1b[12\rx") == ["<enter>", "x"]
    assert typed(b"\x1b[12\x1b[Ax") == ["<up>", "x"]
    assert typed(b"\x1b[M\x1b[Ax") == ["<up>", "x"]


def test_between_the_marks_of_a_paste_all_is_text() -> None:
    text = "\x1b[31mERROR\x1b[0m disk full\r\x1b]11;rgb\x07\x1b[?62c\x1b[200~\x1b[20\x00é\x1b"
    whole = b"\x1b[200~" + text.encode() + b"\x1b[201~"
    for cut in range(2, len(whole)):
        assert typed(whole[:cut], 0.5, whole[cut:], b"b") == [f"<paste {text!r}>", "b"]


def test_a_paste_without_an_end_is_over_after_a_silence() -> None:
    assert typed(b"\x1b[200~one\rtwo", SILENCE, b"x\r") == ["<paste 'one\\rtwo'>", "x", "<enter>"]
    late = typed(b"\x1b[200~one\rtwo", SILENCE, b"three\rfour\x1b[201~x")
    assert late == ["<paste 'one\\rtwo'>", "<paste 'three\\rfour'>", "x"]
    assert typed(b"\x1b[201~x") == ["x"]


def test_a_long_paste_in_small_pieces() -> None:
    whole = b"\x1b[200~" + b"word \x1b " * 100_000 + b"\x1b[201~"
    parser = TerminalParser(lambda *_: None)
    found = [message for at in range(0, len(whole), 500) for message in parser.feed(whole[at : at + 500], 1.0)]
    (paste,) = found
    assert isinstance(paste, events.Paste) and len(paste.text) == 700_000


def test_bytes_that_are_no_utf8_are_latin1() -> None:
    assert typed(b"caf\xe9 ") == ["café "]
    assert typed(b"caf\xe9") == ["café"]
    assert typed(b"\x1b[200~caf\xe9 \xe9\x1b[201~") == ["<paste 'café é'>"]
    assert typed("아é€😀".encode() + b"\xff\xfe") == ["아é€😀ÿþ"]


def test_characters_cut_in_two() -> None:
    text = "é아€😀é"
    data = text.encode()
    for cut in range(1, len(data)):
        assert typed(data[:cut], 0.05, data[cut:]) == [text]


def test_keys_with_alt() -> None:
    assert typed(b"\x1bke") == ["<alt+k>", "e"]
    assert typed(b"\x1b/") == ["<alt+slash>"]
    assert typed("\x1bé".encode()) == ["<alt+é>"]


def test_kitty_spells_characters() -> None:
    assert typed(b"\x1b[97:65;2;65u") == ["A"]
    assert typed(b"\x1b[1089::99;;1089u") == ["с"]
    assert typed(b"\x1b[97;1:3u") == []  # released
    assert typed(b"\x1b[55296;;55296u") == []


def test_numbers_without_measure_are_dropped() -> None:
    many = b"9" * 5000
    for sequence in (b"\x1b[%b;1R", b"\x1b[?%bc", b"\x1b[<0;%b;1M", b"\x1b[%bu", b"\x1b[48;%b;1;1;1t", b"\x1b[1;%bA"):
        assert typed(sequence % many + b"x") == ["x"]


@pytest.mark.parametrize(
    ("answer", "color"),
    [
        (b"\x1b]11;rgb:ffff/8080/0000\x1b\\", (255, 128, 0)),
        (b"\x1b]11;rgb:ff/80/00\x07", (255, 128, 0)),
        (b"\x1b]11;rgba:f/8/0/8000\x07", (255, 136, 0)),
        *((answer, None) for answer in (b"\x1b]10;rgb:ff/ff/ff\x07", b"\x1b]11;?\x07", b"\x1b]11;rgb:ff/ff\x07")),
        (b"\x1bP11;rgb:ff/ff/ff\x07", None),
        (b"\x1b]11;rgb:" + b"f" * 100_000 + b"/ff/ff\x07", None),
    ],
)
def test_the_background_is_heard_in_whatever_pieces(answer: bytes, color: tuple[int, ...] | None) -> None:
    for size in (1, 7, len(answer)):
        heard: list[tuple[str, tuple[int, ...]]] = []
        parser = TerminalParser(lambda *said, heard=heard: heard.append(said))
        typed = [
            each for start in range(0, len(answer), size) for each in parser.feed(answer[start : start + size], 0.0)
        ]
        assert typed == [] and heard == ([("background", color)] if color else [])
