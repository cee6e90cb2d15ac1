"""What the tests of the real program say to it, and how they read what it has written and kept."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.terminal import PATIENCE, Terminal
from tui.conversation.conversation import Conversation
from tui.storage.store import Store

PROGRAM = str(Path(sys.executable).with_name("llm-tui"))
# Words that tests wait for on the screen, here and nowhere else. The test models are loaded in float32.
LOADED = "float32"
READY = "ready"
WELCOME = "You can roll back"
NEW_STORY = "Start your story"
NOT_LOADED = "Could not load"
HELP = "type to filter"
EDITING = "Editing your message"
HIDDEN = "Rolled back: 2 messages hidden"
READ_ONLY = "another llm-tui has this session open"
INTERRUPTED = "── Interrupted"
UNSAVED = "Unsaved changes will be lost"
DISK_FULL = "is full"
COPIED = "13 characters"
WRITING = "[◐◓◑◒] generating"
BUSY = "[◐◓◑◒] (generating|reading the prompt)"
# The terminal's other screen, which the program has while it has the terminal.
ENTERING, LEAVING = b"\x1b[?1049h", b"\x1b[?1049l"
# So long after a reply has ended by itself Esc is meant for it.
JUST_ENDED = 0.6
NUMBERS = re.compile(r"[\d ]*\d")


def say(terminal: Terminal, message: str) -> None:
    """Send it and see the reply begin."""
    terminal.press(message, "enter")
    terminal.until(WRITING)


def rest(terminal: Terminal) -> None:
    """Wait until nothing is being written, and Esc means what it says."""
    until_gone(terminal, BUSY)
    watch(terminal, JUST_ENDED)


def stop(terminal: Terminal) -> None:
    """End the reply and wait until it has."""
    terminal.press("escape")
    rest(terminal)


def watch(terminal: Terminal, seconds: float) -> None:
    """Let it go on for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.pump()


def until_lines(terminal: Terminal, count: int = 3, seconds: float = PATIENCE) -> list[str]:
    """Wait until the counting model has put so many more lines on the screen; all lines that are there then."""
    old, end = numbers(terminal), time.monotonic() + seconds
    while True:
        terminal.pump()
        settle(terminal)
        lines = numbers(terminal)
        if len([line for line in lines if line not in old]) >= count:
            return lines
        assert time.monotonic() < end, f"fewer than {count} lines:\n{terminal.text}"


def until_full(terminal: Terminal, file: Path, seconds: float = PATIENCE) -> None:
    """Wait until the terminal takes no more, though the reply goes on: it grows in the database."""
    end = time.monotonic() + seconds
    unread, length = -1, 0
    while True:
        if terminal.unread != unread:
            unread, length = terminal.unread, len(texts(file)[-1])
        elif len(texts(file)[-1]) > length + 100:
            return
        assert time.monotonic() < end, f"it still takes what comes: {unread} bytes"
        time.sleep(0.05)


def until_gone(terminal: Terminal, pattern: str, seconds: float = PATIENCE) -> None:
    """Wait until the screen shows the pattern no more; fails with the screen if it stays."""
    end = time.monotonic() + seconds
    while re.search(pattern, terminal.text):
        assert time.monotonic() < end, f"{pattern!r} stayed on this screen:\n{terminal.text}"
        terminal.pump()


def quit_program(terminal: Terminal) -> None:
    terminal.press("ctrl+q")
    assert terminal.wait() == 0


def settle(terminal: Terminal) -> None:
    """Take in the rest of a screen that is half drawn: it has lines that never were."""
    while terminal.pump(0.005):
        pass


def numbers(terminal: Terminal) -> list[str]:
    """The lines on the screen that the counting model wrote, without spaces: they may be broken in other places."""
    lines = (line.replace("▌", "").strip() for line in terminal.screen.display)
    return [line.replace(" ", "") for line in lines if len(line) >= 20 and NUMBERS.fullmatch(line)]


def conversations(file: Path) -> list[Conversation]:
    """All that the database holds, while the program has it open too."""
    store = Store(file)
    try:
        return [store.read(listing.id) for listing in store.sessions(1000)]
    finally:
        store.close()


def texts(file: Path) -> list[str]:
    """Of all messages in the database."""
    return [node.text for conversation in conversations(file) for node in conversation.tree]


def until_stored(terminal: Terminal, file: Path, condition: Callable[[list[str]], bool]) -> None:
    """Wait until the database has these messages: what is shown is saved a little later."""
    end = time.monotonic() + PATIENCE
    while not condition(found := texts(file)):
        assert time.monotonic() < end, f"the database has {found}"
        terminal.pump()


def lost(file: Path, lines: list[str]) -> list[str]:
    """Those of the lines from ``numbers`` that the database does not have."""
    written = [text.replace(" ", "") for text in texts(file)]
    return [line for line in lines if not any(line in text for text in written)]
