"""Notices that disappear by themselves; a plain string stays until the next action."""


class Passing(str):
    """A notice that disappears when something is typed."""


class Busy(Passing):
    """A notice that also disappears when the reply in progress ends."""
