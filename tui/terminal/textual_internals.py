"""Private parts of Textual used by the program; beside two modules with a part of their own, no other uses any.

They may change with any release, so Textual is pinned to one minor version in pyproject.toml.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._animator import Animator
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual._styles_cache import StylesCache
from textual._xterm_parser import IS_ITERM, XTermParser
from textual.app import App
from textual.binding import BindingsMap
from textual.cache import FIFOCache, LRUCache
from textual.document._document import Document, EditResult, Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.document._history import EditHistory
from textual.document._wrapped_document import WrappedDocument
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import OptionList, TextArea

__all__ = [
    "IS_ITERM",
    "SYNC_END",
    "SYNC_START",
    "Animator",
    "ChopsUpdate",
    "CompositorUpdate",
    "Document",
    "DocumentNavigator",
    "Edit",
    "EditHistory",
    "EditResult",
    "LayoutUpdate",
    "Location",
    "StylesCache",
    "WrappedDocument",
    "WriterThread",
    "XTermParser",
]

LOOKS = 1024  # cached SGR codes
OPTIONS = 256  # drawn rows of a list
# Results of a strip that are kept, by the attribute that has the cache.
STRIP_CACHES = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}
MANY = 256  # dirty regions; beyond, the whole screen is dirty


# ---- the thread that writes to the terminal


def waiting_writes(writer: WriterThread) -> int:
    """Number of writes waiting for the terminal."""
    return writer._queue.qsize()


def never_block(writer: WriterThread) -> None:
    """Make the queue unbounded, so that callers never block."""
    writer._queue.maxsize = 0


def end_writes(writer: WriterThread, seconds: float) -> None:
    """Flush the queue and end the thread; give up after ``seconds``."""
    writer._queue.put(None)
    writer.join(seconds)


# ---- painting


def needs_layout(app: App[Any], screen: Screen[Any]) -> bool:
    """True if the screen will be laid out before it is painted."""
    return screen._layout_required and not app._batch_count


def needs_repaint(screen: Screen[Any]) -> bool:
    """True if the whole screen will be painted next."""
    return screen._repaint_required


def has_callbacks(screen: Screen[Any]) -> bool:
    """True if callbacks are due after the next refresh."""
    return bool(screen._callbacks)


def repaint(app: App[Any], screen: Screen[Any]) -> None:
    """Paint the whole screen now."""
    with app._context():
        screen._compositor._dirty_regions.add(screen._compositor.size.region)
        screen._compositor_refresh()


def paint_later(screen: Screen[Any], update: CompositorUpdate) -> None:
    """Mark the update's regions as dirty again."""
    compositor = screen._compositor
    dirty = compositor._dirty_regions
    if isinstance(update, ChopsUpdate) and len(dirty) < MANY:
        dirty.update(Region(left, y, right - left, 1) for y, left, right in update.spans)
    else:
        dirty.clear()
        dirty.add(compositor.size.region)


def ansi_codes(segment: Segment, console: Console) -> str:
    """SGR codes of the segment's style, without ``ESC [`` and ``m``."""
    style = segment.style
    if style is None:
        return ""
    return style._ansi or Strip.render_ansi(style, console._color_system or ColorSystem.TRUECOLOR)


def remember_looks() -> None:
    """Cache SGR codes by the visible attributes of styles.

    Textual caches them by style, including its metadata (the position in a message), so that sixteen thousand entries
    are kept and rarely hit.
    """
    render = Strip.__dict__["render_ansi"].__func__
    if (uncached := getattr(render, "__wrapped__", None)) is None:
        return
    looks: LRUCache[object, str] = LRUCache(LOOKS)

    def rendered(strip: type[Strip], style: Style, color_system: ColorSystem) -> str:
        look = (style._attributes & style._set_attributes, style._color, style._bgcolor, color_system)
        codes = looks.get(look)
        if codes is None:
            codes = looks[look] = uncached(strip, style, color_system)
        style._ansi = codes
        return codes

    Strip.render_ansi = classmethod(rendered)  # type: ignore[assignment]


def make_caches_when_used() -> None:
    """Make the seven caches of a strip when they are first used; most of them never are.

    They were half of the objects that the garbage collector looks at, and most of what drawn rows take in memory.
    """
    if Strip.__init__.__module__ == Strip.__module__:

        def begin(strip: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
            strip._segments = list(segments)
            strip._cell_length = cell_length
            strip._render_cache = strip._link_ids = strip._cell_count = None

        def cache(strip: Strip, name: str) -> FIFOCache[Any, Any]:
            if name not in STRIP_CACHES:
                raise AttributeError(name)
            made: FIFOCache[Any, Any] = FIFOCache(STRIP_CACHES[name])
            setattr(strip, name, made)
            return made

        Strip.__init__ = begin  # type: ignore[assignment]
        Strip.__getattr__ = cache  # type: ignore[attr-defined]


def remember_few_options() -> None:
    """Cache the drawn rows of a list's options that fit on a screen; Textual's two thousand are megabytes."""
    begin = OptionList.__init__
    if begin.__module__ == OptionList.__module__:

        def begun(options: OptionList, *content: Any, **others: Any) -> None:
            begin(options, *content, **others)
            options._option_render_cache.maxsize = OPTIONS

        OptionList.__init__ = begun  # type: ignore[assignment]


def page_within_sight() -> None:
    """Ignore page keys in a list without room for a line: Textual looks up lines that it has not laid out."""
    move = OptionList._move_page
    if move.__module__ == OptionList.__module__:

        def moved(options: OptionList, direction: Any) -> None:
            if options.scrollable_content_region:
                move(options, direction)

        OptionList._move_page = moved  # type: ignore[assignment]


def handle_exception(app: App[Any], error: Exception) -> None:
    """End the app with this error."""
    app._handle_exception(error)


# ---- keys


def binding_chain(screen: Screen[Any]) -> list[tuple[DOMNode, BindingsMap]]:
    """Active bindings, the focused widget's first."""
    return screen._binding_chain


def key_events(parser: XTermParser, sequence: str) -> Iterator[events.Key]:
    """Key events for a sequence, by Textual's tables."""
    yield from parser._sequence_to_key_events(sequence)


# ---- watchers


def forget_watcher(watched: DOMNode, node: DOMNode) -> None:
    """Remove the watchers of a node that goes; Textual keeps it with them until the watched value changes."""
    for watchers in getattr(watched, "__watchers", {}).values():
        watchers[:] = [(other, callback) for other, callback in watchers if other is not node]


# ---- edits


def remember_lines(area: TextArea, lines: int) -> None:
    """Cache so many drawn lines; Textual's thousand are megabytes for each story that is kept."""
    area._line_cache.maxsize = lines


def can_undo(history: EditHistory) -> bool:
    """True if there is an edit to undo."""
    return bool(history._undo_stack)


def end_of(edit: Edit) -> Location:
    """End position of the text inserted by the edit."""
    assert edit._edit_result is not None
    return edit._edit_result.end_location


class JoiningHistory(EditHistory):
    """Edit history that can join edits into one undo step."""

    joining = False

    def record(self, edit: Edit) -> None:
        """Record an edit, in the joined step if there is one."""
        if self.joining:
            self._undo_stack[-1].append(edit)
            self._redo_stack.clear()
        else:
            super().record(edit)

    def join(self) -> None:
        """Join edits into one step until ``part``."""
        self._undo_stack.append([])
        self.joining = True

    def part(self) -> bool:
        """End the step; False if it is empty."""
        self.joining = False
        self.checkpoint()
        if self._undo_stack[-1]:
            return True
        self._undo_stack.pop()
        return False
