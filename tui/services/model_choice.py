"""Model name and precision of a session."""

from typing import NamedTuple


class ModelChoice(NamedTuple):
    """A model's name as given by the user, and its weight precision."""

    name: str
    precision: str
