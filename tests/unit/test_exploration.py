"""The token explorer without its screen: what is found out about a reply, and what becomes of it."""

from dataclasses import replace

import pytest

from tests.stubs.fake_scoring import END, OTHERS
from tests.stubs.screen import FakePane
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.exploration import EMPTY, NOT_A_REPLY, ExplorationActions
from tui.actions.messages import MessageActions
from tui.actions.story import StoryActions
from tui.conversation.tree import EDITED
from tui.screens.explorer import ExplorerScreen
from tui.services.exploration import (
    CONTROL,
    ENCODED,
    NOTHING_LEFT,
    OTHER_MODEL,
    OTHER_TEXT,
    PART,
    UNCHANGED,
    Branch,
    Exploration,
)
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE

REPLY = ("one ", "two ", "three ", "four")


@pytest.fixture
def actions(desk: Desk) -> ExplorationActions:
    messages = MessageActions(desk.context)
    return ExplorationActions(desk.context, messages, StoryActions(desk.context, messages))


@pytest.fixture
async def talked(desk: Desk, actions: ExplorationActions, script: Script) -> ExplorationActions:
    """After a question and a reply of four tokens."""
    desk.load()
    script.reply(*REPLY)
    MessageActions(desk.context).send("count")
    await desk.come()
    assert desk.said == ["count", "".join(REPLY)]
    return actions


async def opened(desk: Desk) -> Exploration:
    """What the screen shows, once all is read."""
    screen, _ = desk.mailbox.pushed[-1]
    assert isinstance(screen, ExplorerScreen)
    await desk.mailbox.join()
    screen._exploration.poll()
    return screen._exploration


def close(desk: Desk, branch: Branch | None) -> None:
    _, closed = desk.mailbox.pushed.pop()
    closed(branch)


def token(desk: Desk, text: str) -> int:
    model = desk.workspace.model
    assert model is not None
    return model.tokenizer.token(text)  # type: ignore[attr-defined]


def taken(exploration: Exploration, index: int, token_id: int) -> Branch:
    branch = exploration.branch(index, token_id)
    assert isinstance(branch, Branch), branch
    return branch


async def test_each_token_of_a_reply_is_found_with_what_could_have_stood_there(
    desk: Desk, talked: ExplorationActions
) -> None:
    tip, rows = desk.current.tip, desk.workspace.model.counters.rows  # type: ignore[union-attr]
    talked.explore()
    exploration = await opened(desk)
    assert exploration.ended and not exploration.failure and exploration.note == ""
    assert list(exploration.texts) == list(REPLY)
    assert [place.token_id for place in exploration.places] == [*tip.token_ids, None]  # type: ignore[union-attr]
    named = [exploration.text_at(1, token_id) for token_id, _ in exploration.places[1].likeliest]
    assert named == ["two ", *OTHERS]
    assert desk.workspace.model.counters.rows - rows == len(REPLY) + 1  # type: ignore[union-attr]
    engine = exploration.engine
    close(desk, None)
    assert exploration.engine is None and engine is not None and engine.closed  # type: ignore[attr-defined]
    assert desk.said == ["count", "".join(REPLY)] and desk.current.tip is tip


async def test_another_token_begins_a_version_that_goes_on_from_it(
    desk: Desk, talked: ExplorationActions, script: Script
) -> None:
    first = desk.current.tip
    assert first is not None
    talked.explore()
    exploration = await opened(desk)
    branch = taken(exploration, 2, token(desk, "other "))
    assert branch == Branch("one two ", first.token_ids[:2], "other ", (token(desk, "other "),))
    rows, computed = desk.workspace.model.counters.rows, exploration.engine  # type: ignore[union-attr]
    script.reply("end")
    close(desk, branch)
    assert desk.current.engine is computed, "what was computed is gone on from"
    await desk.come()
    assert desk.said == ["count", "one two other end"]
    fresh = desk.current.tip
    assert fresh is not None and fresh.token_ids == (*first.token_ids[:2], token(desk, "other "), token(desk, "end"))
    assert desk.current.tree.place(fresh.id) == (2, 2)
    assert desk.workspace.model.counters.rows - rows == 1, "the chosen token"  # type: ignore[union-attr]
    assert fresh.outcome is not None and fresh.outcome.reused_tokens == fresh.outcome.prompt_tokens - 1


async def test_a_version_after_which_the_model_adds_nothing_stays(
    desk: Desk, talked: ExplorationActions, script: Script
) -> None:
    talked.explore()
    exploration = await opened(desk)
    script.reply()
    close(desk, taken(exploration, 1, token(desk, "third ")))
    await desk.come()
    tip = desk.current.tip
    assert desk.said == ["count", "one third "] and tip is not None and len(tip.token_ids) == 2
    assert desk.current.notice == ""


async def test_the_end_of_a_reply_can_be_chosen_and_what_comes_after_it(
    desk: Desk, talked: ExplorationActions, script: Script
) -> None:
    talked.explore()
    exploration = await opened(desk)
    branch = taken(exploration, 2, token(desk, END))
    assert branch.ends
    close(desk, branch)
    tip = desk.current.tip
    assert tip is not None and (tip.text, len(tip.token_ids), tip.growing) == ("one two ", 2, False)
    assert tip.outcome is not None and tip.outcome.reason == EDITED and desk.current.reply is None
    talked.explore()
    exploration = await opened(desk)
    assert exploration.places[2].token_id is None
    script.reply("more")
    close(desk, taken(exploration, 2, token(desk, "other ")))
    await desk.come()
    assert desk.said == ["count", "one two other more"]


async def test_what_cannot_be_chosen_is_said(desk: Desk, talked: ExplorationActions, script: Script) -> None:
    talked.explore()
    exploration = await opened(desk)
    assert exploration.branch(1, token(desk, "two ")) == UNCHANGED
    assert exploration.branch(0, token(desk, END)) == NOTHING_LEFT
    exploration.node = replace(exploration.node, text="another text")
    assert exploration.branch(1, token(desk, "other ")) == OTHER_TEXT


async def test_parts_of_characters_and_control_tokens_cannot_be_chosen(
    desk: Desk, talked: ExplorationActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    talked.explore()
    exploration = await opened(desk)
    part = token(desk, "�")
    assert exploration.branch(1, part) == PART
    monkeypatch.setattr(desk.workspace.model.tokenizer, "ordinary", lambda ids: False)  # type: ignore[union-attr]
    assert exploration.branch(1, token(desk, "other ")) == CONTROL.format(token="other")


async def test_a_token_that_completes_a_character_takes_those_before_it_along(
    desk: Desk, talked: ExplorationActions
) -> None:
    talked.explore()
    exploration = await opened(desk)
    exploration.texts = ["one ", "", "two three ", "four"]
    branch = taken(exploration, 2, token(desk, "other "))
    assert exploration.scoring is not None
    ids = exploration.scoring.token_ids
    assert branch == Branch("one ", tuple(ids[:1]), "two other ", (ids[1], token(desk, "other ")))


async def test_whose_tokens_they_are_is_said(desk: Desk, talked: ExplorationActions) -> None:
    tree, tip = desk.current.tree, desk.current.tip
    assert tip is not None and tip.outcome is not None
    imported = tree.append(replace(tip, token_ids=(), outcome=None))
    talked.explore()
    exploration = await opened(desk)
    assert exploration.node == imported and exploration.note == ENCODED.format(model="fake")
    assert "".join(exploration.texts) == imported.text
    close(desk, None)
    tree.append(replace(tip, outcome=replace(tip.outcome, model="org/else")))
    talked.explore()
    exploration = await opened(desk)
    assert exploration.note == OTHER_MODEL.format(other="else", model="fake")
    close(desk, None)


async def test_where_there_is_nothing_to_explore_it_is_said(
    desk: Desk, talked: ExplorationActions, script: Script
) -> None:
    def refused() -> str:
        talked.explore()
        assert not desk.mailbox.pushed
        return desk.current.notice

    desk.screen.transcript.chosen = desk.current.tree.path()[0].id
    assert refused() == NOT_A_REPLY.format(onward=desk.screen.key_label("choose_next"))
    desk.screen.transcript.chosen = None
    tree, tip = desk.current.tree, desk.current.tip
    assert tip is not None
    tree.append(replace(tip, text=" "))
    assert refused() == EMPTY
    tree.move(tip.id)
    hold = script.held("more ")
    MessageActions(desk.context).send("again")
    await desk.come()
    assert refused() == still_generating()
    hold.set()
    await desk.come()


async def test_an_unfinished_reply_is_explored_and_a_read_only_one_only_seen(
    desk: Desk, talked: ExplorationActions
) -> None:
    tip = desk.current.tip
    assert tip is not None and tip.outcome is not None
    desk.current.tree.append(replace(tip, outcome=replace(tip.outcome, reason="cancelled")))
    desk.current.readonly = True
    talked.explore()
    exploration = await opened(desk)
    assert len(exploration.places) == len(REPLY) + 1
    close(desk, taken(exploration, 1, token(desk, "other ")))
    assert desk.current.notice == OPEN_ELSEWHERE and desk.current.reply is None
    assert exploration.engine is None


async def test_what_fails_is_said_on_the_screen_and_leaves_nothing(
    desk: Desk, talked: ExplorationActions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.services.models, "context", lambda session: 4)
    talked.explore()
    exploration = await opened(desk)
    assert exploration.ended and exploration.failure.startswith("The prompt needs")
    engine = exploration.engine
    close(desk, None)
    assert engine is not None and engine.closed  # type: ignore[attr-defined]


async def test_a_screen_that_is_left_at_once_leaves_nothing(desk: Desk, talked: ExplorationActions) -> None:
    talked.explore()
    screen, _ = desk.mailbox.pushed[-1]
    assert isinstance(screen, ExplorerScreen)
    close(desk, None)
    await desk.mailbox.join()
    assert screen._exploration.engine is None and not screen._exploration.places


async def test_in_a_story_the_piece_at_the_cursor_branches(
    desk: Desk, actions: ExplorationActions, script: Script
) -> None:
    desk.current.become_story()
    desk.load()
    pane = FakePane("Once upon")
    desk.screen.pane_of.return_value = pane
    story = StoryActions(desk.context, MessageActions(desk.context))
    actions.explore_story()
    assert desk.current.notice.startswith("Nothing up to the cursor is by the model") and not desk.mailbox.pushed
    script.reply(" a", " time", " ago")
    story.continue_story()
    await desk.come()
    pane.text, pane.cursor, pane.read_only = "".join(desk.said), len("Once upon a ti"), False
    actions.explore_story()
    exploration = await opened(desk)
    assert list(exploration.texts) == [" a", " time", " ago"]
    script.reply(" there")
    close(desk, taken(exploration, 1, token(desk, "other ")))
    await desk.come()
    assert desk.said == ["Once upon", " a", "other ", " there"]
    assert script.prompts[-1] == "Once upon aother "
    nodes = desk.current.tree.path()
    assert [len(node.token_ids) for node in nodes] == [0, 1, 1, 1]
    after = [node.text for node in desk.current.tree.children(nodes[1].id)]
    assert after == [" time ago", "other "], "what stood there is a version"
    generated = nodes[-1].outcome
    assert generated is not None and generated.prompt_tokens - generated.reused_tokens == 1


async def test_a_story_can_end_where_the_model_would_have(
    desk: Desk, actions: ExplorationActions, script: Script
) -> None:
    desk.current.become_story()
    desk.load()
    pane = FakePane("Once upon")
    desk.screen.pane_of.return_value = pane
    script.reply(" a", " time", " ago")
    StoryActions(desk.context, MessageActions(desk.context)).continue_story()
    await desk.come()
    pane.text, pane.cursor, pane.read_only = "".join(desk.said), None, False
    actions.explore_story()
    exploration = await opened(desk)
    close(desk, taken(exploration, 2, token(desk, END)))
    assert desk.current.reply is None and pane.text == "Once upon a time"
    assert "".join(desk.said) == "Once upon a time"
