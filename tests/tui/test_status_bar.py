"""The bars: the session's name at every width, and the status in words."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.screen import Screen

from tests.tui.conftest import app_of, current, make_app, ready, say, tap, until
from tui.screens.monitor import MonitorScreen
from tui.services.reply import TELLING_SECONDS, Reply
from tui.services.session import Figures
from tui.widgets.header import TopBar
from tui.widgets.status_bar import Activity, StatusBar, rate, time_left

READY = Activity("", "ready")
KNOWN = Figures(41.23, 0.038, 612, 580, 14_200_000)


class Bars(App[None]):
    """The two bars alone."""

    CSS = "TopBar, StatusBar { height: 1; }"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (140, "-wide")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield TopBar()
        yield StatusBar()


async def drawn(width: int, session: str = "", model: tuple[str, ...] = (), **status: Any) -> tuple[str, str]:
    """What the bars show at this width."""
    async with Bars().run_test(size=(width, 12)) as pilot:
        screen: Screen[object] = pilot.app.screen
        top, bar = screen.query_one(TopBar), screen.query_one(StatusBar)
        top.session, top.model = session, model
        for name, value in status.items():
            setattr(bar, name, value)
        await pilot.pause()
        for each in (top, bar):
            assert all(cell_len(line) <= width for line in each.render().plain.split("\n")), each
        return top.render().plain, bar.render().plain


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, " A talk ab… ─ SmolLM2… · bfloat16  chat "),
        (60, " A talk about … ─ SmolLM2… · bfloat16 · top-…  chat | story "),
        (80, " A talk about the wea… ─ SmolLM2-1.7B-Inst… · bfloat16 · top-k 40  chat | story "),
        (100, " A talk about the weather and the sea ─ SmolLM2-1.7B-Instruct · bfloat16 · top-k 40    chat | story "),
    ],
)
async def test_the_session_has_a_name_at_every_width(width: int, shown: str) -> None:
    title, model = "A talk about the weather and the sea", ("SmolLM2-1.7B-Instruct", "bfloat16", "top-k 40")
    assert (await drawn(width, title, model))[0] == shown


async def test_the_name_of_the_model_gives_way_to_what_was_changed() -> None:
    model = ("SmolLM2-135M-Instruct-GGUF:Q4_1", "int4", "system prompt", "temperature 0")
    top, _ = await drawn(80, "pumps.txt", model)
    assert top == " pumps.txt ─ SmolLM2-135M… · int4 · system prompt · temperature 0  chat | story "


async def test_a_short_title_leaves_the_room_to_the_model() -> None:
    top, _ = await drawn(40, "hello", ("SmolLM2-1.7B-Instruct", "int8"))
    assert "hello ─ SmolLM2-1.7B-I" in top and "· int8" in top


async def test_what_is_not_known_is_not_there() -> None:
    _, status = await drawn(160, state=READY, context=2048)
    assert status.strip() == "ready"
    _, status = await drawn(160, state=Activity("◌", "loading the model", "▓░ 10 %"))
    assert status.strip() == "◌ loading the model ▓░ 10 %"


async def test_a_reply_is_queued_only_behind_another(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        app = app_of(pilot)
        other, session = current(pilot), app.services.sessions.add(app.services.workspace.new("chat"))
        session.reply = Reply("", None)
        assert app.presenter.activity(session).word == "reading the prompt"
        other.reply = Reply("", None)
        assert app.presenter.activity(session).word == "queued"
        other.reply = session.reply = None


async def test_the_context_is_a_gauge_that_warns() -> None:
    _, status = await drawn(100, state=READY, context=2048, figures=Figures(context_used=612))
    assert status.strip() == "ready · context 612/2048 ▓▓░░░░"
    _, status = await drawn(100, state=READY, context=2048, figures=Figures(context_used=1740))
    assert status.strip().endswith("▓▓▓▓▓░ 308 tokens left, then replies stop")
    _, status = await drawn(40, state=READY, context=2048, figures=Figures(context_used=1740))
    assert status.strip() == "ready · context ▓▓▓▓▓░ 308 tokens left"
    _, status = await drawn(40, state=READY, context=2048, figures=Figures(context_used=2047))
    assert status.strip() == "ready · context ▓▓▓▓▓░ 1 token left"
    _, status = await drawn(100, state=READY, context=2048, figures=Figures(context_used=2048))
    assert status.strip().endswith("▓▓▓▓▓▓ full: a reply has no room")


@pytest.mark.parametrize(("used", "style"), [(1600, "$text-muted"), (1639, "$warning"), (2048, "$error")])
async def test_the_colour_of_the_context(used: int, style: str) -> None:
    async with Bars().run_test(size=(80, 12)) as pilot:
        bar = pilot.app.screen.query_one(StatusBar)
        bar.state, bar.context, bar.figures = READY, 2048, Figures(context_used=used)
        content = bar.render()
        start = content.plain.index("context")
        assert any(span.style == style and span.start <= start < span.end for span in content.spans), content.spans


async def test_other_figures_are_there_on_wide_screens_and_on_demand(tiny_model: Path) -> None:
    figures = "41.2 tok/s · first token 38 ms · reused 580 · KV cache 13.5 MB"
    for width, wide in ((80, False), (100, False), (160, True)):
        _, status = await drawn(width, state=READY, context=2048, figures=KNOWN)
        assert (figures in status) == wide, width
    async with make_app(tiny_model).run_test(size=(60, 20)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        bar = app_of(pilot).main.status
        assert "reused" not in bar.render().plain and bar.size.height == 1
        await pilot.press("f12")
        await until(pilot, lambda: bar.size.height == 2)
        assert "reused" in bar.render().plain.split("\n")[1]
        await pilot.resize_terminal(160, 48)
        await until(pilot, lambda: bar.size.height == 1)
        assert "reused" not in bar.render().plain, "the key takes them away there"
        await pilot.press("f12")
        assert "reused" in bar.render().plain and isinstance(pilot.app.screen, MonitorScreen)
        await pilot.press("escape", "f12")
        assert "reused" in bar.render().plain and isinstance(pilot.app.screen, MonitorScreen), "where they are anyway"


async def test_a_reply_is_told_in_words(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        bar = app_of(pilot).main.status
        assert bar.render().plain.strip().startswith("ready")
        await tap(pilot, *"hello", "enter")
        await until(pilot, lambda: bar.state.word == "generating" and bar.state.detail.endswith(" tok/s"))
        await tap(pilot, "escape")
        await until(pilot, lambda: current(pilot).reply is None and bar.state.word == "ready")


def test_the_time_that_a_prompt_takes() -> None:
    reply = Reply("node", None)
    assert reply.prompt_seconds_left is None
    reply.read(64, 512, now=10.0)
    assert reply.prompt_seconds_left is None, "one moment has no speed"
    reply.read(128, 512, now=10.0 + TELLING_SECONDS / 2)
    assert reply.prompt_seconds_left is None
    reply.read(256, 512, now=11.0)
    assert reply.prompt_seconds_left == pytest.approx(256 / 192)
    assert [time_left(seconds) for seconds in (0.2, 2.1, 90, 150)] == [
        "1 s left",
        "3 s left",
        "90 s left",
        "2 min left",
    ]
    assert [rate(speed) for speed in (0.42, 9.96, 41.4)] == ["0.4 tok/s", "10.0 tok/s", "41 tok/s"]
