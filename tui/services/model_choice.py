"""Which model a session wants."""

from typing import NamedTuple


class ModelChoice(NamedTuple):
    """A model's name, as the user gave it, and the precision of its weights."""

    name: str
    precision: str
