"""Ctrl+P: commands, sessions and models in groups, filtered as one types."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.formatting.matching import matching
from tui.screens.picker import Picker
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.list_row import ListRow
from tui.widgets.plain_text import plain
from tui.widgets.safe_input import Field

NOTHING = "No matches."
# Maximum rows of a group of sessions or models.
OFFERED = 8


@dataclass(frozen=True)
class Entry:
    """A row: ``title`` at the left, ``key`` at the right. ``run`` is called when it is chosen.

    ``names``: other words that find it, before ``synonyms``. ``limited``: at most OFFERED of its group are shown.
    """

    id: str
    group: str
    title: str
    key: str
    run: Callable[[], None]
    names: str = ""
    synonyms: str = ""
    limited: bool = False


class PaletteScreen(Picker[Entry | None]):
    """Returns the chosen one of ``entries``. ``later`` reads more of them.

    The field keeps the focus. The list is complete before the first paint, except for what is read later.
    """

    def __init__(self, entries: Sequence[Entry], later: Callable[[], Awaitable[Sequence[Entry]]]) -> None:
        super().__init__()
        self._entries = list(entries)
        self._later = later
        self._shown: list[Entry | None] = []  # by row; None for a heading
        self._field = Field(placeholder="Search commands, sessions and models…", id="palette-text")
        self._list = OptionList(*self._rows(), id="palette-list", compact=True, markup=False)

    def compose(self) -> ComposeResult:
        with DialogFrame("Commands", "↑ ↓ move", "Enter run", "Esc cancel", id="palette"):
            yield self._field
            yield self._list

    def on_mount(self) -> None:
        self.run_worker(self._read())

    async def _read(self) -> None:
        self._entries += await self._later()
        chosen = self._chosen
        self._fill()
        if chosen in self._shown:
            self._list.highlighted = self._shown.index(chosen)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()

    def _fill(self) -> None:
        self._list.clear_options()
        self._list.add_options(self._rows())
        self._list.scroll_home(animate=False)
        self._list.action_first()

    def _rows(self) -> Iterator[Option]:
        """The matching entries by group, the group with the best match first."""
        groups: dict[str, list[Entry]] = {}
        for _, entry in matching(self._entries, self._field.value, _text, lambda entry: entry.synonyms):
            group = groups.setdefault(entry.group, [])
            if not entry.limited or len(group) < OFFERED:
                group.append(entry)
        self._shown = []
        for name, entries in groups.items():
            self._shown += [None, *entries]
            yield Option(plain(name, "bold $accent"), disabled=True)
            for entry in entries:
                yield Option(ListRow(plain(f"  {entry.title}"), plain(entry.key, "$primary")))
        if not groups:
            yield Option(plain(NOTHING, "$text-muted"), disabled=True)

    @property
    def _chosen(self) -> Entry | None:
        index = self._list.highlighted
        return None if index is None or index >= len(self._shown) else self._shown[index]

    def take(self) -> None:
        if self._chosen is not None:
            self.dismiss(self._chosen)


def _text(entry: Entry) -> str:
    return f"{entry.title} {entry.names}"
