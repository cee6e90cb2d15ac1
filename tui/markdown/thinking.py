"""Removes reasoning (between ``<think>`` and ``</think>``) from replies."""

import re

THINK, END_THINK = "<think>", "</think>"
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")


def without_thoughts(text: str) -> str:
    """The text without reasoning, as the parser recognises it; unchanged if there is none."""
    kept: list[str] = []
    thinking, thought, fence = False, False, ""
    for line in text.split("\n"):
        rest = line
        while not fence:
            if not thinking and rest.lstrip().startswith(THINK):
                rest = rest.partition(THINK)[2]
            elif not thinking and not thought and ends_thought(rest):
                kept.clear()  # reasoning ended that had not begun: all text before it belongs to it
            elif not thinking:
                break
            thought = True
            _, end, rest = rest.partition(END_THINK)
            thinking = not end
            if thinking:
                break
        if not thinking and (rest.strip() or rest == line):
            kept.append(rest)
            fence = _fence_after(rest, fence)
    return "\n".join(kept).strip("\n") if thought else text


def ends_thought(line: str) -> bool:
    """True if the line ends reasoning that the chat template began."""
    return line.strip().startswith(END_THINK) or line.rstrip().endswith(END_THINK)


def _fence_after(line: str, fence: str) -> str:
    """The closing fence of the code block open after this line; empty if there is none."""
    if fence:
        return "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
    match = _FENCE.match(line)
    return match[1] if match else ""
