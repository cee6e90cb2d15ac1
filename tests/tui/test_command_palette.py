"""The command palette: it offers models and sessions, not too many of them."""

from pathlib import Path

from textual.command import Command, CommandList
from textual.pilot import Pilot

from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, tap, until
from tui.screens.command_palette import OFFERED


async def palette(pilot: Pilot[None], text: str) -> list[str]:
    """What the palette offers for ``text``, best first."""
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*text)
    await until(pilot, lambda: offered(pilot) and not pilot.app.screen.workers._workers)
    await pilot.pause(0.5)
    return offered(pilot)


def offered(pilot: Pilot[None]) -> list[str]:
    options = pilot.app.screen.query_one(CommandList).options
    return [str(option.hit.text) for option in options if isinstance(option, Command)]


async def test_the_palette_goes_to_models_and_to_sessions(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "apples and pears")
        fruit = current(pilot)
        await tap(pilot, "ctrl+n")
        await say(pilot, "rivers")
        assert await palette(pilot, "session: apples") == ["Session: apples and pears"]
        await tap(pilot, "enter", "enter")
        await until(pilot, lambda: current(pilot) is fruit)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        offers = await palette(pilot, "model: mine/sec")
        assert offers[0] == f"Model: {shelf / 'second'}"
        await tap(pilot, "enter", "enter")
        await until(pilot, lambda: fruit.model == str(shelf / "second") and app_of(pilot).services.workspace.model)


async def test_the_palette_is_bounded(shelf: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(300):
        (many / f"model{number}").mkdir(parents=True)
        (many / f"model{number}" / "config.json").write_text("{}")
    async with make_app(shelf / "first", model_directories=(str(many),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        offers = await palette(pilot, "many/model1")
        assert len([offer for offer in offers if offer.startswith("Model: ")]) == OFFERED
