"""F3: full-text search over messages and titles, newest first."""

import asyncio
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.input import Selection
from textual.widgets.option_list import Option

from tui.formatting.units import age
from tui.process.in_thread import in_thread
from tui.screens.picker import Picker
from tui.storage.errors import StoreError
from tui.storage.search import Hit, find
from tui.terminal.sanitize import sanitize
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain, plain
from tui.widgets.safe_input import Field

LIMIT = 100
# Seconds before "Searching…" is shown, and to wait for the disk before that.
PATIENCE = 0.2
PLACEHOLDER = "Search messages and titles"
HELP = 'Matches all words; the last may be a prefix. Use "quotes" for phrases.'
NOTHING = "No results."
HIDDEN = "hidden "  # before the age of a message in another version, or that was rolled back
INDENT = 2
FOUND = "bold underline $accent"


class SearchScreen(Picker[Hit | None]):
    """Returns the chosen hit. ``text``: the query, initially and as typed.

    ``save``: begins to save what is being written; its future is done when all is saved. The field
    keeps the focus. Queries run on another thread and are cancelled when superseded.
    """

    BINDINGS = [Binding("f3", "dismiss", "Back", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, file: Path, text: str, save: Callable[[], "Future[None]"]) -> None:
        super().__init__()
        self.text = text
        self._save = save
        self._file = file
        self._field = Field(text, PLACEHOLDER, id="search-text")
        self._list = OptionList(id="search-list", compact=True, markup=False)
        self._note = Plain(HELP, id="search-note")
        self._hits: list[Hit] = []
        self._searching = False
        self._take_first = False  # Enter was pressed before the results arrived

    def compose(self) -> ComposeResult:
        with DialogFrame("Search", "↑ ↓ message", "Enter select", "Esc cancel", id="search"):
            yield self._field
            yield self._note
            yield self._list

    def on_mount(self) -> None:
        self._field.selection = Selection(0, len(self.text))

    # ---- what is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.text = event.value
        self._take_first = False
        self._search(event.value)

    @work(group="search", exclusive=True)
    async def _search(self, text: str) -> None:
        self._searching = True
        over = threading.Event()
        # What is on the screen is found; on a slow disk, what was saved before.
        await asyncio.wait([asyncio.wrap_future(self._save())], timeout=PATIENCE)
        answer = asyncio.create_task(in_thread(find, self._file, text, LIMIT, over.is_set))
        try:
            if not (await asyncio.wait({answer}, timeout=PATIENCE))[0]:
                self._note.show("Searching…")
            hits, note = await answer, ""
        except StoreError as error:
            hits, note = [], sanitize(str(error))
        finally:
            over.set()
        self._searching = False
        self._hits = hits
        self._note.show(note or self._summary())
        self._fill()
        if self._take_first:
            self.take()

    def _summary(self) -> str:
        if not self.text.strip():
            return HELP
        if not self._hits:
            return NOTHING
        count = len(self._hits)
        return f"Showing the {LIMIT} newest" if count == LIMIT else "1 result" if count == 1 else f"{count} results"

    # ---- what was found

    def _fill(self) -> None:
        self._list.clear_options()
        width = self._list.scrollable_content_region.width
        self._list.add_options([Option(_lines(hit, width)) for hit in self._hits])
        self._list.highlighted = 0 if self._hits else None

    def on_resize(self) -> None:
        highlighted = self._list.highlighted
        self._fill()
        self._list.highlighted = highlighted

    def submit(self) -> None:
        self._take_first = self._searching
        if not self._searching:
            self.take()

    def take(self) -> None:
        if self._list.highlighted is not None and self.is_active:  # an answer may come while Esc is carried out
            self.dismiss(self._hits[self._list.highlighted])


def _lines(hit: Hit, width: int) -> Content:
    """Title, whether the session shows the message now, and age; then an extract of the message."""
    when = f"{HIDDEN if hit.hidden else ''}{age(time.time() - hit.updated):>3}"
    room = max(4, width - len(when) - 1)
    if hit.node_id:
        title, below = plain(hit.title), _extract(hit, width - INDENT)
    else:
        title, below = _extract(hit, room), Content.styled("title", "$text-muted")
    title = title.stylize_before("bold").truncate(room, ellipsis=True, pad=True)
    return Content.assemble(title, " ", (when, "$text-muted"), "\n", " " * INDENT, below)


def _extract(hit: Hit, width: int) -> Content:
    """One line of the message with its first match in view."""
    pieces: list[tuple[str, str]] = []
    after = 0
    for start, end in hit.marks:
        start = max(start, after)
        pieces += [(_flat(hit.extract[after:start]), ""), (_flat(hit.extract[start:end]), FOUND)]
        after = max(after, end)
    pieces.append((_flat(hit.extract[after:]), ""))
    lead, room = pieces[0][0], width - cell_len("".join(text for text, _ in pieces[1:2]))
    if cell_len(lead) > room:
        pieces[0] = ("…" + lead[-max(1, min(room, width // 3)) :], "")
    return Content.assemble(*pieces).truncate(width, ellipsis=True)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", sanitize(text))
