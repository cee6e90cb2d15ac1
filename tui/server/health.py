"""Tells whether a server still computes the replies that it has begun."""

import time
from collections.abc import Callable

from inference import Engine, InferenceError
from tui.server.api import Api

STUCK_SECONDS = 60.0  # without a pass over the model; a long prompt is read in several


class Health:
    """For a caller that checks every few seconds. ``clock`` counts seconds."""

    def __init__(self, engine: Engine, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._api = api
        self._clock = clock
        self._passes, self._progressed = 0, clock()

    def check(self) -> None:
        """Raises InferenceError if replies are under way, but nothing has been computed for long."""
        passes = self._engine.activity.passes
        if passes != self._passes or not self._api.running:
            self._passes, self._progressed = passes, self._clock()
        elif self._clock() - self._progressed > STUCK_SECONDS:
            raise InferenceError(f"The engine has computed nothing for {STUCK_SECONDS:.0f} seconds.")
