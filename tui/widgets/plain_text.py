"""Text for the screen that comes from people, models and files: it is shown as it is, and never obeyed."""

from textual.content import Content
from textual.widgets import Static

from tui.terminal.sanitize import sanitize


def plain(text: str, style: str = "") -> Content:
    """The text in this style: no markup is read in it, and nothing in it steers the terminal."""
    return Content.styled(sanitize(text), style)


class Plain(Static):
    """Shows a text that may come from anywhere."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(plain(text), id=id, classes=classes, markup=False)

    def show(self, text: str | Content) -> None:
        """Show another text."""
        self.update(plain(text) if isinstance(text, str) else text)
