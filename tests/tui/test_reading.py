"""What one does while reading a chat: code is copied, thoughts unfold, figures come on demand, words are found."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.answers import CODE, THOUGHT, read, talk
from tests.tui.composing import composer
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, until
from tui.widgets.safe_input import Field
from tui.widgets.transcript.find_bar import FindBar
from tui.widgets.transcript.transcript import NEW_BELOW


def copied(pilot: Pilot[None]) -> str:
    return app_of(pilot).clipboard


async def test_code_is_copied_as_it_was_written(tiny_model: Path) -> None:
    session = talk(CODE, "no code here")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "j", "Y")  # the answer with the code
        assert copied(pilot) == "for n in numbers:\n    total += n"
        row = next(y for y, line in enumerate(shown(pilot)) if "total = sum" in line)
        await pilot.click("#transcript", offset=(6, row))
        await pilot.press("Y")
        assert copied(pilot) == "total = sum(numbers)"
        await pilot.press("G", "Y")
        assert "No code block" in current(pilot).notice


async def test_markdown_is_drawn_and_thoughts_are_folded(tiny_model: Path) -> None:
    session = talk(THOUGHT)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        text = "\n".join(shown(pilot))
        assert "Hello you!" in text and "They greet me." not in text
        await pilot.press("t")
        assert "They greet me." in "\n".join(shown(pilot))
        await pilot.press("t")
        assert "They greet me." not in "\n".join(shown(pilot))
        row = next(y for y, line in enumerate(shown(pilot)) if "thought" in line.lower())
        await pilot.click("#transcript", offset=(4, row))
        assert "They greet me." in "\n".join(shown(pilot))


async def test_a_click_on_a_heading_folds_nothing(tiny_model: Path) -> None:
    session = talk(THOUGHT.partition("\n\n")[0].removesuffix("\nHello **you**!"), "", "more")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        before = shown(pilot)
        headings = [y for y, line in enumerate(before) if line.strip("▌ ") and y and not before[y - 1].strip("▌ ")]
        assert len(headings) >= 5  # the last row of one message is a folded thought, another has no row at all
        for row in headings:
            await pilot.click("#transcript", offset=(4, row))
        assert [line.strip("▌ ") for line in shown(pilot)] == [line.strip("▌ ") for line in before]


async def test_how_a_reply_was_made_is_told_on_demand(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("escape", "i")
        text = " ".join(line.strip("▌ ") for line in shown(pilot))
        assert "12 tokens" in text and "tok/s" in text and "reached the length limit" in text and "seed" in text
        await pilot.press("i")
        assert "12 tokens" not in "\n".join(shown(pilot))
        await pilot.press("k")
        before = "\n".join(shown(pilot)).rstrip()
        await pilot.press("i")
        assert current(pilot).notice == "Only replies that llm-tui generated have details."
        assert "\n".join(shown(pilot)).rstrip() == before


async def test_what_is_shown_in_other_characters_is_found(tiny_model: Path) -> None:
    session = talk("It grows by $\\alpha^2$ &amp; more.")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        for typed in ("α²", "α² & m", "\\alpha"):
            app_of(pilot).main.find_bar.open(typed)
            assert place(pilot)[0] == 0 if typed != "\\alpha" else app_of(pilot).main.transcript.find(typed)
        assert not app_of(pilot).main.transcript.find("β²")


async def test_words_are_found_one_after_the_other(tiny_model: Path) -> None:
    session = talk(*(f"Fog on day {day}, and **more** fog.\n\n" + "line\n\n" * 30 for day in range(5)))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        bar = app_of(pilot).main.query_one(FindBar)
        await pilot.press("g", "slash", *"FOG", "enter")
        assert bar.display
        seen = [place(pilot)]
        for key in ("n", "n", "N"):
            await pilot.press(key)
            seen.append(place(pilot))
        assert [day for day, _ in seen] == [0, 0, 1, 0] and seen[3] == seen[1] != seen[0]
        await pilot.press("N", "N")  # behind the first comes the last
        assert place(pilot)[0] == 4
        await pilot.press("slash", *"war")
        assert bar.query_one(Field).value == "war", "it replaces what was found last"
        assert "No matches" in str(bar.query_one("#find-note").render())
        await pilot.press("escape")
        assert not bar.display


async def test_a_version_is_shown_from_its_heading_on(tiny_model: Path) -> None:
    session = talk("line\n\n" * 60)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript, tree = app_of(pilot).main.transcript, current(pilot).tree
        question, reply = tree.path()
        tree.edit(question.id, "another question")
        app_of(pilot).presenter.show()
        await pilot.press("g", "left_square_bracket")
        assert transcript.chosen == question.id and "version 1 of 2" in shown(pilot)[0]
        await pilot.press("left_square_bracket")
        assert "version 1 of 2" in shown(pilot)[0], "where there is none the view stays"
        tree.settle(tree.regenerate(reply.id).id, (), None)
        app_of(pilot).presenter.show()
        await pilot.press("G", "left_square_bracket")
        assert transcript.chosen == reply.id and "version 1 of 2" in shown(pilot)[0]


def barred(pilot: Pilot[None]) -> bool:
    """The bar of the selected message is on the screen."""
    return any(line.lstrip().startswith("▌") for line in shown(pilot))


@pytest.mark.parametrize(("keys", "restored"), [("Gkkkkku", 2), ("Gkkkkkku", 2), ("gu", 0), ("gjjju", 4)])
async def test_what_was_restored_is_selected_and_seen(tiny_model: Path, keys: str, restored: int) -> None:
    session = talk(*["line\n\n" * 4] * 4)
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await read(pilot, session)
        transcript, tree = app_of(pilot).main.transcript, current(pilot).tree
        await pilot.press(*keys)
        assert tree.hidden()
        app_of(pilot).main.set_focus(transcript)
        await pilot.press("right_square_bracket")
        assert not tree.hidden() and transcript.chosen == tree.path()[restored].id and barred(pilot)


async def test_the_selected_message_is_always_seen(tiny_model: Path) -> None:
    """Keys act on it: when the view moves away from it, by the wheel or with a growing reply, the next one is it."""
    session = talk(*["line\n\n" * 4] * 4)
    async with make_app(tiny_model, max_tokens=300).run_test(size=(80, 24)) as pilot:
        await read(pilot, session)
        transcript, tree = app_of(pilot).main.transcript, current(pilot).tree
        for y in (0, transcript.max_scroll_y, 9):
            transcript.scroll_to(y=y, animate=False, immediate=True)
            assert barred(pilot)
        await pilot.press("G", "k", "r")
        await until(pilot, lambda: len(tree) == 9)
        await idle(pilot)
        assert barred(pilot)


def place(pilot: Pilot[None]) -> tuple[int, int]:
    """Where the finder is: the number of the answer, and the column."""
    finder = app_of(pilot).main.transcript._finder
    assert finder is not None and finder.hit is not None
    return finder.hit.message // 2, finder.hit.places[0].start


async def test_who_reads_further_up_is_told_of_new_text(tiny_model: Path) -> None:
    session = talk("line\n\n" * 60)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript, tree = app_of(pilot).main.transcript, current(pilot).tree
        tree.add("user", "go on")
        node = tree.begin("assistant")
        app_of(pilot).presenter.show()
        await pilot.press("g")
        transcript.grow(tree.grow(node.id, "more\n" * 30), "more\n" * 30)
        await pilot.pause()
        assert transcript.scroll_offset.y == 0
        assert shown(pilot)[-1].endswith(NEW_BELOW.rstrip())
        await pilot.press("G")
        assert transcript.is_vertical_scroll_end
        assert shown(pilot)[-1].strip() != NEW_BELOW.strip()
        transcript.grow(tree.grow(node.id, "and more\n" * 3), "and more\n" * 3)
        await pilot.pause()
        assert transcript.is_vertical_scroll_end
        assert any("and more" in line for line in shown(pilot))


async def test_of_a_long_session_only_what_is_seen_is_laid_out(tiny_model: Path) -> None:
    session = talk(*(f"answer {number}" for number in range(1000)))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript = app_of(pilot).main.transcript
        assert any("answer 999" in line for line in shown(pilot))
        assert len(transcript._messages) < 40
        await pilot.press("g")
        assert any("question 0" in line for line in shown(pilot))
        transcript.scroll_to(y=transcript.max_scroll_y // 2, animate=False, immediate=True)
        await pilot.pause()
        assert any(line.strip().startswith(("answer 5", "answer 4")) for line in shown(pilot))
        assert len(transcript._messages) < 80


async def test_what_was_sought_is_not_sought_in_the_next_session(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello there")
        await pilot.press("escape", "slash", *"there", "enter")
        bar = app_of(pilot).main.find_bar
        assert bar.display
        await pilot.press("ctrl+n")
        assert not bar.display and app_of(pilot).focused is composer(pilot)
