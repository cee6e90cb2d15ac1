"""The writer's page of a session: what the model sees besides the text, as the user has set it."""

from dataclasses import dataclass

from tui.conversation.lorebook import Book

DEFAULT_DEPTH = 3
MAX_DEPTH = 100


@dataclass(frozen=True)
class WriterPage:
    """``memory``: always at the top. ``note``: the author's, ``depth`` lines above the cursor.

    ``budget``: tokens that entries of the lorebooks may take together; None: a share of the context.
    """

    memory: str = ""
    note: str = ""
    depth: int = DEFAULT_DEPTH
    budget: int | None = None
    books: tuple[Book, ...] = ()

    @property
    def blank(self) -> bool:
        """True if there is nothing for the model to see."""
        return not (self.memory.strip() or self.note.strip() or self.books)


BLANK = WriterPage()
