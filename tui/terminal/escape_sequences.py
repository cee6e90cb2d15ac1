"""Grammar of terminal input: escape sequences and text encoding."""

import codecs
import re

ESC = b"\x1b"
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"

# Complete sequences, including the special forms of the Linux console (F1 to F5), of rxvt (Shift), of X10 mouse reports
# (three arbitrary bytes) and a stray string terminator.
SEQUENCE = re.compile(rb"\x1b(?:\[(?:\[[A-E]|\d+\$|M[^\x1b]{3}|(?![\[M])[ -?]*[@-~])|O\d?[ -/:-~]|\\)", re.DOTALL)
# Prefixes of sequences.
BEGUN = re.compile(rb"\x1b(?:\[(?:\[|M[^\x1b]{0,2}|[ -?]*)|O\d?|)\Z", re.DOTALL)
# Truncated sequences.
BROKEN = re.compile(rb"\x1b\[(?:M[^\x1b]{0,2}|[ -?]+)", re.DOTALL)
# String responses (OSC, DCS, APC, PM, SOS). They contain no control characters, so any of these ends them.
STRING = re.compile(rb"\x1b[]P_^X]")
STRING_END = re.compile(rb"\x07|\x1b\\|(?=[\x00-\x06\x08-\x1a\x1c-\x1f])|(?=\x1b[^\\])")
# Remainder of a sequence whose ESC was taken for the Escape key; not typed within one read.
LATE = re.compile(
    rb"\[(?:[<=>?]?\d[\d;:]*(?:[ -/]*[@-~]|\Z)|[<=>?M]|[A-DFHIOZ]\Z)|O[A-DFHP-S]\Z|\]\d|P[01]?[!$+>]|_G"
    rb"|[]P_^X][^\x00-\x1f]*(?:\x07|\x1b\\)"
)

# Cursor position reports, which answer each frame and may precede other input.
PLACES = re.compile(rb"(?:\x1b\[\d+;\d+R)*")


def _latin1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin-1", _latin1)


def text_of(data: bytes) -> str:
    """Decode UTF-8, with Latin-1 for invalid bytes (old terminals)."""
    return data.decode("utf-8", "latin-1")


def length_of_character(lead: int) -> int:
    """Length of the UTF-8 character with this lead byte."""
    return 2 if lead & 0xE0 == 0xC0 else 3 if lead & 0xF0 == 0xE0 else 4 if lead & 0xF8 == 0xF0 else 1


def whole_characters(data: bytes | bytearray) -> int:
    """Number of bytes that form complete characters."""
    for back in range(1, min(4, len(data) + 1)):
        if data[-back] & 0xC0 != 0x80:
            return len(data) - (back if length_of_character(data[-back]) > back else 0)
    return len(data)
