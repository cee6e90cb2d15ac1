"""Draws docs/screens: the scenes at two sizes in three themes, and the README's film and first picture.

python -m tests.readme.make_screens [NAME ...]    only those whose names begin so
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from textual.pilot import Pilot

from tests.readme.film import film
from tests.readme.picture import Picture, svg, take
from tests.readme.scenes import OPENING, SCENES, pictures, token_pictures
from tests.tui.conftest import app_of, current, idle, ready, until
from tui.app import LlmTui
from tui.config.settings import load_settings

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
SIZES, THEMES = ("80x24", "160x48"), ("dark", "light", "gruvbox")
# The README's first picture, for readers with a dark and with a light background.
FRONT, FRONT_SIZE, FRONT_THEMES = "chat", "100x30", ("dark", "light")
FILM = "tour"
TOKENS = "tokens"
QUESTIONS = ("How do I go back to an earlier turn?", "And how do I undo that?")


def wanted() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Scene, size and themes."""
    yield from ((scene, size, THEMES) for scene in SCENES for size in SIZES)
    yield FRONT, FRONT_SIZE, FRONT_THEMES


def file_name(scene: str, size: str, theme: str) -> str:
    """The name of a picture's file."""
    return f"{scene}-{size}-{theme}.svg"


def draw(begins: Sequence[str] = ("",)) -> None:
    """Draw the pictures whose names begin with one of these."""
    SCREENS.mkdir(exist_ok=True)
    for scene, size, themes in wanted():
        if file_name(scene, size, "").startswith(tuple(begins)):
            columns, rows = map(int, size.split("x"))
            for theme, picture in asyncio.run(pictures(scene, (columns, rows), themes)).items():
                _write(file_name(scene, size, theme), svg(picture))
    for size in SIZES:
        if file_name(TOKENS, size, "").startswith(tuple(begins)):
            columns, rows = map(int, size.split("x"))
            for theme, picture in asyncio.run(token_pictures((columns, rows), THEMES)).items():
                _write(file_name(TOKENS, size, theme), svg(picture))
    if FILM.startswith(tuple(begins)):
        _write(f"{FILM}.svg", film(asyncio.run(tour())))


def _write(name: str, drawn: str) -> None:
    (SCREENS / name).write_text(drawn, encoding="utf-8")
    print(f"{name}: {len(drawn) / 1000:.1f} kB")


async def tour() -> list[Picture]:
    """The built-in models at work: a question, back from it, all commands, a story, other colours."""
    with TemporaryDirectory() as home:
        for name in ("DATA", "CONFIG"):
            os.environ[f"XDG_{name}_HOME"] = f"{home}/{name}"
        app = LlmTui(load_settings(theme="dark", temperature=0.0, seed=1))
        async with app.run_test(size=(80, 24)) as pilot:
            await ready(pilot)
            frames = []
            async for _ in _toured(pilot):
                app.presenter.collect()  # as every second: the title is what is typed
                app.presenter.refresh()
                await pilot.pause()
                frames.append(take(app))
        return frames


async def _toured(pilot: Pilot[None]) -> AsyncIterator[None]:
    """Pauses at what is to be seen."""
    yield
    for question in QUESTIONS:
        await pilot.press(*question)
        yield
        await pilot.press("enter")
        await idle(pilot)
        yield
    await pilot.press("escape", "k")
    yield
    await pilot.press("u")
    yield
    await pilot.press("escape", "right_square_bracket")
    yield
    await pilot.press("escape", "ctrl+u", "slash")
    yield
    await pilot.press("ctrl+u", "ctrl+p")
    yield
    await pilot.press("escape", "ctrl+t", *OPENING)
    yield
    await pilot.press("f5")
    await until(pilot, lambda: (writing := current(pilot).reply) is None or writing.tokens > 60)
    yield
    await idle(pilot)
    yield
    app_of(pilot).action_do("themes")
    for _ in range(3):  # past "auto" and the one that is in use
        await pilot.press("down")
        yield


if __name__ == "__main__":
    draw(sys.argv[1:] or ("",))
