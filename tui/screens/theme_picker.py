"""Theme picker with live preview."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.formatting.matching import matching
from tui.screens.picker import Picker
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.safe_input import Field

if TYPE_CHECKING:
    from tui.config.watcher import Appearance


class ThemePicker(Picker[None]):
    """Filters the themes and applies the highlighted one at once; Enter saves it, Esc restores the previous one."""

    BINDINGS = [Binding("escape", "leave", "Back", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, appearance: "Appearance") -> None:
        super().__init__()
        self._appearance = appearance
        self._before = appearance.chosen
        self._list = OptionList(*self._options(""), id="theme-list", compact=True, markup=False)

    def compose(self) -> ComposeResult:
        with DialogFrame("Themes", "↑ ↓ preview", "Enter save", "Esc cancel", id="themes"):
            yield Field(placeholder="Filter…", id="theme-text")
            yield self._list

    def on_mount(self) -> None:
        self._list.highlighted = self._list.get_option_index(self._before)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._list.clear_options()
        self._list.add_options(self._options(event.value))
        self._list.action_first()

    def _options(self, typed: str) -> Iterator[Option]:
        choices = self._appearance.choices
        width = max(map(len, choices))
        for _, name in matching(choices, typed, lambda name: f"{name} {choices[name]}"):
            yield Option(Content.assemble(f"{name:<{width}}  ", (one_line(choices[name]), "$text-muted")), id=name)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_id in self._appearance.choices:
            self._appearance.show(event.option_id)

    def take(self) -> None:
        if option := self._list.highlighted_option:
            self._appearance.keep(str(option.id))
            self.dismiss()

    def action_leave(self) -> None:
        self._appearance.show(self._before)
        self.dismiss()
