"""Messages sent while a reply is generated: queued, sent in their order, taken back."""

from pathlib import Path

import pytest

from tests.tui.composing import asked, composer, title
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, tap, until


async def test_a_message_sent_while_a_reply_runs_waits_and_can_be_taken_back(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"long", "enter")
        for number, text in enumerate(("one", "two")):
            await tap(pilot, *text, "enter")
            await until(
                pilot, lambda number=number: len(current(pilot).typing.queue) > number or not current(pilot).reply
            )
        if current(pilot).reply is None:
            pytest.skip("the reply ended at once")
        assert current(pilot).typing.queue == ["one", "two"]
        assert "2 queued" in title(pilot) and "two" in title(pilot)
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "one\n\ntwo\n\n"
        await tap(pilot, "up")
        assert (current(pilot).typing.queue, composer(pilot).text) == (["one"], "two")
        # Stopped, all that waited is typed again: perhaps it is not meant any more.
        await tap(pilot, "escape")
        await idle(pilot)
        assert (current(pilot).typing.queue, composer(pilot).text) == ([], "one\n\ntwo")
        assert asked(pilot) == ["long"]


async def test_what_waits_is_said_when_the_reply_has_ended(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=30).run_test(size=SIZE) as pilot:
        app = app_of(pilot)
        app.commands.send("first")
        app.commands.send("second")
        app.commands.send("third")
        assert current(pilot).typing.queue == ["second", "third"]
        await pilot.press(*"typed")
        await ready(pilot)
        while current(pilot).reply is not None or current(pilot).typing.queue:
            await pilot.pause(0.05)
        assert asked(pilot) == ["first", "second", "third"]
        app.presenter.collect()
        assert composer(pilot).text == current(pilot).draft == "typed"
        assert title(pilot) == ""


async def test_it_waits_in_a_session_that_is_not_open_too(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=30).run_test(size=SIZE) as pilot:
        app, first = app_of(pilot), current(pilot)
        app.commands.send("first")
        app.commands.send("second")
        await pilot.press("ctrl+n", *"elsewhere")
        await ready(pilot)
        while first.reply is not None or first.typing.queue:
            await pilot.pause(0.05)
        assert [node.text for node in first.tree.path() if node.role == "user"] == ["first", "second"]
        assert composer(pilot).text == "elsewhere"
        assert first.draft == ""
