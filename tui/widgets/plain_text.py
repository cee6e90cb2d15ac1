"""Untrusted text for the screen: no markup, no control sequences."""

from textual.content import Content
from textual.widgets import Static

from tui.terminal.sanitize import sanitize


def plain(text: str, style: str = "") -> Content:
    """Sanitised text as Content in this style; markup is not parsed."""
    return Content.styled(sanitize(text), style)


class Plain(Static):
    """A Static for untrusted text."""

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        self._shown = plain(text)
        super().__init__(self._shown, id=id, classes=classes, markup=False)

    def show(self, text: str | Content) -> None:
        """Replace the text; the whole screen is laid out anew only if it differs."""
        content = plain(text) if isinstance(text, str) else text
        if not content.is_same(self._shown):
            self._shown = content
            self.update(content)
