"""What the screen says is so: notices go in time, what was done leaves a mark, one thing has one figure."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap, until
from tests.tui.story import line, pane
from tui.conversation.tree import Outcome
from tui.formatting.reply_details import made
from tui.screens.main import MainScreen
from tui.services.notices import still_generating
from tui.services.reply import TELLING_SECONDS, Reply


def main(pilot: object) -> MainScreen:
    return app_of(pilot).main  # type: ignore[arg-type]


async def test_a_notice_goes_with_the_next_action_and_not_with_a_look_around(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        app = app_of(pilot)
        for action in ("stop", "toggle_sidebar", "toggle_sidebar", "switch_session"):
            app.presenter.say("Something was done.")
            app.actions.do(action)
            assert current(pilot).notice == "Something was done.", action
        main(pilot).focus_work()
        for action in ("pin_session", "toggle_details", "new_session", "history_earlier", "previous_sibling"):
            app.presenter.say("Something was done.")
            app.actions.do(action)
            await pilot.pause()
            assert current(pilot).notice == "", action
            assert "Something" not in str(main(pilot).notice.content), action


async def test_a_notice_goes_when_something_is_typed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).presenter.say("Something was done.")
        await pilot.press("x")
        await until(pilot, lambda: current(pilot).notice == "")
        current(pilot).notify("The model failed.")  # what one may have to read while one writes anew
        await pilot.press("x")
        await pilot.pause()
        assert current(pilot).notice == "The model failed."
        await say(pilot, "")
        assert current(pilot).notice == ""


async def test_a_notice_does_not_wait_for_one_to_come_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        app, first = app_of(pilot), current(pilot)
        app.presenter.say("Something was done.")
        app.actions.application.enter(app.services.workspace.new("chat"))
        app.actions.application.open(first.id)
        assert current(pilot).notice == ""


async def test_a_fork_and_an_early_stop_are_told(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=5).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await tap(pilot, "escape", "f")
        assert current(pilot).notice == "This is a fork of “hello”. Ctrl+O lists both."
        current(pilot).settings["sampling"] = {"max_tokens": 4000}
        await tap(pilot, *"more", "enter")
        await until(pilot, lambda: current(pilot).reply and current(pilot).reply.tokens)
        await tap(pilot, "escape")
        await idle(pilot)
        assert current(pilot).notice == ""  # the transcript says it
        app_of(pilot).actions.messages.send("on")
        app_of(pilot).actions.application.stop()
        await idle(pilot)
        assert current(pilot).notice == "Stopped before any text was generated."


async def test_busy_is_not_said_any_more_when_the_reply_has_ended(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        app = app_of(pilot)
        app.actions.messages.send("hello")  # before the model is there
        app.actions.messages.regenerate()
        assert current(pilot).notice == still_generating()
        await idle(pilot)
        assert current(pilot).notice == ""


async def test_what_f5_takes_away_is_said_to_be_kept(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"One two", "f5")
        await idle(pilot)
        assert current(pilot).notice == ""
        text = pane(pilot).text
        pane(pilot).move_cursor((0, 3))
        await pilot.press("f5")
        await idle(pilot)
        assert (
            current(pilot).notice
            == "The text after the cursor was replaced and kept as a version. F7 shows it, Ctrl+Z restores it."
        )
        await pilot.press("f7")
        assert (pane(pilot).text, current(pilot).notice) == (text, "Version 1 of 2 of what follows “One”.")


async def test_what_is_shown_again_is_not_offered_to_be_sent_twice(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        composer = main(pilot).composer
        await pilot.press("escape", "k", "u")
        assert composer.text == "two"
        await pilot.press("escape", "right_square_bracket")
        assert (composer.text, len(current(pilot).tree.path())) == ("", 4)
        # Rolled back further, it is the earlier one that is offered.
        await pilot.press("G", "k", "u", "escape", "g", "u")
        assert composer.text == "one"
        await pilot.press("escape", "right_square_bracket")
        assert (composer.text, len(current(pilot).tree.path())) == ("", 4)
        # What was made of it is the person's.
        await pilot.press("G", "k", "u", "x", "escape", "right_square_bracket")
        assert (composer.text, len(current(pilot).tree.path())) == ("twox", 4)


async def test_a_roll_back_says_that_the_input_keeps_what_was_typed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await pilot.press(*"two", "escape", "G", "k", "u")
        assert main(pilot).composer.text == "two"
        assert "The input keeps what you typed" in current(pilot).notice
        await pilot.press("escape", "right_square_bracket")
        assert current(pilot).notice == ""
        await pilot.press("escape", "ctrl+u", "escape", "G", "k", "u")
        assert (main(pilot).composer.text, current(pilot).notice) == ("one", "")


async def test_just_after_a_reply_ended_by_itself_esc_is_meant_for_it(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.actions.application.JUST_ENDED", 3600)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).tip and current(pilot).tip.outcome and not current(pilot).reply)
        await pilot.press("escape", *"for example")
        assert main(pilot).composer.text == "for example"
        current(pilot).ended = time.monotonic() - 3601
        await pilot.press("escape")
        assert main(pilot).transcript.has_focus


async def test_what_is_no_command_of_the_messages_goes_to_the_input(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        composer = main(pilot).composer
        for typed in ("W", "what is é?", "ж", "漢字", "2 + 2", " x"):
            composer.put("")
            main(pilot).set_focus(main(pilot).transcript)
            await pilot.press(*typed)
            assert (composer.text, composer.has_focus) == (typed, True)
        composer.put("")
        main(pilot).set_focus(main(pilot).transcript)
        app_of(pilot).post_message(events.Paste("from elsewhere\nf"))
        await until(pilot, lambda: composer.text)
        assert (composer.text, composer.has_focus) == ("from elsewhere\nf", True)


async def test_an_emptied_story_has_no_tokens_and_stays_empty(story_only_model: Path) -> None:
    async with make_app(story_only_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"Once upon", "f5")
        await idle(pilot)
        text = pane(pilot).text
        pane(pilot).clear()
        await until(pilot, lambda: line(pilot).startswith("0 words · 0 tokens"))
        await until(pilot, lambda: current(pilot).figures.context_used == 0)
        await until(pilot, lambda: current(pilot).tree.tip is None)
        await pilot.press("ctrl+z")
        assert pane(pilot).text == text
        pane(pilot).clear()
    async with make_app(story_only_model, mode="story").run_test(size=SIZE) as pilot:
        app_of(pilot).actions.application.open(app_of(pilot).services.sessions.latest("story"))
        assert pane(pilot).text == ""


async def test_one_count_of_tokens_while_a_story_is_written(talkative_model: Path) -> None:
    async with make_app(talkative_model, mode="story", max_tokens=200).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"Once", "f5")
        await until(pilot, lambda: current(pilot).reply or (current(pilot).tip and current(pilot).tip.outcome))
        seen = 0
        while current(pilot).reply is not None:
            figures = main(pilot).status.figures
            if current(pilot).reply.streaming and main(pilot).status.state[1] == "generating":
                assert f"{figures.context_used} token" in line(pilot)
                seen += 1
            await pilot.pause(0.01)
        assert seen


class Measured:
    """A generation as far as its figures go."""

    def __init__(self, first: float, total: float, tokens: int) -> None:
        from inference import Stats

        self.stats = Stats(5, 0, tokens, first, total, 1)


def test_the_speed_of_a_moment_is_not_told() -> None:
    reply = Reply("node", None)
    reply.generation = Measured(0.1, 0.1 + TELLING_SECONDS / 2, 1000)  # type: ignore[assignment]
    assert reply.tokens_per_second is None
    reply.generation = Measured(0.1, 1.1, 41)  # type: ignore[assignment]
    assert reply.tokens_per_second == pytest.approx(40)


async def test_one_figure_for_the_first_token(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        outcome = current(pilot).tip.outcome
        assert isinstance(outcome, Outcome)
        assert current(pilot).figures.first_token_seconds == outcome.first_token_seconds
        told = f"{outcome.first_token_seconds * 1000:.0f} ms"
        assert f"first token {told}" in made(outcome, None)
        await pilot.press("f12")
        assert f"first token {told}" in main(pilot).status.render().plain


def test_a_value_that_is_empty_has_words_too() -> None:
    outcome = Outcome("stop", 5, 0, 2, 0.1, 0.2, 7, {"temperature": 0.5, "top_k": 0, "stop": [], "max_tokens": None})
    assert made(outcome, None).endswith("finished · seed 7 · temperature 0.5 · top-k 0 · no stop strings")
    assert "tokens · seed 7" in made(replace(outcome, reason=""), None), "as an import may have it"


async def test_a_trace_that_cannot_be_written_is_said(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_TUI_TRACE", str(tmp_path))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await until(
            pilot, lambda: current(pilot).notice == f"LLM_TUI_TRACE: {tmp_path} cannot be written (Is a directory)."
        )
        await say(pilot, "and now")
