"""F1: every key there is, from the one key map; first those for what has the focus."""

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.settings.keymap import PLACES, Key, Where
from tui.widgets.field import Field

if TYPE_CHECKING:
    from tui.app import LlmTui

NOTHING = "No key does that. Ctrl+P has every action too."


class HelpScreen(ModalScreen[None]):
    """Lists the keys that fit what is typed. ``place``: where the person is. Esc or F1 leaves it."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f1", "dismiss", "Close", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "scroll(10)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Up", show=False),
    ]

    def __init__(self, place: Where) -> None:
        super().__init__()
        self._place = place
        self._page = Static(markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "type to find · ↑ ↓ scroll · Esc closes"
            yield Field(placeholder="What it does, or the key", id="help-text")
            with VerticalScroll(id="help-keys", can_focus=False):
                yield self._page

    def on_mount(self) -> None:
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def action_scroll(self, rows: int) -> None:
        self.query_one("#help-keys", VerticalScroll).scroll_relative(y=rows, animate=False)

    def _show(self, words: str) -> None:
        self._page.update(keys_page(cast("LlmTui", self.app).appearance.keymap, self._place, words))
        self.query_one("#help-keys", VerticalScroll).scroll_home(animate=False)


def keys_page(keymap: tuple[Key, ...], first: Where = "anywhere", words: str = "") -> Content:
    """The keys with all of the words in what they do or are, by the place where they work."""
    wanted = words.casefold().split()
    fitting = [key for key in keymap if all(word in f"{key.label} {key.title}".casefold() for word in wanted)]
    width = max((len(key.label) for key in fitting), default=0) + 2
    lines: list[Content] = []
    for place in sorted(PLACES, key=lambda place: place != first):
        keys = [key for key in fitting if key.where == place]
        if keys:
            lines += [Content(""), Content.styled(PLACES[place], "bold $accent")]
            lines += [Content.assemble((f"  {key.label:<{width}}", "$primary"), key.title) for key in keys]
    return Content("\n").join(lines[1:]) if lines else Content(NOTHING)
