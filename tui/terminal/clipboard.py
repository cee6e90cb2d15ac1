"""Clipboard access through OSC 52, also over SSH, and through tmux.

By default tmux ignores OSC 52 from programs, but ``load-buffer -w`` sends it to the outer terminal.
"""

import base64
import subprocess

PATIENCE = 5.0  # timeout of the tmux command in seconds


def osc52(text: str, tmux: bool) -> str:
    """The OSC 52 sequence for ``text``; in tmux, also wrapped for passthrough."""
    plain = f"\x1b]52;c;{base64.b64encode(text.encode(errors='replace')).decode()}\a"
    return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else plain


def into_tmux(text: str) -> bool:
    """Load the text into tmux's buffer and the clipboard; False on failure. Blocking: not for the UI thread."""
    try:
        command = ["tmux", "load-buffer", "-w", "-"]
        done = subprocess.run(command, input=text.encode(errors="replace"), capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
