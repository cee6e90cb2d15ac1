"""Keys wait for what they act on."""

import asyncio
from types import SimpleNamespace
from typing import Any

from textual import events
from textual.message import Message

from tui.terminal.input_queue import Turns


class App:
    """What the queue needs of an app that starts."""

    mouse_captured = None

    def __init__(self) -> None:
        self.screen_stack: list[Any] = []
        self.focused = None
        self.workers: tuple[()] = ()
        self.taken: list[Message] = []

    def post_message(self, message: Message) -> None:
        self.taken.append(message)


async def test_what_is_typed_before_the_first_screen_waits_for_it(monkeypatch: Any) -> None:
    monkeypatch.setattr("tui.terminal.input_queue.PATIENCE", 0.0)
    for name in ("has_callbacks", "needs_layout"):
        monkeypatch.setattr(f"tui.terminal.input_queue.{name}", lambda *_: False)
    app = App()
    turns = Turns(app, asyncio.get_running_loop(), lambda: None)  # type: ignore[arg-type]
    screen = SimpleNamespace(is_mounted=False)
    turns.put(events.Key("f1", None).set_sender(app))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert app.taken == []
    app.screen_stack.append(screen)
    await asyncio.sleep(0.05)
    assert app.taken == []
    screen.is_mounted = True
    while not app.taken:
        await asyncio.sleep(0)
    assert [message.key for message in app.taken if isinstance(message, events.Key)] == ["f1"]
