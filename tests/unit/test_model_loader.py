"""A model is loaded on a thread of its own, which tells the interface what becomes of it."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import CheckpointError
from tests.stubs.fake_engine import FakeModel, loader
from tests.stubs.mailbox import Mailbox
from tests.stubs.script import Script
from tui.messages import ModelFailed, ModelLoaded, ModelLoading, ModelPrepared, ModelPreparing
from tui.services.model_choice import ModelChoice
from tui.services.model_loader import ModelLoader


@pytest.fixture
def directory(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("inference.model.Model.load", loader(script))
    directory = tmp_path / "fake"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    return directory


def load(name: object, *leaving: object) -> Mailbox:
    """What a loader has posted, once it is through."""
    mailbox = Mailbox()
    begin(name, mailbox, *leaving)
    join()
    return mailbox


def begin(name: object, mailbox: Mailbox, *leaving: object) -> ModelLoader:
    loading = ModelLoader(mailbox, ModelChoice(str(name), "int8"), {}, (), leaving)  # type: ignore[arg-type]
    loading.start()
    return loading


def join() -> None:
    for thread in [thread for thread in threading.enumerate() if thread.name == "llm-tui-loader"]:
        thread.join(60)


def test_progress_comes_before_the_model(directory: Path) -> None:
    first, *_, last = load(directory).messages
    assert isinstance(first, ModelLoading) and first.what == "loading the model"
    assert isinstance(last, ModelLoaded)
    assert isinstance(last.model, FakeModel) and (last.model.path, last.model.precision) == (directory, "int8")
    assert last.choice == ModelChoice(str(directory), "int8")


def test_caches_are_put_away_before_the_model_is_loaded(directory: Path, script: Script) -> None:
    order: list[object] = []

    class Leaving:
        def put_away(self) -> None:
            order.append(threading.current_thread().name)

    script.loading = lambda path: order.append("loaded")
    load(directory, Leaving())
    assert order == ["llm-tui-loader", "loaded"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CheckpointError("The weights are torn."), "The weights are torn."),
        (MemoryError(), "memory"),
        (KeyError("missing"), "KeyError: 'missing'"),
        (BaseException("a panic"), "a panic"),
    ],
)
def test_whatever_is_raised_is_told(directory: Path, script: Script, error: BaseException, told: str) -> None:
    def fail(path: Path) -> None:
        raise error

    script.loading = fail
    last = load(directory).messages[-1]
    assert isinstance(last, ModelFailed) and told in last.sentence


def test_a_model_that_is_nowhere_is_told(directory: Path) -> None:
    (failed,) = load(directory / "nowhere").messages
    assert isinstance(failed, ModelFailed) and "nowhere" in failed.sentence


def test_what_is_abandoned_posts_nothing_more(directory: Path, script: Script) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def wait(path: Path) -> None:
        begun.set()
        let_go.wait(60)

    script.loading = wait
    mailbox = Mailbox()
    loading = begin(directory, mailbox)
    assert begun.wait(60)
    loading.abandon()
    let_go.set()
    join()
    assert mailbox.messages == []


def test_progress_is_told_at_most_twenty_times_a_second(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chatty(path: Path, precision: str, progress: Callable[[int, int, str], None], **_: object) -> FakeModel:
        for done in range(1000):
            progress(done, 1000, "loading the model")
        return FakeModel(path, precision, Script())

    monkeypatch.setattr("inference.model.Model.load", chatty)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    mailbox = load(directory)
    assert [type(message) for message in mailbox.messages] == [ModelLoading, ModelLoaded]


@pytest.mark.parametrize("fault", [None, OSError("no compiler")])
def test_a_model_can_be_used_before_its_kernels_are_compiled(
    directory: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    slow = FakeModel(directory, "int8", Script(), ready=False, fault=fault)
    monkeypatch.setattr("inference.model.Model.load", lambda *arguments, **options: slow)
    moments = iter(range(10, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(moments)))
    loaded, *preparing, prepared = load(directory).messages
    assert isinstance(loaded, ModelLoaded) and loaded.model is slow  # type: ignore[comparison-overlap]
    assert [(each.done, each.total) for each in preparing if isinstance(each, ModelPreparing)] == [(1, 1)]
    assert isinstance(prepared, ModelPrepared) and slow.ready == (fault is None)
    assert ("no compiler" in prepared.warning) == (fault is not None)
