"""The models of this process: each is loaded once, kept while it is wanted, and dropped when it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stubs.fake_engine import FakeModel
from tests.stubs.script import Script
from tests.unit.conftest import FakeLoader
from tui.conversation.conversation import Conversation
from tui.messages import ModelFailed, ModelLoaded, ModelLoading, ModelPrepared, ModelPreparing
from tui.services import models
from tui.services.model_choice import ModelChoice
from tui.services.models import CANCELLED, ModelManager
from tui.services.session import Session

ONE, OTHER = ModelChoice("one", "int8"), ModelChoice("other", "int8")


@pytest.fixture
def fake(script: Script, tmp_path: Path) -> Callable[..., FakeModel]:
    return lambda name, precision="int8": FakeModel(tmp_path / name, precision, script)


def session(choice: ModelChoice) -> Session:
    """One that wants this model."""
    return Session(Conversation(model=choice.name, settings={"precision": choice.precision}))


def test_a_session_wants_its_own_precision_or_the_usual_one(manager: ModelManager) -> None:
    assert manager.choice(Session(Conversation(model="one"))) == ONE
    assert manager.choice(session(ModelChoice("one", "float32"))) == ("one", "float32")
    assert manager.choice(session(ModelChoice("one", "float1"))) == ONE, "a precision that there is not"


def test_a_model_is_loaded_once(manager: ModelManager, fake: Callable[..., FakeModel]) -> None:
    assert manager.lacks(ONE) and manager.model(session(ONE)) is None
    manager.load(ONE)
    manager.load(ONE)
    (loading,) = FakeLoader.made
    assert loading.started and not manager.lacks(ONE)
    assert manager.take(ModelLoading(ONE, 3, 9, "compiling"))
    state = manager.state(session(ONE))
    assert (state.done, state.total, state.what) == (3, 9, "compiling")
    model = fake("one")
    assert manager.take(ModelLoaded(ONE, model))  # type: ignore[arg-type]
    assert manager.model(session(ONE)) is model


def test_kernels_are_compiled_while_a_model_is_used(manager: ModelManager, fake: Callable[..., FakeModel]) -> None:
    manager.load(ONE)
    slow = fake("one")
    slow.ready = False
    manager.take(ModelLoaded(ONE, slow))  # type: ignore[arg-type]
    assert manager.model(session(ONE)) is slow and manager.state(session(ONE)).total == 1
    assert manager.take(ModelPreparing(ONE, 3, 40))
    assert manager.model(session(ONE)) is slow and manager.state(session(ONE)).done == 3
    assert manager.take(ModelPrepared(ONE))
    assert manager.model(session(ONE)) is slow and manager.state(session(ONE)).total == 0
    assert not manager.take(ModelPreparing(ONE, 4, 40)), "it is over"


def test_nobody_waits_for_the_kernels_of_a_model_that_is_dropped(
    manager: ModelManager, fake: Callable[..., FakeModel]
) -> None:
    manager.load(ONE)
    slow = fake("one")
    slow.ready = False
    manager.take(ModelLoaded(ONE, slow))  # type: ignore[arg-type]
    assert manager.drop([OTHER]) == [slow]
    assert FakeLoader.made[0].abandoned and not manager.take(ModelPreparing(ONE, 3, 40))


def test_what_failed_is_tried_again_only_when_asked(manager: ModelManager) -> None:
    manager.load(ONE)
    manager.take(ModelFailed(ONE, "it is torn"))
    assert manager.state(session(ONE)).failed == "it is torn"
    manager.load(ONE)
    assert len(FakeLoader.made) == 1
    manager.load(ONE, again=True)
    assert len(FakeLoader.made) == 2 and manager.state(session(ONE)).failed == ""


def test_another_choice_of_the_same_model_takes_it_over(manager: ModelManager, fake: Callable[..., FakeModel]) -> None:
    auto, exact = ModelChoice("one", "auto"), ModelChoice("one", "float32")
    manager.load(auto)
    model = fake("one", "float32")
    manager.take(ModelLoaded(auto, model))  # type: ignore[arg-type]
    manager.load(exact)
    assert manager.model(session(exact)) is model and len(FakeLoader.made) == 1


def test_a_loader_that_nobody_waits_for_is_not_heard(manager: ModelManager, fake: Callable[..., FakeModel]) -> None:
    manager.load(ONE)
    assert manager.drop(kept=[]) == []
    assert FakeLoader.made[0].abandoned and manager.lacks(ONE)
    assert not manager.take(ModelLoaded(ONE, fake("one")))  # type: ignore[arg-type]
    assert manager.model(session(ONE)) is None


def test_loading_is_cancelled(manager: ModelManager) -> None:
    assert not manager.cancel(ONE)
    manager.load(ONE)
    assert manager.cancel(ONE) and FakeLoader.made[0].abandoned
    assert manager.state(session(ONE)).failed == CANCELLED and not manager.lacks(ONE)
    assert manager.lacks(ONE, again=True)


def test_what_is_not_kept_is_dropped_but_for_the_built_in_ones(
    manager: ModelManager, fake: Callable[..., FakeModel]
) -> None:
    built_in = ModelChoice("guide", "auto")
    one, other, guide = fake("one"), fake("other"), fake("guide")
    guide.path = models.shipped("models") / "guide"
    for choice, model in ((ONE, one), (OTHER, other), (built_in, guide)):
        manager.load(choice)
        manager.take(ModelLoaded(choice, model))  # type: ignore[arg-type]
    assert manager.drop(kept=[OTHER]) == [one]
    assert manager.model(session(ONE)) is None
    assert manager.model(session(OTHER)) is other and manager.model(session(built_in)) is guide


def test_one_engine_is_started_when_it_is_first_needed_and_closed(manager: ModelManager) -> None:
    engine = manager.engine
    assert manager.engine is engine
    manager.load(ONE)
    manager.close()
    assert engine.closed and FakeLoader.made[0].abandoned  # type: ignore[attr-defined]
