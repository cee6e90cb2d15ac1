"""Hands what comes from the keyboard and the mouse to the app, one after the other.

A key travels through the app, the screen and its widgets as messages, and sets off others: a text is sent, a screen
opens, the focus moves. The next key is handed over when nothing of that is left to do, so that it meets what the one
before has made.
"""

import asyncio
import time
from collections import deque

from textual import events
from textual.app import App, ScreenStackError
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, TextArea

from tui.terminal.sequences import Typed, key_for

# Seconds that a key waits at most for what takes longer, and how often to look where that is nothing to do but to wait.
PATIENCE, LOOK = 1.0, 0.002
# These act on what a dialog has found and where it stands; others on what is typed in it.
CHOOSING = frozenset(("enter", "up", "down", "pageup", "pagedown", "home", "end", "tab", "shift+tab"))
RUN = "typed"  # the name of the key for more than one character; no binding has it


class Turns:
    """``hold`` while the terminal is lent to another program: what was typed before waits for the return."""

    def __init__(self, app: App[object], loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop
        self._waiting: deque[Message] = deque()
        self._busy = False
        self._held = False
        self._settled_at = 0.0

    def put(self, message: Message) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._add, message)

    def hold(self) -> None:
        self._held = True

    def resume(self) -> None:
        self._held = False
        self._loop.call_soon_threadsafe(self._begin)

    def _add(self, message: Message) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(message, Typed) and isinstance(last, Typed):
            last.text += message.text
        elif isinstance(message, events.MouseMove) and isinstance(last, events.MouseMove):
            self._waiting[-1] = message
        else:
            self._waiting.append(message)
        self._begin()

    def _begin(self) -> None:
        if not self._busy and not self._held and self._waiting:
            self._busy, self._settled_at = True, time.monotonic()
            self._go_on()

    # ---- whose turn it is

    def _go_on(self) -> None:
        """Hand over what is next if it is its turn, and look again."""
        if self._held:
            self._busy = False
            return
        quiet = self._quiet()
        late = time.monotonic() - self._settled_at > PATIENCE
        if settled := quiet and self._settled():
            self._settled_at = time.monotonic()
        if not self._waiting and (settled or late):
            self._busy = False
            return
        if self._waiting and (settled or late or (quiet and not self._chooses(self._waiting[0]))):
            message = self._next()
            self._app.post_message(message.set_sender(self._app))
            quiet = False
        if quiet:
            self._loop.call_later(LOOK, self._go_on)
        else:
            self._loop.call_soon(self._go_on)

    def _quiet(self) -> bool:
        """Whether all that could be done was done: what the loop still waits for is time, the terminal or a thread."""
        return not self._loop._ready and not any(screen._callbacks for screen in self._screens)  # type: ignore[attr-defined]

    def _settled(self) -> bool:
        """Whether the screen stands as it will, and a dialog has found what it looks for."""
        if not self._screens:
            return True
        top = self._screens[-1]
        if top._layout_required and not self._app._batch_count:
            return False
        return not any(worker.node is top and not worker.is_finished for worker in self._app.workers)

    @property
    def _screens(self) -> "list[Screen[object]]":
        try:
            return self._app.screen_stack
        except ScreenStackError:
            return []

    @staticmethod
    def _chooses(message: Message) -> bool:
        if isinstance(message, events.Key):
            return message.key in CHOOSING
        return not isinstance(message, Typed | events.Paste)

    # ---- what is next

    def _next(self) -> Message:
        message = self._waiting.popleft()
        if isinstance(message, Typed):
            return self._typed(message)
        if isinstance(message, events.Key) and (character := self._escaped(message)):
            self._waiting.appendleft(Typed(character))
            return events.Key("escape", "\x1b")
        return message

    def _escaped(self, key: events.Key) -> str | None:
        """The character that came with Alt, where that means nothing: terminals send the same for Escape before it."""
        return key.character if key.key.startswith("alt+") and key.key not in self._bound() else None

    def _typed(self, message: Typed) -> events.Key:
        """As much as can be inserted at once, or one character."""
        text = message.text
        count = self._run(text) if len(text) > 1 and self._takes_runs() else 1
        if rest := text[count:]:
            self._waiting.appendleft(Typed(rest))
        return key_for(text[0]) if count == 1 else events.Key(RUN, text[:count])

    def _run(self, text: str) -> int:
        bound = self._bound()
        stops = {char for char in set(text) if not char.isprintable() or key_for(char).key in bound}
        return max(1, next((index for index, char in enumerate(text) if char in stops), len(text)))

    def _takes_runs(self) -> bool:
        focused = self._app.focused if self._screens else None
        if isinstance(focused, Input):
            return focused.restrict is None and not focused.max_length and focused.type == "text"
        return isinstance(focused, TextArea) and not focused.read_only

    def _bound(self) -> set[str]:
        if not self._screens:
            return set()
        return {key for _, bindings in self._screens[-1]._binding_chain for key in bindings.key_to_bindings}
