"""A text area that is typed into by the run."""

from textual.widgets import TextArea


class TypedArea(TextArea):
    """Letters that wait for it are inserted as one text."""

    @property
    def takes_runs(self) -> bool:
        """False while each key has a meaning of its own."""
        return not self.read_only
