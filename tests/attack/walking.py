"""A person at the keyboard and the mouse who tries everything, everywhere: what there is to press, and where."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest
from textual import events
from textual.geometry import Offset, Size
from textual.pilot import Pilot

from tests.attack.conftest import Attack
from tests.stubs.conversations import answered, save
from tests.tui.answers import CODE, THOUGHT
from tests.tui.conftest import app_of, current
from tui.app import LlmTui
from tui.config.keymap import KEYMAP
from tui.conversation.conversation import Conversation
from tui.conversation.quotes import Quote
from tui.screens.context_dialog import ContextDialog
from tui.screens.prompt_preview import PromptPreviewScreen

PASTE = "\n".join(f"line {number}" for number in range(60))
MOVES = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "shift+tab"),
    *(f"{modifier}+{key}" for modifier in ("shift", "ctrl") for key in ("up", "down", "left", "right", "home", "end")),
    *("ctrl+pageup", "ctrl+pagedown", "ctrl+shift+left", "ctrl+shift+right", "ctrl+shift+home", "ctrl+shift+end"),
)
EDITS = (
    *("backspace", "delete", "enter", "space", "a", "é", "漢", "escape", "f1", "f7", "f10", "f12", "insert"),
    *(f"ctrl+{letter}" for letter in "abdefkuvwxz"),
    *("ctrl+backspace", "ctrl+delete", "shift+delete", "ctrl+shift+k", "alt+enter", "ctrl+enter"),
)
KEYS = tuple(dict.fromkeys([*(key for each in KEYMAP for key in each.keys.split(",")), *MOVES, *EDITS]))
# So many turns of the loop without a message are the end of what a key does; so many seconds with messages are a fault.
QUIET, PATIENCE = 4, 120
RESIZED = 0.02  # Textual looks at a new size so many seconds later, at most
WIDTHS = (1, 2, 3, 4, 5, 6, 8, 9, 13, 20, 39, 40, 60, 80, 100, 140, 160, 300)
HEIGHTS = (1, 2, 3, 4, 5, 6, 8, 12, 24, 48, 100)
NEW, FULL, TALE = "", "f" * 32, "7a1e" * 8  # ids of sessions: one that is made anew, a long chat, a long story


def long_talk() -> list[Conversation]:
    """A chat and a story that are much longer than any screen, and forty other sessions."""
    now = time.time()
    chat = Conversation(id=FULL, title="A long talk", updated=now - 60)
    for number in range(12):
        answered(chat, f"question {number}\n" + "Please. " * 30, "Another.", f"{CODE}\n{'word ' * 80}")
    asked, *_ = answered(chat, "last", f"{THOUGHT} [1]")
    chat.tree.quote(asked.id, tuple(Quote(f"{n}.md", f"/{n}.md", n, "\x1b]0;x\a", "word \x1b " * n) for n in (1, 900)))
    story = Conversation(id=TALE, mode="story", title="A long story", updated=now - 120)
    story.tree.add("author", "Once upon a time.\n" * 60)
    node = story.tree.begin("model")
    story.tree.grow(node.id, "\n\nIn a garden lived a girl. " * 12)
    story.tree.settle(node.id, (), None)
    others = [Conversation(title=f"Session {number}", updated=now - 3600 * number - 600) for number in range(40)]
    for other in others:
        answered(other, "hello", "Hello you!")
    return [chat, story, *others]


class Walker:
    """Presses, clicks, drags and resizes; ``steps`` tells what was done last, ``quits`` how often it meant to quit."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.app: LlmTui = app_of(pilot)
        self.steps: list[str] = []
        self.quits = 0
        self.app.exit = self._quit  # type: ignore[method-assign,assignment]  the program goes on

    def _quit(self, *_: object, **__: object) -> None:
        self.quits += 1

    @property
    def whereabouts(self) -> tuple[object, ...]:
        """What has to be the same for keys to mean the same."""
        screen, session = self.app.screen, current(self.pilot)
        return type(screen), screen.focused, session.id, session.reply is None

    def alive(self) -> None:
        """Fails with what was done last if the program is dying of it."""
        error = self.app._exception
        if error is not None or not self.app.is_running:
            pytest.fail(f"{error!r} after {self.steps[-12:]} at {self.app.size}")

    async def settle(self) -> None:
        """What was done is carried out, and what follows from it: nobody has had a message for a while."""
        quiet, end = 0, time.monotonic() + PATIENCE
        while quiet < QUIET:
            await asyncio.sleep(0)
            self.alive()
            pumps = [
                self.app,
                *(each for screen in self.app.screen_stack for each in screen.walk_children(with_self=True)),
            ]
            quiet = 0 if any(pump.message_queue_size for pump in pumps) else quiet + 1
            if time.monotonic() > end:
                pytest.fail(f"it hangs after {self.steps[-12:]} at {self.app.size}")
        self.app.screen._on_timer_update()
        self.alive()

    async def key(self, *keys: str) -> None:
        for key in keys:
            self.steps.append(key)
            self.app.simulate_key(key)
            await self.settle()

    async def paste(self, text: str) -> None:
        self.steps.append(f"paste of {len(text)}")
        self.app.post_message(events.Paste(text))
        await self.settle()

    async def resize(self, width: int, height: int) -> None:
        self.steps.append(f"{width}x{height}")
        size = Size(width, height)
        self.app.post_message(events.Resize(size, size))
        await asyncio.sleep(RESIZED)
        await self.settle()

    # ---- the mouse

    def targets(self) -> list[list[Offset]]:
        """Of everything that is seen, scroll bars too: its middle, its beginning and its end."""
        screen = self.app.screen
        found = []
        for place in list(screen._compositor.full_map.values()):
            if seen := place.region.intersection(place.clip).intersection(screen.size.region):
                last = Offset(seen.right - 1, seen.bottom - 1)
                middle = Offset((seen.x + last.x) // 2, (seen.y + last.y) // 2)
                found.append([middle, seen.offset, last])
        return found

    async def mouse(self, kind: type[events.MouseEvent], at: Offset, button: int = 0) -> None:
        """As the driver would tell it."""
        self.steps.append(f"{kind.__name__} {at.x},{at.y}")
        moved = at - self.app.mouse_position
        self.app.post_message(kind(None, at.x, at.y, moved.x, moved.y, button, False, False, False, at.x, at.y))
        await self.settle()

    async def wheel(self, points: list[Offset]) -> None:
        for kind in (events.MouseScrollDown, events.MouseScrollUp, events.MouseScrollRight, events.MouseScrollLeft):
            await self.mouse(kind, points[0])

    async def click(self, points: list[Offset]) -> None:
        """In the middle, at the beginning, at the end."""
        for at in points:
            await self.mouse(events.MouseMove, at)
            await self.mouse(events.MouseDown, at, 1)
            await self.mouse(events.MouseUp, at, 1)

    async def clicks(self, points: list[Offset]) -> None:
        """A triple click, and one with another button."""
        await self.click(points[:1] * 3)
        await self.mouse(events.MouseDown, points[0], 3)
        await self.mouse(events.MouseUp, points[0], 3)

    async def drag(self, points: list[Offset]) -> None:
        """From the first over all of the others."""
        await self.mouse(events.MouseMove, points[0])
        await self.mouse(events.MouseDown, points[0], 1)
        for at in points[1:]:
            await self.mouse(events.MouseMove, at, 1)
        await self.mouse(events.MouseUp, points[-1], 1)

    async def drag_about(self, points: list[Offset]) -> None:
        """From its middle to its ends and out of it, to the corners of the screen and beyond."""
        right, bottom = self.app.size.width, self.app.size.height
        await self.drag([*points, Offset(0, 0), Offset(right - 1, bottom - 1), Offset(right + 5, bottom + 5)])

    # ---- whatever comes next

    async def walk(self, chance: random.Random, size: tuple[int, int], attack: Attack, steps: int = 40) -> None:
        """Somewhere, and from there on at random; the keys of a burst come at once."""
        name, session = chance.choice(list(PLACES)), chance.choice([NEW, FULL])
        self.steps = [name]
        await PLACES[name](self, session)
        for _ in range(steps):
            with attack("steps at random"):
                await self._step(chance)
        await self.resize(*size)

    async def _step(self, chance: random.Random) -> None:
        kind = chance.choices(
            ["key", "burst", "text", "paste", "click", "drag", "wheel", "size", "wait", "place"],
            [40, 10, 8, 3, 10, 6, 6, 6, 4, 7],
        )[0]
        if kind in ("click", "drag", "wheel"):
            targets = self.targets()
            if targets:
                act = {"click": self.click, "drag": self.drag, "wheel": self.wheel}[kind]
                await act([chance.choice(chance.choice(targets)) for _ in range(chance.randint(1, 3))])
        elif kind == "key":
            await self.key(chance.choice(KEYS))
        elif kind == "burst":
            for key in chance.choices(KEYS, k=chance.randint(2, 8)):
                self.steps.append(f"{key}!")
                self.app.simulate_key(key)
            await self.settle()
        elif kind == "text":
            await self.key(*chance.choice(["hello ", "/help", "/file x", "0.5", "漢字", "word"]))
        elif kind == "paste":
            await self.paste(chance.choice([PASTE, "one line", "a\tb\r\nc", "x" * 3000]))
        elif kind == "size":
            await self.resize(chance.choice(WIDTHS), chance.choice(HEIGHTS))
        elif kind == "wait":
            await asyncio.sleep(chance.choice([0.05, 0.3]))
            self.alive()
        else:
            self.steps.append(name := chance.choice(list(PLACES)))
            await PLACES[name](self, chance.choice([NEW, FULL]))

    # ---- going somewhere

    async def home(self, session: str = NEW, mode: str = "chat") -> None:
        """Whatever is open is left, nothing is written, and this session is shown."""
        for _ in range(20):
            if len(self.app.screen_stack) > 1:
                await self.key("escape")
        assert len(self.app.screen_stack) == 1, self.app.screen_stack
        app, main = self.app, self.app.main
        for each in app.services.sessions:
            if each.reply is not None:
                app.services.replies.stop(each)
        while any(each.reply is not None for each in app.services.sessions):
            await asyncio.sleep(0.01)
            self.alive()
        app.services.workspace.current.change_settings({"context": ""})
        main.sidebar.leave()
        main.find_bar.leave()
        main.fold_sidebar()
        if session == NEW:
            app.actions.application.enter(app.services.workspace.new(mode))
        else:
            app.actions.application.open(session)
            if app.services.workspace.current.id != session:  # a key has deleted it
                save(*(each for each in long_talk() if each.id == session))
                app.actions.application.open(session)
            assert app.services.workspace.current.id == session
        main.composer.load("")
        main.focus_work()
        await self.settle()


Opening = Callable[[Walker, str], Awaitable[None]]
PLACES: dict[str, Opening] = {}


def place(opening: Opening) -> Opening:
    """Somewhere to press keys; ``session`` is NEW or FULL."""
    PLACES[opening.__name__] = opening
    return opening


def pressing(name: str, *keys: str) -> None:
    async def opening(walker: Walker, session: str) -> None:
        await walker.home(session)
        await walker.key(*keys)

    PLACES[name] = opening


pressing("chat")
pressing("messages", "escape")
pressing("find", "escape", "slash", *"wo")
pressing("sessions", "ctrl+o")
pressing("filter", "ctrl+o", "slash", *"se")
pressing("rename", "f2")
pressing("help", "f1")
pressing("help_of_words", "f1", *"se")
pressing("palette", "ctrl+p")
pressing("palette_of_words", "ctrl+p", *"se")
pressing("palette_of_nothing", "ctrl+p", *"qqq")
pressing("settings", "f6")
pressing("search", "f3")
pressing("history", "ctrl+r")
pressing("history_of_nothing", "ctrl+r", *"qqq")
pressing("models", "f4")
pressing("models_of_nothing", "f4", *"qqq")
pressing("documents", "f7")
pressing("writer", "f10")
pressing("lorebook", "f10", "tab", "tab")
pressing("lorebook_entry", "f10", "tab", "tab", "n")
pressing("lorebook_import", "f10", "tab", "tab", "i")
pressing("prompt", "ctrl+p", *"sees", "enter")
pressing("monitor", "f12", "f12")
pressing("alternatives", "escape", "R")
pressing("save", "escape", "s")
pressing("edit", "escape", "k", "e")


@place
async def themes(walker: Walker, session: str) -> None:
    await walker.home(session)
    walker.app.action_do("themes")
    await walker.settle()


@place
async def found(walker: Walker, session: str) -> None:
    await walker.home(session)
    await walker.key("f3", *("word" if session == FULL else "qqq"))


@place
async def pasted(walker: Walker, session: str) -> None:
    await walker.home(session)
    await walker.key(*"see ")
    await walker.paste(PASTE)
    if session == FULL:
        await walker.key("ctrl+l")


@place
async def full_context(walker: Walker, session: str) -> None:
    """A message for which the oldest turns have to go, or that is too long alone."""
    await walker.home(session)
    current(walker.pilot).change_settings({"context": 600 if session == FULL else 256})
    walker.app.main.composer.load("word " * 80)
    await walker.key("enter")
    end = time.monotonic() + PATIENCE
    while not isinstance(walker.app.screen, ContextDialog):
        assert time.monotonic() < end, "nothing was asked"
        await asyncio.sleep(0.01)
        walker.alive()
        if isinstance(walker.app.screen, PromptPreviewScreen):  # asked for in the place before, and come late
            await walker.key("escape")
            walker.app.main.composer.load("word " * 80)
            await walker.key("enter")


@place
async def explorer(walker: Walker, session: str) -> None:
    """The tokens of a reply, or in a new session none."""
    await walker.home(session)
    walker.app.action_do("explore")
    await walker.settle()


@place
async def attention(walker: Walker, session: str) -> None:
    await walker.home(session)
    walker.app.action_do("explore")
    await walker.settle()
    await walker.key("right", "a")


@place
async def story(walker: Walker, session: str) -> None:
    await walker.home(TALE if session == FULL else NEW, "story")


@place
async def pasted_story(walker: Walker, session: str) -> None:
    await walker.home(NEW, "story")
    await walker.paste(PASTE if session == FULL else "one line")


@place
async def settings_of_a_story(walker: Walker, session: str) -> None:
    await walker.home(TALE if session == FULL else NEW, "story")
    await walker.key("f6")


@place
async def writer_of_a_story(walker: Walker, session: str) -> None:
    await walker.home(TALE if session == FULL else NEW, "story")
    await walker.key("f10")


@place
async def writing(walker: Walker, session: str) -> None:
    """A reply streams."""
    await walker.home(session)
    await walker.key(*"go", "enter")


@place
async def reading_while_it_writes(walker: Walker, session: str) -> None:
    await walker.home(session)
    await walker.key(*"go", "enter")
    walker.app.main.set_focus(walker.app.main.transcript)
    await walker.settle()


@place
async def story_without_a_model(walker: Walker, session: str) -> None:
    """A story that is empty cannot be shown; one with text can."""
    await walker.home(TALE if session == FULL else NEW, "story")
    walker.app.actions.models.use_named("nowhere")
    await walker.settle()


@place
async def story_while_it_writes(walker: Walker, session: str) -> None:
    await walker.home(TALE if session == FULL else NEW, "story")
    await walker.key(*"Once", "f5")
