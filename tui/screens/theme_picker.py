"""Theme picker with live preview."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from tui.config.themes import ThemeFile
    from tui.config.watcher import Appearance


class ThemePicker(ModalScreen[None]):
    """Applies the highlighted theme at once; Enter saves it, Esc restores the previous one."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,q", "leave", "Back", show=False),
        Binding("j", "move('down')", "Down", show=False),
        Binding("k", "move('up')", "Up", show=False),
    ]

    def __init__(self, appearance: "Appearance") -> None:
        super().__init__()
        self._appearance = appearance
        self._before = appearance.current

    def compose(self) -> ComposeResult:
        width = max(map(len, self._appearance.themes)) + 2
        with Vertical(id="themes") as box:
            box.border_title = "Themes"
            box.border_subtitle = "↑ ↓ preview · Enter save · Esc cancel"
            yield OptionList(
                *(Option(_line(file, width), id=name) for name, file in self._appearance.themes.items()),
                id="theme-list",
                compact=True,
                markup=False,
            )

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = options.get_option_index(self._before)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        assert event.option_id is not None
        self._appearance.show(event.option_id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        assert event.option_id is not None
        self._appearance.keep(event.option_id)
        self.dismiss()

    def action_leave(self) -> None:
        self._appearance.show(self._before)
        self.dismiss()

    def action_move(self, direction: str) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if direction == "down" else options.action_cursor_up()


def _line(file: "ThemeFile", width: int) -> Content:
    own = " · yours" if file.own else ""
    return Content.assemble(f"{file.name:<{width}}", (one_line(file.about) + own, "$text-muted"))
