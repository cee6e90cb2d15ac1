"""The list of sessions: renamed in place, pinned, filtered, in hundreds; what each is doing and since when."""

import time
from pathlib import Path

from textual.pilot import Pilot

from tests.tui.conftest import app_of, current, make_app, ready, say, tap, until
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.formatting.units import age
from tui.storage.store import OPEN_ELSEWHERE, Store
from tui.widgets.plain_text import Plain

WIDE = (120, 30)


def fill(*titles: str) -> None:
    """Put stories with these titles into the database, the first one as the one used last."""
    store = Store(load_settings().db)
    for hours, title in enumerate(titles):
        store.save(Conversation("story", title=title, updated=time.time() - 3600 * hours))
    store.close()


def listed(pilot: Pilot[None]) -> list[str]:
    """The lines of the list, as they stand on the screen."""
    sessions = app_of(pilot).main.sessions
    lines = [sessions.render_line(y).text.rstrip() for y in range(sessions.size.height)]
    return [line for line in lines if line]


def titles(pilot: Pilot[None]) -> list[str]:
    return [line[4:].rsplit(maxsplit=1)[0].rstrip() for line in listed(pilot)]


def stored(title: str) -> Conversation:
    store = Store(load_settings().db)
    (found,) = [listing.id for listing in store.sessions(1000) if listing.shown_title == title]
    conversation = store.read(found)
    store.close()
    return conversation


async def test_f2_renames_the_open_session_where_it_stands(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=WIDE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        main = app_of(pilot).main
        await pilot.press("f2")
        assert main.focused and main.focused.id == "session-title"
        assert main.focused.region.y == main.sessions.region.y + (main.sessions.highlighted or 0)
        await pilot.press("ctrl+u", *"Greetings", "enter")
        assert current(pilot).title == "Greetings" and titles(pilot)[0] == "Greetings"
        assert main.composer.has_focus
        assert len(stored("Greetings").tree) == 2


async def test_esc_leaves_the_title_and_an_empty_one_is_made_from_the_first_message(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=WIDE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("f2", *" world", "escape")
        assert current(pilot).title == "" and titles(pilot)[0] == "hello"
        await pilot.press("f2", "enter")
        assert current(pilot).title == ""
        await pilot.press("f2", *" world", "enter")
        assert titles(pilot)[0] == "hello world"
        await pilot.press("f2", "ctrl+u", "enter")
        assert current(pilot).title == "" and titles(pilot)[0] == "hello"


async def test_esc_in_a_title_does_not_stop_the_reply(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=3000).run_test(size=WIDE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: current(pilot).reply and current(pilot).tip and current(pilot).tip.text)
        await tap(pilot, "f2", *" there", "escape")
        assert current(pilot).reply is not None
        await tap(pilot, "f2", *" there", "enter")
        await until(pilot, lambda: current(pilot).title == "hello there")
        assert current(pilot).reply is not None
        await tap(pilot, "escape")
        await until(pilot, lambda: current(pilot).reply is None)


async def test_in_the_list_f2_renames_the_highlighted_one(tiny_model: Path) -> None:
    fill("one", "two", "three")
    async with make_app(tiny_model, mode="chat").run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "end", "f2")
        main = app_of(pilot).main
        assert main.focused and main.focused.region.y == main.sessions.region.y + 3
        await pilot.press("ctrl+u", *"drei", "enter")
        assert titles(pilot) == ["New chat", "one", "two", "drei"]
        assert main.sessions.has_focus and main.sessions.highlighted == 3
        assert stored("drei").mode == "story"
        # It is not held: another process may write it.
        other = Store(load_settings().db)
        other.open(stored("drei").id)
        assert other.holds(stored("drei").id)
        other.close()


async def test_a_session_that_is_open_elsewhere_keeps_its_title_and_place(tiny_model: Path) -> None:
    fill("one", "two")
    other = Store(load_settings().db)
    other.open(stored("two").id)
    async with make_app(tiny_model, mode="chat").run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "end", "f2", "x", "enter")
        assert current(pilot).notice == f"“two”: {OPEN_ELSEWHERE}"  # not the one that is shown
        await pilot.press("p")
        assert titles(pilot) == ["New chat", "one", "two"]
    other.close()


async def test_where_the_list_covers_the_notice_it_is_read_there(tiny_model: Path) -> None:
    fill("one", "two")
    other = Store(load_settings().db)
    other.open(stored("two").id)
    async with make_app(tiny_model, mode="chat").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        sidebar = app_of(pilot).main.sidebar
        notice = sidebar.query_one("#sidebar-notice", Plain)
        await pilot.press("ctrl+o")
        assert not notice.display
        await pilot.press("end", "d")
        await pilot.pause()
        assert str(notice.content) == f"“two”: {OPEN_ELSEWHERE}"
        assert sidebar.region.contains_region(notice.region) and notice.size.height == 2  # nothing of it is cut off
        await pilot.press("home", "p")
        await pilot.pause()
        assert not notice.display
        await pilot.press("end", "d")
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: not notice.display and app_of(pilot).main.notice.display)
    other.close()


async def test_the_list_covers_nothing_that_one_goes_on_to_write(tiny_model: Path) -> None:
    async with make_app(tiny_model, mode="chat").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        for key in ("ctrl+n", "ctrl+t", "ctrl+t"):
            await pilot.press("ctrl+o")
            assert app_of(pilot).main.sidebar.display
            await pilot.press(key)
            assert not app_of(pilot).main.sidebar.display, key


async def test_the_figures_of_a_session_that_is_only_read_follow_it(tiny_model: Path) -> None:
    conversation = Conversation("story", model=str(tiny_model))
    other = Store(load_settings().db)
    other.save(conversation)
    async with make_app(tiny_model, mode="chat").run_test(size=WIDE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await until(pilot, lambda: current(pilot).figures.context_used == 0)
        conversation.tree.add("author", "Once upon a time.")
        other.save(conversation)
        await until(pilot, lambda: current(pilot).figures.context_used)
        assert current(pilot).readonly
    other.close()


async def test_a_pinned_session_stands_first_and_has_a_mark(tiny_model: Path) -> None:
    fill("one", "two", "three")
    async with make_app(tiny_model, mode="story").run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "end", "p")
        assert titles(pilot) == ["New story", "three", "one", "two"]
        assert [line[1] for line in listed(pilot)] == [" ", "*", " ", " "]
        assert app_of(pilot).main.sidebar.highlighted_id == stored("three").id
        assert stored("three").pinned
        await pilot.press("p")
        assert titles(pilot) == ["New story", "one", "two", "three"]
        assert not stored("three").pinned


async def test_the_palette_pins_the_open_session(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=WIDE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        entries = {entry.title: entry for entry in app_of(pilot).palette.entries()}
        assert {"Rename session", "Filter sessions by title"} <= entries.keys()
        entries["Pin or unpin session"].run()
        await pilot.pause()
        assert current(pilot).pinned and listed(pilot)[0][1] == "*"


async def test_titles_are_filtered_as_one_types(tiny_model: Path) -> None:
    fill("Rust notes", "Lily's garden", "Der GROSSE Garten", "rust in the garden")
    async with make_app(tiny_model, mode="story").run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "slash", *"rust")
        assert titles(pilot) == ["Rust notes", "rust in the garden"]
        await pilot.press(*" gard")
        assert titles(pilot) == ["rust in the garden"]
        await pilot.press("x")
        assert listed(pilot) == ["    No matching sessions"]
        await pilot.press("enter", "p", "backspace", "backspace", "escape")
        assert len(listed(pilot)) == 5 and app_of(pilot).main.sessions.has_focus
        await pilot.press("slash", *"gross", "enter")
        assert current(pilot).title == "Der GROSSE Garten"
        assert len(listed(pilot)) == 4


async def test_what_is_filtered_can_be_walked_through_and_renamed(tiny_model: Path) -> None:
    fill("a cat", "a dog", "a cat and a dog")
    async with make_app(tiny_model, mode="story").run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+o", "slash", *"cat", "down", "f2", *"s", "enter")
        assert titles(pilot) == ["a cat", "a cat and a dogs"]
        await pilot.press("tab", "p")
        assert titles(pilot) == ["a cat and a dogs", "a cat"]
        await pilot.press("escape")
        assert titles(pilot) == ["New story", "a cat and a dogs", "a cat", "a dog"]


async def test_hundreds_are_listed_a_page_at_a_time_and_all_of_them_are_found(tiny_model: Path) -> None:
    fill(*(f"number {number}" for number in range(450)))
    async with make_app(tiny_model, mode="story").run_test(size=WIDE) as pilot:
        await ready(pilot)
        sessions = app_of(pilot).main.sessions
        assert sessions.option_count == 202  # the new one, a page, and "Load more…"
        await pilot.press("ctrl+o", "end")
        assert listed(pilot)[-1].strip() == "Load more…"
        await pilot.press("enter")
        assert sessions.option_count == 402
        assert sessions.highlighted == 201 and titles(pilot)[-1] == "number 200"
        await pilot.press("slash", *"number 44")
        assert titles(pilot) == [f"number {number}" for number in (44, 144, 244, 344, *range(440, 450))]
        await pilot.press("escape")
        assert sessions.option_count == 202


async def test_on_a_narrow_screen_the_list_is_put_away_after_renaming(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        main = app_of(pilot).main
        await pilot.press("f2")
        assert main.sidebar.display and titles(pilot) == ["hello"]
        await pilot.press(*" you", "enter")
        assert not main.sidebar.display and main.composer.has_focus
        await pilot.press("ctrl+o")
        assert titles(pilot) == ["hello you"]
        await pilot.press("slash", *"hello", "enter")
        assert not main.sidebar.display and main.composer.has_focus


async def test_marks_tell_what_each_session_does(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=600).run_test(size=WIDE) as pilot:
        await ready(pilot)
        await tap(pilot, *"first", "enter")
        first = current(pilot)
        seen = set()

        def mark() -> str:
            marks = [line[0] for line in listed(pilot) if "first" in line]
            seen.update(marks)
            return "".join(marks)

        await until(pilot, lambda: mark() == "◐")
        await tap(pilot, "ctrl+n", *"second")
        await until(pilot, lambda: mark() == "●", 60)
        assert first.state == "unread" and seen >= {"◐", "●"}
        await pilot.press("ctrl+o", "home", "down", "enter")
        assert current(pilot) is first
        assert mark() == " "


def test_ages_fit_into_three_characters() -> None:
    hour, day = 3600, 86400
    ages = [0, 59, 60, 59 * 60, hour, 23 * hour, day, 6 * day, 7 * day, 364 * day, 365 * day, 10**12]
    expected = ["now", "now", "1m", "59m", "1h", "23h", "1d", "6d", "1w", "52w", "1y", "99y"]
    assert [age(seconds) for seconds in ages] == expected


async def test_the_mark_is_on_the_session_that_is_open(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        app, sessions = app_of(pilot), app_of(pilot).main.sessions
        for text in ("one", "two", "three"):
            await say(pilot, text)
            await pilot.press("ctrl+n")
        await say(pilot, "four")
        await pilot.press("ctrl+o", "down", "down", "enter")
        await pilot.pause()
        assert current(pilot).shown_title == "two" and sessions.highlighted_id == current(pilot).id
        await pilot.press("ctrl+o", "down", "escape")  # looked further, and opened nothing
        await pilot.pause()
        assert sessions.highlighted_id == current(pilot).id
        await pilot.press("ctrl+o", "down", "ctrl+t", *"Once")
        await pilot.pause()
        assert current(pilot).mode == "story" and sessions.highlighted_id == current(pilot).id
        await pilot.press("ctrl+o", "down", "ctrl+t")
        await pilot.pause()
        assert current(pilot).mode == "chat" and sessions.highlighted_id == current(pilot).id
        opened = current(pilot)
        await pilot.press("ctrl+o", "d")
        await pilot.pause()
        assert current(pilot) is not opened
        await pilot.press("u")
        await pilot.pause()
        assert current(pilot) is opened and sessions.highlighted_id == opened.id
        await pilot.press("ctrl+o", "d")
        app.main.focus_work()
        await pilot.pause()
        assert sessions.highlighted_id == current(pilot).id
