"""What the README shows of the program: its keys, from the key map, and its screens, drawn by the running program.

python -m tests.readme.make_readme [KEYS-ONLY]
"""

import sys
from pathlib import Path

from tui.config.keymap import KEYMAP, PLACES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
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


def main() -> None:
    README.write_text(with_keys(README.read_text(encoding="utf-8")), encoding="utf-8")
    if sys.argv[1:] != ["KEYS-ONLY"]:
        from tests.readme.make_screens import draw

        draw()


if __name__ == "__main__":
    main()
