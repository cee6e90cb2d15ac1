"""Replies to one question on copies of a conversation, of which it goes on from one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stubs.fake_engine import FakeModel
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.comparison import ALL_ALIKE, HOW_MANY, NO_QUESTION, NOTHING, WITH, WITHOUT, ComparisonActions
from tui.config.paths import documents_file, sessions_file
from tui.documents.adding import Changes, refresh
from tui.documents.index import DocumentIndex
from tui.messages import ReplyProgressed
from tui.screens.comparison import ComparisonScreen
from tui.services import documents
from tui.services.comparison import Comparison, Variant, times_chosen
from tui.services.notices import still_generating
from tui.services.replies import ReplyService
from tui.services.session import Session


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A collection "notes" with one passage, and words alone."""
    monkeypatch.setattr(documents, "load_encoder", lambda directories: None)
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "pump.md").write_text("The pump runs at night.\n")
    with DocumentIndex(documents_file(sessions_file())) as index:
        refresh(index, index.add_root("notes", folder), Changes())
        yield


@pytest.fixture
def actions(desk: Desk) -> ComparisonActions:
    desk.load()
    return ComparisonActions(desk.context)


async def come(desk: Desk, actions: ComparisonActions) -> None:
    """Take in what has come of both replies."""
    for _ in range(3):  # searched for, submitted, written
        await desk.mailbox.join()
        desk.mailbox.tick()
        for message in desk.mailbox.taken():
            if isinstance(message, ReplyProgressed):
                assert actions.take(message)


def opened(desk: Desk) -> tuple[ComparisonScreen, Comparison]:
    screen, _ = desk.mailbox.pushed[-1]
    assert isinstance(screen, ComparisonScreen)
    return screen, screen._comparison


def attach(desk: Desk) -> None:
    desk.current.change_settings({"documents": ["notes"]})


def vary(desk: Desk) -> None:
    desk.current.change_settings({"sampling": {"temperature": 1.0}})


async def talk(desk: Desk, text: str) -> None:
    tree = desk.current.tree
    asked = tree.add("user", text)
    desk.workspace.ask(desk.current, lambda: tree.begin("assistant"), before=asked.id)
    await desk.come()


async def test_without_a_copy_of_the_cache_it_is_computed_for_each(
    desk: Desk, actions: ComparisonActions, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk(desk, "hello")
    vary(desk)

    def without_memory(service: ReplyService, session: Session) -> None:
        raise MemoryError

    monkeypatch.setattr(ReplyService, "copy", without_memory)
    actions.ask_for("2")
    await come(desk, actions)
    _, comparison = opened(desk)
    assert [side.node.text != "" for side in comparison.sides if side.node] == [True, True]


async def test_with_and_without_documents_in_one_pass(
    desk: Desk, actions: ComparisonActions, script: Script, model: FakeModel
) -> None:
    script.reply("Hello.")
    await talk(desk, "hello")
    attach(desk)
    desk.screen.composer.text = "When does the pump run?"
    rows = model.counters.rows
    script.reply("By day.")
    script.reply("At night [1].")
    actions.compare()
    assert desk.said == ["hello", "Hello."], "nothing of it is in the conversation yet"
    await come(desk, actions)
    _, comparison = opened(desk)
    prompts = script.prompts[-2:]
    assert "The pump runs at night." not in prompts[0] and "[1] notes/pump.md" in prompts[1]
    assert all(prompt.startswith("\nuser:\nhello\nassistant:\nHello.") for prompt in prompts)
    assert [side.ended for side in comparison.sides] == [True, True]
    outcomes = [side.node.outcome for side in comparison.sides if side.node and side.node.outcome]
    known = desk.current.tree.path()[-1].outcome
    assert known is not None
    assert [each.reused_tokens >= known.prompt_tokens + known.generated_tokens - 1 for each in outcomes] == [True] * 2
    asked = sum(each.prompt_tokens - each.reused_tokens + each.generated_tokens - 1 for each in outcomes)
    assert model.counters.rows - rows == asked, "what they have in common is computed once"

    actions._chosen(comparison, comparison.sides[1])
    tree = desk.current.tree
    assert desk.said == ["hello", "Hello.", "When does the pump run?", "At night [1]."]
    question = tree.path()[-2]
    assert question.quotes and tree.place(question.id) == (2, 2)
    other = tree.siblings(question.id)[0]
    assert other.quotes is None and [node.text for node in tree.children(other.id)] == ["By day."]
    assert desk.screen.composer.text == "" and times_chosen(desk.current, WITH) == 1
    assert times_chosen(desk.current, WITHOUT) == 0
    stored = desk.services.sessions.store
    await desk.mailbox.join()
    assert len(stored.read(desk.current.id).tree) == 6

    await talk(desk, "Sure?")
    outcome = tree.path()[-1].outcome
    assert outcome is not None and outcome.reused_tokens >= outcomes[1].prompt_tokens, "it goes on from its cache"


async def test_what_is_left_leaves_no_trace(desk: Desk, actions: ComparisonActions, script: Script) -> None:
    await talk(desk, "When does the pump run?")
    attach(desk)
    before = list(desk.current.tree)
    holds = [script.held("a"), script.held("b")]
    actions.compare()
    await come(desk, actions)
    _, comparison = opened(desk)
    assert [side.node.text if side.node else None for side in comparison.sides] == ["a", "b"]
    actions._chosen(comparison, None)
    await come(desk, actions)
    assert list(desk.current.tree) == before and desk.current.notice == ""
    assert [side.session.engine for side in comparison.sides] == [None, None] and not actions._screens
    assert desk.services.replies.replying == [] and not any(hold.is_set() for hold in holds)


async def test_two_settings_and_two_models(desk: Desk, actions: ComparisonActions, script: Script) -> None:
    await talk(desk, "hello")
    actions.compare_with("top-k = 5")
    _, comparison = opened(desk)
    first, second = comparison.sides
    assert [side.variant.title for side in comparison.sides] == ["unchanged", "top-k 5"]
    assert (first.session.settings, second.session.settings) == ({}, {"sampling": {"top_k": 5}})
    await come(desk, actions)
    actions._chosen(comparison, first)
    assert desk.current.tree.place(desk.current.tree.tip or "") == (3, 3), "below the same question"
    actions.compare_with("top-k = many")
    assert desk.current.notice.startswith("top-k: Must be")
    actions.compare_with("nowhere/nothing")
    await desk.mailbox.join()
    assert "nothing" in desk.current.notice and len(desk.mailbox.pushed) == 1


async def test_what_cannot_be_compared_is_said(desk: Desk, actions: ComparisonActions, script: Script) -> None:
    actions.compare()
    assert desk.current.notice == NO_QUESTION
    desk.screen.composer.text = "hello"
    actions.compare()
    assert desk.current.notice == NOTHING
    attach(desk)
    hold = script.held("x")
    tree = desk.current.tree
    tree.add("user", "a")
    desk.workspace.ask(desk.current, lambda: tree.begin("assistant"))
    actions.compare()
    assert desk.current.notice == still_generating() and not desk.mailbox.pushed
    hold.set()


async def test_several_replies_to_choose_from(
    desk: Desk, actions: ComparisonActions, script: Script, model: FakeModel
) -> None:
    script.reply("One.")
    await talk(desk, "hello")
    vary(desk)
    desk.screen.take_number.return_value = 0
    rows = model.counters.rows
    for reply in ("Two.", "Three.", "Four.", "Five."):
        script.reply(reply)
    actions.alternatives()
    await come(desk, actions)
    _, comparison = opened(desk)
    assert [side.node.text for side in comparison.sides if side.node] == ["Two.", "Three.", "Four.", "Five."]
    outcomes = [side.node.outcome for side in comparison.sides if side.node and side.node.outcome]
    assert [each.reused_tokens for each in outcomes] == [each.prompt_tokens - 1 for each in outcomes]
    assert model.counters.rows - rows == sum(each.generated_tokens for each in outcomes)
    actions._chosen(comparison, comparison.sides[2])
    tree = desk.current.tree
    assert desk.said == ["hello", "Four."] and tree.place(tree.tip or "") == (5, 5)
    assert "compared" not in desk.current.settings


async def test_replies_are_kept_as_far_as_they_go_where_none_is_chosen(
    desk: Desk, actions: ComparisonActions, script: Script
) -> None:
    script.reply("One.")
    await talk(desk, "hello")
    vary(desk)
    desk.screen.take_number.return_value = 2
    script.reply("Two.")
    hold = script.held("Three")
    actions.alternatives()
    await come(desk, actions)
    _, comparison = opened(desk)
    assert [side.ended for side in comparison.sides] == [True, False]
    actions._chosen(comparison, None)
    await come(desk, actions)
    tree = desk.current.tree
    versions = tree.siblings(tree.tip or "")
    assert desk.said == ["hello", "One."] and [node.text for node in versions] == ["One.", "Two.", "Three"]
    assert [node.outcome.reason for node in versions if node.outcome] == ["stop", "stop", "cancelled"]
    assert not any(node.growing for node in versions)
    assert desk.current.notice.startswith("2 replies are kept as versions") and not hold.is_set()
    assert desk.services.replies.replying == []


async def test_replies_that_would_be_alike_are_not_asked_for(desk: Desk, actions: ComparisonActions) -> None:
    desk.current.tree.add("user", "hello")
    for number in ("1", "10", "many", "²"):
        actions.ask_for(number)
        assert desk.current.notice == HOW_MANY
    desk.screen.take_number.return_value = 1
    actions.alternatives()
    assert desk.current.notice == HOW_MANY
    for setting, value in (("temperature", 0.0), ("top_k", 1)):
        desk.current.change_settings({"sampling": {setting: value}})
        actions.ask_for("3")
        assert desk.current.notice == ALL_ALIKE.format(key="F6")
    assert not desk.mailbox.pushed


async def test_each_reply_has_a_seed_of_its_own(desk: Desk, actions: ComparisonActions) -> None:
    desk.current.tree.add("user", "hello")
    desk.current.change_settings({"sampling": {"temperature": 1.0, "seed": 7}})
    actions.ask_for("3")
    _, comparison = opened(desk)
    sampling = [side.session.settings["sampling"] for side in comparison.sides]
    assert sampling == [{"temperature": 1.0, "seed": seed} for seed in (7, 8, 9)]


def test_a_count_is_only_believed_if_it_is_one(desk: Desk) -> None:
    for value in (True, -3, "many", None, [1]):
        desk.current.change_settings({"compared": {"x": value}})
        assert times_chosen(desk.current, Variant("x")) == 0
    desk.current.change_settings({"compared": "x"})
    assert times_chosen(desk.current, Variant("x")) == 0
