"""KV caches that were evicted to files, and files that are no longer what was written."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from inference import Engine, Model
from inference.runtime.session import Session
from tests.attack.conftest import Attack
from tests.attack.engine_requests import FEW, answers
from tests.inference.events import finished


def evicted(engine: Engine, directory: Path) -> tuple[Session, Path]:
    """A session whose cache is in a file, and the file."""
    session = engine.new_session()
    finished(list(session.complete([[5] * 40], FEW)))
    finished(list(engine.new_session().complete("Once", FEW)))
    file = directory / f"evicted-{os.getpid()}-{id(session):x}.safetensors"
    settled(engine)
    return session, file


def settled(engine: Engine) -> None:
    """What was evicted is in its file."""
    written = threading.Event()
    engine.writer.put(written.set)
    assert written.wait(60)


@pytest.mark.parametrize("what", ["a directory", "gone", "empty", "cut", "another session's", "a link to nowhere"])
def test_an_evicted_cache_that_is_no_longer_what_it_was(
    model: Model, tmp_path: Path, attack: Attack, what: str
) -> None:
    with attack("evicted caches"), Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        session, file = evicted(engine, tmp_path)
        other = engine.new_session()
        finished(list(other.complete([[6] * 40], FEW)))
        finished(list(engine.new_session().complete("Once", FEW)))
        settled(engine)
        content = file.read_bytes()
        file.unlink()
        if what == "a directory":
            (file / "in it").mkdir(parents=True)
        elif what == "another session's":
            shutil.copy(tmp_path / f"{file.name.rsplit('-', 1)[0]}-{id(other):x}.safetensors", file)
        elif what == "a link to nowhere":
            file.symlink_to(tmp_path / "nowhere")
        elif what != "gone":
            file.write_bytes(content[: len(content) // 2 if what == "cut" else 0])
        generation = session.complete([session.token_ids, " and"], FEW)
        finished(list(generation))
        assert generation.reused_tokens == 0
        fresh = engine.new_session().complete([list(generation.prompt_ids)], FEW)
        finished(list(fresh))
        assert generation.token_ids == fresh.token_ids
        session.close()
        answers(engine)


def test_a_closed_session_leaves_no_file(model: Model, tmp_path: Path) -> None:
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        session, file = evicted(engine, tmp_path)
        generation = session.complete([session.token_ids], FEW)
        session.close()
        list(generation)
        answers(engine)
        assert not file.exists()
        assert session.resident_bytes == 0


def test_a_session_kept_off_the_disk_is_computed_again(model: Model, tmp_path: Path) -> None:
    with Engine(model, cache_budget=0, snapshot_dir=tmp_path) as engine:
        session = engine.new_session(on_disk=False)
        first = finished(list(session.complete([[5] * 40], FEW)))
        finished(list(engine.new_session(on_disk=False).complete("Once", FEW)))
        settled(engine)
        assert not session.resident_bytes and not list(tmp_path.iterdir())
        again = session.complete([[5] * 40], FEW)
        assert finished(list(again)).stats.reused_tokens == 0
        assert first.stats.prompt_tokens == 40
