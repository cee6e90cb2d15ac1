"""What a model says without what it thought before, which stands between ``<think>`` and ``</think>``."""

import re

THINK, END_THINK = "<think>", "</think>"
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")


def without_thoughts(text: str) -> str:
    """The answer alone, by the rules of the reader; the text as it is where no thought is in it."""
    kept: list[str] = []
    thinking, thought, fence = False, False, ""
    for line in text.split("\n"):
        rest = line
        while not fence:
            if not thinking and rest.lstrip().startswith(THINK):
                rest = rest.partition(THINK)[2]
            elif not thinking and not thought and ends_thought(rest):
                kept.clear()  # all before it was a thought that had not begun
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
    """Whether a thought ends here that the model's template began."""
    return line.strip().startswith(END_THINK) or line.rstrip().endswith(END_THINK)


def _fence_after(line: str, fence: str) -> str:
    """What would close the code that is open behind this line; empty where none is."""
    if fence:
        return "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
    match = _FENCE.match(line)
    return match[1] if match else ""
