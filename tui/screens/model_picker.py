"""F4: model and precision picker, with downloads."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.worker import Worker

from tui.config.errors import SettingsError
from tui.config.paths import model_places
from tui.config.remotes import Address, RemoteServer, is_remote
from tui.config.validators import PRECISIONS
from tui.process.in_thread import in_thread
from tui.process.own_thread import in_own_thread
from tui.screens.picker import Picker
from tui.services.downloads import Download, Downloads
from tui.services.model_choice import ModelChoice
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.model_list import ModelList, Row, about
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field

if TYPE_CHECKING:
    from inference.sources.catalogue import Listing
    from inference.sources.suggested import Suggestion

# How long headers are read per batch, and how often download progress is redrawn.
BATCH_SECONDS, REDRAW_SECONDS = 0.1, 0.2
PLACEHOLDER = "Filter, or enter a path, a Hugging Face model (org/name) or a URL#NAME"
NOTHING = "No matching model. Enter a path, a Hugging Face model (org/name) or the URL#NAME of a server."


class ModelPicker(Picker[ModelChoice | None]):
    """Returns the chosen model. The field keeps the focus and filters the list.

    ``running``: the precision of the ``current`` model, if it is loaded. ``computing``: as in Settings. ``servers``:
    those that are configured.
    """

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("f4", "dismiss", "Back", show=False),
        Binding("tab", "precision(1)", "Next precision", show=False),
        Binding("shift+tab", "precision(-1)", "Previous precision", show=False),
    ]

    def __init__(
        self,
        current: ModelChoice,
        directories: tuple[Path, ...],
        downloads: Downloads,
        running: str | None = None,
        computing: Mapping[str, Any] | None = None,
        servers: Sequence[RemoteServer] = (),
    ) -> None:
        super().__init__()
        self._in_use = running if current.precision == "auto" else None
        self._precision = current.precision if current.precision in PRECISIONS else PRECISIONS[0]
        self._current = current.name
        self._directories = directories
        self._downloads = downloads
        self._servers = servers
        self._remote: list[Row] = []  # models of servers
        self._field = Field(placeholder=PLACEHOLDER, id="model-name")
        self._header = Plain(id="model-header")
        computing = computing or {}
        self._cache_precision: str = computing.get("cache_precision", "auto")
        self._list: ModelList = ModelList(current.name, computing.get("context"))
        self._about = Plain(id="model-about")
        self._listings: list[Listing] = []
        self._suggestions: Mapping[str, Suggestion] = {}
        self._typed: list[Row] = []
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with DialogFrame("Model picker", "↑ ↓ model", "Tab precision", "Enter select", "Esc cancel", id="models"):
            yield self._field
            yield self._header
            yield self._list
            with VerticalScroll(id="model-details", can_focus=False):
                yield self._about

    def on_mount(self) -> None:
        self._start(self._read, "catalogue")
        self._start(self._ask_servers, "servers")
        self._watch()

    def _start(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> Worker[None]:
        """Run ``work`` instead of the group's previous worker, which may not have begun: its coroutine is made then."""
        return self.run_worker(work, group=group, exclusive=True)

    # ---- what is here

    async def _read(self) -> None:
        """Read the catalogue in batches, showing each."""
        listings, self._list.available = await in_thread(_catalogue, self._directories, self._cache_precision)
        self._suggestions = await in_thread(_suggestions, self._list.available)
        found: list[Listing] = []
        while batch := await in_thread(_batch, listings):
            found += batch
            self._listings = max(found, self._listings, key=len)
            self._fill()
        if self._current not in [listing.found.name for listing in found]:  # a directory given by path
            found += [row.listing for row in await in_thread(_named, self._current, self._directories) if row.listing]
        self._listings = found
        served = bool(self._servers) or is_remote(self._current)
        if self._suggestions and not served and all(listing.found.source == "built-in" for listing in found):
            self._list.prefer(next(iter(self._suggestions)))
        self._fill()

    async def _ask_servers(self) -> None:
        """List the models of each server once they are known."""
        if is_remote(self._current):
            self._remote.append(Row(self._current, "remote"))
            self._fill()
        await asyncio.gather(*map(self._ask_server, self._servers))

    async def _ask_server(self, server: RemoteServer) -> None:
        offered = await in_own_thread(_offered, server)
        known = {row.name for row in offered}
        self._remote = [*(row for row in self._remote if row.name not in known), *offered]
        self._fill()

    def _fill(self) -> None:
        """List the models whose names contain the typed words, and the typed directory or Hub name itself."""
        words = self._field.value.casefold().split()
        here = [Row(listing.found.name, listing.found.source, listing) for listing in self._listings]
        known = self._suggestions
        coming = [
            Row(each.name, self._group(each), None, each, known.get(each.name))
            for each in self._downloads
            if not each.complete
        ]
        offered = [Row(name, "suggested", suggestion=suggestion) for name, suggestion in known.items()]
        rows: dict[str, Row] = {}
        for row in [*coming, *here, *self._remote, *offered]:
            if all(word in row.sought for word in words):
                rows.setdefault(row.name, row)
        for row in self._typed:
            rows.setdefault(row.name, row)
        self._list.show(list(rows.values()))
        self._describe()

    def _group(self, download: Download) -> str:
        """Where it stands: one that has failed before anything came is where it was."""
        if download.running or download.done:
            return "unfinished"
        return "suggested" if download.name in self._suggestions else "typed"

    def _describe(self) -> None:
        row = self._list.row
        self._header.show(self._list.header())
        width = self._about.size.width
        running = self._in_use if row and row.name == self._current else None
        free, limit = self._list.available, self._list.limit
        self._about.show(about(row, self._precision, free, width, running, limit) if row else NOTHING)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._fill)

    # ---- what is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = []
        self._fill()
        self._start(partial(self._look, event.value.strip()), "typed")

    async def _look(self, text: str) -> None:
        self._typed = await in_thread(_named, text, self._directories)
        if self._typed:
            self._fill()

    # ---- what is chosen

    def action_precision(self, step: int) -> None:
        self._precision = PRECISIONS[(PRECISIONS.index(self._precision) + step) % len(PRECISIONS)]
        self._describe()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._describe()

    def take(self) -> None:
        row = self._list.row
        if row is None:
            return
        self._list.stay()
        if row.downloading:
            row.downloading.stop()
        elif row.fetchable:
            self._downloads.begin(row.name)
            self._fill()
            self._watch()
        elif row.info or (row.host and not row.trouble):
            self.dismiss(ModelChoice(row.name, self._precision))

    # ---- downloads

    def _watch(self) -> None:
        """Redraw download progress while any are running."""
        if self._timer is None and any(download.running for download in self._downloads):
            self._timer = self.set_interval(REDRAW_SECONDS, self._tick)

    def _tick(self) -> None:
        self._list.redraw()
        self._describe()
        if self._timer is not None and not any(download.running for download in self._downloads):
            self._timer.stop()
            self._timer = None
            self._start(self._read, "catalogue")
            self._start(partial(self._look, self._field.value.strip()), "typed")


def _catalogue(directories: tuple[Path, ...], cache_precision: str) -> "tuple[Iterator[Listing], int | None]":
    """A lazy iterator over all models, and the free memory in bytes."""
    from inference import available_memory
    from inference.sources.catalogue import catalogue

    return catalogue(model_places(directories), cache_precision), available_memory()


def _suggestions(available: int | None) -> "dict[str, Suggestion]":
    """The suggested models that fit, by name, the smallest first."""
    from inference.sources.suggested import suggestions

    return {str(suggestion.name): suggestion for suggestion in suggestions() if suggestion.fits(available)}


def _batch(listings: "Iterator[Listing]") -> "list[Listing]":
    """The models read within BATCH_SECONDS; empty at the end."""
    batch: list[Listing] = []
    started = time.monotonic()
    for listing in listings:
        batch.append(listing)
        if time.monotonic() - started > BATCH_SECONDS:
            break
    return batch


def _offered(server: RemoteServer) -> list[Row]:
    """The models of a server: those that are configured, else those that it lists; one row with what is wrong."""
    if server.models:
        return [Row(str(Address(server.url, name)), "remote") for name in server.models]
    from inference import InferenceError
    from tui.remote.model import list_models

    try:
        listed = list_models(server)
    except InferenceError as error:
        return [Row(server.url, "remote", trouble=str(error))]
    return [Row(str(Address(server.url, each.name)), "remote", context=each.context) for each in listed]


def _named(text: str, directories: tuple[Path, ...]) -> list[Row]:
    """Rows for the directory or GGUF file of that path, for the Hub model of that name, and for one on a server."""
    from inference import CheckpointError
    from inference.sources.catalogue import describe
    from inference.sources.found import Found
    from inference.sources.hub_name import HubName
    from inference.sources.places import expanded, lasting
    from inference.sources.registry import find_model

    if is_remote(text):
        try:
            return [Row(str(Address.parse(text)), "typed")]
        except SettingsError:  # not yet a whole URL
            return []
    rows = []
    with contextlib.suppress(OSError, ValueError):  # an invalid file name
        path = lasting(expanded(text))
        if ("/" in text or text.startswith(("~", "."))) and (path.is_dir() or path.is_file()):
            rows.append(Row(str(path), "typed", describe(Found(str(path), "directory", path))))
    if name := HubName.parse(text):
        try:
            found = Found(str(name), "download", find_model(str(name), model_places(directories)))
            rows.append(Row(str(name), "typed", describe(found)))
        except CheckpointError:
            rows.append(Row(str(name), "typed"))
    return rows
