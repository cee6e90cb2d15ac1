"""A disk that does not answer: a function that waits until the test lets it go on."""

import threading
from collections.abc import Callable
from typing import Any

SECONDS = 60.0  # after which a test that forgot to let it go on fails


class Held:
    """``begun``: somebody waits in it. ``may_go_on``: nobody does any more. ``returned``: how many calls have."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self.returned = 0
        self._function = function

    def __call__(self, *args: Any, **others: Any) -> Any:
        self.begun.set()
        assert self.may_go_on.wait(SECONDS)
        result = self._function(*args, **others)
        self.returned += 1
        return result
