"""A small model of the program: somebody who types, and knows what should come of it."""

import random
import re

GAPS = (0.0, 0.0, 0.0, 0.001, 0.01, 0.02, 0.05)  # seconds between packets
WORD = re.compile(r"(?<=\W)(?=\w)|(?<=\w)(?=\W)")  # as Textual's text area has it
LETTERS = "abcdefghijklmnopqrstuvwxyz아안é"
SYLLABLE = ("ㅇ", "\x7f아", "\x7f안")  # as an input method rewrites it
BACKSPACE, DELETE, LEFT, RIGHT, HOME, END = "\x7f", "\x1b[3~", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F"
NEW_LINE, DELETE_WORD, DELETE_LINE = "\n", "\x17", "\x15"
F2, F3, F4, F6 = "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[17~"
ESCAPE = "\x1b[27u"  # as Kitty's protocol spells it: alone, Escape needs a pause behind it


class Line:
    """A model of the input, or of a field with one row: what these keys make of its text."""

    def __init__(self, text: str = "", one_row: bool = False) -> None:
        self.text, self.place, self.one_row = text, len(text), one_row

    def press(self, key: str) -> None:
        start, stop = self.text.rfind("\n", 0, self.place) + 1, self.text.find("\n", self.place)
        if key == BACKSPACE:
            self._delete(self.place - 1, self.place)
        elif key == DELETE:
            self._delete(self.place, self.place + 1)
        elif key == LEFT:
            self.place = max(0, self.place - 1)
        elif key == RIGHT:
            self.place = min(len(self.text), self.place + 1)
        elif key == HOME:
            self.place = start
        elif key == END:
            self.place = stop if stop >= 0 else len(self.text)
        elif key == DELETE_LINE:
            self._delete(0, self.place if self.one_row else len(self.text))
        elif key == DELETE_WORD:
            words = [found.start() for found in WORD.finditer(self.text[start : self.place].rstrip())]
            self._delete(start + (words[-1] if words else 0) if self.place > start else self.place - 1, self.place)
        else:
            self.text = self.text[: self.place] + key + self.text[self.place :]
            self.place += len(key)

    def _delete(self, start: int, stop: int) -> None:
        start = max(0, start)
        self.text = self.text[:start] + self.text[stop:]
        self.place = start


class Someone:
    """Does what a person does, and knows what should come of it. ``keys`` wait to be sent."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.keys: list[str] = []
        self.sessions: list[list[str]] = [[]]  # the messages of each
        self.titles: dict[int, str] = {}
        self.sampling: dict[int, dict[str, float]] = {}
        self.current = 0
        self.count = 0

    def type(self, text: str) -> None:
        self.keys += text

    def word(self) -> str:
        """One that is nowhere else."""
        self.count += 1
        return f"w{self.count:03}" + "".join(self.chance.choices("abcdefgh", k=3))

    def write(self, line: Line, lines: bool = True) -> None:
        """Type and change one's mind."""
        moves = [BACKSPACE, BACKSPACE, DELETE, LEFT, RIGHT, HOME, END, DELETE_WORD, DELETE_LINE]
        for _ in range(self.chance.randrange(1, 25)):
            kind = self.chance.random()
            if kind < 0.5:
                keys = self.chance.choices(LETTERS + "   ", k=self.chance.randrange(1, 6))
            elif kind < 0.6:
                keys = [SYLLABLE[0], *SYLLABLE[1], *SYLLABLE[2]]
            else:
                keys = [self.chance.choice(moves + [NEW_LINE] * lines)]
            for key in keys:
                if len(line.text) < 60 or key in moves:
                    line.press(key)
                    self.keys.append(key)

    def send(self, line: Line) -> None:
        last = self.word()  # so that there is something to send
        for key in [END, *last]:
            line.press(key)
            self.keys.append(key)
        self.type("\r")
        self.sessions[self.current].append(line.text)

    # ---- blocks

    def messages(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            line = Line()
            self.write(line)
            self.send(line)

    def lines(self) -> None:
        """A paste without brackets."""
        for _ in range(3):
            text = self.word() + " line"
            self.type(text + "\r")
            self.sessions[self.current].append(text)

    def new_session(self) -> None:
        self.keys.append("\x0e")
        if self.sessions[self.current]:
            self.sessions.append([])
            self.current = len(self.sessions) - 1
        self.messages()

    def rename(self) -> None:
        line = Line(one_row=True)
        self.keys += [F2, DELETE_LINE]
        self.write(line, lines=False)
        name = self.word()
        self.keys += [END, *name, "\r"]
        for key in [END, *name]:
            line.press(key)
        self.titles[self.current] = line.text.strip()
        self.messages()

    def settings(self) -> None:
        temperature, top_k = self.chance.randrange(1, 20) / 10, self.chance.randrange(1, 99)
        self.keys += [F6, "\t", DELETE_LINE, *str(temperature), "\t", DELETE_LINE, *"7", BACKSPACE, *str(top_k), "\r"]
        self.sampling[self.current] = {"temperature": temperature, "top_k": top_k}
        self.messages()

    def palette(self) -> None:
        self.keys += ["\x10", *"new sesion", BACKSPACE, BACKSPACE, BACKSPACE, *"sion", "\r"]
        if self.sessions[self.current]:
            self.sessions.append([])
            self.current = len(self.sessions) - 1
        self.messages()

    def search(self) -> None:
        """Find a message, and send it changed."""
        session = self.chance.choice([index for index, texts in enumerate(self.sessions) if texts])
        text = self.sessions[session][-1]
        self.keys += [F3, *text.split()[-1], "\r", "e"]
        self.current = session
        self.send(Line(text))

    def history(self) -> None:
        """Send again what was said before, changed."""
        text = self.chance.choice([texts for texts in self.sessions if texts])[-1]
        self.keys += ["\x12", *text.split()[-1], "\r"]
        self.send(Line(text))

    def find(self) -> None:
        """What is typed there goes nowhere else."""
        self.keys += ["\x10", *"find in session", "\r", *"nothing", BACKSPACE, "\r", "n", "\x0e"]
        self.sessions.append([])
        self.current = len(self.sessions) - 1
        self.messages()

    def models(self) -> None:
        """Looks at them, takes none."""
        self.keys += [F4, *"story", BACKSPACE, "\t", "\x1b[B", ESCAPE]
        self.messages()
