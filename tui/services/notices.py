"""Notices with a shorter lifetime; a plain string stays until the next action."""

from tui.config.key_names import key_name


class Passing(str):
    """A notice that is cleared by typing."""


class Busy(Passing):
    """A notice that is also cleared when the reply in progress ends."""


def still_generating() -> Busy:
    """Refuses an action while a reply is in progress."""
    return Busy(f"Still generating. Press {key_name('stop')} to stop.")
