"""Writing a story together with the model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from inference import SamplingParams, tokens_within
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap, until
from tests.tui.story import line, pane
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.terminal.sanitize import sanitize


def inventive_app(model: Path, **params: Any) -> LlmTui:
    """Its model writes something else each time."""
    params = {"temperature": 1.0, "max_tokens": 12} | params
    return LlmTui(load_settings(model=str(model)), params=SamplingParams(**params))


def tinted(pilot: Pilot[None]) -> str:
    """What the pane shows in the colour of generated text."""
    shown = [pane(pilot).get_line(row) for row in range(pane(pilot).document.line_count)]
    return "\n".join(text.plain[span.start : span.end] for text in shown for span in text.spans)


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


async def test_every_key_for_a_new_line_begins_one(story_only_model: Path) -> None:
    """Pasted without brackets, line ends come as Enter or as Ctrl+J, as the terminal sends them."""
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "enter", "b", "ctrl+j", "c", "alt+enter", "d", "shift+enter", "e")
        assert pane(pilot).text == "a\nb\nc\nd\ne"


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
        await pilot.press("ctrl+y")
        first = pane(pilot).text
        await pilot.press("f7")
        assert pane(pilot).text == "One two"
        await pilot.press("f8")
        assert pane(pilot).text == first


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
        welcome = app_of(pilot).main.transcript.welcome
        assert welcome and "no chat template" in welcome.about
        await pilot.press("ctrl+t")
        assert pane(pilot).text == "typed early"


async def test_the_input_of_a_chat_says_that_its_new_model_cannot_chat(
    tiny_model: Path, story_only_model: Path
) -> None:
    async with make_app(tiny_model, max_tokens=4).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await idle(pilot)
        composer, actions = app_of(pilot).main.composer, app_of(pilot).actions
        actions.models.use_named(str(story_only_model))
        await until(pilot, lambda: composer.disabled)
        assert "This model cannot chat · F4" in composer.render_line(0).text
        actions.models.use_named(str(tiny_model))
        await until(pilot, lambda: not composer.disabled)
        assert "Ask anything" in composer.render_line(0).text


async def test_a_new_session_is_a_story_if_the_model_of_chats_cannot_chat(
    tiny_model: Path, story_only_model: Path
) -> None:
    settings = replace(load_settings(), chat_model=str(tiny_model))
    async with LlmTui(settings, params=SamplingParams(temperature=0, max_tokens=4)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await idle(pilot)
        app_of(pilot).actions.models.use_named(str(story_only_model))
        await until(pilot, lambda: app_of(pilot).main.composer.disabled)
        # New sessions have it as soon as the storage thread has told that it is the last one in use.
        sessions = app_of(pilot).services.sessions
        await until(pilot, lambda: sessions.usual_model("chat", settings) == str(story_only_model))
        await pilot.press("ctrl+n", *"Once")
        assert current(pilot).mode == "story" and pane(pilot).text == "Once"
        app_of(pilot).actions.application.private_session()
        await pilot.press(*"upon")
        assert current(pilot).private and pane(pilot).text == "upon"


async def test_ctrl_enter_continues_too(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "ctrl+enter")
        await idle(pilot)
        assert [node.role for node in current(pilot).tree.path()] == ["author", "model"]


async def test_f7_and_f8_walk_the_alternatives_and_f8_on_the_last_asks_for_another(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        assert "No versions yet" in current(pilot).notice
        await pilot.press(*"Once upon", "f5")
        await idle(pilot)
        texts = [pane(pilot).text]
        for _ in range(2):
            await pilot.press("f8")
            await idle(pilot)
            texts.append(pane(pilot).text)
        assert len(set(texts)) == 3 and all(text.startswith("Once upon") for text in texts)
        assert "version 3 of 3" in line(pilot)
        tip = current(pilot).tip
        assert tip and tip.outcome and tip.outcome.reused_tokens == tip.outcome.prompt_tokens - 1
        seen = []
        for key in ("f7", "f7", "f7", "f8", "f8"):
            await pilot.press(key)
            seen.append(pane(pilot).text)
        assert seen == [texts[1], texts[0], texts[0], texts[1], texts[2]]
        assert len(current(pilot).tree) == 4
        await pilot.press("ctrl+z")
        assert pane(pilot).text == texts[1]


async def test_alternatives_at_the_cursor_bring_back_how_each_went_on(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        await pilot.press("f5")
        await idle(pilot)
        long = pane(pilot).text
        pane(pilot).move_cursor((0, 6))
        await pilot.press("f8")
        await idle(pilot)
        assert len(pane(pilot).text) < len(long)
        await pilot.press("f7")
        assert pane(pilot).text == long


async def test_f8_writes_another_version_of_what_was_taken_back(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        texts = ["Once"]
        await pilot.press(*"Once")
        for keys in (["f5"], ["f5"], ["ctrl+z", "f8"]):
            await pilot.press(*keys)
            await idle(pilot)
            texts.append(pane(pilot).text)
        _, first, second, other = texts
        assert second.startswith(first) and other.startswith(first) and len({first, second, other}) == 3
        assert "version 2 of 2" in line(pilot) and current(pilot).notice == ""
        size = len(current(pilot).tree)
        for key, text in (("f7", second), ("f8", other), ("f7", second), ("f7", second), ("f8", other)):
            await pilot.press(key)
            assert pane(pilot).text == text
        await pilot.press(*["ctrl+z"] * 5)
        assert pane(pilot).text == first and "version" not in line(pilot)
        await pilot.press("f7")
        assert pane(pilot).text == other and len(current(pilot).tree) == size


async def test_f7_and_f8_lead_back_to_what_was_seen_before(story_only_model: Path) -> None:
    """Also where each version goes on differently; the notice tells which place it is."""
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon")
        for _ in range(2):
            await pilot.press("f5")
            await idle(pilot)
        long = pane(pilot).text
        await pilot.press("ctrl+z", "ctrl+z", "f8")
        await idle(pilot)
        short, size = pane(pilot).text, len(current(pilot).tree)
        await pilot.press("f7")
        assert pane(pilot).text == long and "version 1 of 2" in line(pilot)
        assert current(pilot).notice == "Version 1 of 2 of what follows “Once upon”."
        await pilot.press("f8")
        assert pane(pilot).text == short and "version 2 of 2" in line(pilot)
        assert current(pilot).notice.endswith("F7 shows it, Ctrl+Z restores it.")
        await pilot.press("f7", "f7", "f8", "f7")
        assert pane(pilot).text == long and len(current(pilot).tree) == size
        await pilot.press("x", "f8")  # at the end again
        assert pane(pilot).text.startswith(long[: len(long) // 2])


async def test_f8_says_where_the_text_after_the_version_went(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        await pilot.press(*" they lived")
        typed = pane(pilot).text
        await pilot.press("f8")
        await idle(pilot)
        assert "they lived" not in pane(pilot).text
        where = "Version 2 of 2 of what follows “Once”. The text after it was kept: "
        assert current(pilot).notice == where + "F7 shows it, Ctrl+Z restores it."
        await pilot.press("f7")
        assert pane(pilot).text == typed
        await pilot.press("f8", *" or not", "f7")
        assert pane(pilot).text == typed
        assert current(pilot).notice.endswith("The text after it was kept: F8 shows it, Ctrl+Z restores it.")


async def test_what_was_written_by_hand_can_be_reached_when_it_can_not_be_redone(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"A dog", "f5")
        await idle(pilot)
        continued = pane(pilot).text
        await pilot.press("ctrl+z", "f7")
        assert pane(pilot).text == continued and current(pilot).notice == "", "as after a redo"
        await pilot.press("ctrl+z")
        pane(pilot).move_cursor((0, 2))
        await pilot.press(*"big ", "f5")
        await idle(pilot)
        by_hand = pane(pilot).text
        assert by_hand.startswith("A big ") and current(pilot).notice.startswith("The text after the cursor")
        await pilot.press("ctrl+z", "ctrl+z")
        assert pane(pilot).text == "A dog"
        pane(pilot).move_cursor(pane(pilot).document.end)
        await pilot.press("f7")
        assert pane(pilot).text == continued
        others = "There are other versions of the whole story: move the cursor to its start."
        assert current(pilot).notice == f"Ctrl+Y no longer brings back what was undone. {others}"
        await pilot.press("f7")
        assert current(pilot).notice == f"Already at the first version. {others}"
        pane(pilot).move_cursor((0, 0))
        seen = []
        for key in ("f8", "f8", "f8", "f7", "f7"):
            await pilot.press(key)
            seen.append(pane(pilot).text)
        assert seen == ["A big dog", by_hand, by_hand, "A big dog", continued]


async def test_nothing_is_lost_to_a_redo_that_would_show_the_same(story_only_model: Path) -> None:
    """To generate another version takes the one before away: two steps, which F8 does at once."""
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        first = pane(pilot).text
        await pilot.press("f8")
        await idle(pilot)
        second = pane(pilot).text
        await pilot.press("ctrl+z", "ctrl+z")
        assert pane(pilot).text == first != second
        await pilot.press("f8")
        assert pane(pilot).text == second and current(pilot).notice == ""


async def test_f7_says_where_versions_are_if_there_are_none_up_to_the_cursor(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon", "f5")
        await idle(pilot)
        for key in ("f7", "f8"):
            pane(pilot).move_cursor((0, 3))
            await pilot.press(key)
            assert current(pilot).notice == "No versions up to the cursor: the first are of what follows “Once upon”."


async def test_where_nothing_else_could_come_f8_says_so(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        size = len(current(pilot).tree)
        await pilot.press("f8")
        assert "Temperature 0 always" in current(pilot).notice and len(current(pilot).tree) == size


async def test_generated_text_is_tinted_until_the_next_edit(story_only_model: Path) -> None:
    async with inventive_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once", "f5")
        await idle(pilot)
        assert "Once" + tinted(pilot) == sanitize(pane(pilot).text)
        await pilot.press("f5")
        await idle(pilot)
        assert "Once" + tinted(pilot) == sanitize(pane(pilot).text)
        await pilot.press("f8")
        await idle(pilot)
        await pilot.press("f7", "left", "up")
        assert tinted(pilot) and sanitize(pane(pilot).text).endswith(tinted(pilot))
        await pilot.press("x")
        assert tinted(pilot) == ""


async def test_continuing_from_inside_what_the_model_wrote_reuses_it(story_only_model: Path) -> None:
    """Up to the end of a token: the ids stay, and nothing of them is computed again."""
    async with make_app(story_only_model, max_tokens=30).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon", "f5")
        await idle(pilot)
        whole = current(pilot).tip
        model = app_of(pilot).services.workspace.model
        assert whole and whole.outcome and model
        written = tokens_within(model.tokenizer, model.tokenizer.encode("Once upon"), whole.token_ids, 15)
        pane(pilot).load(pane(pilot).text[: len("Once upon") + len(written[1])])
        await pilot.press("f5")
        await idle(pilot)
        path = current(pilot).tree.path()
        assert path[1].token_ids == whole.token_ids[: written[0]] and path[1].parent == whole.parent
        assert path[2].outcome
        assert path[2].outcome.prompt_tokens == whole.outcome.prompt_tokens + written[0]
        assert path[2].outcome.reused_tokens == path[2].outcome.prompt_tokens - 1


async def test_keys_do_not_undo_while_the_model_writes(talkative_model: Path) -> None:
    async with make_app(talkative_model, mode="story", max_tokens=3000).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"Once", "f5")
        await until(pilot, lambda: current(pilot).reply.tokens > 3)
        await tap(pilot, "ctrl+z", "ctrl+y", "f7", "f8")
        await tap(pilot, "escape")
        await idle(pilot)
        tip = current(pilot).tip
        assert tip and pane(pilot).text == "Once" + tip.text
        await pilot.press("ctrl+z")
        assert pane(pilot).text == "Once"


async def test_the_line_below_tells_length_and_settings(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon a time")
        assert line(pilot).startswith("4 words") and line(pilot).endswith("F5 adds up to 12 tokens · temperature 0")
        await pilot.press("f5")
        await idle(pilot)
        tip = current(pilot).tip
        assert tip and tip.outcome
        await until(pilot, lambda: f"{tip.outcome.prompt_tokens + 12} tokens" in line(pilot))
        await pilot.press("ctrl+t")
        assert not app_of(pilot).main.story_line.display
