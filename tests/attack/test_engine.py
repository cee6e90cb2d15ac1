"""Requests, evictions, threads, panics and snapshots that nobody expects: each ends in events or in one sentence."""

import itertools
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import CacheError, ContextOverflowError, Engine, Failed, InferenceError, KVCache, Model, SamplingParams
from inference.checkpoint import weight_cache
from inference.runtime.generation import Generation
from inference.runtime.session import Session
from inference.text.tokenizer import MEASURED
from tests.attack.conftest import Attack
from tests.inference.test_engine import finished
from tests.inference.test_template import REASONING
from tests.tiny_model import make_tiny_model

FEW = SamplingParams(temperature=0, max_tokens=3)
HELLO = [{"role": "user", "content": "Hello"}]


class Panic(BaseException):
    """As pyo3 raises a panic of a library in Rust: no Exception."""


RAISED = (StopIteration(), KeyError("x"), MemoryError(), GeneratorExit(), SystemExit(3), Panic("called `unwrap()`"))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return Model.load(tiny_model)


def raising(error: BaseException) -> Any:
    def fail(*args: Any, **others: Any) -> Any:
        raise error

    return fail


def answers(engine: Engine) -> None:
    """The engine's thread is there, and does its work."""
    finished(list(engine.new_session().reply(HELLO, FEW)))


@pytest.mark.parametrize("error", RAISED, ids=repr)
@pytest.mark.parametrize("place", ["forward_batch", "advance", "admit", "evict", "plan", "finish"])
def test_nothing_raised_ends_the_engines_thread(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack, place: str, error: BaseException
) -> None:
    owner = {"forward_batch": model, "evict": Session, "plan": sys.modules["inference.runtime.engine"]}
    with attack("what the engine meets"), Engine(model, cache_budget=0) as engine:
        thread = engine._thread
        answers(engine)
        with monkeypatch.context() as patch:
            patch.setattr(owner.get(place, Generation), place, raising(error))
            generation = engine.new_session().reply(HELLO, FEW)
            if place == "finish":
                generation.cancel()
            events = list(generation)
        if place == "evict":
            finished(events)
        elif isinstance(events[-1], Failed):
            told = "ot enough memory" if isinstance(error, MemoryError) else type(error).__name__
            assert told in str(events[-1].error)
        else:  # it was through before it was cancelled
            assert place == "finish"
        answers(engine)
        assert engine._thread is thread


def test_what_failed_is_computed_from_the_beginning(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that something went wrong with is not relied on."""
    with Engine(model) as engine:
        session = engine.new_session()
        finished(list(session.reply(HELLO, FEW)))
        with monkeypatch.context() as patch:
            patch.setattr(Generation, "advance", raising(ValueError("odd")))
            assert isinstance(list(session.reply(HELLO, FEW))[-1], Failed)
        assert session.cache.length == 0
        finished(list(session.reply(HELLO, FEW)))


def test_a_thread_that_is_gone_fails_what_waits_and_the_next_request_has_another(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    for wait in (list, poll_to_the_end):
        with attack("threads that end"), Engine(model) as engine:
            with monkeypatch.context() as patch:
                patch.setattr("inference.runtime.engine._failing", raising(SystemExit(1)))
                patch.setattr("threading.excepthook", lambda args: None)
                events = wait(engine.new_session().reply(HELLO, FEW))
                assert isinstance(events[-1], Failed)
                assert "The engine has ended" in str(events[-1].error)
                engine._thread.join()
            answers(engine)


def poll_to_the_end(generation: Generation) -> list[Any]:
    events: list[Any] = []
    while not generation.done:
        events += generation.poll()
    return events + generation.poll()


def test_sessions_come_and_go_on_other_threads_while_idle_caches_are_looked_through(
    model: Model, attack: Attack, rounds: int
) -> None:
    with attack("sessions from other threads"), Engine(model, cache_budget=0) as engine:
        over = threading.Event()

        def come_and_go() -> None:
            kept = []
            while not over.is_set():
                kept.append(engine.new_session())
                del kept[: len(kept) // 500 * 250]

        threads = [threading.Thread(target=come_and_go) for _ in range(2)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for _ in range(20 * rounds):
                answers(engine)
        finally:
            sys.setswitchinterval(interval)
            over.set()
            for thread in threads:
                thread.join()


# ---- evicted caches


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


# ---- snapshots


VALUES: list[Any] = [
    None,
    True,
    1,
    -1,
    0.5,
    "",
    "x",
    [],
    {},
    [[]],
    {"a": 1},
    "1" * 5000,
    "[" * 100_000,
    "\ud800",
    2**70,
]
NUMBERS = (-(2**63), -1, 0, 1, 383, 384, 511, 512, 2**31, 2**62)


def parts(file: Path) -> tuple[dict[str, Any], bytearray]:
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])


def written(file: Path, header: dict[str, Any], data: bytes) -> None:
    """As somebody writes it who knows the format: the checksums are right wherever they can be."""
    described = {}
    for name, entry in header.items():
        try:
            start, end = entry["data_offsets"]
            described[name] = zlib.crc32(data[start:end])
        except (TypeError, KeyError, ValueError):
            pass
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and isinstance(metadata.get("checksums"), str):
        header["__metadata__"] = {**metadata, "checksums": json.dumps(described)}
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def mutated(header: dict[str, Any], data: bytearray, chance: random.Random) -> None:
    """One thing made otherwise, in the description or in the numbers."""
    kind = chance.randrange(5)
    numbers = header["numbers"]["data_offsets"][0]
    if kind == 0:
        header["__metadata__"][chance.choice(["checksums", "format", "fingerprint"])] = chance.choice(VALUES)
    elif kind == 1:
        header[chance.choice(list(header))] = chance.choice(VALUES)
    elif kind == 2:
        struct.pack_into("<q", data, numbers + 8 * chance.randrange(21), chance.choice(NUMBERS))
    elif kind == 3:
        entry = header[chance.choice([name for name in header if name != "__metadata__"])]
        entry[chance.choice(["dtype", "shape", "data_offsets"])] = chance.choice([*VALUES, "F32", "F64", "BF16", [21]])
    else:
        header["numbers"] |= chance.choice(
            [{"dtype": "F64"}, {"dtype": "U64"}, {"shape": [3, 7]}, {"shape": [21, 1]}, {"dtype": "U8", "shape": [168]}]
        )


def test_crafted_snapshots_are_refused_or_sound(model: Model, tmp_path: Path, attack: Attack, rounds: int) -> None:
    ids = list(range(3, 23))
    cache = model.new_cache()
    model.forward(ids, cache)
    sound = tmp_path / "sound"
    cache.save(sound, ids)
    refused = 0
    for seed in range(500 * rounds):
        chance = random.Random(seed)
        header, data = parts(sound)
        mutated(header, data, chance)
        file = tmp_path / "crafted"
        with attack("crafted snapshots"):
            try:
                written(file, header, bytes(data))
                loaded, loaded_ids = KVCache.load(file, model)
            except CacheError as error:
                assert "computed again" in str(error)
                refused += 1
            else:
                assert 0 <= loaded.length <= len(loaded_ids)
                assert all(type(id_) is int and 0 <= id_ < model.config.vocab_size for id_ in loaded_ids)
                assert np.isfinite(model.forward([7], loaded)).all()
    assert refused > 300 * rounds


def test_an_engine_restored_from_a_crafted_snapshot_goes_on(model: Model, tmp_path: Path) -> None:
    """Keys and values may be no numbers at all, with the right checksum: the reply fails, and the next one is fresh."""
    ids = list(range(3, 23))
    cache = model.new_cache()
    model.forward(ids, cache)
    cache.save(tmp_path / "x", ids)
    header, data = parts(tmp_path / "x")
    start, end = header["block.0"]["data_offsets"]
    data[start:end] = np.full((end - start) // 4, np.nan, np.float32).tobytes()
    written(tmp_path / "x", header, bytes(data))
    with Engine(model) as engine:
        session = engine.new_session(model, *KVCache.load(tmp_path / "x", model))
        events = list(session.complete([[*ids, 9]], FEW))
        assert isinstance(events[-1], Failed)
        assert "NaN logits" in str(events[-1].error)
        finished(list(session.complete([[*ids, 9]], FEW)))


# ---- panics


@pytest.fixture
def panicking(model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """A model whose tokenizer's library panics."""
    real = model.tokenizer._backend

    class Backend:
        def __getattr__(self, name: str) -> Any:
            return raising(Panic("index out of bounds"))

        encode_special_tokens = False

    monkeypatch.setattr(model.tokenizer, "_backend", Backend())
    yield model
    model.tokenizer._backend = real


def test_panics_of_the_tokenizer_are_sentences(panicking: Model, attack: Attack) -> None:
    tokenizer = panicking.tokenizer
    with Engine(panicking) as engine:
        session = engine.new_session()
        for ask in (
            lambda: tokenizer.encode("x"),
            lambda: tokenizer.decode([5]),
            lambda: tokenizer.vocab_size,
            lambda: tokenizer.token_id("x"),
            lambda: tokenizer.ordinary([5]),
            lambda: session.reply(HELLO, FEW),
            lambda: session.complete("x", FEW),
            lambda: session.count(HELLO),
        ):
            with attack("panics"), pytest.raises(InferenceError, match="tokenizer failed"):
                ask()


# ---- mappings


def cut(file: Path) -> None:
    os.truncate(file, 100)


def overwritten(file: Path) -> None:
    """As ``cp`` does it: the same file, of the same size, with something else in it."""
    size = file.stat().st_size
    with file.open("r+b") as same:
        same.truncate(0)
        same.write(bytes(size))


def written_into(file: Path) -> None:
    with file.open("r+b") as same:
        same.seek(-8, os.SEEK_END)
        same.write(bytes(8))
    os.utime(file, (time.time() + 1,) * 2)  # whatever the clock of the file system can tell


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_name("other"))
    cut(file.with_name("other"))
    file.with_name("other").replace(file)


CHANGES = (cut, overwritten, written_into, replaced, Path.unlink)


def change_under_models(directory: Path) -> None:
    """In a process of its own, which a signal may end: prints what a model says after each change of its files."""
    weight_cache.WORTH_SAVING = 0  # type: ignore[misc]
    for number, (packed, change) in enumerate(itertools.product([False, True], CHANGES)):
        source = make_tiny_model(directory / str(number), seed=number)
        model = Model.load(source, "int8" if packed else "float32", cache_limit=2**30 if packed else 0)
        file = weight_cache.Shelf().files()[0] if packed else source / "model.safetensors"
        with Engine(model) as engine:
            _, before = told_and_text(engine)
            change(file)
            after = [told_and_text(engine) for _ in range(2)]
            print(change.__name__, [told or text == before for told, text in after], flush=True)


def told_and_text(engine: Engine) -> tuple[str, list[int]]:
    generation = engine.new_session().complete([[5] * 300], FEW)
    end = list(generation)[-1]
    return (str(end.error) if isinstance(end, Failed) else ""), generation.token_ids


@pytest.mark.parametrize("kernels", ["", pytest.param("numpy", marks=pytest.mark.slow)])
def test_weights_that_change_under_a_mapping(tmp_path: Path, attack: Attack, kernels: str) -> None:
    with attack("weights under a mapping"):
        code = f"from tests.attack.test_engine import *; change_under_models(Path({str(tmp_path)!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"LLM_TUI_KERNELS": kernels},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines] == [change.__name__ for change in CHANGES] * 2
        for line in lines:
            if line.startswith(("replaced", "unlink")):
                assert line.endswith("[True, True]"), line
            else:
                assert line.count("has been changed while it was in use") == 2, line


def test_another_process_that_opens_packed_weights_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It notes that they were used, which is not to be taken for writing."""
    monkeypatch.setattr(weight_cache, "WORTH_SAVING", 0)
    directory = make_tiny_model(tmp_path / "model")
    model = Model.load(directory, "int8")
    (file,) = weight_cache.Shelf().files()
    os.utime(file, ns=(0, file.stat().st_mtime_ns))
    Model.load(directory, "int8")
    assert file.stat().st_atime_ns > 0
    model.forward([5], model.new_cache())


# ---- requests far too large


def spelled(size: int) -> str:
    return "word <|im_end|> " * (size // 16)


FAR_TOO_LARGE: list[Any] = [
    [{"role": "user", "content": spelled(9_000_000)}],
    [{"role": ("user", "assistant")[i % 2], "content": "word and more " * 3500} for i in range(200)],
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": spelled(2_000_000)}],
    [{"role": "user", "content": "\N{GRINNING FACE}" * 500_000}],
    [{"role": "user", "content": " " * 3_000_000}],
    [{"role": "user", "content": "x" * 3_000_000}],
    spelled(9_000_000),
    ["Once upon a time", [5, 6, 7], spelled(3_000_000)],
]


@pytest.mark.parametrize("asked", FAR_TOO_LARGE, ids=range(len(FAR_TOO_LARGE)))
def test_what_is_far_too_large_is_measured_and_not_encoded(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack, asked: Any
) -> None:
    encoded = 0
    run = model.tokenizer._run

    def counting(text: str, *others: Any, **named: Any) -> Any:
        nonlocal encoded
        encoded += len(text)
        return run(text, *others, **named)

    monkeypatch.setattr(model.tokenizer, "_run", counting)
    with attack("requests far too large"), Engine(model) as engine:
        session = engine.new_session()
        chat = isinstance(asked[0], dict)
        with pytest.raises(ContextOverflowError, match=r"needs about \d+ tokens but the context holds 512") as raised:
            session.reply(asked, FEW) if chat else session.complete(asked, FEW)
        assert encoded <= 4 * MEASURED
        assert raised.value.needed > 512
        if chat:
            assert session.count(asked) > 512
        answers(engine)


def test_the_estimate_is_near(model: Model) -> None:
    text = spelled(200_000)
    with Engine(model) as engine, pytest.raises(ContextOverflowError) as raised:
        engine.new_session().complete(text, FEW)
    assert raised.value.needed == pytest.approx(len(model.tokenizer.encode(text)), rel=0.01)


def test_a_little_too_large_is_counted_to_the_token(model: Model) -> None:
    text = "word and more " * 150
    with Engine(model) as engine, pytest.raises(ContextOverflowError) as raised:
        engine.new_session().complete(text, FEW)
    needed = len(model.tokenizer.encode(text))
    assert 512 < needed < 4096
    assert raised.value.needed == needed
    assert f"needs {needed} tokens" in str(raised.value)


def test_thoughts_that_a_template_drops_are_not_held_against_it(tmp_path: Path) -> None:
    model = Model.load(make_tiny_model(tmp_path / "model", chat_template=REASONING))
    thoughts = f"<think>{spelled(100_000)}</think>Yes."
    messages = [*HELLO, {"role": "assistant", "content": thoughts}, *HELLO]
    with Engine(model) as engine:
        generation = engine.new_session().reply(messages, FEW)
        finished(list(generation))
        assert len(generation.prompt_ids) < 100
