"""F1 in a dialog: all its keys, those too for which its edge has no room."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain


class DialogKeysScreen(ModalScreen[None]):
    """Lists ``keys``, each with what it does. ``title``: of the dialog."""

    BINDINGS = [Binding("escape,f1", "dismiss", "Close", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, title: str, keys: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        with DialogFrame(f"Keys · {self._title}", "Esc close", id="dialog-keys"), VerticalScroll():
            yield Plain("\n".join(self._keys))
