"""F7 in a chat: the collections of documents that the session has attached, and adding to them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.documents.notices import WORDS_ALONE
from tui.formatting.units import counted
from tui.process.in_thread import in_thread
from tui.screens.dialog import Dialog
from tui.screens.text_prompt import AskScreen
from tui.services.documents import Collection, DocumentService, Overview
from tui.services.reading_progress import ReadingProgress
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.list_row import ListRow
from tui.widgets.plain_text import Plain, plain

EMPTY = "No documents of your own yet. Press a to add a file or a folder."
CANCELLED = "Cancelled. r resumes it."
# The collection that documents are added to where there is none.
USUAL = "documents"
REDRAW_SECONDS = 1 / 8
# Sentences about files that were left out, before the rest is only counted.
LEFT_OUT = 50


class DocumentsScreen(Dialog[list[str]]):
    """Returns the names of the attached collections, which are ``attached`` at first."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f7", "leave", "Close", show=False),
        Binding("space", "attach", "Attach or detach", show=False),
        Binding("a", "add", "Add a file or a folder", show=False),
        Binding("n", "create", "New collection", show=False),
        Binding("r", "refresh", "Read again what has changed", show=False),
    ]

    def __init__(self, documents: DocumentService, attached: Sequence[str]) -> None:
        super().__init__()
        self._documents = documents
        self._attached = list(attached)
        self._overview: Overview | None = None
        self._rows: list[Collection] = []
        self._progress: ReadingProgress | None = None  # while files are read
        self._list = OptionList(id="documents-list", markup=False)
        self._note = Plain(id="documents-note")
        self._told = Plain(id="documents-told")

    def compose(self) -> ComposeResult:
        keys = ("n new collection", "r refresh", "a add", "Space attach", "Esc close")
        with DialogFrame("Documents", *keys, id="documents"):
            yield self._note
            yield self._list
            with VerticalScroll(id="documents-results"):  # Tab goes there, to read a long list
                yield self._told

    def on_mount(self) -> None:
        self._list.focus()
        self.run_worker(self._look())

    # ---- the collections

    async def _look(self) -> None:
        """Read what is in the index, and show it."""
        try:
            self._overview = await in_thread(self._documents.overview)
        except StoreError as error:
            self._told.show(str(error))
        if self.is_attached:
            self._list_again()

    def _list_again(self) -> None:
        """Show the collections, then attached ones that the index does not have."""
        overview = self._overview or Overview()
        known = {each.name for each in overview.collections}
        missing = [Collection(name, (), 0) for name in self._attached if name not in known]
        highlighted = self._highlighted.name if self._highlighted else None
        self._rows = [*overview.collections, *missing]
        self._list.clear_options()
        self._list.add_options([Option(self._row(each)) for each in self._rows])
        if self._rows:
            self._highlight(highlighted)
        own = any(not each.fixed for each in self._rows)
        note = "\n".join(([] if overview.embeds else [WORDS_ALONE]) + ([] if own else [EMPTY]))
        self._note.show(note)
        self._note.display = bool(note)

    @property
    def _highlighted(self) -> Collection | None:
        index = self._list.highlighted
        return None if index is None else self._rows[index]

    def _highlight(self, name: str | None) -> None:
        names = [each.name for each in self._rows]
        self._list.highlighted = names.index(name) if name in names else 0

    def _row(self, collection: Collection) -> ListRow:
        mark = "[x]" if collection.name in self._attached else "[ ]"
        roots = one_line(", ".join(collection.roots)) or "nothing in it"
        name = plain(f"{mark} {one_line(collection.name)}")
        count = counted(collection.documents, "document")
        return ListRow(Content.assemble(name, plain(f"  {roots}", "$text-muted")), plain(count, "$text-muted"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_attach()

    def action_attach(self) -> None:
        """Attach the highlighted collection, or detach it."""
        if (highlighted := self._highlighted) is None:
            return
        name = highlighted.name
        if name in self._attached:
            self._attached.remove(name)
        else:
            self._attached.append(name)
        self._list_again()

    def action_create(self) -> None:
        """Ask for the name of a new collection, to which is added then."""
        if self._progress is None:
            self.app.push_screen(AskScreen("New collection", "", self._create, self._told.show, "create"))

    async def _create(self, text: str) -> str:
        name = one_line(text)
        if name not in self._attached:
            self._attached.append(name)
        self._list_again()
        self._highlight(name)
        return ""

    # ---- reading files

    def action_add(self) -> None:
        """Ask for a file or a folder, and add it to the highlighted collection."""
        if self._progress is None and self._overview is not None:
            highlighted = self._highlighted
            collection = USUAL if highlighted is None or highlighted.fixed else highlighted.name
            title = f"Add a file or a folder to the collection {one_line(collection)}"
            self.app.push_screen(AskScreen(title, "", partial(self._add, collection), self._told.show, "add"))

    async def _add(self, collection: str, text: str) -> str:
        try:
            path = await in_thread(self._documents.place, text)
        except StoreError as error:
            return str(error)
        if not self.is_attached or self._progress is not None:  # closed while the disk was waited for
            return ""
        if collection not in self._attached:
            self._attached.append(collection)
        self.run_worker(self._read(partial(self._documents.add, path, collection)))
        return ""

    def action_refresh(self) -> None:
        """Read again what has changed, in all collections."""
        if self._progress is None and self._overview is not None and self._overview.collections:
            self.run_worker(self._read(self._documents.refresh))

    async def _read(self, read: Callable[[ReadingProgress], None]) -> None:
        """Read in a thread; show how far it is, then what came of it."""
        progress = self._progress = ReadingProgress()
        timer = self.set_interval(REDRAW_SECONDS, self._show_progress)
        told = ""
        try:
            await in_thread(read, progress)
        except Exception as error:
            told = str(error)
        timer.stop()
        self._progress = None
        if self.is_attached:
            self._told.show("\n".join(filter(None, [told, *_results(progress)])))
            await self._look()

    def _show_progress(self) -> None:
        if progress := self._progress:
            doing = f"{progress.line or 'looking for files'} · Esc cancels"
            self._told.show("Cancelling…" if progress.cancelled else doing)

    def action_leave(self) -> None:
        """Cancel reading, else close."""
        if self._progress is not None:
            self._progress.cancel()
            self._show_progress()
        else:
            self.dismiss(self._attached)


def _results(progress: ReadingProgress) -> Iterator[str]:
    """What was done, and what was left out and why."""
    if progress.cancelled:
        yield CANCELLED
    changes = progress.changes
    if changes is None:
        return
    count = len(changes.left_out)
    yield f"Documents: {changes}" + (f", {count} left out:" if count else ".")
    yield from changes.left_out[:LEFT_OUT]
    if count > LEFT_OUT:
        yield f"and {count - LEFT_OUT} more."
