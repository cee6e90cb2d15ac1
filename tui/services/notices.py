"""Notices with a shorter lifetime; a plain string stays until the next action."""


class Passing(str):
    """A notice that is cleared by typing."""


class Busy(Passing):
    """A notice that is also cleared when the reply in progress ends."""
