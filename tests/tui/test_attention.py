"""What the model looked at to write a token, as a person sees it."""

import threading
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from inference import InferenceError
from tests.stubs.fake_engine import FakeSession
from tests.tui.conftest import app_of, make_app, ready, say, until
from tui.screens.attention import COMPUTING, STRONGEST, AttentionScreen
from tui.screens.explorer import NOT_READ, ExplorerScreen
from tui.services import attention
from tui.services.exploration import Exploration
from tui.widgets.explorer.head_grid import HeadGrid
from tui.widgets.explorer.token_text import LOOKED_AT, TokenText
from tui.widgets.plain_text import Plain


def screen_of(pilot: Pilot[None]) -> AttentionScreen:
    screen = app_of(pilot).screen
    assert isinstance(screen, AttentionScreen)
    return screen


def heading(pilot: Pilot[None]) -> str:
    """Empty until the screen is put together."""
    return "".join(str(heading.visual) for heading in screen_of(pilot).query("#attention-heading").results(Plain))


async def explored(pilot: Pilot[None]) -> ExplorerScreen:
    """The explorer, once the reply is read."""
    await ready(pilot)
    await say(pilot, "hello")
    await pilot.press("escape", "x")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExplorerScreen) and pilot.app.screen._exploration.ended)
    screen = pilot.app.screen
    assert isinstance(screen, ExplorerScreen)
    await until(pilot, lambda: screen._begun)
    return screen


async def looked_at(pilot: Pilot[None]) -> AttentionScreen:
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, AttentionScreen) and "layer" in heading(pilot))
    return screen_of(pilot)


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (40, 12)])
async def test_each_head_of_each_layer_is_shown_for_the_token(real_model: Path, size: tuple[int, int]) -> None:
    async with make_app(real_model, max_tokens=12).run_test(size=size) as pilot:
        explorer = await explored(pilot)
        await pilot.press("right", "right")
        screen = await looked_at(pilot)
        text, options, grid = screen.query_one(TokenText), screen.query_one(OptionList), screen.query_one(HeadGrid)
        assert text.size.height >= 2 and text.size.width > 10 and grid.display == (size != (40, 12))
        await until(pilot, lambda: options.size.height >= 3)  # at 40x12 in place of the grid
        scoring = explorer._exploration.scoring
        assert scoring is not None and text.chosen == scoring.start + 2 == text.length - len(scoring.token_ids) + 2
        model, ids = scoring.model, [*scoring.prompt_ids[: scoring.start], *scoring.token_ids]
        weights = screen._attention.at(text.chosen)
        assert weights is not None
        assert np.allclose(weights.weights, model.attention_weights(ids[: text.chosen]), atol=1e-3)
        layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
        assert heading(pilot).endswith(f"layer {layers // 2 + 1} of {layers} · mean of its heads")
        assert options.option_count == min(STRONGEST, text.chosen) and sum(screen._shares) == pytest.approx(1, abs=1e-4)
        await pilot.press("tab")
        assert heading(pilot).endswith(f"head 1 of {heads}")
        assert screen._shares == weights.shares(layers // 2, 0)
        await pilot.press("shift+tab", "shift+tab", "up", "up", "up")
        assert heading(pilot).endswith(f"layer 1 of {layers} · head {heads} of {heads}")
        await pilot.press("down")
        assert f"layer 2 of {layers}" in heading(pilot)
        await pilot.press("right", "right", "left")
        await until(pilot, lambda: screen._attention.at(scoring.start + 3) and len(screen._shares) == scoring.start + 3)
        await pilot.press("escape")
        assert pilot.app.screen is explorer and explorer.query_one(TokenText).chosen == 3


async def test_what_the_prompt_was_written_for_cannot_be_asked_before_there_is_something(real_model: Path) -> None:
    """At the beginning there was nothing to look at; after the end there is what could come next."""
    async with make_app(real_model, max_tokens=4).run_test(size=(80, 24)) as pilot:
        await explored(pilot)
        screen = await looked_at(pilot)
        text = screen.query_one(TokenText)
        await pilot.press(*["pageup"] * 40, *["left"] * 3)
        await until(pilot, lambda: len(screen._shares) == 1)
        assert (text.chosen, screen._shares) == (1, [1.0])
        await pilot.press("end", "right")
        await until(pilot, lambda: len(screen._shares) == text.length)
        assert heading(pilot).startswith("to write the end")


@pytest.mark.parametrize("no_color", [False, True])
async def test_what_was_looked_at_can_be_told_from_the_chosen_token(
    real_model: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    """Also without colours: by what a terminal does to characters alone."""
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with make_app(real_model, max_tokens=4).run_test(size=(80, 24)) as pilot:
        await explored(pilot)
        screen = await looked_at(pilot)
        text, bands = screen.query_one(TokenText), [name for _, name in LOOKED_AT]
        screen._shares[:4] = [least for least, _ in LOOKED_AT]
        styles = [text._style(index) for index in range(4)]
        assert [screen._style_of(index) for index in range(4)] == bands and text.chosen >= 4
        styles.append(text._style(text.chosen))
        if no_color:
            assert len({(style.reverse, style.bold, style.underline) for style in styles}) == len(styles)
        else:
            assert len(set(styles)) == len(styles)


async def test_it_says_how_far_it_is_and_nobody_waits_for_it(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, began = threading.Event(), threading.Event()
    computed = FakeSession.attention

    def slowly(session, count, progress):
        progress(1, 4)
        began.set()
        go_on.wait(60)
        progress(2, 4)
        return computed(session, count, progress)

    monkeypatch.setattr(FakeSession, "attention", slowly)
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        explorer = await explored(pilot)
        await pilot.press("a")
        await until(pilot, lambda: began.is_set() and heading(pilot) == f"{COMPUTING} 25 %")
        await pilot.press("right", "down", "tab", "escape")
        assert pilot.app.screen is explorer
        go_on.set()
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).main


async def test_what_cannot_be_computed_is_said(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, computed = list[type](), FakeSession.attention

    def refused(session, count, progress):
        refusals.append(InferenceError)
        raise InferenceError("The weights are gone.")

    def short_of_memory(session, count, progress):
        raise MemoryError

    monkeypatch.setattr(FakeSession, "attention", refused)
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        explorer = await explored(pilot)
        explorer._exploration.ended = False
        await pilot.press("a")
        assert pilot.app.screen is explorer and str(explorer.query_one("#token-note").visual) == NOT_READ
        explorer._exploration.ended = True
        await pilot.press("a")
        await until(pilot, lambda: heading(pilot) == "The weights are gone.")
        await pilot.press("tab", "down")
        assert refusals == [InferenceError]
        monkeypatch.setattr(FakeSession, "attention", short_of_memory)
        await pilot.press("right")
        await until(pilot, lambda: "memory" in heading(pilot))
        monkeypatch.setattr(FakeSession, "attention", computed)
        await pilot.press("right")
        await until(pilot, lambda: "layer" in heading(pilot))
        await pilot.press("a")
        assert pilot.app.screen is explorer


async def test_asked_for_too_early_it_is_shown_once_the_reply_is_read(
    real_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, poll = threading.Event(), Exploration.poll
    monkeypatch.setattr(Exploration, "poll", lambda self: poll(self) if read.is_set() else None)
    async with make_app(real_model, max_tokens=4).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        await pilot.press("escape", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExplorerScreen))
        explorer = pilot.app.screen
        await pilot.press("a")
        assert str(explorer.query_one("#token-note").visual) == NOT_READ
        read.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, AttentionScreen) and "layer" in heading(pilot))
        await pilot.press("escape")
        assert pilot.app.screen is explorer


async def test_the_program_quits_without_waiting_for_it(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python waits for the threads that compute something."""
    began, over, stopped = threading.Event(), threading.Event(), threading.Event()

    def endlessly(session, count, progress):
        began.set()
        try:
            while not over.wait(0.01):
                progress(1, 4)
        except BaseException:
            stopped.set()
            raise

    monkeypatch.setattr(FakeSession, "attention", endlessly)
    app = make_app(tiny_model)
    async with app.run_test(size=(80, 24)) as pilot:
        await explored(pilot)
        await pilot.press("a")
        await until(pilot, began.is_set)
        app.exit()
        await until(pilot, lambda: not app.is_running)
    asked_to_stop = stopped.wait(5)
    over.set()
    assert asked_to_stop


async def test_what_is_known_takes_little_memory(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await explored(pilot)
        screen = await looked_at(pilot)
        known = screen._attention._known
        await pilot.press("end")
        await until(pilot, lambda: screen._place in known and screen._shown[0] == screen._place)
        most = 2 * known[screen._place].weights.nbytes
        monkeypatch.setattr(attention, "KEPT_BYTES", most)
        for _ in range(4):
            place = screen._place
            await pilot.press("left")
            await until(pilot, lambda: screen._place in known and screen._shown[0] == screen._place)
            assert screen._place == place - 1 and sum(weights.weights.nbytes for weights in known.values()) <= most
        assert 1 < len(known) < 5
