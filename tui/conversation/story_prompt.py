"""The prompt of a story: its text, with the writer's page at the top and some lines above the cursor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tui.conversation.background import NOTE, Background
from tui.conversation.story_text import Within, divided
from tui.conversation.tree import Node

Kind = Literal["memory", "lorebook", "note", "system", "documents", "text", "template"]
Piece = str | list[int]


@dataclass(frozen=True)
class Part:
    """A part of a prompt: text, or token ids where they are known. ``label``: an entry's, else empty."""

    kind: Kind
    pieces: list[Piece]
    label: str = ""


@dataclass(frozen=True)
class Share:
    """Tokens of a part."""

    kind: Kind
    tokens: int
    label: str = ""


def story_parts(
    background: Background, nodes: list[Node], pieces: Callable[[list[Node]], list[Piece]], within: Within
) -> list[Part]:
    """The parts of the prompt that ends with these nodes, in order.

    What comes and goes stands as far down as possible: all tokens after it are computed anew when it changes.
    """
    top = [Part("memory", [f"{background.memory}\n\n"])] if background.memory else []
    top += [Part("lorebook", [f"{lore.text}\n\n"], lore.label) for lore in background.constant]
    near = [Part("lorebook", [f"{lore.text}\n"], lore.label) for lore in background.called]
    near += [Part("note", [f"{NOTE.format(background.note)}\n"])] if background.note else []
    if not near:
        return [*top, Part("text", pieces(nodes))]
    before, piece, after = divided(nodes, _above("".join(node.text for node in nodes), background.depth), within)
    return [*top, Part("text", pieces([*before, *piece])), *near, Part("text", pieces(after))]


def _above(text: str, lines: int) -> int:
    """Where the last ``lines`` lines with anything in them begin."""
    start = len(text)
    while lines and start:
        end, start = start, text.rfind("\n", 0, max(start - 1, 0)) + 1
        lines -= bool(text[start:end].strip())
    return start
