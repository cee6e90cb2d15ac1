"""The command palette: Textual's, with what it lacks."""

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Lives through a page key that comes before its list has any height, of which Textual's dies."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)
