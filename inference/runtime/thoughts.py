"""Writes a family's tags around a thought as ``<think>`` and ``</think>``, in text that comes in pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.text.reasoning import CLOSING, OPENING, ThoughtTags
from inference.text.tokenizer import Tokenizer

# Tokens at the end of a prompt in which an opening tag is looked for.
TAIL = 32


@dataclass(frozen=True)
class Thoughts:
    """What is known of thoughts before a reply begins.

    Args:
        tags: Those of the family; None if replies have the common ones, or none.
        opened: Text that the reply begins with, because the template has opened a thought in the prompt.
        opened_ids: The ids at the end of the prompt that stand for ``opened``.
        thinking: The prompt ends within a thought.
        resumed: The prompt ends within a reply.
        shown_ids: Control tokens in the tags, which are text until the tags are rewritten.
    """

    tags: ThoughtTags | None = None
    opened: str = ""
    opened_ids: tuple[int, ...] = ()
    thinking: bool = False
    resumed: bool = False
    shown_ids: frozenset[int] = frozenset()

    @classmethod
    def after(
        cls, prompt_ids: Sequence[int], tags: ThoughtTags | None, tokenizer: Tokenizer, resumed: bool
    ) -> "Thoughts":
        """Look at the end of a prompt. ``resumed``: it ends within a reply."""
        if tags is None:
            return cls()
        shown = frozenset(id_ for token, id_ in tokenizer.control_tokens.items() if token in "".join(tags))
        if tags.common:
            opened_ids, opened = ((), "") if resumed else _opened_by(prompt_ids, tokenizer)
            return cls(opened=opened, opened_ids=opened_ids, shown_ids=shown)
        text = tokenizer.decode(prompt_ids if resumed else prompt_ids[-TAIL:], skip_special_tokens=False)
        thinking = text.rfind(tags.opening) > text.rfind(tags.closing) if resumed else _ends_with(text, tags.opening)
        opened = f"{OPENING}\n" if thinking and not resumed else ""
        return cls(tags, opened, (), thinking, resumed, shown)

    def filter(self) -> "ThoughtFilter | None":
        """Return the filter for the reply's text; None if there is nothing to rewrite."""
        return ThoughtFilter(self.tags, self.thinking, self.resumed) if self.tags else None


NO_THOUGHTS = Thoughts()


def _opened_by(prompt_ids: Sequence[int], tokenizer: Tokenizer) -> tuple[tuple[int, ...], str]:
    """The ids at the end of the prompt that are an opening tag and white space, and their text."""
    for count in range(1, min(TAIL, len(prompt_ids)) + 1):
        ids = tuple(prompt_ids[-count:])
        text = tokenizer.decode(ids, skip_special_tokens=False)
        if text.strip() == OPENING and text.startswith(OPENING):
            return ids, text
    return (), ""


def _ends_with(text: str, tag: str) -> bool:
    return text.rstrip().endswith(tag)


class ThoughtFilter:
    """Withholds text for as long as it could be the beginning of a tag. ``thinking``: a thought is open."""

    def __init__(self, tags: ThoughtTags, thinking: bool, resumed: bool = False) -> None:
        self._tags = tags
        self._held = ""
        self._begun = thinking or resumed
        self._after_tag = thinking and not resumed
        self.thinking = thinking

    def push(self, text: str) -> str:
        """Return the text that is certain now."""
        self._held += text
        shown = ""
        if not self._begun:
            shown = self._begin()
        return shown + self._go_on() if self._begun else ""

    def flush(self) -> str:
        """Return the withheld text, which was no tag."""
        held, self._held = self._held, ""
        return held

    def _begin(self) -> str:
        """Remove what precedes the thought, or the answer if there is none."""
        start = self._held.lstrip()
        tags = [tag for tag in (self._tags.opening, self._tags.plain) if tag]
        if any(tag.startswith(start) and tag != start for tag in tags):
            return ""
        self._begun = True
        if start.startswith(self._tags.opening):
            self._held = start.removeprefix(self._tags.opening)
            self.thinking = self._after_tag = True
            return f"{OPENING}\n"
        if self._tags.plain and start.startswith(self._tags.plain):
            self._held = start.removeprefix(self._tags.plain)
        return ""

    def _go_on(self) -> str:
        if self._after_tag:
            self._held = self._held.lstrip()
            self._after_tag = not self._held
        if not self.thinking:
            return self.flush()
        thought, closed, rest = self._held.partition(self._tags.closing)
        if closed:
            self.thinking, self._after_tag, self._held = False, True, rest
            return f"{thought.rstrip()}\n{CLOSING}\n\n" + self._go_on()
        kept = next((n for n in range(len(self._held), 0, -1) if self._could_close(self._held[-n:])), 0)
        shown, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return shown

    def _could_close(self, text: str) -> bool:
        """White space before a tag belongs to it."""
        return self._tags.closing.startswith(text.lstrip())
