"""Meaning of complete sequences and characters, with Textual's key names."""

import re
from collections.abc import Callable, Iterator

from textual import constants, events, messages
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.message import Message

from tui.terminal.escape_sequences import text_of
from tui.terminal.key_names import character_to_key
from tui.terminal.textual_internals import IS_ITERM, XTermParser, key_events

Answered = Callable[[str, tuple[int, ...]], object]
"""Callback for responses: "cursor", row and column; "attributes" and numbers; "background", red, green and blue of 255.

Called by the input thread.
"""

_REPORT = re.compile(rb"\x1b\[(?:\??(?P<cursor>\d+;\d+)(?:;\d+)?R|[?>](?P<attributes>[\d;]*)c)\Z")
_MODE = re.compile(rb"\x1b\[\?(\d+);(\d+)\$y\Z")
_RESIZED = re.compile(rb"\x1b\[48" + rb";(\d{1,4})(?::\d*)*" * 4 + rb"t\Z")
_BACKGROUND = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/|\x1b\\|\x07)")
_BARE = re.compile(rb"\x1b(?:\[[^M]|O\d?.)\Z")
# Kitty protocol: code point, shifted, base layout; modifiers and event; text.
_KEY = re.compile(
    r"\x1b\[(?P<code>\d+)(?::\d*)?(?::(?P<base>\d*))?(?:;(?P<modifiers>\d*)(?::(?P<event>\d*))?)?"
    r"(?:;(?P<text>[\d:]*))?(?P<end>[u~A-FHP-S])\Z"
)
# Terminal modes: synchronised output; in-band resize reports.
AT_ONCE, IN_BAND_SIZES = 2026, 2048
_RELEASED = "3"
_COMMANDING = 0b111110  # bits of alt, ctrl, super, hyper and meta
_FUNCTIONAL = range(57344, 63744)  # code points of non-text keys


class Typed(events.Event, bubble=False):
    """Typed characters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def key_for(character: str) -> events.Key:
    """Textual's key event for a character."""
    name = character if character.isalnum() else character_to_key(character)
    return events.Key(KEY_NAME_REPLACEMENTS.get(name, name), character)


class Sequences:
    """``answered``: callback for responses."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._tells_sizes = False
        self._tables = XTermParser()  # for key names and pixel coordinates

    def typed(self, data: bytes) -> Iterator[Message]:
        """Events for characters and control keys."""
        for part in re.split(r"([\x00-\x1f\x7f])", text_of(data)):
            if len(part) == 1 and (part < " " or part == "\x7f"):
                yield from self._keys(part)
            elif text := re.sub("[\x80-\x9f]", "", part):
                yield Typed(text)

    def alt(self, data: bytes) -> Iterator[Message]:
        """Events for Alt+character; only some control characters support it."""
        character = text_of(data)
        if known := list(self._keys("\x1b" + character)):
            yield from known
        elif character == "\r":
            yield events.Key("alt+enter", None)
        elif character.isprintable():
            for key in self._keys(character):
                yield events.Key(f"alt+{key.key}", character)

    def meant(self, sequence: bytes) -> Iterator[Message]:
        """Events for a complete sequence: key, mouse or response."""
        if report := _REPORT.match(sequence):
            kind = report.lastgroup or ""
            self._answered(kind, tuple(int(number or 0) for number in report[kind].split(b";")))
        elif mode := _MODE.match(sequence):
            self._tells_sizes |= int(mode[1]) == IN_BAND_SIZES
            yield from _mode(int(mode[1]), int(mode[2]))
        elif (resized := _RESIZED.match(sequence)) and self._tells_sizes:
            yield self._resized(*map(int, resized.groups()))
        elif sequence == b"\x1b[I":
            yield events.AppFocus()
        elif sequence == b"\x1b[O":
            yield events.AppBlur()
        elif sequence.startswith(b"\x1b[<"):
            if event := self._tables.parse_mouse_code(sequence.decode()):
                yield event
        elif keys := list(self._keys(sequence.decode("latin-1"))):
            yield from map(_as_typed, keys)
        elif _BARE.match(sequence):  # neither response nor key: typed literally
            yield from self.typed(sequence)

    def said(self, response: bytes) -> None:
        """Handle a string response."""
        if background := _BACKGROUND.match(response):
            parts = background.groups()
            self._answered("background", tuple(int(part, 16) * 255 // (16 ** len(part) - 1) for part in parts))

    def _resized(self, height: int, width: int, pixel_height: int, pixel_width: int) -> events.Resize:
        event = events.Resize.from_dimensions((width, height), (pixel_width, pixel_height))
        self._tables.terminal_size, self._tables.terminal_pixel_size = event.size, event.pixel_size
        self._tables.mouse_pixels = True
        return event

    def _keys(self, sequence: str) -> Iterator[events.Key]:
        if key := _KEY.match(sequence):
            if key["event"] == _RELEASED:
                return
            sequence = _plain(key)
        try:
            keys = list(key_events(self._tables, sequence))
        except (ValueError, OverflowError):  # invalid code point
            return
        for each in keys:
            if each.key != Keys.Ignore and not re.match("[\ud800-\udfff]", each.character or ""):
                yield each


def _as_typed(key: events.Key) -> Message:
    """Events of a Kitty protocol sequence."""
    character = key.character
    return Typed(character) if character and character.isprintable() and key_for(character).key == key.key else key


def _plain(key: re.Match[str]) -> str:
    """Textual's key. Shortcuts on non-Latin layouts use the base layout's key."""
    code, modifiers, text, end = key["code"], key["modifiers"] or "", key["text"] or "", key["end"]
    if (code, end) == ("27", "~") and text:  # xterm's modifyOtherKeys
        return f"\x1b[{text};{modifiers}u"
    if ":" not in key[0]:
        return key[0]
    commands = int(modifiers or 1) - 1 & _COMMANDING
    if commands and key["base"] and end == "u" and int(code) > 127 and int(code) not in _FUNCTIONAL:
        code = key["base"]
    return f"\x1b[{code};{modifiers};{text}{end}"


def _mode(number: int, setting: int) -> Iterator[Message]:
    """Handle Textual's queries: synchronised output, in-band resize."""
    if number == AT_ONCE and setting > 0:
        yield messages.TerminalSupportsSynchronizedOutput()
    elif number == IN_BAND_SIZES and constants.SMOOTH_SCROLL and not IS_ITERM:
        yield messages.InBandWindowResize.from_setting_parameter(setting)
