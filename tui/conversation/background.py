"""What the model sees besides the text: memory, author's note, and those lorebook entries that the text calls for."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.conversation.lorebook import Book, Entry
from tui.conversation.lorebook_keys import KeyProblem, Scan, is_regex
from tui.conversation.writer_page import DEFAULT_DEPTH, WriterPage

# Share of the context that the lorebooks may take where the user has set no budget.
SHARE = 4
NOTE = "[Author's note: {}]"

# Text: its tokens.
Count = Callable[[str], int]


@dataclass(frozen=True)
class Lore:
    """A lorebook entry that is used. ``label``: how it is shown."""

    label: str
    text: str


@dataclass(frozen=True)
class LeftOut:
    """A lorebook entry that is not used, although the text may call for it. ``why``: a clause."""

    label: str
    why: str


@dataclass(frozen=True)
class Background:
    """``constant``: entries that are always used, ``called``: those whose keys are in the text; each in its order.

    ``depth``: lines of a story that follow ``called`` and the ``note``.
    """

    memory: str = ""
    constant: tuple[Lore, ...] = ()
    called: tuple[Lore, ...] = ()
    note: str = ""
    depth: int = DEFAULT_DEPTH
    left_out: tuple[LeftOut, ...] = ()

    @property
    def top(self) -> list[str]:
        """What stands before everything else, and changes rarely."""
        return [*filter(None, [self.memory]), *(lore.text for lore in self.constant)]

    @property
    def near(self) -> list[str]:
        """What stands near the end: it comes and goes with the text."""
        return [*(lore.text for lore in self.called), *([NOTE.format(self.note)] if self.note else [])]


NOTHING = Background()


def background(page: WriterPage, text: str, context: int, count: Count) -> Background:
    """The page's part in the prompt that ends with ``text``. For the main thread, as regular expressions are."""
    return fitted(page, Scan(text), context, count)


def regexes(page: WriterPage) -> list[str]:
    """The regular expressions among the keys of entries that are in use, those first that any entry needs."""
    entries = [entry for _, entry in _used(page) if not entry.constant]
    keys = [*(key for entry in entries for key in entry.keys), *(key for entry in entries for key in entry.secondary)]
    return list(dict.fromkeys(key for key in keys if is_regex(key)))


def fitted(page: WriterPage, scan: Scan, context: int, count: Count) -> Background:
    """The page's part in the prompt that ends with the text of ``scan``, for a context of so many tokens.

    Entries that do not fit their budget are left out: constant ones are the last, then those of a higher priority, then
    those of a higher order.
    """
    if page.blank:
        return NOTHING
    found, left_out = _called(page, scan)
    chosen = _fitting(found, context // SHARE if page.budget is None else page.budget, count, left_out)
    chosen.sort(key=lambda each: each[1].order)
    lore = [(entry.constant, Lore(entry.label, book.filled(entry.text).strip())) for book, entry in chosen]
    return Background(
        page.memory.strip(),
        tuple(each for constant, each in lore if constant),
        tuple(each for constant, each in lore if not constant),
        page.note.strip(),
        page.depth,
        tuple(left_out),
    )


def _used(page: WriterPage) -> Iterator[tuple[Book, Entry]]:
    return ((book, entry) for book in page.books for entry in book.entries if entry.enabled and entry.usable)


def _called(page: WriterPage, scan: Scan) -> tuple[list[tuple[Book, Entry]], list[LeftOut]]:
    """The entries that the text calls for, and those whose keys cannot be looked for."""
    found: list[tuple[Book, Entry]] = []
    left_out: list[LeftOut] = []
    for book, entry in _used(page):
        try:
            if scan.calls_for(entry):
                found.append((book, entry))
        except KeyProblem as problem:
            left_out.append(LeftOut(entry.label, str(problem)))
    return found, left_out


def _fitting(
    found: list[tuple[Book, Entry]], budget: int, count: Count, left_out: list[LeftOut]
) -> list[tuple[Book, Entry]]:
    """Those that fit the budget, and that of their book, in the order of ``found``; the others are added to
    ``left_out``.
    """
    chosen: list[int] = []
    used: Counter[Book | None] = Counter()  # tokens by book, and of all
    last = sorted(
        range(len(found)), key=lambda n: (not found[n][1].constant, -found[n][1].priority, -found[n][1].order)
    )
    for number in last:
        book, entry = found[number]
        room = min(budget - used[None], budget if book.budget is None else book.budget - used[book])
        tokens = count(book.filled(entry.text).strip()) if room > 0 else 0
        if 0 < tokens <= room:
            chosen.append(number)
            used.update({None: tokens, book: tokens})
        else:
            needs = f"it takes {tokens} tokens, and " if tokens else ""
            left_out.append(LeftOut(entry.label, f"{needs}the budget has {max(room, 0)} left"))
    return [found[number] for number in sorted(chosen)]
