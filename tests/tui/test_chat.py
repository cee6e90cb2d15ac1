"""Chatting: sending, stopping, going back, branching. Each through the keys that people press."""

from pathlib import Path

import pytest

from inference.text.common_prefix import common_prefix
from tests.stubs.script import Script
from tests.tiny_model import make_tiny_model
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, tap, until


def roles(pilot: object) -> list[str]:
    return [node.role for node in current(pilot).tree.path()]  # type: ignore[arg-type]


async def test_a_message_gets_a_reply(real_model: Path) -> None:
    async with make_app(real_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello there")
        lines = shown(pilot)
        assert lines[0].strip("▎ ") == "You" and lines[1].strip("▎ ") == "hello there"
        assert "tiny" in lines[3]
        reply = current(pilot).tip
        assert reply and reply.text and len(reply.token_ids) == 12
        assert reply.outcome and reply.outcome.reason == "length"
        assert app_of(pilot).main.composer.text == ""


async def test_a_message_sent_while_loading_waits_for_the_model(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await pilot.press("h", "i", "enter")
        await ready(pilot)
        await idle(pilot)
        assert roles(pilot) == ["user", "assistant"]


async def test_ctrl_j_begins_a_new_line(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("a", "ctrl+j", "b", "enter")
        await idle(pilot)
        assert current(pilot).tree.path()[0].text == "a\nb"


async def test_escape_stops_the_reply_and_keeps_it(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, "h", "i", "enter")
        await until(pilot, lambda: current(pilot).reply.tokens > 3)
        await tap(pilot, "escape")
        await idle(pilot)
        reply = current(pilot).tip
        assert reply and reply.role == "assistant" and reply.text
        assert reply.outcome and reply.outcome.reason == "cancelled"
        assert any(line.endswith("── Stopped · c in the messages continues") for line in shown(pilot))


@pytest.mark.usefixtures("no_drafts")
async def test_rolling_back_computes_nothing_again(real_model: Path) -> None:
    """Said again after going back, the same message finds all but one of its tokens in the cache."""
    async with make_app(real_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await say(pilot, "second")
        before = current(pilot).tip
        await pilot.press("escape", "k", "u")
        assert app_of(pilot).main.composer.text == "second"
        assert roles(pilot) == ["user", "assistant"]
        model = app_of(pilot).services.workspace.model
        assert model
        rows = model.counters.rows
        await pilot.press("enter")
        await idle(pilot)
        after = current(pilot).tip
        assert before and after and before.outcome and after.outcome
        assert after.outcome.reused_tokens == after.outcome.prompt_tokens - 1
        assert model.counters.rows - rows == after.outcome.generated_tokens  # one replayed, then each but the last
        assert after.text == before.text and after.id != before.id


@pytest.mark.usefixtures("no_drafts")
async def test_an_edited_reply_is_continued_and_computes_what_comes_after_the_edit(real_model: Path) -> None:
    async with make_app(real_model, max_tokens=12).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "How do I write a story?")
        reply = current(pilot).tip
        assert reply and len(reply.token_ids) == 12
        await pilot.press("escape", "e", *["backspace"] * 3, "x", "enter")
        edited = current(pilot).tip
        assert edited and edited.text == reply.text[:-3] + "x" and current(pilot).reply is None
        kept = common_prefix(edited.token_ids, reply.token_ids)
        assert kept >= 12 - 4, "of the tokens, those before the edit"
        assert any("Edited by you · c in the messages continues" in line for line in shown(pilot))
        model = app_of(pilot).services.workspace.model
        assert model
        rows = model.counters.rows
        await pilot.press("c")
        await idle(pilot)
        longer = current(pilot).tip
        assert longer and longer.text.startswith(edited.text) and longer.outcome
        assert longer.token_ids[: len(edited.token_ids)] == edited.token_ids
        computed = model.counters.rows - rows - (longer.outcome.generated_tokens - 1)
        assert computed == len(edited.token_ids) - kept
        assert current(pilot).tree.place(longer.id) == (3, 3)


async def test_what_was_rolled_back_can_be_brought_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await say(pilot, "second")
        tip = current(pilot).tree.tip
        await pilot.press("escape", "g", "j", "u")
        assert roles(pilot) == ["user", "assistant"]
        assert any(
            line.endswith("── Rolled back: 2 messages hidden · ] in the messages restores") for line in shown(pilot)
        )
        await pilot.press("right_square_bracket")
        assert current(pilot).tree.tip == tip
        assert not any("Rolled back" in line for line in shown(pilot))


async def test_another_reply_stands_beside_the_first(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        first = current(pilot).tree.tip
        await pilot.press("escape", "r")
        await idle(pilot)
        assert current(pilot).tree.tip != first
        assert any(line.endswith("version 2 of 2") for line in shown(pilot))
        await pilot.press("left_square_bracket")
        assert current(pilot).tree.tip == first
        assert any(line.endswith("version 1 of 2") for line in shown(pilot))


async def test_continuing_a_reply_goes_on_where_it_ended(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        first = current(pilot).tip
        await pilot.press("escape", "c")
        await idle(pilot)
        longer = current(pilot).tip
        assert first and longer and longer.outcome
        assert longer.text.startswith(first.text) and len(longer.text) > len(first.text)
        assert longer.token_ids[: len(first.token_ids)] == first.token_ids
        assert longer.outcome.reused_tokens >= longer.outcome.prompt_tokens - 1


async def test_editing_a_message_keeps_the_old_version(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("escape", "k", "e", *" you", "enter")
        await idle(pilot)
        tree = current(pilot).tree
        assert [node.text for node in tree.children(None)] == ["hello", "hello you"]
        assert tree.path()[0].text == "hello you" and len(tree.path()) == 2


async def test_a_fork_goes_on_without_computing_the_past(real_model: Path) -> None:
    async with make_app(real_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        source = current(pilot)
        await pilot.press("escape", "f")
        assert current(pilot) is not source and len(list(app_of(pilot).services.sessions)) == 2
        assert (source.shown_title, current(pilot).shown_title) == ("hello", "fork: hello")
        await say(pilot, "more")
        tip = current(pilot).tip
        assert tip and tip.outcome and source.tip and source.tip.outcome
        past = source.tip.outcome.prompt_tokens + source.tip.outcome.generated_tokens
        assert tip.outcome.reused_tokens >= past - 1
        assert len(source.tree.path()) == 2


async def test_several_replies_at_once(tiny_model: Path, script: Script) -> None:
    """Switching away stops nothing; the session that ended meanwhile is marked."""
    ends = script.held("one "), script.held("two ")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, "1", "enter")
        first = current(pilot)
        await until(pilot, lambda: first.state == "streaming")
        await tap(pilot, "ctrl+n", "2", "enter")
        second = current(pilot)
        await until(pilot, lambda: second.state == "streaming")
        assert first is not second and first.state == "streaming"
        for end in ends:
            end.set()
        await until(pilot, lambda: first.reply is None and second.reply is None)
        assert [session.tip and session.tip.text for session in (first, second)] == ["one ", "two "]
        assert (first.state, second.state) == ("unread", "idle")


async def test_the_real_engine_writes_several_replies_at_once(tmp_path: Path) -> None:
    """To the end of the context, where each is told that it is full."""
    model = make_tiny_model(tmp_path / "model", max_position_embeddings=300)
    async with make_app(model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, "1", "enter")
        first = current(pilot)
        await tap(pilot, "ctrl+n", "2", "enter")
        second = current(pilot)
        await until(pilot, lambda: first.reply is None and second.reply is None)
        for session in (first, second):
            assert session.tip and session.tip.outcome and session.tip.outcome.reason == "context"


async def test_a_prompt_that_does_not_fit_is_said_and_nothing_is_lost(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).main.composer.load("word " * 2000)
        await pilot.press("enter")
        await idle(pilot)
        assert "the context holds 512" in current(pilot).notice
        assert roles(pilot) == ["user"]


async def test_following_the_end_only_while_at_the_end(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=(60, 14)) as pilot:
        await ready(pilot)
        transcript = app_of(pilot).main.transcript
        await tap(pilot, "h", "i", "enter")
        await until(pilot, lambda: transcript.max_scroll_y > 2)
        assert transcript.is_vertical_scroll_end
        transcript.scroll_to(y=0, animate=False, immediate=True)
        reply = current(pilot).reply
        assert reply
        seen = reply.tokens
        await until(pilot, lambda: reply.tokens > seen + 200)
        await tap(pilot, "escape")
        await idle(pilot)
        assert transcript.scroll_offset.y == 0


@pytest.mark.parametrize("text", ["[bold]not bold[/bold] [link=x]", "a \x1b[31m b \x07 \x9b2J \u202e"])
async def test_content_is_shown_and_never_obeyed(tiny_model: Path, text: str) -> None:
    from tui.terminal.sanitize import sanitize

    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).main.composer.insert(text)
        await pilot.press("enter")
        await idle(pilot)
        assert shown(pilot)[1].strip("▎ ") == sanitize(text)
        assert sanitize(text)[:14] in str(app_of(pilot).main.sessions.options[0].prompt)
