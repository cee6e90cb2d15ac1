"""What is typed with a slash: a command that is run, or a message after all."""

import pytest

from tests.unit.conftest import Desk
from tui.actions.registry import Action
from tui.actions.slash_commands import SlashCommands


class FakeActions:
    """Some actions of each kind; ``done`` and ``sent`` tell what became of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.sent: list[str] = []
        self.remembered = ""
        self.files: list[tuple[str, str]] = []
        self.composer = self

    def __iter__(self):
        yield Action("help", "anywhere", "Help", self._never, lambda words: self.done.append(f"help {words}"))
        yield Action("choose_model", "anywhere", "Model", self._never, lambda name: self.done.append(f"model {name}"))
        yield Action("fork", "messages", "Fork", self._never)
        yield Action("continue_story", "story", "Continue", self._never)

    def do(self, name: str) -> None:
        self.done.append(name)

    def send(self, text: str) -> None:
        self.sent.append(text)

    def remember(self, command: str) -> None:
        self.remembered = command

    def insert_file(self, name: str, rest: str) -> None:
        self.files.append((name, rest))

    def _never(self) -> None:
        raise AssertionError("actions are carried out by their ids")


@pytest.fixture
def actions() -> FakeActions:
    return FakeActions()


@pytest.fixture
def commands(desk: Desk, actions: FakeActions) -> SlashCommands:
    return SlashCommands(desk.context, actions)  # type: ignore[arg-type]


async def test_those_of_chats_are_offered_by_their_short_names(commands: SlashCommands) -> None:
    assert commands.offered == ["file", "help", "model", "fork"]


async def test_a_command_is_run_and_what_follows_in_further_lines_stays_typed(
    desk: Desk, commands: SlashCommands, actions: FakeActions
) -> None:
    commands.send("/fork")
    commands.send("/help roll back \nmore\nlines")
    assert actions.done == ["fork", "help roll back"] and desk.screen.composer.text == "more\nlines"
    assert actions.remembered == "/help roll back"
    commands.send("/file notes.md\nWhat is this?")
    assert actions.files == [("notes.md", "What is this?")] and actions.sent == []


async def test_what_cannot_be_run_stays_typed_and_is_told(
    desk: Desk, commands: SlashCommands, actions: FakeActions
) -> None:
    for text in ("/nonsense", "/fork over there"):
        desk.screen.composer.text = text
        desk.current.clear_notice()
        commands.send(text)
        assert desk.screen.composer.text == text and text.split()[0] in desk.current.notice
    assert (actions.done, actions.sent) == ([], [])


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("hello", "hello"),
        ("//fork", "/fork"),
        ("//nonsense", "/nonsense"),
        ("/etc/hosts is what?", "/etc/hosts is what?"),
        ("// TODO", "// TODO"),
        ("/ alone", "/ alone"),
        ("//usr/bin/env", "//usr/bin/env"),
    ],
)
async def test_a_message_may_begin_with_a_slash(
    commands: SlashCommands, actions: FakeActions, typed: str, sent: str
) -> None:
    commands.send(typed)
    assert actions.sent == [sent] and actions.done == []
