"""The list above the input: what completes a slash command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.widgets.list_keys import MOVES, move
from tui.widgets.list_row import ListRow
from tui.widgets.plain_text import plain


@dataclass(frozen=True)
class Completion:
    """``text``: the input, completed. ``name`` is listed, with ``title`` beside it and ``about`` at the right.

    ``run`` carries it out; None if the text is not complete yet, such as a directory.
    """

    text: str
    name: str
    title: str = ""
    about: str = ""
    run: Callable[[], None] | None = field(default=None, compare=False)


class CompletionList(OptionList, can_focus=False):
    """Drawn over what is above the input, which keeps the focus and moves the highlight."""

    def __init__(self) -> None:
        super().__init__(id="completions", compact=True, markup=False)
        self.display = False
        self.on_chosen: Callable[[], None] = lambda: None  # called after a click
        self._completions: list[Completion] = []

    def show(self, completions: Sequence[Completion], highlight: bool) -> None:
        """Show these, or hide the list if there are none. ``highlight``: the first is chosen already."""
        completions = list(completions)
        if completions != self._completions:
            self._completions = completions
            width = max((cell_len(each.name) for each in completions), default=0)
            self.clear_options()
            self.add_options([Option(_row(each, width)) for each in completions])
            self.highlighted = 0 if highlight and completions else None
            self.scroll_home(animate=False)
        self.display = bool(completions)

    def leave(self) -> bool:
        """Hide the list; False if it was hidden."""
        shown = self.display
        self.display = False
        return shown

    @property
    def chosen(self) -> Completion | None:
        """The highlighted completion."""
        return None if self.highlighted is None else self._completions[self.highlighted]

    @property
    def first(self) -> Completion:
        """The highlighted completion, else the first."""
        return self.chosen or self._completions[0]

    def move(self, key: str) -> bool:
        """Move the highlight; False if the key is none of a list."""
        if key in MOVES:
            move(self, key)
        return key in MOVES

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.on_chosen()


def _row(completion: Completion, width: int) -> ListRow:
    padding = " " * (width - cell_len(completion.name) + 2)
    name = plain(completion.name, "$primary" if completion.title else "")
    left = Content.assemble(name, padding, plain(completion.title)) if completion.title else name
    return ListRow(left, plain(completion.about, "$text-muted"))
