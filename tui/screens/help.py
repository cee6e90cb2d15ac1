"""F1: searchable list of the mode's keys (the focused context first) and of all help topics."""

from collections.abc import Sequence
from functools import lru_cache

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Input

from tui.config.help_topics import topics
from tui.config.key_names import key_name
from tui.config.keymap import MODES, PLACES, Key, Where
from tui.conversation.conversation import Mode
from tui.terminal.wrap import wrap
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import plain
from tui.widgets.safe_input import Field

FACTS = "Topics"


class HelpFrame(DialogFrame):
    """Here F1 closes."""

    more = ()


class HelpScreen(ModalScreen[None]):
    """Filters keys and topics by the typed words, initially ``words``. ``focused``: the context listed first."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f1", "dismiss", "Close", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "scroll(10)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Up", show=False),
    ]

    def __init__(self, keymap: tuple[Key, ...], mode: Mode, focused: Where, words: str = "") -> None:
        super().__init__()
        self._words = words
        places = sorted((place for place in PLACES if mode in MODES[place]), key=lambda place: place != focused)
        self._page = HelpPage(keymap, places, words)

    def compose(self) -> ComposeResult:
        with HelpFrame("Help", "type to filter", "↑ ↓ scroll", "Esc close", id="help"):
            yield Field(self._words, "Search help…", id="help-text")
            with VerticalScroll(id="help-keys", can_focus=False):
                yield self._page

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._page.words = event.value
        self.query_one("#help-keys", VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, rows: int) -> None:
        self.query_one("#help-keys", VerticalScroll).scroll_relative(y=rows, animate=False)


class HelpPage(Widget):
    """The matching keys and topics, wrapped to the widget's width. Only rows in sight are drawn: there are hundreds."""

    words = reactive("", layout=True)

    def __init__(self, keymap: tuple[Key, ...], places: Sequence[Where], words: str) -> None:
        super().__init__()
        self._keymap = keymap
        self._places = tuple(places)
        self.set_reactive(HelpPage.words, words)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Computed before the first paint, or an empty box would flash."""
        return len(self._rows(width))

    def render(self) -> Content:
        return Content("\n").join(self._rows(self.content_size.width))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        rows = self._rows(width)
        row = rows[y] if y < len(rows) else Content("")
        return Visual.to_strips(self, row, width, 1, self.visual_style)[0]

    def _rows(self, width: int) -> tuple[Content, ...]:
        return help_rows(self._keymap, width, self._places, self.words)


@lru_cache(maxsize=4)
def help_rows(keymap: tuple[Key, ...], columns: int, places: tuple[Where, ...], words: str) -> tuple[Content, ...]:
    """The page by rows; kept, as it is asked for while it is laid out and drawn, and when it is opened again."""
    return tuple(help_page(keymap, columns, places, words).split("\n", allow_blank=True))


def help_page(keymap: tuple[Key, ...], columns: int, places: Sequence[Where], words: str = "") -> Content:
    """The keys of these contexts, then topics, that contain all the words; wrapped to ``columns``."""
    wanted = words.casefold().split()
    fitting = [
        key
        for key in keymap
        if key.where in places and all(word in f"{key.label} {key.title}".casefold() for word in wanted)
    ]
    width = min(max((len(key.label) for key in fitting), default=0) + 2, max(columns // 2 - 2, 1))
    lines: list[Content] = []
    for place in places:
        keys = [key for key in fitting if key.where == place]
        if keys:
            lines += [Content(""), plain(PLACES[place], "bold $accent")]
            for key in keys:
                label = key.label
                if len(label) >= width:  # gets rows of its own
                    lines.append(_hanging(plain(f"  {label}", "$primary"), 2, columns))
                    label = ""
                line = Content.assemble((f"  {label:<{width - 1}} ", "$primary"), key.title)
                lines.append(_hanging(line, width + 2, columns))
    facts = [fact for fact in topics(keymap) if all(w in f"{fact.title} {fact.answer}".casefold() for w in wanted)]
    if facts:
        lines += [Content(""), plain(FACTS, "bold $accent")]
        for fact in facts:
            # Backticks enclose what the user types.
            pieces = [(text, "$primary" if number % 2 else "") for number, text in enumerate(fact.answer.split("`"))]
            lines.append(_hanging(plain(f"  {fact.title}", "bold"), 2, columns))
            lines.append(_hanging(Content.assemble("    ", *pieces), 4, columns))
    return Content("\n").join(lines[1:]) if lines else plain(f"No matches. {key_name('palette')} lists the commands.")


def _hanging(line: Content, indent: int, columns: int) -> Content:
    """Wrap with a hanging indent."""
    rows, start = [], indent
    for row in wrap(line.plain[indent:], max(columns - indent, 1)):
        rows.append(line[start : start + len(row)])
        start += len(row)
    return Content.assemble(line[:indent], plain("\n" + " " * indent).join(rows))
