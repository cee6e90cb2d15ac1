"""What is redrawn while a reply streams: what changes, and nothing else."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.tui.conftest import SIZE, current, idle, make_app, ready, tap, until
from tui.screens import main_presenter
from tui.screens.main_presenter import MainPresenter
from tui.services import autosave
from tui.widgets.header import TopBar
from tui.widgets.plain_text import Plain
from tui.widgets.session_list import SessionList
from tui.widgets.status_bar import StatusBar
from tui.widgets.transcript.transcript import Transcript


async def test_a_token_redraws_what_it_changes(talkative_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message and, at times, the figures; neither the list, nor the bar above, nor the notice."""
    renders: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def counted(*args: Any, **others: Any) -> Any:
            renders[f"{owner.__name__}.{name}"] += 1
            return method(*args, **others)

        monkeypatch.setattr(owner, name, counted)

    monkeypatch.setattr(main_presenter, "STATUS_SECONDS", 1e9)
    monkeypatch.setattr(autosave, "AGE_TICKS", 10**9)
    for owner, name in (
        (SessionList, "list"),
        (SessionList, "render_line"),
        (TopBar, "render"),
        (StatusBar, "render"),
        (Plain, "show"),
        (MainPresenter, "refresh"),
        (Transcript, "grow"),
    ):
        count(owner, name)
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: (reply := current(pilot).reply) and reply.tokens)
        await until(pilot, lambda: renders["SessionList.render_line"])
        reply = current(pilot).reply
        assert reply
        await until(pilot, lambda: reply.tokens > 10)
        renders.clear()
        tokens = reply.tokens
        await until(pilot, lambda: reply.tokens > tokens + 50)
        seen = dict(renders)
        await tap(pilot, "escape")
        await idle(pilot)
    assert seen.pop("Transcript.grow") > 1
    assert seen == {}
