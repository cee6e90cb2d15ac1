"""Copying to the clipboard of the person's own terminal, however far away it is: OSC 52 (xterm's control sequences)."""

import base64


def osc52(text: str, tmux: bool) -> str:
    """What has the terminal take ``text``. tmux may take it for itself: there, also in the form that it passes on."""
    plain = f"\x1b]52;c;{base64.b64encode(text.encode(errors='replace')).decode()}\a"
    return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else plain
