"""Starts modules of this package in processes of their own."""

import os
import subprocess
import sys


def start_module(name: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Run ``python -m name`` with this process's import path, between pipes; the terminal's signals do not reach it.

    Raises OSError.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", name, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
