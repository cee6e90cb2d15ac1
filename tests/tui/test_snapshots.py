"""Each screen as a picture, at two sizes; a chat in each theme. `make snapshots` draws them anew, to be looked at."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.conversation.lorebooks import page
from tests.stubs.conversations import answered, save
from tests.tui.answers import CODE, THOUGHT
from tests.tui.composing import paste
from tests.tui.conftest import app_of, current, make_app, ready, until
from tests.tui.model_picking import open_picker
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.lorebook import Entry
from tui.screens.attention import AttentionScreen
from tui.screens.explorer import ExplorerScreen
from tui.screens.prompt_preview import PromptPreviewScreen
from tui.screens.writer import WriterScreen
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain

SIZES = {"80x24": (80, 24), "160x48": (160, 48)}
MARKDOWN = (
    """# Sorting

1. **Compare** two numbers,
2. *swap* them if needed,
   - and again.

| name | steps |
|------|------:|
| bubble | n² |
| merge | n log n |

> Both are `stable`.

"""
    + CODE
)


def sessions(model: Path) -> str:
    """Three chats and a story, some time ago; the id of the chat that is to be opened."""
    hour = 3600
    now = time.time()
    weather = Conversation(title="Weather talk", model=str(model), updated=now - hour, pinned=True)
    answered(weather, "How is the weather?", "It hails.", "I can't look outside, but ask me about **llm-tui**.")
    sorting = Conversation(model=str(model), updated=now - 2 * hour)
    answered(sorting, "hello", THOUGHT)
    answered(sorting, "How do I sort numbers?", MARKDOWN)
    story = Conversation(mode="story", model=str(model), updated=now - 30 * hour)
    tree = story.tree
    tree.add("author", "Once upon a time there was a garden.")
    node = tree.begin("model")
    tree.grow(node.id, " In it lived a small girl called Lily, who liked to sing to the flowers.")
    tree.settle(node.id, (), None)
    save(weather, sorting, story)
    return sorting.id


async def loaded(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await ready(pilot)


async def nothing(pilot: Pilot[None]) -> None:
    pass


def pressing(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)

    return press


async def pasted(pilot: Pilot[None]) -> None:
    await pilot.press(*"What does this do? ")
    await paste(pilot, "line\n" * 20)


async def searched(pilot: Pilot[None]) -> None:
    await pilot.press("f3", *"weather")
    while pilot.app.screen._searching:
        await pilot.pause(0.05)


async def writer(pilot: Pilot[None]) -> None:
    entries = (
        Entry("Numbers", ("numbers", "sort"), text="Numbers are counted from one."),
        Entry("Long", ("sort",), text="word " * 400, order=90),
        Entry("World", text="All lists are short.", constant=True, order=10),
    )
    current(pilot).put_page(page(*entries, memory="The answers are for a child.", note="In two sentences."))
    app_of(pilot).presenter.refresh()  # the top bar tells of it
    await pilot.press("f10")
    await until(pilot, lambda: isinstance(pilot.app.screen, WriterScreen) and pilot.app.screen.focused)
    # They take rows: which part is in sight depends on whether they were there when the focus moved.
    await until(pilot, lambda: "tokens" in str(pilot.app.screen.query_one("#writer-shares", Plain).content))
    await pilot.pause()
    await pilot.press("tab", "tab")
    await until(pilot, lambda: "n new" in str(pilot.app.screen.query_one(DialogFrame).border_subtitle))


async def context(pilot: Pilot[None]) -> None:
    await writer(pilot)
    await pilot.press("escape")
    app_of(pilot).action_do("context")
    await until(pilot, lambda: isinstance(pilot.app.screen, PromptPreviewScreen))


async def explored(pilot: Pilot[None]) -> None:
    await pilot.press("escape", "x")
    # A key that comes before the tokens are there goes nowhere: which it was depended on the machine.
    await until(pilot, lambda: isinstance(pilot.app.screen, ExplorerScreen) and pilot.app.screen._exploration.ended)
    await pilot.press("right", "down")


async def attention(pilot: Pilot[None]) -> None:
    await explored(pilot)
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, AttentionScreen) and pilot.app.screen._shares)
    await pilot.press("tab", "tab")


async def themes(pilot: Pilot[None]) -> None:
    app_of(pilot).action_do("themes")


SCREENS = {
    "chat": nothing,
    "messages": pressing("escape", "k", "k", "t"),
    "find": pressing("escape", "slash", *"numbers"),
    "paste": pasted,
    "sessions": pressing("ctrl+o"),
    "story": pressing("ctrl+t"),
    "help": pressing("f1"),
    "palette": pressing("ctrl+p"),
    "settings": pressing("f6"),
    "search": searched,
    "history": pressing("ctrl+r"),
    "save": pressing("escape", "s"),
    "edit": pressing("escape", "k", "e"),
    "themes": themes,
    "writer": writer,
    "context": context,
    "tokens": explored,
    "attention": attention,
}


async def opened(pilot: Pilot[None], session: str) -> None:
    """The session is shown, and its context counted."""
    await loaded(pilot)
    app_of(pilot).actions.application.open(session)
    await until(pilot, lambda: current(pilot).figures.context_used is not None)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("size", ["80x24", pytest.param("160x48", marks=pytest.mark.slow)])
def test_screens(real_model: Path, snap_compare: Callable[..., bool], screen: str, size: str) -> None:
    session = sessions(real_model)

    async def before(pilot: Pilot[None]) -> None:
        await opened(pilot, session)
        await SCREENS[screen](pilot)
        await pilot.pause()

    assert snap_compare(make_app(real_model), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", [*SIZES, "40x12"])
def test_the_first_screen(snap_compare: Callable[..., bool], size: str) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await loaded(pilot)
        await until(pilot, lambda: current(pilot).figures.context_used is not None)
        await pilot.pause()

    size_of = {**SIZES, "40x12": (40, 12)}[size]
    assert snap_compare(LlmTui(load_settings()), terminal_size=size_of, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_the_models(snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    # Or each machine had a picture of its own.
    monkeypatch.setattr("inference.available_memory", lambda: 24_000_000)
    monkeypatch.setenv("LLM_TUI_KERNELS", "numpy")

    async def before(pilot: Pilot[None]) -> None:
        await loaded(pilot)
        await open_picker(pilot)

    assert snap_compare(LlmTui(load_settings()), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize(
    "theme",
    ["light", *(pytest.param(each, marks=pytest.mark.slow) for each in ("high-contrast", "terminal", "candle"))],
)
def test_themes(real_model: Path, snap_compare: Callable[..., bool], theme: str) -> None:
    session = sessions(real_model)

    async def before(pilot: Pilot[None]) -> None:
        await opened(pilot, session)
        await pilot.press("escape", "k")

    assert snap_compare(make_app(real_model, theme=theme), terminal_size=(100, 30), run_before=before)
