"""What becomes of the caches of sessions that give up their model."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from inference import CacheError
from tests.stubs.fake_engine import FakeEngine, FakeModel, FakeSession
from tui.services.detached_cache import DetachedCache, save_cache
from tui.storage.cache_snapshots import Snapshots

SESSION = "0" * 32


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots", 2**20)


@pytest.fixture
def engine(model: FakeModel) -> FakeSession:
    """With something in its cache."""
    session = FakeEngine(model).new_session()
    session.cache.length = 3
    return session


@pytest.mark.parametrize("computed", [True, False])
def test_a_cache_that_holds_more_than_its_snapshot_is_written(
    engine: FakeSession, snapshots: Snapshots, computed: bool
) -> None:
    DetachedCache(engine, snapshots, SESSION, computed).put_away()  # type: ignore[arg-type]
    assert (snapshots.find(SESSION) is not None) == computed and engine.closed


@pytest.mark.parametrize("error", [OSError("full"), CacheError("It cannot be written.")])
def test_a_cache_that_cannot_be_written_is_given_up(
    engine: FakeSession, snapshots: Snapshots, error: Exception
) -> None:
    engine.save = Mock(side_effect=error)  # type: ignore[method-assign]
    assert not save_cache(engine, snapshots, SESSION)  # type: ignore[arg-type]
    DetachedCache(engine, snapshots, SESSION, True).put_away()  # type: ignore[arg-type]
    assert engine.closed and snapshots.find(SESSION) is None
