"""Long pastes, which stand in the input as a short token each."""

# More than this is not read again where it was pasted; it only hides what one writes around it.
MAX_LINES, MAX_CHARACTERS = 8, 1000


class Pasted:
    """The tokens that were given out, and what each stands for."""

    def __init__(self) -> None:
        self._blocks: dict[str, str] = {}

    def collapse(self, text: str) -> str:
        """A token for a long text, a short text as it is."""
        lines = text.count("\n") + 1
        if lines <= MAX_LINES and len(text) <= MAX_CHARACTERS:
            return text
        size = f"{lines} lines" if lines > 1 else f"{len(text)} characters"
        token = f"[pasted {len(self._blocks) + 1}: {size}]"
        self._blocks[token] = text
        return token

    def expand(self, text: str) -> str:
        """The text with what its tokens stand for. A token that was changed is text like any other."""
        for token, block in self._blocks.items():
            text = text.replace(token, block)
        return text
