"""vi's normal mode for a text area: the motions, operators and counts that people use first."""

import re
from collections.abc import Callable
from typing import NamedTuple

from textual.widgets import TextArea

WORD = re.compile(r"\w+|[^\w\s]+")
MOST = 9999  # of a count
LONGEST = 100_000  # characters that a count puts, about


class Target(NamedTuple):
    """Where a motion goes. ``through``: an operator takes the character there too; ``lines``: whole lines."""

    place: int
    through: bool = False
    lines: bool = False


class ViKeys:
    """Places are offsets in the text. ``inserting``: keys type; else they are commands, given to ``press``."""

    def __init__(self, area: TextArea) -> None:
        self._area = area
        self.inserting = True
        self._count = ""
        self._operator = ""
        self._prefix = ""  # the first key of gg
        self._register = ""  # ends with a newline if it holds whole lines
        self._commands: dict[str, Callable[[], object]] = {
            "i": lambda: self.insert(self._place),
            "a": lambda: self.insert(min(self._place + 1, self._line_end(self._place))),
            "I": lambda: self.insert(self._first(self._place)),
            "A": lambda: self.insert(self._line_end(self._place)),
            "o": lambda: self._open(self._line_end(self._place), "\n", 1),
            "O": lambda: self._open(self._line_start(self._place), "\n", 0),
            "x": lambda: self._cut(self._place, self._place + self._times, within_line=True),
            "D": lambda: self._cut(self._place, self._line_end(self._place)),
            "C": lambda: self._change(self._place, self._line_end(self._place)),
            "p": lambda: self._put(after=True),
            "P": lambda: self._put(after=False),
            "u": self._area.undo,
            "ctrl+r": self._area.redo,
        }
        self._motions: dict[str, Callable[[int], Target]] = {
            "h": lambda at: Target(max(self._line_start(at), at - self._times)),
            "l": lambda at: Target(min(self._line_end(at), at + self._times)),
            "j": lambda at: self._vertical(at, self._times),
            "k": lambda at: self._vertical(at, -self._times),
            "w": lambda at: Target(self._repeat(self._next_word, at)),
            "b": lambda at: Target(self._repeat(self._previous_word, at)),
            "e": lambda at: Target(self._repeat(self._word_end, at), through=True),
            "0": lambda at: Target(self._line_start(at)),
            "^": lambda at: Target(self._first(at)),
            "$": lambda at: Target(self._line_end(self._vertical(at, self._times - 1).place)),
            "gg": lambda at: Target(self._line(int(self._count or 1)), lines=True),
            "G": lambda at: Target(self._line(int(self._count or MOST)), lines=True),
        }

    # ---- modes

    def escape(self) -> bool:
        """Begin the normal mode, or take a half-typed command back; False if neither is to do."""
        if not self.inserting:
            begun = bool(self._count or self._operator or self._prefix)
            self._forget()
            return begun
        self.inserting = False
        self._go(max(self._line_start(self._place), self._place - 1))
        return True

    def insert(self, place: int | None = None) -> None:
        """Begin to insert, at ``place`` or where the cursor is."""
        self.inserting = True
        if place is not None:
            self._go(place)

    # ---- keys

    def press(self, key: str, character: str | None) -> bool:
        """Carry out a key of the normal mode. False if it is none: keys that type nothing stay what they are."""
        if self.inserting or (not (character and character.isprintable()) and key != "ctrl+r"):
            return False
        name = self._prefix + (key if key == "ctrl+r" else character or "")
        self._prefix = ""
        if name.isdigit() and (name != "0" or self._count):
            self._count = str(min(int(self._count + name), MOST))
            return True
        if name == "g":
            self._prefix = name
            return True
        if name in ("d", "c", "y") and not self._operator:
            self._operator = name
            return True
        self._carry_out(name)
        self._forget()
        return True

    def _carry_out(self, name: str) -> None:
        at = self._place
        if self._operator == name:
            self._operate(Target(self._vertical(at, self._times - 1).place, lines=True))
        elif self._operator and name in self._motions:
            self._operate(self._within(name, at))
        elif self._operator:
            pass  # no motion: taken back, as in vi
        elif name in self._motions:
            self._go(self._motions[name](at).place)
            self._stay_on_line()
        elif name in self._commands:
            self._commands[name]()
            if not self.inserting:
                self._stay_on_line()

    def _within(self, name: str, at: int) -> Target:
        """The motion as an operator takes it: cw ends with the word, and dw does not take the end of the line."""
        if name in ("j", "k"):
            return self._motions[name](at)._replace(lines=True)
        if name == "w" and self._operator == "c" and self._text[at : at + 1].strip():
            return Target(self._repeat(self._word_end, at - 1), through=True)
        target = self._motions[name](at)
        if name == "w" and self._times == 1:
            target = Target(min(target.place, max(self._line_end(at), at)))
        return target

    def _operate(self, target: Target) -> None:
        operator = self._operator
        start, end = sorted((self._place, target.place))
        if target.lines:
            start, end = self._line_start(start), self._line_end(end)
        end = min(end + target.through, len(self._text))
        if operator == "y":
            self._register = self._text[start:end] + "\n" * target.lines
            self._go(start)
        elif operator == "c":
            self._change(start, end, lines=target.lines)
        elif target.lines:
            self._cut_lines(start, end)
        else:
            self._cut(start, end)
        if not self.inserting:
            self._stay_on_line()

    def _forget(self) -> None:
        self._count = self._operator = self._prefix = ""

    # ---- edits

    def _replace(self, start: int, end: int, text: str) -> None:
        self._area.replace(text, self._location(start), self._location(end), maintain_selection_offset=False)

    def _cut(self, start: int, end: int, within_line: bool = False) -> None:
        end = min(end, self._line_end(start)) if within_line else end
        if start < end:
            self._register = self._text[start:end]
            self._replace(start, end, "")
            self._go(start)

    def _cut_lines(self, start: int, end: int) -> None:
        """Cut whole lines with the line break after them, or else the one before."""
        lines = self._text[start:end] + "\n"
        last = end == len(self._text)
        self._replace(max(0, start - last), min(end + 1, len(self._text)), "")
        self._register = lines
        self._go(self._first(min(start, len(self._text))))

    def _change(self, start: int, end: int, lines: bool = False) -> None:
        self._register = self._text[start:end] + "\n" * lines
        self._replace(start, end, "")
        self.insert(start)

    def _open(self, place: int, text: str, cursor: int) -> None:
        self._replace(place, place, text)
        self.insert(place + cursor)

    def _put(self, after: bool) -> None:
        """Insert the register, ``after`` the cursor or its line, or before."""
        text, at = self._register * min(self._times, 1 + LONGEST // (len(self._register) + 1)), self._place
        if not text:
            return
        if not text.endswith("\n"):
            place = min(at + after, self._line_end(at))
            self._replace(place, place, text)
            self._go(place + len(text) - 1)
        elif after:
            place = self._line_end(at)
            self._replace(place, place, "\n" + text[:-1])
            self._go(self._first(place + 1))
        else:
            place = self._line_start(at)
            self._replace(place, place, text)
            self._go(self._first(place))

    # ---- places

    @property
    def _text(self) -> str:
        return self._area.text

    @property
    def _times(self) -> int:
        return int(self._count or 1)

    @property
    def _place(self) -> int:
        row, column = self._area.cursor_location
        return self._line(row + 1) + column

    def _location(self, place: int) -> tuple[int, int]:
        before = self._text[:place]
        return before.count("\n"), place - (before.rfind("\n") + 1)

    def _go(self, place: int) -> None:
        self._area.move_cursor(self._location(place))

    def _stay_on_line(self) -> None:
        """The cursor is on a character, not behind the last one."""
        at = self._place
        if at == self._line_end(at) > self._line_start(at):
            self._go(at - 1)

    def _line(self, number: int) -> int:
        """Start of the line, counted from 1; of the last one, if there are fewer."""
        lines = self._text.split("\n")[: max(0, number - 1)]
        whole = self._text.count("\n")
        return sum(map(len, lines[:whole])) + len(lines[:whole])

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return end if end >= 0 else len(self._text)

    def _first(self, at: int) -> int:
        """The first character of the line that is no blank."""
        start, end = self._line_start(at), self._line_end(at)
        return start + len(self._text[start:end]) - len(self._text[start:end].lstrip())

    def _vertical(self, at: int, lines: int) -> Target:
        row, column = self._location(at)
        start = self._line(max(1, row + 1 + lines))
        return Target(min(start + column, self._line_end(start)))

    def _repeat(self, step: Callable[[int], int], at: int) -> int:
        for _ in range(self._times):
            before, at = at, step(at)
            if at == before:
                break
        return at

    def _next_word(self, at: int) -> int:
        return next((found.start() for found in WORD.finditer(self._text, at) if found.start() > at), len(self._text))

    def _previous_word(self, at: int) -> int:
        return max((found.start() for found in WORD.finditer(self._text, 0, at)), default=0)

    def _word_end(self, at: int) -> int:
        last = max(len(self._text) - 1, 0)
        return next((found.end() - 1 for found in WORD.finditer(self._text, max(at, 0)) if found.end() - 1 > at), last)
