"""The real program through a real SSH login to this machine: keys, copies, and a line that drops."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conversation.test_trouble import sound
from tests.e2e.talking import PROGRAM, lost, numbers, quit_program, rest, say, settle, watch
from tests.e2e.terminal import Terminal
from tui.settings.settings import load_settings

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not (SSHD and shutil.which("ssh")), reason="no SSH server is installed: logins are left out"),
]


@pytest.fixture
def login(tmp_path: Path) -> Iterator[list[str]]:
    """The command that logs in with a terminal, to a server of this test's own."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "LogLevel": "DEBUG",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (tmp_path / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=log)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes")
    yield [
        *("ssh", "-tt", "-F", "none", "-p", str(port), "-i", str(tmp_path / "user")),
        *(part for option in options for part in ("-o", option)),
        f"{getpass.getuser()}@127.0.0.1",
    ]
    server.terminate()
    server.wait(10)


def remotely(program: str) -> str:
    """The program with this test's homes, which a login does not hand on."""
    names = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "NUMBA_CACHE_DIR")
    return " ".join(["env", *(f"{name}={os.environ[name]}" for name in names), "LC_ALL=C.UTF-8", program])


def test_a_login_chats_copies_and_quits(login: list[str], tiny_model: Path) -> None:
    with Terminal([*login, remotely(f"{PROGRAM} --model {tiny_model}")]) as terminal:
        terminal.until("float32", 60)
        terminal.press("what is this?", "enter")
        terminal.until(r"\d tok/s")
        rest(terminal)
        terminal.press("escape", "g", "y")
        terminal.until("Sent to clipboard: 13 characters")
        assert b"\x1b]52;c;d2hhdCBpcyB0aGlzPw==\a" in terminal.raw
        assert b"\x1bPtmux;" not in terminal.raw
        terminal.press("f1")
        terminal.until("type to find")
        terminal.press("escape")
        quit_program(terminal)


def test_resized_from_afar_while_it_streams_and_then_the_line_drops(login: list[str], counting_model: Path) -> None:
    with Terminal([*login, remotely(f"{PROGRAM} --model {counting_model}")], 48, 160) as terminal:
        terminal.until("float32", 60)
        say(terminal, "count")
        for rows, columns in ((12, 40), (48, 160)):
            terminal.resize(rows, columns)
            watch(terminal, 1)
            settle(terminal)
            assert len(numbers(terminal)) >= 2, terminal.text
        lines = numbers(terminal)
        terminal.hang_up()
        watch(terminal, 2)
    end = time.monotonic() + 20
    while lost(load_settings().db, lines) and time.monotonic() < end:
        time.sleep(0.2)
    assert lines and not lost(load_settings().db, lines)
    assert sound(load_settings().db)
    with Terminal([PROGRAM]) as terminal:
        terminal.until("interrupted|stopped")
        quit_program(terminal)
