"""What the README shows of the program: its screens, drawn by the running program, and its keys, from the key map.

python -m tests.readme.make_readme [KEYS-ONLY]
"""

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from tests.readme.film import film
from tui.config.keymap import KEYMAP, PLACES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SCREENS = ROOT / "docs" / "screens"
SIZE = (100, 28)
QUESTIONS = ("hello!", "how do I go back to an earlier turn?", "and how do I undo that?")
# The table stands between these lines.
BEGIN, END = "<!-- keys: made by tests/readme/make_readme.py -->\n", "<!-- end of keys -->\n"


def key_table() -> str:
    """Every key, by the place where it works, in Markdown."""
    lines = ["| where | keys |", "|---|---|"]
    for place, name in PLACES.items():
        keys = (f"**{key.label}** {key.title}" for key in KEYMAP if key.where == place)
        lines.append(f"| {name} | {' · '.join(keys)} |")
    return "\n".join(lines) + "\n"


def with_keys(readme: str) -> str:
    """The README with the table as it is now."""
    before, _, rest = readme.partition(BEGIN)
    return before + BEGIN + "\n" + key_table() + "\n" + END + rest.partition(END)[2]


async def draw(theme: str) -> None:
    """A chat with the guide and a story, in this theme."""
    from tui.app import LlmTui
    from tui.config.settings import load_settings

    app = LlmTui(load_settings(theme=theme, temperature=0.0, seed=1))
    async with app.run_test(size=SIZE) as pilot:
        for question in QUESTIONS:
            await pilot.press(*question)
            await reply(pilot, app, "enter")
        take(app, f"chat-{theme}.svg")
        await pilot.press("ctrl+t", *"Once upon a time there was a lighthouse")
        await reply(pilot, app, "f5")
        take(app, f"story-{theme}.svg")


async def draw_film() -> None:
    """From the first screen to a question, back from it, and on to a story."""
    from tui.app import LlmTui
    from tui.config.settings import load_settings

    app = LlmTui(load_settings(temperature=0.0, seed=1))
    frames: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:

        async def show(*keys: str, wait: float = 0.2) -> None:
            await pilot.press(*keys)
            await asyncio.sleep(wait)
            await pilot.pause()
            frames.append(picture(app))

        await show(wait=2)
        await show(*QUESTIONS[0])
        await reply(pilot, app, "enter")
        await show()
        await show(*QUESTIONS[1])
        await reply(pilot, app, "enter")
        await show()
        await show("escape", "k")
        await show("u")
        await show("ctrl+a", "ctrl+k", "ctrl+t", *"Once upon a time there was a lighthouse")
        await show("f5", wait=0.15)
        await reply(pilot, app, "end")
        await show()
        await show("f1")
    (SCREENS / "tour.svg").write_text(film(frames), encoding="utf-8")


async def reply(pilot: Pilot[None], app: object, key: str) -> None:
    """Ask with this key, and wait for what comes."""
    workspace = app.services.workspace  # type: ignore[attr-defined]
    pilot.app.simulate_key(key)
    await asyncio.sleep(0.3)
    while workspace.current.reply is not None:
        await asyncio.sleep(0.05)
    await pilot.pause()


def take(app: object, name: str) -> None:
    (SCREENS / name).write_text(picture(app), encoding="utf-8")


def picture(app: object) -> str:
    """The screen as it is, without the web fonts that the picture would fetch."""
    drawn = app.export_screenshot(title="llm-tui")  # type: ignore[attr-defined]
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> None:
    README.write_text(with_keys(README.read_text(encoding="utf-8")), encoding="utf-8")
    if sys.argv[1:] == ["KEYS-ONLY"]:
        return
    SCREENS.mkdir(exist_ok=True)
    for drawing in (draw("dark"), draw("light"), draw_film()):
        with tempfile.TemporaryDirectory() as home:
            for name in ("DATA", "CONFIG"):
                os.environ[f"XDG_{name}_HOME"] = f"{home}/{name}"
            asyncio.run(drawing)


if __name__ == "__main__":
    main()
