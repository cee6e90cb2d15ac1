"""Prompt history, walked through as in a shell: edits are kept while walking, and the draft is never lost."""

from collections.abc import Sequence


class PromptHistory:
    """``draft``: the input's text. ``earlier``: previous prompts, newest first."""

    def __init__(self, draft: str, earlier: Sequence[str]) -> None:
        self._earlier = earlier
        self._texts = [draft, *earlier]
        self._place = 0

    def go(self, text: str, place: int) -> str | None:
        """Store ``text`` at the current place and return the text at ``place`` (0: the draft); None out of range."""
        if not 0 <= place < len(self._texts):
            return None
        self._texts[self._place] = text
        self._place = place
        return self._texts[place]

    def walk(self, text: str, step: int) -> str | None:
        """Go ``step`` prompts back (negative: forward); None out of range."""
        return self.go(text, self._place + step)

    def find(self, text: str, earlier: str) -> str | None:
        """Go to the prompt ``earlier``. Raises ValueError if it is not in the history."""
        return self.go(text, self._earlier.index(earlier) + 1)

    @property
    def left(self) -> str:
        """The draft while another text is shown, else empty."""
        return self._texts[0] if self._place else ""

    def unsent(self, text: str, recalled: str) -> str:
        """Text to keep: the draft, and ``text`` unless it is the unchanged ``recalled`` prompt."""
        if self._place and text == recalled:
            return self.left
        return "\n\n".join(filter(None, (self.left, text)))
