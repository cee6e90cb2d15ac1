"""The draft: still there after an edit, another session, or a look at the prompt history."""

from pathlib import Path

from tests.tui.composing import asked, composer, title
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, tap
from tui.messages import SessionChanged


async def test_what_was_being_written_is_there_again_after_editing(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=5).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await tap(pilot, *"half a thought", "escape", "up", "e")
        assert (composer(pilot).text, title(pilot)) == ("first", "Editing your message · Esc cancel")
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "half a thought\n\nfirst"
        await tap(pilot, "escape")
        assert (composer(pilot).text, title(pilot)) == ("half a thought", "")
        await tap(pilot, "escape", "up", "e", *" more", "enter")
        await idle(pilot)
        assert (asked(pilot), composer(pilot).text) == (["first more"], "half a thought")
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "half a thought"


async def test_the_draft_is_there_after_what_was_written_before_was_changed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "up", "x")
        assert composer(pilot).text == "twox"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "draft\n\ntwox"
        await pilot.press("down")
        assert composer(pilot).text == "draft"
        await pilot.press("up")
        assert composer(pilot).text == "twox"  # what was changed stays so
        await pilot.press("up")
        assert composer(pilot).text == "one"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "draft"
        await tap(pilot, "enter")
        await idle(pilot)
        assert (asked(pilot), composer(pilot).text) == (["one", "two", "one"], "draft")


async def test_the_draft_is_there_after_another_session(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        first = current(pilot)
        await pilot.press(*"draft", "up", "ctrl+n")
        assert (first.draft, composer(pilot).text) == ("draft", "")
        await pilot.press("up", "down", "down")
        assert composer(pilot).text == ""
        app_of(pilot).actions.application.open(first.id)
        assert composer(pilot).text == "draft"


async def test_the_draft_is_there_behind_what_ctrl_r_found(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "ctrl+r", *"one", "enter")
        assert composer(pilot).text == "one"
        await pilot.press("down", "down")
        assert composer(pilot).text == "draft"


async def test_an_edit_is_kept_when_another_message_is_edited(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "up", "up", "escape", "g", "e")
        await pilot.press("x")
        app_of(pilot).main.set_focus(app_of(pilot).main.transcript)
        await pilot.press("G", "k", "e")
        assert composer(pilot).text == "two"
        await pilot.press("escape")
        assert composer(pilot).text == "draft\n\nonex"


async def test_what_is_typed_stays_while_another_process_changes_the_session(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        session, actions = current(pilot), app_of(pilot).actions.sessions
        session.readonly = True
        await pilot.press(*"lost")
        app_of(pilot).presenter.collect()
        await pilot.press(*"rcue")  # not collected when the other process is heard of
        actions.changed(SessionChanged(session))
        assert composer(pilot).text == "lostrcue"
        await pilot.press("!")
        session.put_draft("theirs")  # in the same moment as the rest: the app collects what is typed twice a second
        session.readonly = False
        actions.changed(SessionChanged(session))
        assert composer(pilot).text == "theirs\n\nlostrcue!"
