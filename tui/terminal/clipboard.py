"""Copying to the clipboard of the person's own terminal, however far away it is: OSC 52 (xterm's control sequences).

tmux as it is set by default takes such a sequence from no program, but has a command that takes the text and sends the
sequence itself.
"""

import base64
import subprocess

PATIENCE = 5.0  # seconds that tmux has to take a text


def osc52(text: str, tmux: bool) -> str:
    """What has the terminal take ``text``. tmux may take it for itself: there, also in the form that it passes on."""
    plain = f"\x1b]52;c;{base64.b64encode(text.encode(errors='replace')).decode()}\a"
    return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else plain


def into_tmux(text: str) -> bool:
    """Have the tmux around this program put the text into its buffer and send it on to its terminal; False where it
    does not. Not for the interface's thread.
    """
    try:
        command = ["tmux", "load-buffer", "-w", "-"]
        done = subprocess.run(command, input=text.encode(errors="replace"), capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
