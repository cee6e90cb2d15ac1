"""What was written before, walked through as in a shell: what is changed on the way stays changed, and nothing of the
draft is lost.
"""

from collections.abc import Sequence


class PromptHistory:
    """``draft``: what stood in the input. ``earlier``: what was written before that, the newest first."""

    def __init__(self, draft: str, earlier: Sequence[str]) -> None:
        self._earlier = earlier
        self._texts = [draft, *earlier]
        self._place = 0

    def go(self, text: str, place: int) -> str | None:
        """What stands at ``place``, 0 being the draft, instead of ``text``, which is kept where one was; None if there
        is nothing.
        """
        if not 0 <= place < len(self._texts):
            return None
        self._texts[self._place] = text
        self._place = place
        return self._texts[place]

    def walk(self, text: str, step: int) -> str | None:
        """What was written ``step`` texts before; None if there is nothing."""
        return self.go(text, self._place + step)

    def find(self, text: str, earlier: str) -> str | None:
        """Go to that text."""
        return self.go(text, self._earlier.index(earlier) + 1)

    @property
    def left(self) -> str:
        """The draft, while something else is shown."""
        return self._texts[0] if self._place else ""

    def unsent(self, text: str, recalled: str) -> str:
        """What is not to be lost: the draft, and ``text`` where that is not what was ``recalled``."""
        if self._place and text == recalled:
            return self.left
        return "\n\n".join(filter(None, (self.left, text)))
