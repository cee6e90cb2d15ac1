"""Keys in random packets and gaps, sent to the real program and to a small model of it: the same comes of them.

Each block is what a person does in one go: writes a message, renames, searches, chooses from a list. What it leads to
is read from the database.
"""

import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.e2e.talking import LOADED, PROGRAM, conversations, quit_program
from tests.e2e.terminal import PATIENCE, Terminal
from tests.tiny_model import make_tiny_model
from tests.unit.test_terminal_parser import ANSWERS
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.terminal.input_parser import TerminalParser
from tui.terminal.key_sequences import Typed

pytestmark = pytest.mark.e2e
GAPS = (0.0, 0.0, 0.0, 0.001, 0.01, 0.02, 0.05)
BLOCKS = 14
WORD = re.compile(r"(?<=\W)(?=\w)|(?<=\w)(?=\W)")  # as Textual's text area has it
LETTERS = "abcdefghijklmnopqrstuvwxyz아안é"
SYLLABLE = ("ㅇ", "\x7f아", "\x7f안")  # as an input method rewrites it
BACKSPACE, DELETE, LEFT, RIGHT, HOME, END = "\x7f", "\x1b[3~", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F"
NEW_LINE, DELETE_WORD, DELETE_LINE = "\n", "\x17", "\x15"
F2, F3, F4, F6 = "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[17~"
ESCAPE = "\x1b[27u"  # as Kitty's protocol spells it: alone, Escape needs a pause behind it


class Line:
    """A model of a text area: what these keys make of its text."""

    def __init__(self, text: str = "") -> None:
        self.text, self.place = text, len(text)

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
            self._delete(min(start, self.place - 1), self.place)
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
        line = Line()
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


def packets(keys: list[str], chance: random.Random) -> list[bytes]:
    """What comes at once: some keys, and never Escape without what belongs to it."""
    found: list[bytes] = []
    size = chance.choice((1, 2, 5, 1000))
    left = list(keys)
    while left:
        count = chance.randrange(1, size + 1)
        packet, left = "".join(left[:count]).encode(), left[count:]
        cut = chance.randrange(len(packet) + 1)
        if 0 < cut < len(packet) and not packet[:cut].endswith(b"\x1b") and chance.random() < 0.3:
            found.append(packet[:cut])
            packet = packet[cut:]
        found.append(packet)
    return found


def wait_for(terminal: Terminal, expected: Callable[[list[Conversation]], object], file: Path, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        for _ in range(10):
            terminal.pump(0.02)
        if file.exists() and expected(conversations(file)):
            return
        assert time.monotonic() < end, f"{what}\nThere is:\n{said(conversations(file))}\n{terminal.text}"


def said(all: list[Conversation]) -> list[list[str]]:
    """What was sent, by session, in the order in which it was."""
    return [
        texts
        for each in sorted(all, key=lambda one: one.created)
        if (texts := [node.text for node in each.tree if node.role == "user"])
    ]


def as_meant(someone: Someone, all: list[Conversation]) -> bool:
    """Whether the database has what was done, and no reply is being written."""
    begun = [index for index, texts in enumerate(someone.sessions) if texts]
    if said(all) != [someone.sessions[index] for index in begun]:
        return False
    found = [
        each for each in sorted(all, key=lambda one: one.created) if any(node.role == "user" for node in each.tree)
    ]
    return all_of(someone, dict(zip(begun, found, strict=True)))


def all_of(someone: Someone, sessions: dict[int, Conversation]) -> bool:
    return (
        all(node.outcome for each in sessions.values() for node in each.tree if node.role == "assistant")
        and all(each.title == someone.titles.get(index, "") for index, each in sessions.items())
        and all(
            each.settings.get("sampling", {}) == someone.sampling.get(index, {}) for index, each in sessions.items()
        )
    )


@pytest.fixture(scope="module")
def brief_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "brief", max_position_embeddings=8192)


def settle_config(home: Path) -> None:
    """Replies of one token."""
    config = home / "config" / "llm-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("max_tokens = 1\n")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_keys_are_carried_out_in_their_order(
    brief_model: Path, home: Path, attack: Attack, rounds: int, seed: int
) -> None:
    settle_config(home)
    file = load_settings().db
    for number in range(rounds):
        chance = random.Random(f"{seed} {number}")
        someone = Someone(chance)
        blocks = [someone.messages, someone.lines, someone.new_session, someone.rename, someone.settings]
        blocks += [someone.palette, someone.search, someone.history, someone.find, someone.models]
        order = [someone.messages, *chance.sample(blocks, len(blocks)), *chance.choices(blocks, k=BLOCKS - len(blocks))]
        file.unlink(missing_ok=True)
        with Terminal([PROGRAM, "--model", str(brief_model)], 24, 80) as terminal:
            terminal.until(LOADED)
            for block in order:
                block()
                sent = packets(someone.keys, chance)
                with attack("keys"):
                    for packet in sent:
                        terminal.send(packet)
                        terminal.pump(0.001)
                        time.sleep(chance.choice(GAPS))
                    what = f"{block.__name__} of {sent} was to lead to:\n{someone.sessions}"
                    wait_for(terminal, lambda found, someone=someone: as_meant(someone, found), file, what)
                someone.keys.clear()


# What was carried out in another order once, and the messages that are meant.
BURSTS = {
    "hello\x7f\x7fp!\r": ["help!"],
    "one two\x17three\r": ["one three"],
    "line 0\rline 1\rline 2\r": ["line 0", "line 1", "line 2"],
    "ㅇ\x7f아\x7f안녕\r": ["안녕"],
    "first\nsecond\x1b[A\x1b[Hthe \r": ["the first\nsecond"],
    "gone\x15here\x1b[D\x1b[D\x1b[D\x1b[3~\x1b[H(\x1b[F)\r": ["(hre)"],
    "four\x1b\rlines\x1b[13;2uof\x1b[13;3utext\r": ["four\nlines\nof\ntext"],
    "\x1b[97;;97u\x1b[98;;98u\x1b[127u\x1b[99;;99u\x1b[13u": ["ac"],
}


def burst(terminal: Terminal, keys: str, gap: float) -> None:
    for key in re.findall(r"\x1b\[[\d;]*[A-Za-z~]|\x1b.|.|\n", keys) if gap else [keys]:
        terminal.send(key)
        time.sleep(gap)


@pytest.mark.parametrize("gap", [0.0, pytest.param(0.02, marks=pytest.mark.slow)])
def test_bursts_of_keys(brief_model: Path, home: Path, attack: Attack, gap: float) -> None:
    settle_config(home)
    file = load_settings().db
    with Terminal([PROGRAM, "--model", str(brief_model)], 24, 80) as terminal:
        terminal.until(LOADED)
        expected: list[str] = []
        for keys, meant in BURSTS.items():
            with attack("bursts"):
                burst(terminal, keys, gap)
                expected += meant
                wait_for(terminal, partial(_said_in_one, expected), file, f"{keys!r} was to say {meant}")
        with attack("bursts"):  # what was not sent stays where it was written
            burst(terminal, "hi\x0ehello\x7fo\r", gap)
            wait_for(terminal, lambda found: said(found)[-1] == ["hello"], file, "a new session")
            wait_for(terminal, lambda found: "hi" in [each.draft for each in found], file, "a draft")
        with attack("bursts"):  # a story, and back
            burst(terminal, "\x14Once\x7f\x7fce upno\x7f\x7fon\ra time\x14back\r", gap)
            wait_for(terminal, lambda found: "back" in said(found)[-1], file, "a story and a chat")
            wait_for(terminal, lambda found: "Once upon\na time" in [each.draft for each in found], file, "a story")
        quit_program(terminal)
    with Terminal([PROGRAM], 24, 80) as terminal:
        terminal.until(LOADED)
        with attack("bursts"):  # Escape, to the message before, and into it: in one packet
            terminal.send("\x1bke indeed\r")
            wait_for(terminal, lambda found: "back indeed" in said(found)[-1], file, "an edited message")


def _said_in_one(texts: list[str], found: list[Conversation]) -> bool:
    return said(found) == [texts]


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
