"""F1: every key there is, from the one key map."""

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.settings.keymap import PLACES, Key

if TYPE_CHECKING:
    from tui.app import LlmTui


class HelpScreen(ModalScreen[None]):
    """Esc, F1 or q leaves it."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f1,q", "dismiss", "Close", show=False),
        Binding("j", "scroll('down')", "Down", show=False),
        Binding("k", "scroll('up')", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "j k scroll · Esc closes"
            yield Static(keys_page(cast("LlmTui", self.app).appearance.keymap), markup=False)

    def action_scroll(self, direction: str) -> None:
        box = self.query_one("#help", VerticalScroll)
        box.scroll_relative(y=1 if direction == "down" else -1, animate=False)


def keys_page(keymap: tuple[Key, ...]) -> Content:
    """All keys, by the place where they work."""
    width = max(len(key.label) for key in keymap) + 2
    lines: list[Content] = []
    for place, name in PLACES.items():
        lines += [Content(""), Content.styled(name, "bold $accent")]
        lines += [
            Content.assemble((f"  {key.label:<{width}}", "$primary"), key.title) for key in keymap if key.where == place
        ]
    return Content("\n").join(lines[1:])
