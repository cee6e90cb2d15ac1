"""Long pastes: tokens in the input, whole in the message and in the draft."""

from dataclasses import replace
from pathlib import Path

from textual import events

from tests.tui.composing import asked, composer, paste
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, tap, until
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.storage.store import Store
from tui.widgets.pasted_text import KEPT, Pasted


async def test_a_long_paste_is_a_token_until_it_is_sent(tiny_model: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(40))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"see ")
        await paste(pilot, "two\r\nlines ")
        await paste(pilot, text)
        assert composer(pilot).text == "see two\nlines [pasted 1: 40 lines]"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == f"see two\nlines {text}"
        await tap(pilot, "enter")
        await idle(pilot)
        assert asked(pilot) == [f"see two\nlines {text}"]
        await paste(pilot, text)
        await pilot.press("ctrl+l")
        assert composer(pilot).text == text


async def test_a_huge_draft_comes_back_as_a_token_and_stays_whole(tiny_model: Path) -> None:
    draft = "[pasted 1: 2 lines] " + "0123456789 \n" * 850_000 + " and [pasted 2: 3 lines]"
    store = Store(load_settings().db)
    conversation = Conversation(draft=draft, model=str(tiny_model))
    store.save(conversation)
    store.close()
    app = LlmTui(replace(load_settings(), chat_model=str(tiny_model)), params=None, mode=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: composer(pilot).text)
        assert composer(pilot).text == "[pasted 1: 850001 lines]"
        assert composer(pilot).whole == draft
        await pilot.press("!")
        await pilot.pause()
        app_of(pilot).actions.application.new_session()
        await pilot.pause()
        assert composer(pilot).text == ""
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        assert composer(pilot).text == "[pasted 1: 850001 lines]!"
    assert Store(load_settings().db).read(conversation.id).draft == draft + "!"


async def test_a_paste_is_a_token_again_after_a_look_elsewhere(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        session = current(pilot)
        await pilot.press("a")
        pilot.app.post_message(events.Paste("line\n" * 40))
        await pilot.pause()
        shown = composer(pilot).text
        app_of(pilot).actions.application.new_session()
        app_of(pilot).actions.application.open(session.id)
        await pilot.pause()
        assert composer(pilot).text == shown == "a[pasted 1: 41 lines]"
        assert composer(pilot).whole == "a" + "line\n" * 40


def test_the_same_paste_has_the_same_token() -> None:
    pasted = Pasted()
    first, second = "x\n" * 40, "y\n" * 40
    tokens = [pasted.collapse(first), pasted.collapse(second), pasted.collapse(first)]
    assert tokens == ["[pasted 1: 41 lines]", "[pasted 2: 41 lines]", "[pasted 1: 41 lines]"]
    assert pasted.expand(" ".join(tokens)) == f"{first} {second} {first}"


def test_pastes_of_drafts_long_gone_are_forgotten() -> None:
    """Each would be kept, and looked for with each key."""
    pasted = Pasted()
    cut, kept, *others = (str(number) * 2000 for number in range(10, KEPT + 15))
    tokens = [pasted.collapse(text) for text in (cut, kept, *others)]
    assert pasted.restore(f"see {kept}", clipboard=tokens[0]) == f"see {tokens[1]}"
    assert pasted.expand(" ".join(tokens[:2])) == f"{cut} {kept}"
    forgotten = [token for token in tokens if pasted.expand(token) == token]
    assert forgotten == tokens[2 : len(tokens) - KEPT]
    assert pasted.collapse(others[0]).startswith("[pasted 3:")
