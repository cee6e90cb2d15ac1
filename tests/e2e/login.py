"""SSH logins to this machine, through a server of a test's own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
POSSIBLE = SSHD is not None and shutil.which("ssh") is not None


@contextmanager
def ssh_server(directory: Path) -> Iterator[int]:
    """The port where it listens; its keys are in the directory."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": directory / "host",
        "AuthorizedKeysFile": directory / "user.pub",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "LogLevel": "DEBUG",
    }
    (directory / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (directory / "sshd.log").open("wb") as log:
        server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(directory / "sshd_config")], stderr=log)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    server.terminate()
    server.wait(10)


def login_command(port: int, directory: Path) -> list[str]:
    """Logs in with a terminal, to the server whose keys are in the directory."""
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes")
    return [
        *("ssh", "-tt", "-F", "none", "-p", str(port), "-i", str(directory / "user")),
        *(part for option in options for part in ("-o", option)),
        f"{getpass.getuser()}@127.0.0.1",
    ]


def remotely(program: str) -> str:
    """The program with this test's homes, which a login does not hand on."""
    names = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "NUMBA_CACHE_DIR")
    return " ".join(["env", *(f"{name}={os.environ[name]}" for name in names), "LC_ALL=C.UTF-8", program])
