"""Find bar of the transcript."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field
from tui.widgets.transcript.transcript import Transcript

NONE = "No matches"


class FindBar(Horizontal):
    """Highlights matches while typing; Enter keeps the highlights and focuses the messages."""

    class KeysChanged(Message):
        """The bar has come or gone, perhaps while the focus stayed."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(id="find")
        self._transcript = transcript
        self._field = Field(placeholder="Find…", id="find-text")
        self._note = Plain("", id="find-note")
        self._words: Sequence[str] = ()  # of a search result; each is found while they stand in the field

    def compose(self) -> ComposeResult:
        yield Plain("/", id="find-mark")
        yield self._field
        yield self._note

    def on_mount(self) -> None:
        self.display = False

    def open(self, words: str = "") -> None:
        """Open with ``words``, or with the last query, which typing replaces."""
        self._field.value = words or self._field.value
        self._show(True)
        self._field.focus()
        self._field.select_all()
        self._find(self._field.value)

    def point_out(self, node_id: str, words: Sequence[str], passage: str) -> None:
        """Open for ``words`` of a search result in ``passage``, without the focus; not if the message shows none."""
        if self._transcript.find_within(node_id, words, passage):
            self._words = words
            with self._field.prevent(Input.Changed):
                self._field.value = " ".join(words)
            self._note.show("")
            self._show(True)

    def leave(self) -> bool:
        """Close, and go to the messages; False if it is closed already."""
        if not self.close():
            return False
        self._transcript.focus()
        return True

    def close(self) -> bool:
        """Close; False if it is closed already."""
        was_open = bool(self.display)
        if was_open:
            self._show(False)
            self._transcript.find()
        return was_open

    def _show(self, shown: bool) -> None:
        self.display = shown
        self.post_message(self.KeysChanged())

    def step(self, forward: bool) -> None:
        """Go to the next or previous match."""
        if self.display:
            self._transcript.find_again(forward)
        else:
            self.open()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self._words = ()
            self._find(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self._transcript.focus()
        else:
            self.leave()

    def _find(self, text: str) -> None:
        words = self._words if text == " ".join(self._words) else (text,)
        found = self._transcript.find(*words if text else ())
        self._note.show("" if found else NONE)
