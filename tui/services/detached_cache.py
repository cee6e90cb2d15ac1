"""KV caches of sessions: writing snapshots, and detaching from models that are unloaded."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.storage.cache_snapshots import Snapshots

if TYPE_CHECKING:
    from inference import Session as EngineSession


def save_cache(engine: "EngineSession", snapshots: Snapshots, session_id: str) -> bool:
    """Write the session's snapshot; False if it failed. Blocks on the disk: not for the interface's thread."""
    from inference import CacheError

    # Disk full or not writable: the cache will be recomputed.
    with contextlib.suppress(CacheError, OSError):
        saved = engine.save(snapshots.place(session_id))
        snapshots.prune()
        return saved
    return False


@dataclass(frozen=True)
class DetachedCache:
    """An engine session detached from its session. ``computed``: the cache is newer than its snapshot."""

    engine: "EngineSession"
    snapshots: Snapshots
    session_id: str
    computed: bool

    def put_away(self) -> None:
        """Write the snapshot and free the memory. Blocks on the disk: not for the interface's thread."""
        if self.computed:
            save_cache(self.engine, self.snapshots, self.session_id)
        self.engine.close()
