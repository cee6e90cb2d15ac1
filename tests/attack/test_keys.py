"""Keys in random packets and gaps, sent to the real program and to a small model of it: the same comes of them.

Each block is what a person does in one go: writes a message, renames, searches, chooses from a list. What it leads to
is read from the database.
"""

import random
import re
import time
from functools import partial
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.attack.sent_messages import said, settle_config, wait_for
from tests.attack.typist import GAPS, Someone
from tests.e2e.talking import LOADED, PROGRAM, quit_program
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation

pytestmark = pytest.mark.e2e
BLOCKS = 14


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
