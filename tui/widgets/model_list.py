"""List of models, and the details of the highlighted one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.config.remotes import Address, host_of
from tui.formatting.units import short_count, size
from tui.services.downloads import Download
from tui.terminal.sanitize import one_line
from tui.widgets.plain_text import plain
from tui.widgets.status_bar import gauge

if TYPE_CHECKING:
    from inference import MemoryPlan, ModelInfo
    from inference.sources.catalogue import Listing
    from inference.sources.suggested import Suggestion

# In the order of the list.
GROUPS = {
    "typed": "Entered",
    "built-in": "Built-in",
    "directory": "Your directories",
    "download": "Downloads",
    "unfinished": "Incomplete downloads",
    "hub-cache": "Hugging Face cache",
    "ollama": "Ollama",
    "lm-studio": "LM Studio",
    "remote": "On servers",
    "suggested": "Suggested, not downloaded",
}
# Columns after the name: alignment and width. If there is no room, those of SPARED are dropped in order.
COLUMNS = {
    "family": "<8",
    "params": ">7",
    "precision": "<9",
    "disk": ">9",
    "context": ">7",
    "memory": ">9",
    "fit": "<16",
}
SPARED = ("family", "context", "params", "memory", "precision", "disk")
NAME_WIDTH = 32
GAP = "  "


@dataclass(frozen=True)
class Row:
    """``group`` is one of GROUPS. Without ``listing``, or with an incomplete one, it can be downloaded.

    ``suggestion``: what is known of a suggested one before. Of one on a server, ``context``: as the server tells, else
    0; ``trouble``: why it cannot be asked what it has.
    """

    name: str
    group: str
    listing: "Listing | None" = None
    download: Download | None = None
    suggestion: "Suggestion | None" = None
    context: int = 0
    trouble: str = ""

    @property
    def host(self) -> str:
        """The server that it runs on; empty for a model of this machine."""
        return host_of(self.name)

    @property
    def info(self) -> "ModelInfo | None":
        """None for a model that is unsupported or not downloaded."""
        return self.listing.info if self.listing else None

    @property
    def problem(self) -> str:
        """The reason why it is unsupported, without its path."""
        said = self.listing.problem.replace(str(self.listing.found.path), self.shown_name) if self.listing else ""
        return one_line(said)

    @property
    def downloading(self) -> Download | None:
        """The running download."""
        return self.download if self.download and self.download.running else None

    @property
    def fetchable(self) -> bool:
        """True if it must be downloaded, at least in part."""
        return not self.host and (self.listing is None or self.listing.found.source == "unfinished")

    @property
    def sought(self) -> str:
        """What a filter looks in."""
        also = (self.suggestion.alias, self.suggestion.title) if self.suggestion else ()
        return " ".join((self.name, *also)).casefold()

    @property
    def shown_name(self) -> str:
        """The title of a suggested model, the basename of a path, or the name."""
        if self.suggestion:
            return self.suggestion.title
        if self.host:
            return one_line(Address.parse(self.name).model or self.host)
        return one_line(Path(self.name).name if Path(self.name).is_absolute() else self.name)


class ModelList(OptionList, can_focus=False):
    """``current``: the model in use. ``limit``: of the context. ``available``: free bytes, None if unknown."""

    def __init__(self, current: str, limit: int | None) -> None:
        super().__init__(id="model-list", compact=True, markup=False)
        self._current = self._wanted = current
        self._put_on = ""
        self.limit = limit
        self.available: int | None = None
        self.rows: list[Row] = []

    @property
    def row(self) -> Row | None:
        """The highlighted row."""
        option = self.highlighted_option
        return None if option is None or option.id is None else self.rows[int(option.id)]

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows, grouped. Keep the user's highlight, else highlight the model in use."""
        if self.row and self.row.name != self._put_on:
            self._wanted = self.row.name
        self.rows = sorted(rows, key=lambda row: list(GROUPS).index(row.group))
        options: list[Option] = []
        for index, row in enumerate(self.rows):
            if index == 0 or row.group != self.rows[index - 1].group:
                options.append(Option(plain(GROUPS[row.group], "bold $accent"), disabled=True))
            options.append(Option(self._line(row), id=str(index)))
        with self.prevent(OptionList.OptionHighlighted):
            self.clear_options()
            self.add_options(options)
            if rows:
                self.put_cursor_on(self.rows[0].name)
                self.put_cursor_on(self._wanted)
            self._put_on = self.row.name if self.row else ""

    def put_cursor_on(self, name: str) -> None:
        """Highlight the model of that name, if it is shown."""
        names = [row.name for row in self.rows]
        if name in names:
            self.highlighted = self.get_option_index(str(names.index(name)))

    def prefer(self, name: str) -> None:
        """Highlight this model instead of the one in use, unless the user has moved the highlight."""
        if self._wanted == self._current:
            self._wanted = name

    def stay(self) -> None:
        """Treat the current highlight as the user's choice."""
        if self.row:
            self._wanted = self.row.name

    def redraw(self) -> None:
        """Update the rows' figures."""
        for index, row in enumerate(self.rows):
            self.replace_option_prompt(str(index), self._line(row))

    def header(self) -> Content:
        """Column titles."""
        columns, width = self._columns()
        cells = [f"{column:{COLUMNS[column]}}" for column in columns]
        return plain(GAP.join([f"  {'model':<{width}}", *cells]), "$text-muted")

    def _columns(self) -> tuple[list[str], int]:
        """The columns that fit, and the width of the name."""
        columns = list(COLUMNS)
        longest = max((len(row.shown_name) for row in self.rows), default=0)

        def room() -> int:
            return self.scrollable_content_region.width - 2 - sum(len(GAP) + int(COLUMNS[name][1:]) for name in columns)

        for column in SPARED:
            if room() < min(longest, NAME_WIDTH):
                columns.remove(column)
        return columns, max(8, room())

    def _line(self, row: Row) -> Content:
        columns, width = self._columns()
        mark = plain("● " if row.name == self._current else "  ", "$accent")
        shown = row.shown_name if len(row.shown_name) <= width else row.shown_name.rpartition("/")[2]
        name = plain(shown).truncate(width, ellipsis=True, pad=True)
        return Content.assemble(mark, name, GAP, plain(self._facts(row, columns), "$text-muted"))

    def _facts(self, row: Row, columns: Sequence[str]) -> str:
        if row.downloading:
            return arriving(row.downloading)
        if row.suggestion:
            return _suggested_facts(row.suggestion, columns)
        if row.host:
            return "cannot be asked" if row.trouble else f"on {row.host}"
        if row.fetchable:
            return "available on Hugging Face"
        info = row.info
        if info is None:
            return f"unsupported: {row.problem}"
        facts = {
            "family": info.family,
            "params": short_count(info.parameters),
            "precision": row.listing.width if row.listing else "",
            "disk": size(info.size_on_disk),
            "context": _context(info.plan, self.available, self.limit),
            "memory": _memory(info.plan, self.available, self.limit),
            "fit": _fit(info.plan, self.available, self.limit),
        }
        return GAP.join(f"{facts[column]:{COLUMNS[column]}}" for column in columns)


def about(
    row: Row,
    precision: str,
    available: int | None,
    width: int,
    running: str | None = None,
    limit: int | None = None,
) -> Content:
    """Details of a model and what Enter does, in lines of ``width`` cells.

    ``precision``: the chosen one. ``running``: the precision ``auto`` resolved to, if the model is loaded.
    ``limit``: of the context.
    """
    lines = [plain(one_line(row.name), "bold")]
    if row.downloading:
        lines += [plain(arriving(row.downloading)), _hint("Press Enter to pause; progress is kept.")]
    elif row.fetchable:
        if row.suggestion:
            lines.append(_about_suggested(row.suggestion))
        if row.download and row.download.failed:
            lines.append(plain(one_line(row.download.failed), "$error"))
        verb = "resume" if row.listing or (row.download and row.download.done) else "download"
        lines.append(_hint(f"Press Enter to {verb}. Compatibility is checked first."))
    elif row.host:
        lines += _about_remote(row)
    elif row.info is None:
        lines.append(plain(f"Unsupported: {row.problem}", "$error"))
    else:
        info = row.info
        facts = (
            info.family,
            f"{short_count(info.parameters)} parameters",
            f"{size(info.size_on_disk)} on disk",
            f"context {_context(info.plan, available, limit, f' of {info.context}')}",
            "chat and stories" if info.has_chat_template else "stories only",
        )
        free = "" if available is None else f" ({size(available)} free)"
        lines += [
            plain(" · ".join(facts)),
            _hint(f"Memory at the longest context that fits{free}:"),
            *_precisions(info.plan, precision, available, limit, width, running),
        ]
    return Content("\n").join(lines)


def _suggested_facts(suggestion: "Suggestion", columns: Sequence[str]) -> str:
    facts = {
        "family": suggestion.family,
        "params": short_count(suggestion.parameters),
        "precision": suggestion.name.selector,
        "disk": size(suggestion.size),
        "context": str(suggestion.context),
        "memory": size(suggestion.memory),
        "fit": "fits",
    }
    return GAP.join(f"{facts[column]:{COLUMNS[column]}}" for column in columns)


def _about_suggested(suggestion: "Suggestion") -> Content:
    sampling = ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in suggestion.sampling.items())
    facts = (
        f"{size(suggestion.size)} to download",
        f"{size(suggestion.memory)} of memory",
        f"licence {suggestion.licence}",
        f"sampled at {sampling}",
    )
    return plain(" · ".join(facts))


def _about_remote(row: Row) -> list[Content]:
    if row.trouble:
        return [plain(one_line(row.trouble), "$error")]
    context = [f"context {row.context}"] if row.context else []
    return [
        plain(" · ".join([f"runs on {row.host}", *context])),
        _hint("Press Enter to select. Conversations are sent there; precision and memory are the server's."),
    ]


def arriving(download: Download) -> str:
    """Progress of a download."""
    if not download.total:
        return "contacting Hugging Face…"
    share = f"{gauge(download.done, download.total, 12)} {100 * download.done // download.total} %"
    rate = [f"{size(int(download.rate))}/s"] if download.rate else []
    return " · ".join([share, f"{size(download.done)} of {size(download.total)}", *rate])


def _precisions(
    plan: "MemoryPlan", chosen: str, available: int | None, limit: int | None, width: int, running: str | None
) -> list[Content]:
    """Memory per precision, ✓ if it fits and ✗ if not, the chosen one in ‹ ›. Never broken inside an entry.

    The context is told where it is not the model's own.
    """
    fitting = plan.fitting(available, limit)
    texts = {"auto": f"auto: {running or plan.automatic(available, limit) or 'none fits'}"}
    for name in plan.needs:
        context = fitting.get(name, plan.context)
        tokens = "" if context == plan.context else f" for {context}"
        texts[name] = f"{name} {size(plan.memory(name, available, limit))}{tokens} {'✓' if name in fitting else '✗'}"
    lines = [Content("")]
    for name, text in texts.items():
        part = plain(f"‹{text}›", "bold $accent") if name == chosen else plain(f" {text} ")
        if lines[-1].cell_length + part.cell_length > width:
            lines.append(Content(""))
        lines[-1] += part
    return lines


def _memory(plan: "MemoryPlan", available: int | None, limit: int | None) -> str:
    """What it needs as ``auto`` would load it, or at least."""
    return size(plan.memory(plan.automatic(available, limit) or list(plan.needs)[-1], available, limit))


def _fit(plan: "MemoryPlan", available: int | None, limit: int | None) -> str:
    fitting = plan.fitting(available, limit)
    if len(fitting) == len(plan.needs):
        return "fits"
    return f"fits in {plan.automatic(available, limit) or next(iter(fitting))}" if fitting else "does not fit"


def _context(plan: "MemoryPlan", available: int | None, limit: int | None, of_all: str = "") -> str:
    """The context that a conversation gets, followed by ``of_all`` if that is not the model's own."""
    chosen = plan.automatic(available, limit)
    context = plan.granted(chosen, available, limit) if chosen else plan.context
    return str(context) + (of_all if context < plan.context else "")


def _hint(text: str) -> Content:
    return plain(text, "$text-muted")
