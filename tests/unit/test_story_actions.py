"""What is done to stories: continue from the cursor, walk between versions."""

import pytest

from tests.stubs.screen import FakePane
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.messages import MessageActions
from tui.actions.story import StoryActions, kept
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE


@pytest.fixture
def actions(desk: Desk) -> StoryActions:
    return StoryActions(desk.context, MessageActions(desk.context))


@pytest.fixture
def pane(desk: Desk) -> FakePane:
    """The editor of the open session, which is a story whose model is loaded."""
    desk.current.become_story()
    desk.load()
    pane = FakePane("Once upon")
    desk.screen.pane_of.return_value = pane
    return pane


async def continued(desk: Desk, pane: FakePane, actions: StoryActions) -> None:
    """Continue from the cursor; the editor then has what came."""
    actions.continue_story()
    await come(desk, pane)


async def come(desk: Desk, pane: FakePane) -> None:
    await desk.come()
    pane.text, pane.cursor = "".join(desk.said), None


def stored(desk: Desk) -> list[str]:
    return [node.text for node in desk.services.sessions.store.read(desk.current.id).tree.path()]


async def test_a_story_is_continued_from_the_cursor_and_the_rest_kept(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    pane.text, pane.cursor = "Once upon a time", len("Once upon")
    script.reply(" there", " was")
    actions.continue_story()
    assert (pane.text, pane.read_only) == ("Once upon", True) and desk.current.notice == kept()
    await desk.come()
    assert script.prompts == ["Once upon"] and desk.said == ["Once upon", " there was"]
    tip = desk.current.tip
    assert tip and [node.text for node in desk.current.tree.siblings(tip.id)] == [" a time", " there was"]


async def test_at_the_end_of_a_text_there_is_no_rest_to_keep(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    script.reply(" a time")
    await continued(desk, pane, actions)
    assert pane.text == "Once upon a time" and desk.current.notice == ""


async def test_a_blank_text_is_not_continued(desk: Desk, pane: FakePane, actions: StoryActions, script: Script) -> None:
    pane.text = " \n"
    actions.continue_story()
    await desk.come()
    assert desk.current.notice and desk.said == [] and script.prompts == [] and not pane.read_only


async def test_a_generated_piece_that_is_cut_keeps_the_token_ids_of_what_remains(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    script.reply(" there", " was", " a", " king")
    await continued(desk, pane, actions)
    ids = desk.current.tree.path()[-1].token_ids
    pane.cursor = len("Once upon there was")
    script.reply(" no", " queen")
    await continued(desk, pane, actions)
    begin, cut, end = desk.current.tree.path()
    assert (cut.text, cut.role, cut.token_ids) == (" there was", "model", ids[:2])
    assert (begin.role, end.text) == ("author", " no queen")


async def test_walking_shows_the_versions_and_past_the_last_one_another_is_written(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    script.reply(" a time")
    await continued(desk, pane, actions)
    desk.current.change_settings({"sampling": {"temperature": 1.0}})
    script.reply(" a hill")
    actions.next_alternative()
    await come(desk, pane)
    assert pane.text == "Once upon a hill" and script.prompts == ["Once upon"] * 2
    actions.previous_alternative()
    assert (pane.text, pane.generated) == ("Once upon a time", len("Once upon"))
    assert stored(desk) == ["Once upon", " a time"]
    actions.previous_alternative()
    assert pane.text == "Once upon a time" and desk.current.notice == "Already at the first version."
    actions.next_alternative()
    assert pane.text == "Once upon a hill" and desk.current.notice == "" and len(script.prompts) == 2
    assert stored(desk) == ["Once upon", " a hill"]


async def test_without_a_continuation_there_are_no_versions(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    for walk in (actions.previous_alternative, actions.next_alternative):
        desk.current.clear_notice()
        walk()
        assert desk.current.notice.startswith("No versions yet.")
    assert desk.current.reply is None and script.prompts == []


@pytest.mark.parametrize(
    ("sampling", "reason"),
    [({"temperature": 0}, "Temperature 0"), ({"temperature": 1.0, "seed": 7}, "This seed")],
)
async def test_the_same_is_not_written_again(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script, sampling: dict[str, float], reason: str
) -> None:
    desk.current.change_settings({"sampling": sampling})
    await continued(desk, pane, actions)
    actions.next_alternative()
    assert desk.current.notice.startswith(f"{reason} always gives the same text.")
    assert desk.current.reply is None and len(script.prompts) == 1
    desk.current.change_settings({"sampling": {"temperature": 0.5, "seed": 8}})
    actions.next_alternative()
    await desk.come()
    assert len(script.prompts) == 2, "other parameters may give another text"


async def test_a_continuation_that_was_stopped_is_written_again(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    script.held(" a time")
    actions.continue_story()
    await desk.come()
    desk.services.replies.stop(desk.current)
    await come(desk, pane)
    assert desk.current.reply is None and pane.text == "Once upon a time"
    actions.next_alternative()
    assert desk.current.reply is not None


async def test_where_a_story_cannot_be_changed_the_reason_is_told(
    desk: Desk, pane: FakePane, actions: StoryActions, script: Script
) -> None:
    def refused(reason: str) -> None:
        for act in (actions.continue_story, actions.next_alternative):
            desk.current.clear_notice()
            act()
            assert desk.current.notice == reason and not pane.read_only

    desk.current.readonly = True
    refused(OPEN_ELSEWHERE)
    desk.current.readonly = False
    script.held(" a time")
    actions.continue_story()
    pane.read_only = False
    refused(still_generating())
    desk.workspace.enter(desk.workspace.new("chat"))
    refused("Only available in stories (Ctrl+T).")
