"""F8 in a story shows a version that was generated while nothing else was."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from inference import InferenceError, SamplingParams
from tests.stubs.script import Script
from tests.tiny_model import SPECIAL_TOKENS
from tests.tui.conftest import SIZE, app_of, current, idle, ready, until
from tests.tui.story import line, pane
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.tree import Node
from tui.services import next_version
from tui.services.next_version import NextVersion
from tui.services.replies import ReplyService
from tui.services.session import Session
from tui.storage.store import Store


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_version, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(next_version, "on_battery", lambda: False)


def writing(model: Path, *, params: dict[str, Any] | None = None, **settings: Any) -> LlmTui:
    chosen = {"temperature": 1.0, "max_tokens": 12} | (params or {})
    return LlmTui(load_settings(model=str(model), **settings), params=SamplingParams(**chosen))


def ahead(pilot: Pilot[None]) -> NextVersion:
    return app_of(pilot).services.next_version


def prepared(pilot: Pilot[None]) -> Node | None:
    """The complete version that waits."""
    waiting = ahead(pilot)._prepared
    return waiting.node if waiting is not None and waiting.ended else None


def growing(pilot: Pilot[None]) -> str:
    """The text so far of the version that is being generated."""
    waiting = ahead(pilot)._prepared
    return waiting.node.text if waiting is not None and waiting.node is not None and not waiting.ended else ""


async def begun(pilot: Pilot[None]) -> None:
    await ready(pilot)
    await pilot.press(*"Once upon", "f5")
    await idle(pilot)


def sessions_of_engine(pilot: Pilot[None]) -> int:
    return sum(not session.closed for session in app_of(pilot).services.models.engine.sessions)


async def test_it_is_there_before_it_is_asked_for(story_only_model: Path, script: Script) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        await begun(pilot)
        first = pane(pilot).text
        await until(pilot, lambda: prepared(pilot))
        node = prepared(pilot)
        assert node is not None and script.prompts[-1] == script.prompts[0]
        assert (pane(pilot).text, len(current(pilot).tree)) == (first, 2), "nobody has asked for it"
        await pilot.press("f8")
        assert current(pilot).reply is None
        assert pane(pilot).text == f"Once upon{node.text}" != first
        assert "version 2 of 2" in line(pilot)
        tip = current(pilot).tip
        assert tip is not None and (tip.token_ids, tip.outcome) == (node.token_ids, node.outcome)
        await pilot.press("ctrl+z")
        assert pane(pilot).text == first
        await pilot.press("f8")
        assert pane(pilot).text.endswith(node.text) and len(current(pilot).tree) == 3
        await until(pilot, lambda: prepared(pilot))  # the one after it
        await pilot.press("f8")
        assert "version 3 of 3" in line(pilot) and current(pilot).reply is None
        saved = app_of(pilot).services.sessions
        await until(pilot, lambda: not saved.storage.busy)
        assert len(saved.open(current(pilot).id).tree) == 4


async def test_one_that_grows_is_shown_as_it_grows(story_only_model: Path, script: Script) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        script.reply("began. ")
        held = script.held("And ", "then ")
        await begun(pilot)
        await until(pilot, lambda: growing(pilot) == "And then ")
        await pilot.press("f8")
        assert pane(pilot).text == "Once uponAnd then " and current(pilot).reply is not None
        assert len(script.prompts) == 2
        held.set()
        await idle(pilot)
        assert [node.text for node in current(pilot).tree.siblings(current(pilot).tree.tip)] == ["began. ", "And then "]
        assert len(current(pilot).tip.token_ids) == 2
        await pilot.press("ctrl+z")
        assert pane(pilot).text == "Once upon", "as it is for one that was asked for"


async def test_what_the_story_goes_on_with_is_read_from_its_cache(real_model: Path) -> None:
    # With a control token within it the text would be read anew.
    control = tuple((token_id, -100.0) for token_id in range(len(SPECIAL_TOKENS)))
    params = SamplingParams(temperature=1.0, max_tokens=8, logit_bias=control)
    app = LlmTui(load_settings(model=str(real_model)), params=params, mode="story")
    async with app.run_test(size=SIZE) as pilot:
        await begun(pilot)
        await until(pilot, lambda: prepared(pilot))
        await pilot.press("f8", "f5")
        await idle(pilot)
        outcome = current(pilot).tip.outcome
        assert outcome.reused_tokens == outcome.prompt_tokens - 1


async def test_it_gives_way_to_what_is_asked_for(story_only_model: Path, script: Script) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        script.reply("began. ")
        held = script.held("never ", "seen ")
        await begun(pilot)
        await until(pilot, lambda: growing(pilot))
        await pilot.press("f5")
        await idle(pilot)
        held.set()
        assert "seen" not in pane(pilot).text and pane(pilot).text.startswith("Once uponbegan. Reply 3")
        await until(pilot, lambda: prepared(pilot))
        assert sessions_of_engine(pilot) == 2, "the story's, and that of what is prepared"


@pytest.mark.parametrize(
    "hindrance", [{"prepare_versions": False}, {"params": {"temperature": 0}}, {"params": {"seed": 1}}, "battery"]
)
async def test_nothing_is_prepared_where_it_is_not_wanted(
    story_only_model: Path, script: Script, monkeypatch: pytest.MonkeyPatch, hindrance: Any
) -> None:
    looked: list[bool] = []
    if hindrance == "battery":
        monkeypatch.setattr(next_version, "on_battery", lambda: looked.append(True) or True)
    settings = hindrance if isinstance(hindrance, dict) else {}
    async with writing(story_only_model, **settings).run_test(size=SIZE) as pilot:
        await begun(pilot)
        await until(pilot, lambda: looked or hindrance != "battery")
        for _ in range(5):
            await pilot.pause(0.02)
        assert ahead(pilot)._prepared is None and len(script.prompts) == 1


async def test_another_is_generated_where_the_settings_or_the_text_are_others(
    story_only_model: Path, script: Script
) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        await begun(pilot)
        await until(pilot, lambda: prepared(pilot))
        unused = prepared(pilot)
        current(pilot).change_settings({"sampling": {"max_tokens": 5}})
        await pilot.press("f8")
        await idle(pilot)
        assert unused is not None and unused.text not in pane(pilot).text and len(current(pilot).tip.token_ids) == 5


async def leave(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+n")


async def delete(pilot: Pilot[None]) -> None:
    app_of(pilot).actions.sessions.delete_session()
    await pilot.pause()


async def change_model(pilot: Pilot[None]) -> None:
    app_of(pilot).actions.models.use_named("/nowhere")
    await pilot.pause()


@pytest.mark.parametrize("go", [leave, delete, change_model])
@pytest.mark.parametrize("ended", [False, True], ids=["growing", "ended"])
async def test_nothing_of_it_is_kept_once_nobody_can_ask_for_it(
    story_only_model: Path, script: Script, go: Callable[[Pilot[None]], Awaitable[None]], ended: bool
) -> None:
    """Its memory would be that of a model that is unloaded, for as long as the program runs."""
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        script.reply("began. ")
        held = script.held("And ", "then ")
        if ended:
            held.set()
        await begun(pilot)
        await until(pilot, lambda: prepared(pilot) if ended else growing(pilot))
        waiting = ahead(pilot)._prepared
        assert waiting is not None
        twin = waiting.twin.engine
        await go(pilot)
        await until(pilot, lambda: twin.closed)
        assert ahead(pilot)._prepared is None and ahead(pilot)._stopped == []
        assert app_of(pilot).services.replies.replying == []


async def test_one_that_cannot_begin_is_nobodys_business(
    story_only_model: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        tried: list[Session] = []

        def without_memory(service: ReplyService, story: Session) -> None:
            tried.append(story)
            raise MemoryError

        monkeypatch.setattr(ReplyService, "copy", without_memory)
        await begun(pilot)
        await until(pilot, lambda: tried and ahead(pilot)._prepared is None)
        await pilot.press("f8")
        await idle(pilot)
        assert app_of(pilot).is_running and "version 2 of 2" in line(pilot)


async def test_one_that_has_failed_is_not_shown(story_only_model: Path, script: Script) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        script.reply("began. ")
        script.reply("half ", InferenceError("The weights are gone."))
        await begun(pilot)
        await until(pilot, lambda: len(script.prompts) == 2 and ahead(pilot)._prepared is None)
        assert sessions_of_engine(pilot) == 1 and not current(pilot).notice
        await pilot.press("f8")
        await idle(pilot)
        assert "half" not in pane(pilot).text and "version 2 of 2" in line(pilot)


async def test_it_does_not_keep_the_program_from_quitting(story_only_model: Path, script: Script) -> None:
    app = writing(story_only_model)
    async with app.run_test(size=SIZE) as pilot:
        script.reply("began. ")
        script.held("And ", "then ")
        await begun(pilot)
        await until(pilot, lambda: growing(pilot))
        waiting = ahead(pilot)._prepared
        assert waiting is not None
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert waiting.twin.engine is None or waiting.twin.engine.closed
    assert app.mistake is None and not app.services.sessions.unsaved


async def test_it_is_claimed_without_the_database(story_only_model: Path, script: Script) -> None:
    async with writing(story_only_model).run_test(size=SIZE) as pilot:
        await begun(pilot)
        await until(pilot, lambda: prepared(pilot))
        node, sessions = prepared(pilot), app_of(pilot).services.sessions
        await until(pilot, lambda: not sessions.storage.busy)
        shutil.rmtree(sessions.store.file.parent)
        await pilot.press("f8")
        assert node is not None and pane(pilot).text == f"Once upon{node.text}"
        await until(pilot, lambda: "was deleted, moved or replaced" in current(pilot).notice)
        await until(pilot, lambda: not sessions.unsaved)
        assert len(Store(sessions.store.file).read(current(pilot).id).tree) == 3
