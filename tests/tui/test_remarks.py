"""The transcript says what happened to its messages: stopped, interrupted, forked, rolled back, versions, editing."""

from pathlib import Path

import pytest

from tests.stubs.conversations import answered, save
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, until
from tui.config.paths import config_file
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Outcome
from tui.services.session import Session


def ended(model: Path, reason: str) -> Conversation:
    """A chat whose last reply ended for this reason."""
    conversation = Conversation(title="one", model=str(model))
    tree = conversation.tree
    tree.add("user", "hello")
    node = tree.begin("assistant")
    tree.grow(node.id, "Hel")
    tree.settle(node.id, (), Outcome(reason, 1, 0, 1, 0.1, 0.2, 3, {}, str(model)))
    return conversation


@pytest.mark.parametrize(
    ("reason", "remark"),
    [
        ("interrupted", "── Interrupted · c in the messages continues"),
        ("cancelled", "── Stopped · c in the messages continues"),
        ("length", "── Reached the length limit · c in the messages continues"),
        ("context", "── The context is full"),
        ("banned", "── No way around the banned phrases · c in the messages continues"),
    ],
)
async def test_a_reply_that_did_not_end_by_itself_says_so(tiny_model: Path, reason: str, remark: str) -> None:
    conversation = ended(tiny_model, reason)
    save(conversation)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        assert any(line.endswith(remark) for line in shown(pilot)), shown(pilot)
        await say(pilot, "and then?")
        lines = shown(pilot)
        ending = remark.partition(" · ")[0]
        assert any(line.endswith(ending) for line in lines), "only the last reply offers to be continued"


async def test_keys_in_remarks_are_those_that_were_bound(tiny_model: Path) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text('[keys]\ncontinue_reply = "w"\n')
    conversation = ended(tiny_model, "cancelled")
    save(conversation)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        assert any(line.endswith("── Stopped · w in the messages continues") for line in shown(pilot))


async def test_a_fork_says_where_it_comes_from_and_remembers_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await say(pilot, "second")
        await pilot.press("escape", "g", "j", "f")
        assert current(pilot).forked_from == "first"
        await say(pilot, "third")
        lines = [line.strip("▎ ") for line in shown(pilot)]
        remark = lines.index("── Forked from “first”")
        assert lines[remark + 2 : remark + 4] == ["You", "third"], "it stands where the fork begins"
        fork = current(pilot).id
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        app_of(pilot).actions.application.open(fork)
        await pilot.pause()
        assert any("── Forked from “first”" in line for line in shown(pilot))


@pytest.mark.parametrize("origin", [{}, {"title": ["x"]}, {"title": "x", "node": 7}, "text"])
def test_an_origin_that_was_imported_is_not_trusted(origin: object) -> None:
    assert Session(Conversation(settings={"forked_from": origin})).forked_at is None


async def test_the_name_of_an_origin_controls_nothing(tiny_model: Path) -> None:
    conversation = ended(tiny_model, "stop")
    conversation.settings["forked_from"] = {"title": "x\x1b[2J\ny", "node": conversation.tree.tip}
    save(conversation)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        (remark,) = (line for line in shown(pilot) if "Forked from" in line)
        assert "\x1b" not in remark and remark.endswith("y”")


async def test_a_message_that_is_edited_is_marked(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await say(pilot, "second")
        await pilot.press("escape", "g", "e")
        lines = [line for line in shown(pilot) if line.startswith("▌")]
        assert lines == ["▌ You  editing", "▌ first"], "in the input's focus too"
        await pilot.press("escape")
        assert not any("editing" in line for line in shown(pilot))
        await pilot.press("escape", "g", "e", *"!", "enter")
        await idle(pilot)
        assert not any("editing" in line for line in shown(pilot))
        assert any(line.startswith("▎ You") and line.endswith("version 2 of 2") for line in shown(pilot))


async def test_a_version_is_shortened_where_there_is_no_room(tiny_model: Path) -> None:
    conversation = Conversation(title="one", model=str(tiny_model))
    answered(conversation, "hello", "One.", "Two.")
    save(conversation)
    async with make_app(tiny_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await until(pilot, lambda: any(line.endswith("version 2 of 2") for line in shown(pilot)))
        await pilot.resize_terminal(20, 12)
        await until(pilot, lambda: any(line.endswith("2/2") for line in shown(pilot)))
