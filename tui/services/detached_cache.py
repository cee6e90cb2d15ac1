"""KV caches of sessions: saved to their snapshots, and taken from sessions that give up their model."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.storage.cache_snapshots import Snapshots

if TYPE_CHECKING:
    from inference import Session as EngineSession


def save_cache(engine: "EngineSession", snapshots: Snapshots, session_id: str) -> bool:
    """Write the cache to the session's snapshot; False if it cannot be written. Blocking: not for the UI thread."""
    from inference import CacheError

    # A full disk, or none to write to: the session will be computed again.
    with contextlib.suppress(CacheError, OSError):
        saved = engine.save(snapshots.place(session_id))
        snapshots.prune()
        return saved
    return False


@dataclass(frozen=True)
class DetachedCache:
    """The engine's part of a session that has given it up. ``computed``: it holds more than the snapshot."""

    engine: "EngineSession"
    snapshots: Snapshots
    session_id: str
    computed: bool

    def put_away(self) -> None:
        """Save it and free its memory. Blocking: not for the UI thread."""
        if self.computed:
            save_cache(self.engine, self.snapshots, self.session_id)
        self.engine.close()
