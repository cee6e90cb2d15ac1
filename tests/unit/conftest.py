"""What needs no model, no screen and no other process: `make quick` runs these."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from inference import SamplingParams
from tests.stubs.fake_engine import FakeCache, FakeEngine, FakeModel
from tests.stubs.mailbox import Mailbox
from tests.stubs.screen import FakePresenter, FakeScreen
from tests.stubs.script import Script
from tui.actions.context import ActionContext
from tui.config.settings import load_settings
from tui.messages import ModelLoaded, ReplyProgressed
from tui.services import models
from tui.services.model_choice import ModelChoice
from tui.services.models import ModelManager
from tui.services.services import Services
from tui.services.session import Session


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def model(script: Script, tmp_path: Path) -> FakeModel:
    """A fake model that chats; its replies are in ``script``."""
    directory = tmp_path / "models" / "fake"
    directory.mkdir(parents=True)
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": "fake"}))
    return FakeModel(directory, "float32", script)


class FakeLoader:
    """Loads nothing; the test reports what a loader would."""

    made: ClassVar[list["FakeLoader"]] = []

    def __init__(self, pump: Mailbox, choice: ModelChoice, *rest: object) -> None:
        self.started = self.abandoned = False
        self.made.append(self)

    def start(self) -> None:
        self.started = True

    def abandon(self) -> None:
        self.abandoned = True


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded by itself, and the engine is a fake one."""
    FakeLoader.made.clear()
    monkeypatch.setattr(models, "ModelLoader", FakeLoader)
    monkeypatch.setattr("inference.Engine", FakeEngine)
    monkeypatch.setattr("inference.transformer.kv_cache.KVCache.load", FakeCache.load)


@pytest.fixture
def manager(mailbox: Mailbox, fakes: None) -> ModelManager:
    return ModelManager(mailbox, load_settings(precision="int8"), None)  # type: ignore[arg-type]


class Desk:
    """All services of an app that is not there, with a fake screen; a chat is open that has no model yet."""

    def __init__(self, mailbox: Mailbox, model: FakeModel) -> None:
        self.mailbox = mailbox
        self.services = Services(mailbox, load_settings(model="fake"), SamplingParams(temperature=0), "chat")  # type: ignore[arg-type]
        self.workspace = self.services.workspace
        self.screen = FakeScreen()
        self.presenter = FakePresenter(self.workspace)
        self.context = ActionContext(mailbox, None, self.screen, self.presenter, self.services)  # type: ignore[arg-type]
        self._model = model

    @property
    def current(self) -> Session:
        return self.workspace.current

    @property
    def said(self) -> list[str]:
        """The texts of the open session, from the first on."""
        return [node.text for node in self.current.tree.path()]

    def load(self) -> None:
        """Have the open session's model ready."""
        choice = self.services.models.choice(self.current)
        self.services.models.load(choice)
        self.workspace.take_model(ModelLoaded(choice, self._model))  # type: ignore[arg-type]

    async def come(self) -> None:
        """Take in what has come of replies."""
        await self.mailbox.join()
        self.mailbox.tick()
        taken = [message for message in self.mailbox.taken() if isinstance(message, ReplyProgressed)]
        for change in map(self.services.replies.take, taken):
            if change is not None and change.ended:
                self.workspace.reply_ended(change)


@pytest.fixture
async def desk(mailbox: Mailbox, fakes: None, model: FakeModel) -> AsyncIterator[Desk]:
    desk = Desk(mailbox, model)
    yield desk
    desk.services.close()
