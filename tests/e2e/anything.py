"""Whatever a person may press, as a real terminal sends it: all of the key map, somewhere, and back again."""

import random
import string

from tests.e2e.terminal import KEYS
from tui.config.keymap import KEYMAP

SENT = {
    **KEYS,
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in string.ascii_lowercase},
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "delete": "\x1b[3~",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "shift+enter": "\x1b[13;2u",
    "ctrl+enter": "\x1b[13;5u",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
}
MOVES = ("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab", "shift+tab", "backspace", "enter")
MOUSE = (
    "\x1b[<64;30;10M",
    "\x1b[<65;30;10M",
    "\x1b[<0;40;8M\x1b[<0;40;8m",
    "\x1b[<0;80;5M\x1b[<32;80;15M\x1b[<0;80;15m",
)
PASTE = "\x1b[200~" + "\r".join(f"line {number}" for number in range(60)) + "\x1b[201~"
# Where there is nothing to undo it leaves the terminal, until a shell brings it back.
SUSPEND = "\x1a"
# These end the program, or lose what the tests look for: they are pressed by tests of their own.
NEVER = {"quit": "ctrl+q", "copy_or_quit": "ctrl+c", "delete_session": "d,delete"}
WAYS = {
    "anywhere": ("",),
    "input": ("word ", "/he"),
    "messages": (KEYS["escape"],),
    "story": (KEYS["ctrl+t"],),
    "sessions": (KEYS["ctrl+o"],),
}


def pressed(key: str) -> str:
    """What a terminal sends for it."""
    return SENT.get(key, key)


def anything(chance: random.Random, count: int = 6) -> list[str]:
    """Go somewhere, press what has a meaning there and what has one everywhere, and leave: what is to be sent."""
    where = chance.choice(list(WAYS))
    keys = [key for each in KEYMAP if each.where == where and each.id not in NEVER for key in each.keys.split(",")]
    chosen = [chance.choice([*keys, chance.choice(MOVES)]) for _ in range(count)]
    extra = chance.choice([[], [chance.choice(MOUSE)], [PASTE]])
    return [chance.choice(WAYS[where]), *map(pressed, chosen), *extra, *[KEYS["escape"]] * 3]


def everything() -> list[str]:
    """Press each key once, where it has a meaning, and leave each time: what is to be sent."""
    return [
        sent
        for each in KEYMAP
        if each.where in WAYS and each.id not in NEVER
        for key in each.keys.split(",")
        for way in WAYS[each.where]
        for sent in (way, pressed(key), *[KEYS["escape"]] * 3)
        if sent and sent != SUSPEND
    ]
