"""A field of one line with its name before it."""

from textual.app import ComposeResult
from textual.containers import Horizontal

from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field


class LabelledField(Horizontal):
    """``text``: the initial value. ``about``: what is shown while it is empty."""

    def __init__(self, label: str, text: str, about: str = "") -> None:
        super().__init__()
        self._label = label
        self._before = text
        self.field = Field(text, placeholder=about)

    def compose(self) -> ComposeResult:
        yield Plain(self._label)
        yield self.field

    @property
    def value(self) -> str:
        """What was typed."""
        return self.field.value

    @property
    def changed(self) -> bool:
        """True if it differs from the initial value."""
        return self.field.value != self._before
