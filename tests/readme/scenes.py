"""The screens that docs/design.md and the README show, in the running app.

The engine is the tests' fake one and the replies are written here: each picture is the same whenever it is drawn. Only
the probabilities of tokens are those of the built-in story model, which computes the same everywhere.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from inference import Stats
from tests.readme.picture import Picture, take
from tests.stubs.conversations import answered, save
from tests.stubs.fake_engine import FakeEngine, FakeGeneration, loader
from tests.stubs.script import Script
from tests.tui.conftest import app_of, current, fake_directory, ready, until
from tests.tui.story import pane
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.screens.comparison import ComparisonScreen
from tui.screens.context_dialog import ContextDialog
from tui.screens.explorer import ExplorerScreen

HOUR = 3600
# Titles of other sessions, by days ago.
OTHERS = {"Regular expressions": 2, "Names for a cat": 3, "Trains to Vienna": 5, "Sourdough": 9}
SYSTEM = "Answer briefly. Code in Python."
FIRST = """\
A **stable** sort keeps equal elements in their order. So one can sort twice:

1. by name,
2. then by age: people of one age stay *in the order of their names*.
"""
QUESTION = "How do I keep a list sorted while it grows?"
OTHER = "Sort it again after each change."
ANSWER = """\
<think>
insort finds the place by halving. Moving what follows is still linear.
</think>
| per new element | find the place | make room |
|---|---:|---:|
| `append`, `sort` | none | n log n |
| `bisect.insort` | log n | n |

```python
from bisect import insort
insort(scores, 42)
```

> If you only ever need the smallest, use a heap.
"""
STORY = "Once upon a time there was a lighthouse on a rock in the sea. Every evening the keeper, an old man with a red "
GENERATED = """\
scarf, climbed the hundred steps and lit the lamp.

One night the wind blew so hard that the lamp went out. "Oh no," said the keeper, "now the boats cannot find their way \
home." He looked for his matches, but they were wet.

Then he heard a small voice at the door. It was Mia from the village, and in her hands she held a jar full of \
fireflies. "They wanted to help," she said. The keeper smiled and carried the jar up all the"""
# Four replies to one question, as far as they have come.
VARIANTS = (
    "Use `bisect.insort`: it finds the place by halving, and puts the element there.\n\n```python\nfrom bisect import "
    "insort\ninsort(scores, 42)\n```\n\nThe list stays sorted as long",
    "Two ways:\n\n1. `append` and `sort` now and then. Timsort is fast on what is nearly sorted.\n2. `insort` each "
    "time, which moves",
    "If all you ever need is the **smallest** element, use a heap instead:\n\n```python\nfrom heapq import heappush\n"
    "heappush(queue, 42)\n```\n\nA list that is",
    "The package `sortedcontainers` has a `SortedList`. It keeps many short lists, so that an insertion moves few "
    "elements, and it is",
)
CHAPTER = """\
The harbour of Ness has two piers. The old one is built of stone and carries the light; the new one is built of wood \
and carries the crane. Between them lie the boats, in an order that nobody has written down and everybody knows: the \
pilots nearest to the sea, then the fishermen, then whoever is visiting. In winter the order is forgotten, because \
the ice decides where a boat may lie. Each spring it is found again within a day, without a word being said about it.
"""
SUMMARY = """\
In short:

- Two piers: the old one of stone with the light, the new one of wood with the crane.
- The boats lie in an order that is known and never written down: pilots, fishermen, visitors.
- In winter the ice decides; in spring the order is found again within a day, without a word.
"""
OPENING, CHOSEN = "Once upon a time there was a lighthouse", 6  # the token that is looked at
CHAT_MODEL, CONTEXT = "Qwen3-1.7B", 4096


@dataclass(frozen=True)
class Stage:
    """``script``: replies to come. The rest are ids of sessions, if there are any."""

    script: Script
    sorting: str = ""
    story: str = ""
    harbour: str = ""


@contextmanager
def staged(home: Path, first: bool) -> Iterator[Stage]:
    """Directories below ``home``, and the fake engine with the same figures on any machine. ``first``: no sessions."""
    script = Script()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATA", "CONFIG", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        patch.delenv("NO_COLOR", raising=False)
        for name in ("default_hub_cache", "default_ollama", "default_lm_studio"):
            none: Path | tuple[Path, ...] = home / "none" if name == "default_hub_cache" else ()
            patch.setattr(f"inference.sources.places.{name}", lambda none=none: none)
        patch.setattr("inference.Engine", FakeEngine)
        patch.setattr("inference.model.Model.load", loader(script))
        patch.setattr(FakeGeneration, "stats", property(_stats))
        yield Stage(script) if first else _furnished(script, str(fake_directory(home / CHAT_MODEL, CONTEXT)))


def _stats(generation: FakeGeneration) -> Stats:
    """First token after 38 ms, then 41 tokens per second."""
    count = len(generation.token_ids)
    seconds = 0.038 + max(0, count - 1) / 41
    return Stats(len(generation.prompt_ids), generation.reused_tokens, count, 0.038, seconds, 1)


def _furnished(script: Script, model: str) -> Stage:
    """Save what the user has written so far."""
    now = time.time()
    chosen = {"system": SYSTEM, "sampling": {"temperature": 0.6}}
    sorting = Conversation(title="Sorted lists", model=model, updated=now - HOUR / 2, settings=chosen, pinned=True)
    answered(sorting, "What is a stable sort good for?", FIRST)
    answered(sorting, QUESTION, OTHER, ANSWER)
    story = Conversation(title="The lighthouse", mode="story", model="story", updated=now - 3 * HOUR)
    story.tree.add("author", STORY)
    harbour = Conversation(title="The harbour of Ness", model=model, updated=now - 26 * HOUR)
    answered(harbour, "Here is the first chapter.\n\n" + CHAPTER * 23, "Read. Give me the next one.")
    answered(harbour, "And the second.\n\n" + CHAPTER * 22, SUMMARY)
    others = [Conversation(title=title, model=model, updated=now - days * 24 * HOUR) for title, days in OTHERS.items()]
    for each in others:
        answered(each, each.title, "Yes.")
    save(sorting, story, harbour, *others)
    return Stage(script, sorting.id, story.id, harbour.id)


# ---- the scenes


async def welcome(pilot: Pilot[None], stage: Stage) -> None:
    """The first start."""
    await until(pilot, lambda: app_of(pilot).main.status.figures.context_used is not None)


async def chat(pilot: Pilot[None], stage: Stage) -> None:
    """A reply with a thought, a table, code and a quote, and its keys."""
    await opened(pilot, stage.sorting)
    await pilot.press("escape", "t")


async def story(pilot: Pilot[None], stage: Stage) -> None:
    """A story while it is written."""
    await opened(pilot, stage.story)
    await pilot.press("ctrl+end")
    stage.script.held(*re.findall(r"\S+\s*", GENERATED))
    await pilot.press("f5")
    await until(pilot, lambda: pane(pilot).text.endswith("the"))


async def palette(pilot: Pilot[None], stage: Stage) -> None:
    """The commands, over a chat."""
    await opened(pilot, stage.sorting)
    await pilot.press("ctrl+p")


async def settings(pilot: Pilot[None], stage: Stage) -> None:
    """The settings of a session."""
    await opened(pilot, stage.sorting)
    await pilot.press("f6")


async def context(pilot: Pilot[None], stage: Stage) -> None:
    """A message that does not fit any more."""
    await opened(pilot, stage.harbour)
    await pilot.press(*"Who decides where the boats lie, in summer and in winter, and who pays for the light?", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ContextDialog) and pilot.app.screen.query(OptionList))


async def alternatives(pilot: Pilot[None], stage: Stage) -> None:
    """Four replies to one question while they grow."""
    await opened(pilot, stage.sorting)
    for text in VARIANTS:
        stage.script.held(*re.findall(r"\S+\s*", text))
    await pilot.press("escape", "R")
    await until(pilot, lambda: _written(pilot) == len(VARIANTS))
    await pilot.pause()


def _written(pilot: Pilot[None]) -> int:
    """The number of replies that have come as far as they are to be seen."""
    screen = pilot.app.screen
    if not isinstance(screen, ComparisonScreen):
        return 0
    told = [str(pane.note.visual).startswith("generating") for pane in screen._panes]
    texts = [side.node.text if side.node else "" for side in screen._comparison.sides]
    return sum(text in VARIANTS for text in texts) if all(told) else 0


SCENES = {scene.__name__: scene for scene in (welcome, chat, story, palette, settings, context, alternatives)}


async def tokens(pilot: Pilot[None]) -> None:
    """The tokens of a story by the built-in model, one of them chosen."""
    await pilot.press("ctrl+t", *OPENING, "f5")
    await until(pilot, lambda: (tip := current(pilot).tip) is not None and tip.outcome is not None)
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExplorerScreen) and pilot.app.screen._exploration.ended)
    await pilot.press("home", *["right"] * CHOSEN)


async def token_pictures(size: tuple[int, int], themes: Sequence[str]) -> dict[str, Picture]:
    """The scene of ``tokens``, by theme."""
    with TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        for name in ("DATA", "CONFIG"):
            patch.setenv(f"XDG_{name}_HOME", f"{home}/{name}")
        app = LlmTui(load_settings(theme=themes[0], temperature=0.0, seed=1, max_tokens=60))
        async with app.run_test(size=size) as pilot:
            await ready(pilot)
            await tokens(pilot)
            return await _drawn(pilot, themes)


async def opened(pilot: Pilot[None], session: str) -> None:
    """Open a session; wait until its context is counted."""
    app_of(pilot).actions.application.open(session)
    await until(pilot, lambda: current(pilot).figures.context_used is not None)


async def pictures(name: str, size: tuple[int, int], themes: Sequence[str]) -> dict[str, Picture]:
    """The scene of this name, by theme."""
    with TemporaryDirectory() as home, staged(Path(home), first=name == "welcome") as stage:
        app = LlmTui(load_settings(theme=themes[0], precision="int8"))
        async with app.run_test(size=size) as pilot:
            await ready(pilot)
            await SCENES[name](pilot, stage)
            drawn = await _drawn(pilot, themes)
            if current(pilot).reply is not None:
                await pilot.press("escape")
        return drawn


async def _drawn(pilot: Pilot[None], themes: Sequence[str]) -> dict[str, Picture]:
    """What is shown, by theme."""
    app = app_of(pilot)
    await pilot.pause()
    drawn = {}
    for theme in themes:
        app.appearance.show(theme)
        await pilot.pause()
        drawn[theme] = take(app)
    return drawn
