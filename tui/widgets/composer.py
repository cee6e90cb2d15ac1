"""Message input: Enter sends, Ctrl+J inserts a newline."""

from collections.abc import Callable, Sequence

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from tui.config.keymap import bindings
from tui.services.prompt_history import PromptHistory
from tui.terminal.typed_text import normalized
from tui.widgets.completion_list import Completion, CompletionList
from tui.widgets.pasted_text import Pasted
from tui.widgets.plain_text import plain
from tui.widgets.safe_text_area import Editor
from tui.widgets.vi_keys import ViKeys

PLACEHOLDER = "Ask anything"
COMMANDS = "vi commands · i insert"


class Composer(Editor):
    """Grows with its text, up to a third of the screen. A long paste is shown as a token.

    ``complete`` returns completions of a slash command, which are listed above while it is typed.
    """

    BINDINGS = [*bindings("input"), *bindings("chat")]  # noqa: RUF012  before those of a text area

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class SentNothing(Message):
        """Enter in the empty input."""

    class Typed(Message):
        """The text differs from the last ``put``."""

    class KeysChanged(Message):
        """The list of completions, or a token for pasted text, has come or gone."""

    class Chosen(Message):
        """A completion was chosen; ``run`` carries it out."""

        def __init__(self, run: Callable[[], None]) -> None:
            super().__init__()
            self.run = run

    def __init__(self, completions: CompletionList) -> None:
        super().__init__(PLACEHOLDER, id="composer")
        self.complete: Callable[[str], Sequence[Completion]] = lambda text: ()
        self._completions = completions
        completions.on_chosen = self._take
        self._completing = False  # the list is not closed, and the text was typed, not pasted or put
        self._puts = 0  # number of calls of ``put``
        self._put = ""
        self._history = PromptHistory("", ())
        self._recalled = ("", -1)  # recalled prompt, and value of ``_puts`` then
        self._pasted = Pasted()
        self._announced = ""
        self._told = (False, False)  # with the last ``KeysChanged``
        self._vi: ViKeys | None = None

    @property
    def whole(self) -> str:
        """The text with pasted text expanded."""
        return self._pasted.expand(self.text)

    @property
    def listing(self) -> bool:
        """True while completions are listed."""
        return self._completions.display

    @property
    def collapsed(self) -> bool:
        """True if a token stands for pasted text."""
        return self._pasted.stands_in(self.text)

    @property
    def at_top(self) -> bool:
        return self._row == 0

    @property
    def at_bottom(self) -> bool:
        return self._row == self.wrapped_document.height - 1

    @property
    def _row(self) -> int:
        return self.wrapped_document.location_to_offset(self.cursor_location).y

    def put(self, text: str) -> None:
        """Replace the draft."""
        self._puts += 1
        self._completing = False
        self.load(self._pasted.restore(text, self.app.clipboard))
        self._put = self.text

    @property
    def touched(self) -> bool:
        """True if the user has changed the text since it was put here."""
        return self.text != self._put

    def announce(self, text: str) -> None:
        """Set the title above the input."""
        if text != self._announced:
            self._announced = text
            self.border_title = plain(text)

    def collapse(self, text: str) -> str:
        """Return a token for a long text, a short text unchanged."""
        return self._pasted.collapse(normalized(text))

    # ---- vi's keys

    def use_vi_keys(self) -> None:
        """Give Esc its meaning in vi; the input begins with inserting."""
        self._vi = ViKeys(self)

    def escape(self) -> bool:
        """Begin vi's normal mode, or take a half-typed command of it back; False if neither is to do."""
        escaped = self._vi is not None and self._vi.escape()
        self._show_mode()
        return escaped

    @property
    def takes_runs(self) -> bool:
        """False while each key is a command of vi's."""
        return super().takes_runs and (self._vi is None or self._vi.inserting)

    def _begin_to_insert(self) -> None:
        if self._vi is not None:
            self._vi.insert()
            self._show_mode()

    def _show_mode(self) -> None:
        self.set_class(not self.takes_runs, "-commands")
        self.border_subtitle = plain("" if self.takes_runs else COMMANDS)

    async def _on_key(self, event: events.Key) -> None:
        # Comes before the text area's own handler, which would insert a newline: the binding sends instead.
        if event.key == "enter":
            event.prevent_default()
        attended = self.screen.focused
        if not self.display:  # typed before the story pane replaced it
            event.prevent_default().stop()
            if attended is not None and attended is not self:
                attended.post_message(events.Key(event.key, event.character))
        elif self._completed(event.key):
            event.prevent_default().stop()
        elif self._vi is not None and self._vi.press(event.key, event.character):
            event.prevent_default().stop()
            self._show_mode()

    async def _on_paste(self, event: events.Paste) -> None:
        # Comes before the editor's handler.
        self._completing = False
        event.text = self.collapse(event.text)

    def type(self, text: str) -> None:
        """Insert text that was typed elsewhere."""
        self._begin_to_insert()
        self.insert(text)

    def action_send(self) -> None:
        self._begin_to_insert()
        if self.text.strip():
            self.post_message(self.Sent(self.whole))
        else:
            self.post_message(self.SentNothing())

    def action_clear(self) -> None:
        self.clear()

    def action_expand_pasted(self) -> None:
        self.replace(self.whole, self.document.start, self.document.end)

    # ---- earlier prompts

    @property
    def unsent(self) -> str:
        """The unsent text, also while an earlier prompt is shown."""
        return self._history.unsent(self.whole, self._recalled[0]) if self.recalling else self.whole

    @property
    def recalling(self) -> bool:
        """True while an earlier prompt is shown, even if edited."""
        return self._recalled[1] == self._puts

    @property
    def set_aside(self) -> str:
        """The draft, while an earlier prompt is shown."""
        return self._history.left if self.recalling else ""

    def recall_next(self, step: int, earlier: Callable[[], Sequence[str]]) -> None:
        """Show the prompt ``step`` before this one. ``earlier``: returns all prompts, newest first."""
        if step > 0 or self.recalling:
            self._recall(self._begin(earlier).walk(self.whole, step))

    def recall(self, text: str, earlier: Callable[[], Sequence[str]]) -> None:
        """Show this earlier prompt."""
        self._recall(self._begin(earlier).find(self.whole, text))

    def _begin(self, earlier: Callable[[], Sequence[str]]) -> PromptHistory:
        if not self.recalling:
            self._history = PromptHistory(self.whole, earlier())
        return self._history

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.put(text)
            self._recalled = (self.whole, self._puts)

    # ---- completions

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """List the completions of a slash command."""
        event.stop()
        if self.touched:
            self.post_message(self.Typed())
        self.suggest()

    def on_blur(self) -> None:
        self._completions.leave()
        self._tell()

    def suggest(self) -> None:
        """List the completions of what was typed; again when more are known."""
        if not self._completing or not self.has_focus or not self.text.startswith("/"):
            self._completions.leave()
        else:
            self._completions.show(self.complete(self.text), highlight=" " not in self.text)
        self._tell()

    def _tell(self) -> None:
        state = self.listing, self.collapsed
        if state != self._told:
            self._told = state
            self.post_message(self.KeysChanged())

    def leave(self) -> bool:
        """Close the list until the next command, or Tab; False if it was closed."""
        self._completing = False
        left = self._completions.leave()
        self._tell()
        return left

    def _completed(self, key: str) -> bool:
        """Handle a key of the list; False if it is none."""
        if not self.text.startswith("/"):
            self._completing = True  # what is typed next may begin a command
            return False
        if key == "tab":
            self._completing = True
        if not self._completing:
            return False
        self.suggest()  # the last key may not have been seen to yet
        if not self._completions.display:
            return key == "tab" and "\n" not in self.text  # nothing completes it: the focus stays
        if key == "tab":
            self.load(self._completions.first.text)
        elif key == "enter" and self._completions.chosen:
            self._take()
        else:
            return self._completions.move(key)
        return True

    def _take(self) -> None:
        """Carry out the chosen completion; one that is not complete goes into the input."""
        chosen = self._completions.first
        if chosen.run is None:
            self.load(chosen.text)
        else:
            self.post_message(self.Chosen(chosen.run))
