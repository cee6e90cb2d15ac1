"""Base of dialogs with a list and a focused field."""

from abc import abstractmethod
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ScreenResultType
from textual.widgets import Input, OptionList

from tui.screens.dialog import Dialog
from tui.widgets.list_keys import list_bindings, move


class Picker(Dialog[ScreenResultType]):
    """Arrow and page keys move the highlight of ``_list``; Enter or a click takes the highlighted option."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False), *list_bindings()]
    _list: OptionList

    @abstractmethod
    def take(self) -> None:
        """Dismiss with the highlighted option."""

    def submit(self) -> None:
        """Handle Enter."""
        self.take()

    def action_move(self, key: str) -> None:
        move(self._list, key)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.submit()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take()
