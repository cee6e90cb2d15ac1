"""What a chat template writes of its own, found by rendering short conversations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.errors import TemplateError

WORD = "lorem"
USER, REPLY = {"role": "user", "content": WORD}, {"role": "assistant", "content": WORD}
SAMPLES: tuple[Sequence[dict[str, str]], ...] = (
    [USER],
    [{"role": "system", "content": WORD}, USER],
    [USER, REPLY, USER],
)


@dataclass(frozen=True)
class TurnMarkers:
    """What a chat template writes: ``text`` anywhere, its source included, and ``after_reply``."""

    text: str
    after_reply: str


NO_MARKERS = TurnMarkers("", "")


def turn_markers(source: str, render: Callable[[Sequence[dict[str, str]], bool], str]) -> TurnMarkers:
    """Return what the template ``source`` writes; ``render(messages, add_generation_prompt)`` is the rest of it."""
    rendered = [source]
    for messages in SAMPLES:
        try:
            rendered.append(render(messages, True))
        except TemplateError:  # some have no system role, for instance
            continue
    try:
        _, found, after = render([USER, REPLY], False).rpartition(WORD)
    except TemplateError:
        return TurnMarkers("\n".join(rendered), "")
    return TurnMarkers("\n".join(rendered), after if found else "")
