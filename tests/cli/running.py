"""Runs `llm-tui` with arguments: in this process, or as a program of its own where only that shows what is meant."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tui.cli

COMMAND = [str(Path(sys.executable).with_name("llm-tui"))]


def run(*arguments: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, between pipes; ``environment`` is added to this process's own."""
    given, out, err = (io.TextIOWrapper(io.BytesIO(text), "utf-8") for text in (stdin.encode(), b"", b""))
    words = [*COMMAND, *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TZ": "UTC", **environment}.items():
            patch.setenv(name, value)
        for name, stream in (("stdin", given), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "argv", words)
        time.tzset()
        try:
            code = tui.cli._run()
        except SystemExit as end:
            code = int(end.code or 0)
    time.tzset()
    return subprocess.CompletedProcess(words, code, written(out), written(err))


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    bytes_written = stream.buffer
    assert isinstance(bytes_written, io.BytesIO)
    return bytes_written.getvalue().decode()


def start(*arguments: object, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a program, between pipes."""
    words = [*COMMAND, *map(str, arguments)]
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    env = {**os.environ, "TZ": "UTC", **environment}
    return subprocess.run(words, capture_output=True, text=True, env=env, **given)  # type: ignore[call-overload,no-any-return]
