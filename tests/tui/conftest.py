"""The real application, the real engine and a tiny model, driven without a terminal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from inference import SamplingParams
from tui.app import LlmTui
from tui.config.settings import load_settings
from tui.conversation.conversation import Mode
from tui.services.session import Session

SIZE = (100, 30)


def make_app(model: Path | str, max_tokens: int | None = 12, mode: Mode | None = None, **flags: Any) -> LlmTui:
    """Greedy, so that the same words give the same reply."""
    settings = load_settings(model=str(model), **flags)
    return LlmTui(settings, params=SamplingParams(temperature=0, max_tokens=max_tokens), mode=mode)


async def until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something the engine or the screen does by itself."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen in time")


async def tap(pilot: Pilot[None], *keys: str) -> None:
    """Press keys while the model works: ``pilot.press`` would wait until the whole process is idle."""
    for key in keys:
        pilot.app.simulate_key(key)
        await asyncio.sleep(0.05)


def app_of(pilot: Pilot[None]) -> LlmTui:
    assert isinstance(pilot.app, LlmTui)
    return pilot.app


def current(pilot: Pilot[None]) -> Session:
    return app_of(pilot).services.workspace.current


async def ready(pilot: Pilot[None]) -> None:
    """The model is loaded."""
    await until(pilot, lambda: app_of(pilot).main.status.context)


async def idle(pilot: Pilot[None]) -> None:
    """No reply is on its way in the session that is open, and none has ended just now: Esc means what it says."""
    await until(pilot, lambda: current(pilot).reply is None)
    current(pilot).ended = 0.0
    await pilot.pause()


async def say(pilot: Pilot[None], text: str) -> None:
    """Type a message, send it, wait for the reply."""
    await pilot.press(*text)
    before = len(current(pilot).tree)
    await tap(pilot, "enter")
    await until(pilot, lambda: len(current(pilot).tree) > before)
    await idle(pilot)


def shown(pilot: Pilot[None]) -> list[str]:
    """What the transcript shows, line by line."""
    transcript = app_of(pilot).main.transcript
    return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]
