"""Keys of a lorebook entry as they are typed: with commas between them."""

import re
from collections.abc import Sequence

# A regular expression may have commas in it.
KEY = re.compile(r"\s*(/(?:\\.|[^/\\\n])+/[a-z]*(?=\s*(?:,|$))|[^,]+)")


def spell_keys(keys: Sequence[str]) -> str:
    return ", ".join(keys)


def parse_keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in KEY.findall(text) if key.strip())
