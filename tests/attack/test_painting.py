"""What is written is what changed: after anything at all, the terminal shows what a painting of everything shows."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pyte
import pytest

from tests.attack.conftest import Attack
from tests.e2e.talking import LOADED, PROGRAM
from tests.e2e.test_tmux import Tmux

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: what it shows is left out"),
]
SIZES = [(80, 24), (40, 12), (100, 30), (81, 24), (63, 17)]
# Help, Escape, chat or story, sessions, palette, the sidebar, up and down, sampling.
LOOKING = ("\x1bOP", "\x1b", "\x14", "\x0f", "\x10", "\x1b[20~", "\x1b[5~", "\x1b[6~", "\x1b[17~")
PARTS = (
    *(
        "hello world ",
        "漢字かな ",
        "👩\u200d👩\u200d👧 family ",
        "🇩🇪🇫🇷 ",
        "❤\ufe0f x ",
        "1\ufe0f\u20e3 ",
        "👍🏽 ok ",
        "e\u0301 ",
    ),
    *(
        "שלום ",
        "ह\u093fन\u094dद\u0940 ",
        "กำ ",
        "한글 ㅎㅏ ",
        "a\u00adb ",
        "\u05ff\ue000 ",
        "\u3000 wide ",
        "`漢` ",
        "**🙂** ",
        "\r",
        "\t",
    ),
)


def seen(window: Tmux) -> list[list[tuple[object, ...]]]:
    """The cells as they look; that of a blank is its background alone. The line that tells speeds is left out."""
    shown = window.run("capture-pane", "-e", "-p", "-N").split("\n")[:-2]
    screen = pyte.Screen(400, len(shown))
    pyte.Stream(screen).feed("\r\n".join(shown))
    rows = [[screen.buffer[y][x] for x in range(200)] for y in range(len(shown))]
    return [[(cell.bg,) if cell.data == " " and not cell.reverse else tuple(cell) for cell in row] for row in rows]


def at_rest(window: Tmux, seconds: float = 10) -> list[list[tuple[object, ...]]] | None:
    """What is seen once it stays; None where it does not."""
    before, since = seen(window), time.monotonic()
    end = since + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
        if (now := seen(window)) != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > 1:
            return now
    return None


def test_nothing_stale_is_left_on_the_screen(tiny_model: Path, tmp_path: Path, attack: Attack, rounds: int) -> None:
    """Stopped and continued it paints everything anew: that is no other screen than the one before."""
    chance = random.Random(8)
    window = Tmux(tmp_path / "socket", f"env EDITOR=true {PROGRAM} --model {tiny_model}", *SIZES[0])
    try:
        window.until(LOADED)
        process = int(window.run("display-message", "-p", "#{pane_pid}"))
        for _ in range(5 * rounds):
            pasted = "\x1b[200~" + "".join(chance.choices(PARTS, k=8)) + "\x1b[201~"
            for keys in (pasted, chance.choice(["\r", "\x1b"]), *chance.choices(LOOKING, k=3)):
                window.run("send-keys", "-H", *[f"{byte:02x}" for byte in keys.encode()])
            columns, rows = chance.choice(SIZES)
            window.run("resize-window", "-x", str(columns), "-y", str(rows))
            if (before := at_rest(window)) is None:
                continue
            with attack("painting"):
                os.kill(process, signal.SIGCONT)
                assert at_rest(window) == before
    finally:
        window.run("kill-server")
