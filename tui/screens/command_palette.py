"""The command palette: Textual's, with what it lacks."""

from textual.app import ComposeResult
from textual.command import CommandInput, CommandList, CommandPalette, SearchIcon
from textual.containers import Horizontal, Vertical
from textual.widgets import LoadingIndicator

from tui.widgets.safe_input import Field


class PaletteField(CommandInput, Field):
    """What is typed or pasted there is drawn safely, as everywhere."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self.compact = False


class Palette(CommandPalette):
    """Lives through a page key that comes before its list has any height, of which Textual's dies."""

    def compose(self) -> ComposeResult:
        with Vertical(id="--container"):
            with Horizontal(id="--input"):
                yield SearchIcon()
                yield PaletteField(self._placeholder)
            with Vertical(id="--results"):
                yield CommandList()
                yield LoadingIndicator()

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)
