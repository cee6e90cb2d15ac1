"""Writing a story together with the model."""

from pathlib import Path

from textual.pilot import Pilot

from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready
from tui.widgets.story import StoryPane


def pane(pilot: Pilot[None]) -> StoryPane:
    found = app_of(pilot).main.story_pane
    assert found
    return found


async def test_f5_continues_and_ctrl_z_takes_back_the_whole_of_it(story_only_model: Path) -> None:
    async with make_app(story_only_model, max_tokens=80).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon")
        await pilot.press("f5")
        await idle(pilot)
        text = pane(pilot).text
        assert text.startswith("Once upon") and len(text) > 40
        await pilot.press("ctrl+z")
        assert pane(pilot).text == "Once upon"
        await pilot.press("ctrl+y")
        assert pane(pilot).text == text


async def test_taking_back_and_continuing_again_computes_one_token_of_the_past(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon a time", "f5")
        await idle(pilot)
        await pilot.press("ctrl+z", "f5")
        await idle(pilot)
        tip = current(pilot).tip
        assert tip and tip.outcome
        assert tip.outcome.reused_tokens == tip.outcome.prompt_tokens - 1
        assert len(current(pilot).tree.siblings(tip.id)) == 2


async def test_going_on_reuses_what_the_model_wrote(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        await pilot.press("f5")
        await idle(pilot)
        first, second = [node for node in current(pilot).tree.path() if node.role == "model"]
        assert first.outcome and second.outcome
        assert second.outcome.prompt_tokens == first.outcome.prompt_tokens + first.outcome.generated_tokens
        # The last sampled token never went through the model.
        assert second.outcome.reused_tokens == second.outcome.prompt_tokens - 1


async def test_continuing_from_the_middle_keeps_what_stood_behind(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"One two", "left", "left", "left", "left", "f5")
        await idle(pilot)
        assert pane(pilot).text.startswith("One") and "two" not in pane(pilot).text
        await pilot.press("ctrl+z")
        assert pane(pilot).text == "One two"


async def test_nothing_to_continue_is_said(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f5")
        assert "write a few words first" in current(pilot).notice


async def test_a_model_without_a_template_opens_in_a_story_and_chat_says_why(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await pilot.press(*"typed early")
        await ready(pilot)
        assert current(pilot).mode == "story"
        assert pane(pilot).text == "typed early"
        await pilot.press("ctrl+t")
        assert current(pilot).mode == "chat"
        assert app_of(pilot).main.composer.disabled
        assert any("no chat template" in line for line in app_of(pilot).main.transcript.hint)
        await pilot.press("ctrl+t")
        assert pane(pilot).text == "typed early"
