"""F3: what was said is found while one types, and the cursor goes there."""

import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.stubs.conversations import answered, save
from tests.stubs.script import Script
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, shown, tap, until
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node
from tui.screens.search import FOUND, HELP, NOTHING, SearchScreen
from tui.services.autosave import Autosave
from tui.storage.store import OPEN_ELSEWHERE, Store
from tui.widgets.safe_input import Field


def weather() -> tuple[Conversation, list[Node]]:
    """Ten turns; the first has two answers."""
    conversation = Conversation(title="Weather talk", updated=time.time() - 7200)
    nodes = answered(conversation, "How is the weather?", "It hails.", "The sun shines.")
    for day in range(9):
        nodes += answered(conversation, f"And in {day} days?\n" + "Please. " * 20, f"Fog on day {day}.")
    return conversation, nodes


async def search(pilot: Pilot[None], text: str) -> OptionList:
    """Type this into the search screen and wait for the answer."""
    await pilot.press("f3", *text)
    screen = pilot.app.screen
    assert isinstance(screen, SearchScreen)
    await until(pilot, lambda: not screen._searching)
    await pilot.pause()
    return screen.query_one(OptionList)


def results(found: OptionList) -> list[list[str]]:
    """Of each result, its lines."""
    return [[line.rstrip() for line in str(option.prompt).split("\n")] for option in found.options]


def note(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#search-note").render())


async def test_results_tell_the_session_what_was_found_and_how_old_it_is(tiny_model: Path) -> None:
    save(weather()[0], Conversation(title="Sunday", updated=time.time() - 60))
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        assert note(pilot) == HELP
        await pilot.press("escape")
        found = await search(pilot, "sun")
        assert [[line.split()[0], line.split()[-1]] for line, _ in results(found)] == [
            ["Sunday", "1m"],
            ["Weather", "2h"],
        ]
        assert [below for _, below in results(found)] == ["  title", "  The sun shines."]
        prompt = found.options[1].prompt
        assert [str(prompt)[span.start : span.end] for span in prompt.spans if span.style == FOUND] == ["sun"]
        assert note(pilot) == "2 results"
        await pilot.press(*" quagga")
        await until(pilot, lambda: note(pilot) == NOTHING)
        await pilot.press("enter", "escape")
        assert not isinstance(pilot.app.screen, SearchScreen)
        assert current(pilot).empty


async def test_results_that_are_not_in_what_their_session_shows_are_marked(tiny_model: Path) -> None:
    conversation, nodes = weather()
    conversation.tree.move(nodes[-3].id)
    conversation.title = "Fog, hail and shine"
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        for words, hidden in (("hails", [True]), ("shines", [False]), ("fog", [False, True, *[False] * 8])):
            found = await search(pilot, words)
            assert [above.endswith(" hidden  2h") for above, _ in results(found)] == hidden
            await pilot.press("escape")


async def test_enter_puts_the_cursor_on_the_message(tiny_model: Path) -> None:
    conversation, nodes = weather()
    save(conversation)
    async with make_app(tiny_model, mode="story").run_test(size=SIZE) as pilot:
        await ready(pilot)
        found = await search(pilot, "fog day")
        assert results(found)[0][1] == "  Fog on day 8."
        await pilot.press("down", "down", "down", "down", "down", "enter")
        transcript = app_of(pilot).main.transcript
        wanted = next(node for node in nodes if node.text == "Fog on day 3.")
        await until(pilot, lambda: transcript.chosen == wanted.id)
        assert current(pilot).id == conversation.id and transcript.has_focus
        await until(
            pilot, lambda: any("Fog on day 3." in transcript.render_line(y).text for y in range(transcript.size.height))
        )
        await pilot.press("f3")
        assert pilot.app.screen.query_one("#search-text").value == "fog day"


async def test_the_words_are_shown_in_a_long_message(tiny_model: Path) -> None:
    conversation = Conversation(title="Trees", updated=time.time())
    answered(conversation, "Which trees?", "Beech.\n\nA larch.\n\n" + "Oak.\n\n" * 60)
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "lar")
        await pilot.press("enter")
        bar = app_of(pilot).main.find_bar
        await until(pilot, lambda: bar.display)
        assert any("A larch." in line for line in shown(pilot)) and app_of(pilot).main.transcript.has_focus
        await pilot.press("escape")
        assert not bar.display


async def test_what_a_reply_shows_is_found_while_it_grows(
    tiny_model: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Autosave, "tick", lambda *args: None)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        script.held("A hedgehog ", "sleeps ")
        await tap(pilot, *"Tell me", "enter")
        await until(pilot, lambda: any("hedgehog sleeps" in row for row in shown(pilot)))
        found = await search(pilot, "hedgehog sle")
        assert results(found)[0][1] == "  A hedgehog sleeps"
        await pilot.press("enter")
        bar = app_of(pilot).main.find_bar
        await until(pilot, lambda: bar.display)
        await tap(pilot, "escape", "escape")


async def test_all_words_are_found_and_walked_over(tiny_model: Path) -> None:
    conversation = Conversation(title="Food", updated=time.time())
    text = "Bread is old.\n\n" + "Oven.\n\n" * 60 + "They baked ancient sorts of bread.\n\n" + "Oven.\n\n" * 60
    answered(conversation, "How was it made?", text)
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "ancient bread")
        await pilot.press("enter")
        bar = app_of(pilot).main.find_bar
        await until(pilot, lambda: bar.display)
        assert bar.query_one(Field).value == "ancient bread"
        assert any("ancient sorts of bread" in line for line in shown(pilot))
        for key, row in (("n", "ancient sorts of bread"), ("n", "Bread is old."), ("N", "ancient sorts of bread")):
            await pilot.press(key)
            assert any(row in line for line in shown(pilot))
        await pilot.press("slash")
        assert bar.query_one("#find-note").render().plain == ""


async def test_an_answer_that_comes_while_the_screen_goes_changes_nothing(tiny_model: Path) -> None:
    save(weather()[0])
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "hails")
        screen = pilot.app.screen
        assert isinstance(screen, SearchScreen)
        screen.dismiss(None)
        screen.take()
        await pilot.pause()
        assert pilot.app.screen is app_of(pilot).main and current(pilot).empty


async def test_enter_waits_for_the_answer(tiny_model: Path) -> None:
    conversation, _ = weather()
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        for key in ("s", "h", "i", "n", "e", "s", "enter"):
            pilot.app.simulate_key(key)
        await until(pilot, lambda: current(pilot).id == conversation.id)


async def test_a_message_on_another_branch_brings_its_branch(tiny_model: Path) -> None:
    conversation, nodes = weather()
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "hails")
        await pilot.press("enter")
        transcript = app_of(pilot).main.transcript
        await until(pilot, lambda: transcript.chosen == nodes[1].id)
        assert current(pilot).tree.tip == nodes[1].id
        assert current(pilot).notice == "Version 1 of 2 is shown: ] goes back to version 2."
        await pilot.press("right_square_bracket")
        assert current(pilot).tree.tip == nodes[-1].id
        await search(pilot, "hails")
        await pilot.press("enter")
        await until(pilot, lambda: current(pilot).tree.tip == nodes[1].id)
        await search(pilot, "fog 8")
        await pilot.press("enter")
        await until(pilot, lambda: transcript.chosen == nodes[-1].id)
    store = Store(load_settings().db)
    assert store.read(conversation.id).tree.tip == nodes[-1].id
    store.close()


async def test_words_in_a_hidden_version_stay_in_view_when_the_notice_comes(tiny_model: Path) -> None:
    """As many rows above the end as the messages have: they lose some to the notice and the find bar."""
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        for rows in range(17, 21):
            conversation = Conversation(updated=time.time())
            text = "Oak.\n\n" * 40 + f"A larch{rows}.\n" + "Oak.\n" * rows
            nodes = answered(conversation, "Which trees?", text, "Elm.\n\n" * 60)
            conversation.tree.move(nodes[2].id)
            save(conversation)
            await search(pilot, f"larch{rows}")
            await pilot.press("enter")
            await until(pilot, lambda: app_of(pilot).main.find_bar.display)
            await pilot.pause()
            assert any(f"A larch{rows}." in line for line in shown(pilot))


async def test_a_session_that_can_only_be_read_stays_on_its_branch_and_says_where_it_is(tiny_model: Path) -> None:
    conversation, nodes = weather()
    save(conversation)
    other = Store(load_settings().db)
    other.open(conversation.id)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "hails")
        await pilot.press("enter")
        transcript = app_of(pilot).main.transcript
        await until(pilot, lambda: transcript.chosen == nodes[0].id)
        assert current(pilot).tree.tip == nodes[-1].id
        assert current(pilot).notice == f"The match is in version 1 of 2. {OPEN_ELSEWHERE}"
    other.close()


async def test_what_was_rolled_back_is_found_and_comes_back(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "zebra")
        await pilot.press("escape", "home", "u", "ctrl+u", "escape")
        assert current(pilot).tree.tip is None
        await search(pilot, "zebra")
        await pilot.press("enter")
        await until(pilot, lambda: len(current(pilot).tree.path()) == 2)
        assert current(pilot).notice == "This was rolled back and is shown again: u rolls back again."
        await pilot.press("u")
        assert current(pilot).tree.tip is None


async def test_in_a_story_the_cursor_goes_to_the_words(tiny_model: Path) -> None:
    story = Conversation("story", title="Lily", updated=time.time())
    story.tree.add("author", "Once upon a time\nthere was a garden.\n" + "It was green. " * 100)
    first = story.tree.add("author", "In it lived a hedgehog.")
    story.tree.edit(first.id, "In it lived a snail.")
    save(story)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        for words, shown in (("snail", "a snail."), ("garden", "a snail."), ("hedge", "a hedgehog.")):
            await search(pilot, words)
            await pilot.press("enter")
            await pilot.pause()
            pane = app_of(pilot).main.story_pane
            assert pane and pane.has_focus and pane.text.endswith(shown)
            assert pane.text[len(pane.before_cursor) :].startswith(words)


async def test_a_story_that_was_not_open_is_shown_in_another_version_with_a_way_back(tiny_model: Path) -> None:
    story = Conversation("story", title="Lily", updated=time.time())
    first = story.tree.add("author", "A hedgehog.")
    story.tree.edit(first.id, "A snail.")
    save(story)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "hedgehog")
        await pilot.press("enter")
        await pilot.pause()
        pane = app_of(pilot).main.story_pane
        assert pane and pane.text == "A hedgehog." and pane.before_cursor == "A "
        assert current(pilot).draft == "" and current(pilot).tree.tip == first.id
        assert current(pilot).notice.endswith("Ctrl+Z goes back to the one you had.")
        await pilot.press("ctrl+z")
        assert pane.text == "A snail."


async def test_what_was_written_into_a_story_since_is_kept_when_another_version_comes(tiny_model: Path) -> None:
    story = Conversation("story", title="Lily", updated=time.time())
    first = story.tree.add("author", "A hedgehog.")
    story.tree.edit(first.id, "A snail.")
    save(story)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+t", *" Slow.")
        await search(pilot, "hedgehog")
        await pilot.press("enter")
        await pilot.pause()
        pane = app_of(pilot).main.story_pane
        assert pane and pane.text == "A hedgehog."
        await pilot.press("ctrl+z")
        assert pane.text == "A snail. Slow.", "as the notice has it"
        await search(pilot, "hedgehog")
        await pilot.press("enter")
        await pilot.pause()
        await search(pilot, "slow")
        await pilot.press("enter")
        await pilot.pause()
        assert pane.text == "A snail. Slow."


async def test_a_session_deleted_meanwhile_is_missed_with_a_sentence(tiny_model: Path) -> None:
    conversation, _ = weather()
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await search(pilot, "shines")
        other = Store(load_settings().db)
        other.delete(conversation)
        other.close()
        await pilot.press("enter")
        await until(pilot, lambda: "no session" in current(pilot).notice)


async def test_a_text_that_is_too_long_and_one_of_odd_signs(tiny_model: Path) -> None:
    conversation = Conversation()
    answered(conversation, "if (a != b) return a->next;\n\n\tnext \x1b[31mline", "x" * 300 + " 針 " + "y" * 300)
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        found = await search(pilot, "->")
        assert results(found)[0][1] == "  if (a != b) return a->next; next ␛[31mline"
        await pilot.press("escape")
        found = await search(pilot, "針")
        assert "針" in results(found)[0][1] and found.options[0].prompt.cell_length > 0
        pilot.app.screen.query_one("#search-text").value = "a" * 1001
        await until(pilot, lambda: "1001 characters" in note(pilot))


async def test_a_search_that_nobody_waits_for_any_more_is_given_up(tiny_model: Path) -> None:
    """Typing goes on while the database is read; only the answer to what stands there is shown."""
    conversation = Conversation()
    for number in range(2000):
        conversation.tree.add("user", f"{number} " + "word " * 200)
    save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, "f3", "-", "-", "-", "backspace", "backspace", "backspace", *"1999")
        await until(pilot, lambda: note(pilot) == "1 result")
