"""Base of the dialogs."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType

from tui.screens.dialog_keys import DialogKeysScreen
from tui.widgets.dialog_frame import DialogFrame


class Dialog(ModalScreen[ScreenResultType]):
    """F1 lists its keys, whatever has the focus, and where nothing has it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "list_keys", "Keys", show=False)]

    def action_list_keys(self) -> None:
        frame = self.query_one(DialogFrame)
        self.app.push_screen(DialogKeysScreen(frame.title, frame.keys))
