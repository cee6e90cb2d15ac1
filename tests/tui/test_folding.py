"""Long messages of the user are folded at first, any long one with a key; what is found in one unfolds it."""

from pathlib import Path

from textual.pilot import Pilot

from tests.stubs.conversations import answered, save
from tests.tui.answers import THOUGHT, read, talk
from tests.tui.conftest import SIZE, app_of, current, make_app, shown
from tui.conversation.conversation import Conversation
from tui.widgets.transcript.folding import FOLD_ABOVE, FOLD_TO

LINES = [f"line {number}" for number in range(40)]
PASTED, ANSWER = "\n".join(LINES), "\n\n".join(f"answer {number}" for number in range(30))


def long_talk() -> str:
    conversation = Conversation(title="Long")
    answered(conversation, PASTED, ANSWER)
    answered(conversation, "short", "answer")
    save(conversation)
    return conversation.id


def lines(pilot: Pilot[None], word: str) -> list[str]:
    return [line.strip("▌ ") for line in shown(pilot) if line.strip("▌ ").startswith(word)]


async def test_a_long_message_of_the_user_is_folded_and_unfolds(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g")
        assert lines(pilot, "line") == LINES[:FOLD_TO] and lines(pilot, "▸") == [f"▸ {40 - FOLD_TO} more lines"]
        await pilot.press("z")
        top = app_of(pilot).main.transcript.scroll_offset.y
        assert lines(pilot, "line") == LINES[: len(lines(pilot, "line"))] and len(lines(pilot, "line")) > FOLD_TO
        assert top == 0 and not lines(pilot, "▸"), "what one reads stays where it is"
        await pilot.press("z")
        assert lines(pilot, "line") == LINES[:FOLD_TO]


async def test_a_click_on_the_mark_unfolds(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g")
        row = next(y for y, line in enumerate(shown(pilot)) if "more lines" in line)
        await pilot.click("#transcript", offset=(4, row))
        assert len(lines(pilot, "line")) > FOLD_TO


async def test_a_long_reply_folds_on_demand_and_its_beginning_stays_in_view(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "j")
        assert len(lines(pilot, "answer")) > FOLD_TO // 2 and not lines(pilot, "▸")
        app_of(pilot).main.transcript.scroll_to_row(40)
        await pilot.pause()
        await pilot.press("z")
        assert lines(pilot, "answer")[0] == "answer 0" and f"▸ {59 - FOLD_TO} more lines" in lines(pilot, "▸")


async def test_a_short_message_does_not_fold(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("G", "z")
        assert str(FOLD_ABOVE) in current(pilot).notice
        assert lines(pilot, "answer")[-1] == "answer"


async def test_what_is_found_is_unfolded(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "slash", *"line 2", "enter")
        assert len(lines(pilot, "▸")) == 1, "the first match is not folded"
        await pilot.press("n")
        assert "line 20" in lines(pilot, "line") and not lines(pilot, "▸")


async def test_what_is_found_in_a_thought_is_unfolded(tiny_model: Path) -> None:
    session = talk(THOUGHT, "another answer")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "slash", *"greet me", "enter")
        transcript = app_of(pilot).main.transcript
        assert any("They greet me." in line for line in shown(pilot))
        assert transcript._finder and transcript._finder.hit and transcript._finder.hit.places


async def test_a_search_result_is_unfolded(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("f3", *'"line 33"')
        await pilot.pause()
        app_of(pilot).main.transcript.choose(current(pilot).tree.path()[0].id)
        await pilot.pause()
        assert not [line for line in lines(pilot, "▸") if "more lines" in line]


async def test_folded_messages_of_any_width_are_as_high_as_they_are_drawn(tiny_model: Path) -> None:
    session = long_talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript = app_of(pilot).main.transcript
        for width in (100, 40, 160):
            await pilot.resize_terminal(width, 30)
            await pilot.pause()
            for index in range(4):
                message = transcript.laid_out(index)
                rows = [message.row(number).text for number in range(1, message.height - 1)]
                assert len(rows) == message.height - 2
            assert transcript.laid_out(0).hidden == len(transcript.laid_out(0).text_rows) - FOLD_TO
