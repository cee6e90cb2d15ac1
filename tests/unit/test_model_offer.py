"""The model that is offered after the guide has declined: one key gets it."""

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import InferenceError
from inference.sources.suggested import FIRST, suggested
from tests.unit.conftest import Desk
from tui.actions.model import ModelActions
from tui.config.paths import downloads_directory, shipped
from tui.services.model_offer import DECLINES, GUIDE

DECLINED = "I am very small and know only llm-tui. For anything else, load a larger model with F4."
suggestion = suggested(FIRST)
assert suggestion
NAME = str(suggestion.name)


@pytest.fixture
def actions(desk: Desk) -> ModelActions:
    return ModelActions(desk.context)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded yet."""
    for name in ("HOME", "XDG_DATA_HOME", "OLLAMA_MODELS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


class Pull:
    """Stands for ``inference.sources.pull.pull``."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.error: InferenceError | None = None

    def __call__(self, name: str, directory: Path, progress: Callable[[int, int, str], None]) -> None:
        self.names.append(name)
        self.begun.set()
        self.go_on.wait(60)
        if self.error:
            raise self.error


@pytest.fixture
def pull(home: None, monkeypatch: pytest.MonkeyPatch) -> Pull:
    pull = Pull()
    monkeypatch.setattr("inference.sources.pull.pull", pull)
    return pull


def say(desk: Desk, text: str, model: str = GUIDE) -> None:
    """The reply of a model to a question."""
    desk.current.use_model(model)
    desk.current.tree.add("user", "What is the capital of France?")
    desk.current.tree.add("assistant", text)


def asks(desk: Desk) -> None:
    """The declined question waits for a reply of the model; the guide's is a version of it."""
    tree, tip = desk.current.tree, desk.current.tip
    assert desk.current.model == NAME and desk.current.reply is not None
    assert tip is not None and tip.text == "" and [node.text for node in tree.siblings(tip.id)] == [DECLINED, ""]


async def ended(desk: Desk, actions: ModelActions) -> None:
    """The download's last message, taken in as the application does."""
    download = desk.services.downloads.get(NAME)
    assert download
    download.join()
    actions.downloaded(desk.mailbox.taken()[-1])  # type: ignore[arg-type]


def test_every_answer_with_which_the_guide_declines_is_known() -> None:
    recipe = shipped("models") / "recipes" / "guide"
    answers = tomllib.loads((recipe / "beyond.toml").read_text())["answers"]
    facts = tomllib.loads((recipe / "facts.toml").read_text())["fact"]
    answers += [fact["answer"] for fact in facts if fact["id"] == "guide.small"]
    assert len(answers) > 1 and all(DECLINES in answer for answer in answers)


async def test_it_is_offered_where_the_guide_has_declined(desk: Desk) -> None:
    offer = desk.services.offer
    assert offer.text(desk.current) == ""
    say(desk, "F4 opens the model picker.")
    assert offer.text(desk.current) == ""
    say(desk, DECLINED, model="other")
    assert offer.text(desk.current) == ""
    say(desk, DECLINED)
    assert (
        offer.text(desk.current) == "With the input empty, Enter downloads SmolLM2 135M Instruct (93.8 MB) and asks it."
    )
    desk.current.tree.add("user", "how?")
    assert offer.text(desk.current) == ""


async def test_one_key_downloads_it_and_goes_on_with_it(desk: Desk, actions: ModelActions, pull: Pull) -> None:
    actions.take_offer()
    await desk.mailbox.join()
    assert pull.names == []  # nothing is offered
    say(desk, DECLINED)
    for _ in range(2):
        actions.take_offer()
        await desk.mailbox.join()
    assert pull.begun.wait(60) and pull.names == [NAME]
    assert "F4 shows the progress" in desk.services.offer.text(desk.current)
    pull.go_on.set()
    await ended(desk, actions)
    asks(desk)
    assert desk.services.offer.text(desk.current) == "" and desk.mailbox.notified == []


async def test_one_that_is_here_is_used_at_once(desk: Desk, actions: ModelActions, pull: Pull) -> None:
    here = downloads_directory() / f"{NAME}"
    here.mkdir(parents=True)
    (here / "small.Q4_1.gguf").write_text("GGUF")
    say(desk, DECLINED)
    actions.look_for_offered()
    await desk.mailbox.join()
    assert desk.services.offer.text(desk.current) == "With the input empty, Enter asks SmolLM2 135M Instruct instead."
    actions.take_offer()
    await desk.mailbox.join()
    assert pull.names == []
    asks(desk)


async def test_what_failed_is_told_and_offered_again(desk: Desk, actions: ModelActions, pull: Pull) -> None:
    say(desk, DECLINED)
    pull.error = InferenceError("The disk is full.")
    pull.go_on.set()
    actions.take_offer()
    await desk.mailbox.join()
    await ended(desk, actions)
    assert desk.mailbox.notified == ["The disk is full."]
    assert desk.current.model == GUIDE and "Enter downloads" in desk.services.offer.text(desk.current)


async def test_a_session_that_went_on_keeps_its_model(desk: Desk, actions: ModelActions, pull: Pull) -> None:
    say(desk, DECLINED)
    actions.take_offer()
    await desk.mailbox.join()
    say(desk, "Enter sends a message.")
    pull.go_on.set()
    await ended(desk, actions)
    assert desk.current.model == GUIDE and NAME in desk.mailbox.notified[0]
