"""F10: the writer's page: memory, author's note and lorebooks, with their shares of the context."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList, TextArea
from textual.widgets.option_list import Option

from tui.conversation.conversation import Mode
from tui.conversation.lorebook import Book, Entry
from tui.conversation.writer_page import MAX_DEPTH, WriterPage
from tui.formatting.entry_keys import spell_keys
from tui.formatting.units import counted
from tui.import_export.target import file_name
from tui.process.in_thread import in_thread
from tui.screens.dialog import Dialog
from tui.screens.lorebook_entry import EntryScreen
from tui.screens.text_prompt import AskScreen
from tui.services.prompt_preview import Preview
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.labelled_field import LabelledField
from tui.widgets.list_row import ListRow
from tui.widgets.plain_text import Plain, plain
from tui.widgets.safe_text_area import Editor
from tui.widgets.share_bars import share_bars

SETTLED_SECONDS = 0.3  # without a change, until the page is saved and counted
NO_ENTRIES = "No entries yet: n makes one, i imports a lorebook or a Character Card V2."
WRONG_DEPTH = f"The lines above the cursor must be a number from 1 to {MAX_DEPTH}."
WRONG_BUDGET = "The budget must be a number of tokens, or empty."
# Where the author's note stands.
PLACES: dict[Mode, str] = {"story": "some lines above the cursor", "chat": "before your last message"}

KEYS = ("Tab next", "Esc close")
LIST_KEYS = ("x export", "i import", "u undo", "d delete", "c always or by keys", "Space on/off", "n new", "Enter edit")

Keep = Callable[[WriterPage], None]
# The prompt with the page that was kept last, or a sentence that says why it is not known.
Look = Callable[[], Awaitable[Preview | str]]


class WriterScreen(Dialog[None]):
    """Gives ``keep`` the page whenever it has changed."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f10", "leave", "Close", show=False),
        Binding("n", "create", "New entry", show=False),
        Binding("space", "switch", "Use or do not use the entry", show=False),
        Binding("c", "constant", "Use it always, or by its keys", show=False),
        Binding("d,delete", "remove", "Delete the entry, or the lorebook", show=False),
        Binding("u", "undo_change", "Undo the last change of the list", show=False),
        Binding("i", "bring", "Import a lorebook", show=False),
        Binding("x", "export", "Export the lorebook", show=False),
    ]

    def __init__(self, mode: Mode, page: WriterPage, keep: Keep, look: Look) -> None:
        super().__init__()
        self._mode: Mode = mode
        self._page = page
        self._keep = keep
        self._look = look
        self._before: list[tuple[Book, ...]] = []  # the lorebooks before each change of them
        self._rows: list[tuple[int, int | None]] = []  # number of a lorebook, and of its entry
        self._settling: Timer | None = None
        self._shares = Plain("counting…", id="writer-shares")
        self._memory = Editor("What the model must always know", id="writer-memory")
        self._note = Editor("What matters for what comes next", id="writer-note")
        self._depth = LabelledField("Lines above the cursor", str(page.depth))
        budget = "" if page.budget is None else str(page.budget)
        self._budget = LabelledField("Budget in tokens", budget, "a quarter of the context")
        self._list = OptionList(id="writer-list", markup=False)
        self._told = Plain(id="writer-told")
        self._told.display = False
        self._wrong = ""

    def compose(self) -> ComposeResult:
        with DialogFrame("Writer's page", *KEYS, id="writer"):
            with VerticalScroll(can_focus=False):
                yield self._shares
                yield Plain("Memory · at the top of what the model sees", classes="writer-label")
                yield self._memory
                yield Plain(f"Author's note · {PLACES[self._mode]}", classes="writer-label")
                yield self._note
                if self._mode == "story":
                    yield self._depth
                yield Plain("Lorebook · entries whose keys are in the text", classes="writer-label")
                yield self._list
                yield self._budget
            yield self._told

    def on_mount(self) -> None:
        self._memory.load(self._page.memory)
        self._note.load(self._page.note)
        self._tell("")
        self._list_again()
        self._memory.focus()
        self.run_worker(self._count())

    # ---- the page

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the keys of what has the focus."""
        self.query_one(DialogFrame).show_keys(*(LIST_KEYS if event.widget is self._list else ()), *KEYS)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._changed()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def _changed(self) -> None:
        """Save and count once nothing has been typed for a moment."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED_SECONDS, self._settle)

    def _settle(self) -> bool:
        """Save what was typed; False if a number is wrong, which is told."""
        self._settling = None
        page, wrong = self._typed()
        if wrong != self._wrong:  # or it would take away what an import has told
            self._wrong = wrong
            self._tell(wrong)
        if page is not None and page != self._page:
            self._page = page
            self._keep(page)
            self.run_worker(self._count(), exclusive=True, group="count")
        return not wrong

    def _typed(self) -> tuple[WriterPage, str]:
        """The page as it is typed, with what is wrong about it, of which it has the value before."""
        depth, budget = _number(self._depth.value), _number(self._budget.value)
        wrong, kept = "", self._page
        page = replace(kept, memory=self._memory.text, note=self._note.text)
        if depth is None or not 1 <= depth <= MAX_DEPTH:
            wrong = WRONG_DEPTH
        else:
            page = replace(page, depth=depth)
        if not self._budget.value.strip():
            page = replace(page, budget=None)
        elif budget is None:
            wrong = WRONG_BUDGET
        else:
            page = replace(page, budget=budget)
        return page, wrong

    async def _count(self) -> None:
        found = await self._look()
        if self.is_attached:
            self._shares.show(found if isinstance(found, str) else share_bars(found, self._mode))

    def action_leave(self) -> None:
        """Close, unless a number is wrong."""
        if self._settle():
            self.dismiss()

    def _tell(self, sentence: str) -> None:
        self._told.show(sentence)
        self._told.display = bool(sentence)

    # ---- the entries

    def _list_again(self, chosen: tuple[int, int | None] | None = None) -> None:
        """Show each lorebook, and below it its entries. ``chosen``: the row to highlight; None for the same."""
        highlighted = self._list.highlighted or 0
        books = self._page.books
        self._rows = []
        for number, book in enumerate(books):
            self._rows += [(number, None), *((number, index) for index in range(len(book.entries)))]
        self._list.clear_options()
        self._list.add_options([Option(self._row(books[number], index)) for number, index in self._rows])
        if not self._rows:
            self._list.add_option(Option(plain(NO_ENTRIES, "$text-muted")))
        at = self._rows.index(chosen) if chosen in self._rows else highlighted
        self._list.highlighted = min(at, self._list.option_count - 1)

    def _row(self, book: Book, index: int | None) -> ListRow:
        if index is None:
            kind = "card" if book.format == "character_card" else "lorebook"
            name = one_line(book.name) or kind.capitalize()
            return ListRow(
                plain(name, "bold"), plain(f"{counted(len(book.entries), 'entry', 'entries')}", "$text-muted")
            )
        entry = book.entries[index]
        keys = "always" if entry.constant else one_line(spell_keys(entry.keys)) or "no keys: never used"
        mark = "[x]" if entry.enabled else "[ ]"
        left = Content.assemble(plain(f"  {mark} {one_line(entry.label)}"), plain(f"  {keys}", "$text-muted"))
        return ListRow(left, plain(f"order {entry.order}", "$text-muted"))

    @property
    def _chosen(self) -> tuple[int, int | None] | None:
        index = self._list.highlighted
        return self._rows[index] if index is not None and index < len(self._rows) else None

    def _put(self, books: tuple[Book, ...], chosen: tuple[int, int | None] | None = None) -> None:
        """Change the lorebooks, and save."""
        self._before.append(self._page.books)
        self._show_books(books, chosen)

    def _show_books(self, books: tuple[Book, ...], chosen: tuple[int, int | None] | None = None) -> None:
        self._page = replace(self._typed()[0], books=books)
        self._keep(self._page)
        self._tell("")
        self._list_again(chosen)
        self.run_worker(self._count(), exclusive=True, group="count")

    def _replaced(self, number: int, book: Book) -> tuple[Book, ...]:
        books = self._page.books
        return (*books[:number], book, *books[number + 1 :])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (chosen := self._chosen) is None:
            self.action_create()
            return
        number, index = chosen
        if index is None:
            return
        entry = self._page.books[number].entries[index]

        def take(changed: Entry | None) -> None:
            if changed is not None and changed != entry:
                self._put(self._replaced(number, self._page.books[number].put(index, changed)))

        self.app.push_screen(EntryScreen(entry), take)

    def action_create(self) -> None:
        """Make an entry in the lorebook that is highlighted, else in the last one."""
        books = self._page.books or (Book.empty(),)
        number = self._chosen[0] if self._chosen else len(books) - 1

        def take(entry: Entry | None) -> None:
            if entry is not None and entry != Entry():
                book = books[number].add(entry)
                chosen = number, len(book.entries) - 1
                self._put((*books[:number], book, *books[number + 1 :]), chosen)

        self.app.push_screen(EntryScreen(Entry()), take)

    def action_switch(self) -> None:
        """Use the entry, or do not."""
        self._change(lambda entry: replace(entry, enabled=not entry.enabled))

    def action_constant(self) -> None:
        """Use the entry always, or by its keys."""
        self._change(lambda entry: replace(entry, constant=not entry.constant))

    def _change(self, change: Callable[[Entry], Entry]) -> None:
        number, index = self._chosen or (0, None)
        if index is not None:
            book = self._page.books[number]
            self._put(self._replaced(number, book.put(index, change(book.entries[index]))))

    def action_remove(self) -> None:
        """Delete the entry, or with its title the whole lorebook."""
        if (chosen := self._chosen) is None:
            return
        number, index = chosen
        books, book = self._page.books, self._page.books[number]
        if index is None:
            self._put((*books[:number], *books[number + 1 :]))
            what = f"{one_line(book.name) or 'the lorebook'} with {counted(len(book.entries), 'entry', 'entries')}"
        else:
            self._put(self._replaced(number, book.remove(index)))
            what = one_line(book.entries[index].label) or "the entry"
        self._tell(f"Deleted {what}. u undoes it.")

    def action_undo_change(self) -> None:
        """Take back the last change of the lorebooks."""
        if self._before:
            self._show_books(self._before.pop())

    # ---- files

    def action_bring(self) -> None:
        """Ask for a file, and add its lorebook."""
        title = "Import a lorebook or a Character Card V2 (JSON or PNG)"
        self.app.push_screen(AskScreen(title, "", self._bring, self._tell, "import"))

    async def _bring(self, file: str) -> str:
        from tui.import_export.lorebook_file import read_file

        try:
            book = await in_thread(read_file, file)
        except StoreError as error:
            return str(error)
        if not self.is_attached:
            return ""
        told = _imported(book)
        if (character := book.character) and character not in self._memory.text:
            self._memory.load("\n\n".join(filter(None, [self._memory.text.rstrip(), character])))
            told += " What it tells of the character was added to the memory."
        self._put((*self._page.books, book), (len(self._page.books), None))
        self._tell(told)
        return ""

    def action_export(self) -> None:
        """Ask for a file, and write the highlighted lorebook to it."""
        if self._chosen is not None:
            book = self._page.books[self._chosen[0]]
            name = f"{file_name(book.name or 'lorebook')}.json"

            async def write(file: str) -> str:
                return await self._export(book, file)

            self.app.push_screen(AskScreen("Export the lorebook to a file", name, write, self._tell, "export"))

    async def _export(self, book: Book, file: str) -> str:
        from tui.import_export.lorebook_file import write_file

        try:
            path = await in_thread(write_file, book, file)
        except StoreError as error:
            return str(error)
        if self.is_attached:
            self._tell(f"Exported to {path}.")
        return ""


def _number(text: str) -> int | None:
    """A whole number from 0 on; None for other text."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _imported(book: Book) -> str:
    count, unusable = len(book.entries), sum(not entry.usable for entry in book.entries)
    never = f"; {unusable} without keys or text are never used" if unusable else ""
    return f"Imported {one_line(book.name) or 'the lorebook'}: {counted(count, 'entry', 'entries')}{never}."
