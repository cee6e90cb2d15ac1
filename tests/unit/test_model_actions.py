"""The open session's model and its settings: chosen, refused, adapted to."""

import pytest

from tests.stubs.fake_engine import FakeModel
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.model import ModelActions
from tui.actions.session_settings import SettingsActions
from tui.messages import DownloadEnded, ModelLoaded
from tui.screens.model_picker import ModelPicker
from tui.services.model_choice import ModelChoice
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE


@pytest.fixture
def actions(desk: Desk) -> ModelActions:
    return ModelActions(desk.context)


@pytest.fixture
def settings(desk: Desk) -> SettingsActions:
    return SettingsActions(desk.context)


async def test_the_chosen_model_is_loaded_for_the_open_session(desk: Desk, actions: ModelActions) -> None:
    actions.choose_model()
    screen, chosen = desk.mailbox.pushed.pop()
    assert isinstance(screen, ModelPicker)
    chosen(None)
    assert desk.current.model == "fake" and desk.presenter.shown == []
    chosen(ModelChoice("other", "int4"))
    assert desk.current.model == "other" and desk.current.settings["precision"] == "int4"
    assert not desk.services.models.lacks(ModelChoice("other", "int4")) and desk.presenter.shown == [desk.current]
    actions.use_named("third")
    assert desk.current.model == "third"


async def test_while_a_reply_runs_or_another_process_writes_it_stays(
    desk: Desk, actions: ModelActions, settings: SettingsActions, script: Script
) -> None:
    desk.load()
    script.held("one")
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    actions.choose_model()
    assert desk.current.notice == still_generating()
    desk.current.readonly = True
    for act in (actions.choose_model, lambda: actions.use_named("other"), settings.sampling):
        desk.current.clear_notice()
        act()
        assert desk.current.notice == OPEN_ELSEWHERE
    assert desk.current.model == "fake" and desk.mailbox.pushed == []


async def test_a_new_chat_with_a_model_that_only_continues_becomes_a_story(
    desk: Desk, actions: ModelActions, model: FakeModel
) -> None:
    desk.services.workspace._mode_given = False
    model.chat_template = None
    desk.load()
    actions.adapt()
    assert desk.current.mode == "story" and desk.presenter.collected == 1
    desk.screen.focus_work.assert_called_once()


async def test_loading_is_stopped(desk: Desk, actions: ModelActions) -> None:
    assert not actions.stop_loading()
    desk.workspace.load()
    assert actions.stop_loading() and desk.services.models.state(desk.current).failed


async def test_what_was_ignored_in_a_model_is_told(desk: Desk, actions: ModelActions, model: FakeModel) -> None:
    model.warnings = ("Its generation_config.json is ignored.", "So is another file.")
    desk.workspace.load()
    actions.take(ModelLoaded(desk.services.models.choice(desk.current), model))  # type: ignore[arg-type]
    assert desk.mailbox.notified == list(model.warnings)


async def test_the_end_of_a_download_is_told_where_it_is_not_seen(desk: Desk, actions: ModelActions) -> None:
    actions.downloaded(DownloadEnded("org/model", ""))
    actions.downloaded(DownloadEnded("org/model", "the disk is full"))
    assert "org/model" in desk.mailbox.notified[0] and desk.mailbox.notified[1] == "the disk is full"
    actions.choose_model()
    desk.mailbox.front = desk.mailbox.pushed.pop()[0]
    actions.downloaded(DownloadEnded("org/model", ""))
    assert len(desk.mailbox.notified) == 2


async def test_settings_are_kept_with_the_session(
    desk: Desk, settings: SettingsActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.session_settings.SettingsScreen", lambda *shown: shown)
    desk.current.conversation.settings = {"precision": "int8", "sampling": {"seed": 1}}
    settings.sampling()
    screen, chosen = desk.mailbox.pushed.pop()
    assert screen[:2] == ("chat", desk.current.settings)
    chosen(None)
    assert desk.current.settings["sampling"] == {"seed": 1}
    chosen({"system": "Be brief.", "sampling": {}})
    assert desk.current.settings == {"precision": "int8", "system": "Be brief."}
