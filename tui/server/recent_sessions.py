"""Keeps the sessions of earlier requests, so that the engine finds in them what later prompts begin with."""

from collections import deque
from collections.abc import Sequence

from inference import Session

MOST = 64


class RecentSessions:
    """At most MOST of them; the engine keeps the memory of their caches within its budget."""

    def __init__(self) -> None:
        self._sessions: deque[Session] = deque()

    def keep(self, sessions: Sequence[Session]) -> None:
        """Keep sessions whose requests are over, instead of those that hold nothing beyond them."""
        for session in sessions:
            token_ids = session.token_ids
            superseded = [other for other in self._sessions if other.idle and _begins(token_ids, other.token_ids)]
            for other in superseded:
                self._sessions.remove(other)
                other.close()
            self._sessions.append(session)
            if len(self._sessions) > MOST:
                self._sessions.popleft().close()


def _begins(token_ids: list[int], beginning: list[int]) -> bool:
    return token_ids[: len(beginning)] == beginning
