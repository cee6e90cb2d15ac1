"""A context that is full is never cut silently: a dialogue has the numbers and three ways, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from inference import InferenceError
from tests.stubs.script import Script
from tests.tiny_model import make_tiny_model
from tests.tui.conftest import SIZE, app_of, current, fake_directory, idle, make_app, ready, say, tap, until
from tui.screens.context_dialog import ContextDialog
from tui.services.summary import HEADING
from tui.widgets.plain_text import Plain

# Tokens are words: a turn takes two for its roles, the words of the question and those of the reply.
LONG = " ".join(["word"] * 100)


@pytest.fixture
def small_model(script: Script, tmp_path: Path) -> Path:
    """One with a context of 240 tokens."""
    return fake_directory(tmp_path / "models" / "small", context=240)


def dialog(pilot: Pilot[None]) -> ContextDialog | None:
    screen = app_of(pilot).screen
    return screen if isinstance(screen, ContextDialog) and screen.query(OptionList) else None


def offered(pilot: Pilot[None]) -> list[str]:
    options = app_of(pilot).screen.query_one(OptionList).options
    return [str(option.id) for option in options]


def told(pilot: Pilot[None]) -> str:
    screen = app_of(pilot).screen
    return " ".join([str(screen.query_one("#context-note", Plain).render()), *map(str, texts(screen))])


def texts(screen: object) -> list[str]:
    return [str(option.prompt) for option in screen.query_one(OptionList).options]  # type: ignore[attr-defined]


def path(pilot: Pilot[None]) -> list[str]:
    return [node.text.strip() for node in current(pilot).tree.path()]


async def fill(pilot: Pilot[None], script: Script, turns: int = 3) -> None:
    """Turns of 50 tokens each."""
    await ready(pilot)
    for number in range(turns):
        script.reply(*[f"reply{number} "] * 43)
        await say(pilot, f"ask {number} and so on")


async def overflow(pilot: Pilot[None], text: str = LONG) -> None:
    """Send a message that does not fit."""
    app_of(pilot).main.composer.load(text)
    await tap(pilot, "enter")
    await until(pilot, lambda: dialog(pilot))


async def choose(pilot: Pilot[None], option: str) -> None:
    choices = app_of(pilot).screen.query_one(OptionList)
    choices.highlighted = offered(pilot).index(option)
    await tap(pilot, "enter")
    await until(pilot, lambda: not dialog(pilot))


async def test_the_dialogue_has_the_numbers_and_three_ways(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        await overflow(pilot)
        assert offered(pilot) == ["leave_out", "compact", "shorten"]
        needed = 3 * 50 + 102  # three turns, and this message with the words for the two roles
        assert f"needs {needed} tokens" in told(pilot) and "holds 240" in told(pilot)
        assert "oldest 4 messages" in told(pilot) and "then has 152 tokens" in told(pilot)
        assert path(pilot)[-1] == LONG.strip(), "it is saved meanwhile"


async def test_a_limit_that_was_set_can_be_raised(script: Script, tmp_path: Path) -> None:
    model, text = fake_directory(tmp_path / "models" / "longer", context=600), " ".join([LONG] * 3)
    async with make_app(model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).change_settings({"context": 256})
        await overflow(pilot, text)
        assert offered(pilot) == ["raise", "shorten"] and "context limit to 600 tokens" in told(pilot)
        script.reply("long enough")
        await choose(pilot, "raise")
        await idle(pilot)
        assert path(pilot) == [text, "long enough"] and current(pilot).settings["context"] == 600


async def test_where_compacting_fails_the_other_ways_are_offered(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        await overflow(pilot)
        script.reply(InferenceError("No memory."))
        app_of(pilot).screen.query_one(OptionList).highlighted = offered(pilot).index("compact")
        await tap(pilot, "enter")
        await until(pilot, lambda: dialog(pilot) and offered(pilot) == ["leave_out", "shorten"])
        assert current(pilot).notice == "Nothing was compacted: No memory."
        await choose(pilot, "leave_out")
        await idle(pilot)
        assert path(pilot)[-2] == LONG


async def test_all_ways_are_in_sight_on_a_low_screen(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=(40, 12)) as pilot:
        await fill(pilot, script)
        await overflow(pilot)
        await pilot.pause()
        choices = app_of(pilot).screen.query_one(OptionList)
        assert choices.option_count == 3 and choices.max_scroll_y == 0 and choices.size.height >= 3


async def test_the_oldest_turns_are_left_out_and_shown_so(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        await overflow(pilot)
        await choose(pilot, "leave_out")
        await idle(pilot)
        prompt, session = script.prompts[-1], current(pilot)
        assert "ask 2" in prompt and "ask 1" not in prompt and LONG.strip() in prompt
        assert len(session.tree.path()) == 8 and session.notice == ""
        start = session.tip.context_start if session.tip else None
        assert start == session.tree.path()[4].id
        assert session.figures.context_used and session.figures.context_used < 240
        reused = session.engine.cache.length if session.engine else 0
        script.reply("more")
        await say(pilot, "next")
        outcome = session.tip.outcome if session.tip else None
        assert outcome and outcome.reused_tokens == reused, "what was computed for the shorter prompt is reused"
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(session.id)
        await pilot.pause()
        script.reply("again")
        await say(pilot, "later")
        assert "ask 2" in script.prompts[-1] and "ask 1" not in script.prompts[-1], "after a restart too"


@pytest.mark.parametrize("key", ["escape", "enter"])
async def test_a_message_to_shorten_is_typed_again(small_model: Path, script: Script, key: str) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        before = path(pilot)
        await overflow(pilot)
        app_of(pilot).screen.query_one(OptionList).highlighted = 2
        await tap(pilot, key)
        await until(pilot, lambda: not dialog(pilot))
        assert path(pilot) == before and len(current(pilot).tree) == 6
        assert app_of(pilot).main.composer.whole == LONG and app_of(pilot).main.composer.has_focus
        stored = app_of(pilot).services.sessions.store.read(current(pilot).id)
        assert stored.draft == LONG and len(stored.tree) == 6


async def test_a_message_that_is_too_long_alone_can_only_be_shortened(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        await overflow(pilot, "word " * 400)
        assert offered(pilot) == ["shorten"] and "Nothing before it" in told(pilot)
        await pilot.press("enter")
        assert len(path(pilot)) == 6


async def test_a_reply_that_fills_the_context_goes_on(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script, turns=2)
        script.reply(*(f"r{number} " for number in range(200)))
        await tap(pilot, *"go", "enter")
        await until(pilot, lambda: dialog(pilot))
        assert offered(pilot) == ["leave_out", "compact", "shorten"] and "Keep the reply" in told(pilot)
        assert "context is full" in current(pilot).notice
        begun = path(pilot)[-1]
        script.reply("and so it ends")
        await choose(pilot, "leave_out")
        await idle(pilot)
        assert path(pilot)[-1] == f"{begun} and so it ends" and "ask 0" not in script.prompts[-1]
        assert len(path(pilot)) == 6, "the reply that was cut is a version of it"


async def test_a_reply_can_be_left_as_it_is(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script, turns=2)
        script.reply(*(f"r{number} " for number in range(200)))
        await tap(pilot, *"go", "enter")
        await until(pilot, lambda: dialog(pilot))
        before, count = path(pilot), len(current(pilot).tree)
        await tap(pilot, "escape")
        await until(pilot, lambda: not dialog(pilot))
        assert path(pilot) == before and len(current(pilot).tree) == count
        await idle(pilot)
        await pilot.press("escape", "c")
        await until(pilot, lambda: dialog(pilot))
        assert path(pilot)[:-1] == before[:-1] and path(pilot)[-1].startswith(before[-1]), "c asks again"


async def test_a_reply_alone_asks_nothing(small_model: Path, script: Script) -> None:
    """There is nothing to leave out: the notice says what there is to say."""
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        script.reply(*(f"r{number} " for number in range(300)))
        await tap(pilot, *"go", "enter")
        await until(pilot, lambda: "context is full" in current(pilot).notice)
        await idle(pilot)
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
        await pilot.pause()
        assert dialog(pilot) is None


async def test_who_types_is_not_interrupted(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script, turns=2)
        hold = script.held()
        script._replies[-1] = (hold, *(f"r{number} " for number in range(200)))
        await tap(pilot, *"go", "enter")
        await tap(pilot, *"next")
        hold.set()
        await idle(pilot)
        await until(pilot, lambda: "Press c on the reply" in current(pilot).notice)
        await pilot.pause()
        assert dialog(pilot) is None and app_of(pilot).main.composer.whole == "next"


async def test_a_session_in_the_background_asks_nothing(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script, turns=2)
        hold = script.held()
        script._replies[-1] = (hold, *(f"r{number} " for number in range(200)))
        await tap(pilot, *"go", "enter", "ctrl+n")
        hold.set()
        await until(pilot, lambda: not app_of(pilot).services.replies.replying)
        await pilot.pause()
        assert dialog(pilot) is None


# ---- /compact


async def compact(pilot: Pilot[None]) -> None:
    app_of(pilot).main.composer.load("/compact")
    await tap(pilot, "enter")


async def ended(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    await until(pilot, condition)
    await idle(pilot)


async def test_the_oldest_turns_become_a_summary_and_stay_as_a_branch(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        before, title = path(pilot), current(pilot).shown_title
        script.reply("They ", "asked ", "twice.")
        await compact(pilot)
        await ended(pilot, lambda: len(path(pilot)) == 3)
        assert path(pilot) == [f"{HEADING}\n\nThey asked twice.", *before[4:]]
        assert "ask 1" in script.prompts[-1] and "ask 2" not in script.prompts[-1]
        assert current(pilot).shown_title == title and "[" in current(pilot).notice
        script.reply("yes")
        await say(pilot, "go on")
        assert "They asked twice." in script.prompts[-1] and "ask 1" not in script.prompts[-1]
        await pilot.press("escape", "g", "left_square_bracket")
        assert path(pilot) == before


@pytest.mark.parametrize("reply", [("",), ("<think>hm", "</think>"), (InferenceError("No memory."),)])
async def test_a_failure_leaves_all_as_it_was(small_model: Path, script: Script, reply: tuple[str, ...]) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        session, engine = current(pilot), current(pilot).engine
        before, ids = list(session.tree), engine.token_ids if engine else []
        script.reply(*reply)
        await compact(pilot)
        await ended(pilot, lambda: "Nothing was compacted" in session.notice)
        assert list(session.tree) == before and session.engine is engine
        assert engine and engine.token_ids == ids, "its cache is as it was"


async def test_esc_stops_it_and_leaves_all_as_it_was(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        session = current(pilot)
        before = list(session.tree)
        script.held("They ")
        await compact(pilot)
        await until(pilot, lambda: session.state == "streaming")
        await tap(pilot, *"later", "enter")
        assert session.typing.queue == ["later"]
        await tap(pilot, "escape")
        await ended(pilot, lambda: session.reply is None)
        assert "Stopped" in session.notice and list(session.tree) == before
        assert app_of(pilot).main.composer.whole.strip() == "later" and not session.typing.queue


async def test_what_was_said_meanwhile_is_sent_after_it(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        session, hold = current(pilot), script.held("Short.")
        await compact(pilot)
        await until(pilot, lambda: session.state == "streaming")
        await tap(pilot, *"later", "enter")
        hold.set()
        await ended(pilot, lambda: len(path(pilot)) == 5)
        assert path(pilot)[0].endswith("Short.") and path(pilot)[3] == "later"


async def test_a_conversation_that_changes_meanwhile_is_left_alone(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        session, hold = current(pilot), script.held("Short.")
        await compact(pilot)
        await until(pilot, lambda: session.state == "streaming")
        session.tree.move(session.tree.path()[1].id)
        hold.set()
        await ended(pilot, lambda: session.reply is None)
        assert len(session.tree) == 6 and "changed" in session.notice


async def test_one_turn_cannot_be_compacted(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await compact(pilot)
        assert "Nothing to compact" in current(pilot).notice
        await fill(pilot, script, turns=1)
        await compact(pilot)
        await until(pilot, lambda: "Nothing to compact" in current(pilot).notice)
        assert len(path(pilot)) == 2


async def test_a_message_that_does_not_fit_is_answered_after_compacting(small_model: Path, script: Script) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await fill(pilot, script)
        await overflow(pilot)
        for text in ("Two turns.", "Short.", "an answer"):
            script.reply(text)
        await choose(pilot, "compact")
        await ended(pilot, lambda: path(pilot)[-1] == "an answer")
        assert path(pilot)[0].endswith("Short.") and LONG.strip() in path(pilot)
        assert "ask 0" not in script.prompts[-1] and "Short." in script.prompts[-1]


async def test_a_conversation_longer_than_the_context_is_summarised_in_rounds(
    small_model: Path, script: Script
) -> None:
    async with make_app(small_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        tree = current(pilot).tree
        for number in range(6):
            tree.add("user", f"ask {number} " + "word " * 45)
            node = tree.begin("assistant")
            tree.grow(node.id, f"reply {number}")
            tree.settle(node.id, (), None)
        rounds = len(script.prompts)
        for number in range(6):
            script.reply(f"Round {number}.")
        await compact(pilot)
        await ended(pilot, lambda: path(pilot)[0].startswith(HEADING))
        prompts = script.prompts[rounds:]
        assert len(prompts) > 1 and "ask 0" in prompts[0] and "ask 0" not in prompts[1]
        assert all("Round 0." in prompt for prompt in prompts[1:2])
        assert path(pilot)[0].endswith(f"Round {len(prompts) - 1}.")


async def test_the_real_engine_summarises_beside_the_sessions_cache(tmp_path: Path) -> None:
    """What the copied cache holds of the turns is not computed again, and the session's own stays as it is."""
    model = make_tiny_model(tmp_path / "model", max_position_embeddings=1024)
    async with make_app(model, max_tokens=8).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for number in range(3):
            await say(pilot, f"What about the {number} boats on the river?")
        session, turns = current(pilot), current(pilot).tree.path()[:4]
        engine = session.engine
        assert engine and engine.model.chat_template
        before, messages = engine.token_ids, session.messages(turns, session.model)
        shared = len(engine.model.chat_template.encode(messages, engine.model.tokenizer, False))
        await compact(pilot)
        await ended(pilot, lambda: session.tree.path()[0].role == "system")
        outcome = session.tree.path()[0].outcome
        assert outcome and outcome.reused_tokens >= shared > 0
        assert session.engine is engine and engine.token_ids == before
        await say(pilot, "And now?")
        assert session.tip and session.tip.outcome and session.tip.outcome.reason in ("length", "stop")
