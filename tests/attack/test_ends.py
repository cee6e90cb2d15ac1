"""Whatever ends the program: the screen is as it was, what was written is kept, and the exit code tells."""

import random
import signal
import sys
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.e2e.talking import LOADED, PROGRAM
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings
from tui.process.termination import ending_signals
from tui.storage.error_log import error_log_file

pytestmark = pytest.mark.e2e
# In the order in which the terminal has to hear of them: all that was switched on is off again.
MODES = (b"?2004", b"?1000", b"?1003", b"?1006", b"?1049", b"?1004")

# A program with a mistake in it: F1 runs into ``mistake``, and what is given last is broken from the beginning.
MISTAKEN = """
import sys
from tui.actions.application import ApplicationActions
from tui.app import LlmTui
from tui.screens.main_presenter import MainPresenter
from tui.storage.store import Store
from tui.terminal.driver import PatientDriver
from tui.widgets.composer import Composer
from textual.app import App

def mistake(*_):
    raise {error}

{broken}
ApplicationActions.help = mistake
from tui.cli import main
sys.argv[1:] = {arguments}
main()
"""
BROKEN = {
    "nothing": "",
    "what is typed cannot be read": "MainPresenter.collect = mistake",
    "it cannot be closed": "LlmTui.finish = mistake",
    "the terminal cannot be left": "PatientDriver.stop_application_mode = mistake",
    "its parts do not end": "App._close_all = mistake",
    "nothing can be written down": "import os; os.environ['XDG_STATE_HOME'] = '/dev/null/nowhere'",
}


OTHER_SIGNALS = (signal.SIGABRT, signal.SIGUSR1, signal.SIGALRM, signal.SIGINT)


def restored(terminal: Terminal) -> bool:
    """Whether each mode that was switched on was switched off after, and the terminal takes lines again."""
    last = {
        mode: terminal.raw.rfind(b"\x1b[" + mode + b"h") < terminal.raw.rfind(b"\x1b[" + mode + b"l") for mode in MODES
    }
    shown = terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
    return all(last.values()) and shown and terminal.canonical


def start_writing(terminal: Terminal) -> None:
    terminal.until(LOADED)
    terminal.press("half a thought")
    terminal.until("│ half a thought")


# One of each kind with every commit.
SIGNALS = [signal.SIGQUIT, *(pytest.param(each, marks=pytest.mark.slow) for each in OTHER_SIGNALS)]


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_save_restore_and_tell(number: signal.Signals, tiny_model: Path, attack: Attack) -> None:
    with attack("ends: signals"), Terminal([PROGRAM, "--model", str(tiny_model)]) as terminal:
        start_writing(terminal)
        terminal.signal(number)
        assert terminal.wait() == 128 + number
        assert restored(terminal)
        assert b"Traceback" not in terminal.raw
        assert drafts() == ["half a thought"]


@pytest.mark.slow
def test_each_signal_there_is_at_any_moment(tiny_model: Path, attack: Attack, rounds: int) -> None:
    chance = random.Random(4)
    numbers = ending_signals()
    for _ in range(2 * rounds):
        number = chance.choice(numbers)
        with attack("ends: signals at any moment"), Terminal([PROGRAM, "--model", str(tiny_model)]) as terminal:
            terminal.until("chat . story")
            for _ in range(chance.randrange(6)):
                terminal.send(chance.choice(["\x1bOP", "\x1b", "x", "\x14", "\r", "\x10"]))
                terminal.pump(chance.uniform(0, 0.05))
            another = chance.choice(numbers)
            terminal.signal(number)
            terminal.signal(another)  # which may be heard before the first
            assert terminal.wait() - 128 in (number, another)
            assert restored(terminal), number
            assert b"Traceback" not in terminal.raw


@pytest.mark.parametrize(
    "broken", [pytest.param(each, marks=pytest.mark.slow if BROKEN[each] else []) for each in BROKEN]
)
def test_a_mistake_of_its_own(broken: str, tiny_model: Path, attack: Attack) -> None:
    """One sentence, with where the details are; and if what handles it is broken as well."""
    program = MISTAKEN.format(
        error="ValueError('secret ' * 9)", broken=BROKEN[broken], arguments=["--model", str(tiny_model)]
    )
    with attack("ends: mistakes"), Terminal([sys.executable, "-c", program]) as terminal:
        if broken != "what is typed cannot be read":  # which is tried all the time
            start_writing(terminal)
            terminal.press("f1")
        assert terminal.wait() == 1
        assert restored(terminal)
        assert b"Traceback" not in terminal.raw
        said = " ".join(terminal.raw.decode().partition("Internal error ")[2].split())
        assert said.startswith("(ValueError); ")
        if broken == "nothing can be written down":
            assert said.endswith("the details could not be logged.")
            return
        log = error_log_file()
        assert said.replace(" ", "").endswith(f"{log}.".replace(" ", ""))
        assert (log.stat().st_mode & 0o777, log.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert "in mistake" in log.read_text()
        if broken not in ("what is typed cannot be read", "it cannot be closed"):
            assert drafts() == ["half a thought"]


WRITER = "the thread that writes to the terminal"
# Where else there may be a mistake: F1 begins it.
PLACES = {
    "a timer": "ApplicationActions.help = lambda self: self._app.set_timer(0.01, mistake)",
    "a worker": "async def work(): mistake()\nApplicationActions.help = lambda self: self._app.run_worker(work())",
    "a thread of the interface": "ApplicationActions.help = lambda self: self._app.run_worker(mistake, thread=True)",
    "whose turn it is": "ApplicationActions.help = lambda self: setattr(Turns, '_go_on', mistake)",
    "a frame that was put off": "ApplicationActions.help = lambda self: self._app._loop.call_soon(mistake)",
    "a handler of signals": (
        "PatientDriver._suspend = mistake\nApplicationActions.help = lambda self: os.kill(os.getpid(), 20)"
    ),
    "what was asked": "",
    WRITER: (
        "def help(self):\n    self._app.patient_driver._file._drained = mistake\n    self._presenter.say('a frame')\n"
        "ApplicationActions.help = help"
    ),
}


@pytest.mark.parametrize(
    "place", [pytest.param(each, marks=[] if each == WRITER else pytest.mark.slow) for each in PLACES]
)
def test_a_mistake_wherever_it_is(place: str, tiny_model: Path, attack: Attack) -> None:
    """Also where the event loop alone would hear of it, and of a kind that is no Exception, as panics in Rust are."""
    program = MISTAKEN.format(
        error="BaseException('a panic')", broken="", arguments=["--model", str(tiny_model)]
    ).replace(
        "from tui.cli import main",
        f"import os\nfrom tui.terminal.input_queue import Turns\n{PLACES[place]}\nfrom tui.cli import main",
    )
    with attack("ends: mistakes"), Terminal([sys.executable, "-c", program]) as terminal:
        start_writing(terminal)
        terminal.press("f1", "up")
        assert terminal.wait() == 1
        assert restored(terminal)
        assert b"Traceback" not in terminal.raw
        assert "Internal error " in terminal.raw.decode()
        assert "in mistake" in error_log_file().read_text()
        assert drafts() == ["half a thought"]


def test_a_command_with_a_mistake_says_one_sentence(tiny_model: Path, attack: Attack) -> None:
    import subprocess

    broken = "import tui.cli.story; tui.cli.story.with_piped = mistake"
    for error in ("ValueError('x' * 10_000_000)", "RecursionError()", "BaseException('a panic')"):
        program = MISTAKEN.format(error=error, broken=broken, arguments=["story", "x"])
        with attack("ends: mistakes"):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith("Internal error (")
            assert len(done.stderr.splitlines()) == 1
    assert error_log_file().stat().st_size < 100_000


def test_a_terminal_that_goes_without_a_signal(tiny_model: Path, attack: Attack) -> None:
    """As in sudo, docker exec, or below a shell that ignores hang-ups: the terminal is gone and nobody says so."""
    command = ["bash", "-c", f"trap '' HUP; exec {PROGRAM} --model {tiny_model}"]
    with attack("ends: a terminal gone in silence"):
        terminal = Terminal(command)
        start_writing(terminal)
        terminal.hang_up()
        assert terminal.wait() == 128 + signal.SIGHUP
        assert drafts() == ["half a thought"]


def drafts() -> list[str]:
    """What was typed and not sent."""
    from tests.e2e.talking import conversations

    return [conversation.draft for conversation in conversations(load_settings().db) if conversation.draft]
