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

from tui.settings.keymap import KEYMAP, PLACES

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
    from tui.settings.settings import load_settings

    app = LlmTui(load_settings(theme=theme, temperature=0.0, seed=1))
    async with app.run_test(size=SIZE) as pilot:
        for question in QUESTIONS:
            await pilot.press(*question)
            await reply(pilot, app, "enter")
        take(app, f"chat-{theme}.svg")
        await pilot.press("ctrl+t", *"Once upon a time there was a lighthouse")
        await reply(pilot, app, "f5")
        take(app, f"story-{theme}.svg")


async def reply(pilot: Pilot[None], app: object, key: str) -> None:
    """Ask with this key, and wait for what comes."""
    controller = app.controller  # type: ignore[attr-defined]
    pilot.app.simulate_key(key)
    await asyncio.sleep(0.3)
    while controller.current.reply is not None:
        await asyncio.sleep(0.05)
    await pilot.pause()


def take(app: object, name: str) -> None:
    """Without the web fonts that the picture would fetch."""
    picture = app.export_screenshot(title="llm-tui")  # type: ignore[attr-defined]
    (SCREENS / name).write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    README.write_text(with_keys(README.read_text(encoding="utf-8")), encoding="utf-8")
    if sys.argv[1:] == ["KEYS-ONLY"]:
        return
    SCREENS.mkdir(exist_ok=True)
    for theme in ("dark", "light"):
        with tempfile.TemporaryDirectory() as home:
            for name in ("DATA", "CONFIG"):
                os.environ[f"XDG_{name}_HOME"] = f"{home}/{name}"
            asyncio.run(draw(theme))


if __name__ == "__main__":
    main()
