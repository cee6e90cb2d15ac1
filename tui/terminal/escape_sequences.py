"""The grammar of what a terminal sends: where a sequence ends, and what text its bytes are."""

import codecs
import re

ESC = b"\x1b"
PASTE, PASTE_END = b"\x1b[200~", b"\x1b[201~"

# Control sequences. The console's F1 to F5 and rxvt's keys with Shift end as no other does; a mouse report of the
# oldest kind has three more bytes, whatever these are; the end of an answer that is over belongs to nothing.
SEQUENCE = re.compile(rb"\x1b(?:\[(?:\[[A-E]|\d+\$|M[^\x1b]{3}|(?![\[M])[ -?]*[@-~])|O\d?[ -/:-~]|\\)", re.DOTALL)
# What may become one.
BEGUN = re.compile(rb"\x1b(?:\[(?:\[|M[^\x1b]{0,2}|[ -?]*)|O\d?|)\Z", re.DOTALL)
# What can only have been one, had it gone on.
BROKEN = re.compile(rb"\x1b\[(?:M[^\x1b]{0,2}|[ -?]+)", re.DOTALL)
# Answers in words, as to a question for a colour or a name: OSC, DCS, APC, PM, SOS. There are no control characters in
# them, so any ends them.
STRING = re.compile(rb"\x1b[]P_^X]")
STRING_END = re.compile(rb"\x07|\x1b\\|(?=[\x00-\x06\x08-\x1a\x1c-\x1f])|(?=\x1b[^\\])")
# The rest of a sequence whose first byte was taken for the Escape key. Nobody types this at once.
LATE = re.compile(
    rb"\[(?:[<=>?]?\d[\d;:]*(?:[ -/]*[@-~]|\Z)|[<=>?M]|[A-DFHIOZ]\Z)|O[A-DFHP-S]\Z|\]\d|P[01]?[!$+>]|_G"
    rb"|[]P_^X][^\x00-\x1f]*(?:\x07|\x1b\\)"
)

# Where the cursor is: each painting asks, so that this comes between a key and what is typed next.
PLACES = re.compile(rb"(?:\x1b\[\d+;\d+R)*")


def _latin1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin-1", _latin1)


def text_of(data: bytes) -> str:
    """What was typed or pasted: UTF-8, and where it is not, Latin-1, as older terminals send it."""
    return data.decode("utf-8", "latin-1")


def length_of_character(lead: int) -> int:
    """How many bytes a character has that begins with this one."""
    return 2 if lead & 0xE0 == 0xC0 else 3 if lead & 0xF0 == 0xE0 else 4 if lead & 0xF8 == 0xF0 else 1


def whole_characters(data: bytes | bytearray) -> int:
    """How many of the bytes are whole characters: the last one may still be on its way."""
    for back in range(1, min(4, len(data) + 1)):
        if data[-back] & 0xC0 != 0x80:
            return len(data) - (back if length_of_character(data[-back]) > back else 0)
    return len(data)
