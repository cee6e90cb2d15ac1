"""Progress of reading documents, which one thread does and another one shows or cancels."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.documents.adding import Changes


class Cancelled(Exception):
    """Reading or searching was cancelled; what was read until then stays."""


class ReadingProgress:
    """``line``: what is done now. ``changes``: what was done, once that has begun. ``cancelled``: by the user."""

    def __init__(self) -> None:
        self.line = ""
        self.changes: Changes | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Stop at the next file, or at the next passages."""
        self.cancelled = True

    def reading(self, path: Path) -> None:
        """Note the file. Raises Cancelled."""
        from tui.documents.reading import shown

        self._check()
        self.line = f"reading {shown(path)}"

    def embedding(self, done: int, total: int) -> None:
        """Note how many passages have vectors. Raises Cancelled."""
        self._check()
        self.line = f"computing vectors: {done} of {total}"

    def _check(self) -> None:
        if self.cancelled:
            raise Cancelled
