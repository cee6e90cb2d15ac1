"""The main screen: session list, chat or story, header and status bar."""

from collections.abc import Collection, Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from tui.config.keymap import Where, bindings, first_labels
from tui.config.watcher import Appearance
from tui.services.session import Session
from tui.terminal.typed_text import typed
from tui.widgets.completion_list import CompletionList
from tui.widgets.composer import Composer
from tui.widgets.header import TopBar
from tui.widgets.keys_line import KeysLine
from tui.widgets.plain_text import Plain
from tui.widgets.sidebar import Sidebar
from tui.widgets.status_bar import StatusBar
from tui.widgets.story_editor import StoryLine, StoryPane
from tui.widgets.transcript.find_bar import FindBar
from tui.widgets.transcript.transcript import Transcript

# What may be a number before a key is text after so many seconds.
DIGITS, HELD_SECONDS = tuple("123456789"), 1.0


class MainScreen(Screen[None]):
    """Layout and focus; contents are set by actions and the presenter."""

    BINDINGS = bindings("anywhere") + bindings("chat")  # in a story, its own keys come before those of a chat
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-normal"), (140, "-wide")]  # noqa: RUF012
    AUTO_FOCUS = "#composer"
    shown: Session | None = None

    class Attended(Message):
        """Another part is focused, or keys were bound anew."""

    def __init__(self, appearance: Appearance) -> None:
        super().__init__()
        self._appearance = appearance
        self._digit = ""  # typed, and perhaps a number
        self._held: Timer | None = None  # after which it is text
        self._number = 0

    def compose(self) -> ComposeResult:
        yield TopBar(id="top")
        with Horizontal(id="middle"):
            yield Sidebar()
            with Vertical(id="work"):
                with ContentSwitcher(initial="transcript", id="panes"):
                    yield (transcript := Transcript())
                    yield Plain(id="absent")
                with Vertical(id="desk"):
                    yield StoryLine(id="story-line")
                    yield FindBar(transcript)
                    yield Plain(id="notice")
                    yield (completions := CompletionList())
                    yield Composer(completions)
        yield StatusBar(id="status")
        yield KeysLine(id="keys")

    def on_mount(self) -> None:
        self.top = self.query_one(TopBar)
        self.sidebar = self.query_one(Sidebar)
        self.sessions = self.sidebar.sessions
        self.panes = self.query_one("#panes", ContentSwitcher)
        self.transcript = self.query_one(Transcript)
        self.find_bar = self.query_one(FindBar)
        self.absent = self.query_one("#absent", Plain)
        self.story_line = self.query_one(StoryLine)
        self.notice = self.query_one("#notice", Plain)
        self.composer = self.query_one(Composer)
        self.status = self.query_one(StatusBar)
        self.keys_line = self.query_one(KeysLine)
        self.watch(self, "focused", self._attend, init=False)
        self.watch(self.app, "theme", self._attend)  # also after the keys were changed

    def _attend(self) -> None:
        self.keys_line.display = self._appearance.keys_line
        self.post_message(self.Attended())

    # ---- text typed in the messages goes to the input, unless it is a key there, or a number before one

    def on_key(self, event: events.Key) -> None:
        bound, digit = self.active_bindings.get(event.key), self._take_digit()
        if not self._reading or (bound and not digit):
            return
        text = typed(event) or ""
        if bound and bound.binding.id == "messages.alternatives":
            self._number = int(digit)
            return
        if text in DIGITS and not digit:
            self._digit = text
            self._held = self.set_timer(HELD_SECONDS, lambda: self._type(self._take_digit()))
        elif text or digit:
            self._type(digit + text)  # what is no text is the input's key now
        if text:
            event.stop()

    def take_number(self) -> int:
        """The digit that was typed before the key; 0 for none."""
        number, self._number = self._number, 0
        return number

    def _take_digit(self) -> str:
        digit, self._digit = self._digit, ""
        if self._held is not None:
            self._held.stop()
        return digit

    def _type(self, text: str) -> None:
        self.set_focus(self.composer)
        self.composer.type(text)

    def on_paste(self, event: events.Paste) -> None:
        if self._reading:
            event.stop()
            self.set_focus(self.composer)
            self.composer.post_message(events.Paste(event.text))

    @property
    def _reading(self) -> bool:
        return self.transcript.has_focus and not self.composer.disabled

    # ---- layout and focus

    @property
    def whole(self) -> bool:
        """False while the screen is being torn down and messages may still arrive."""
        return self.sessions.is_attached and self.transcript.is_attached and self.status.is_attached

    @property
    def attended(self) -> Where:
        """The focused context."""
        if self.sidebar.has_focus_within:
            return "sessions"
        if self.story_pane:
            return "story"
        return "messages" if self.transcript.has_focus else "input"

    @property
    def folded(self) -> bool:
        """True if the screen is too narrow for a permanent sidebar."""
        return self.has_class("-tiny") or self.has_class("-narrow")

    def toggle_sidebar(self) -> None:
        attended = self.sidebar.has_focus_within
        self.sidebar.toggle_class("-opened" if self.folded else "-closed")
        if self.sidebar.has_class("-opened"):
            self.set_focus(self.sessions)
        elif attended:
            self.focus_work()

    def focus_sessions(self) -> None:
        """Focus the session list."""
        self._open_sidebar()
        self.set_focus(self.sessions)  # immediately, as in focus_work

    def filter_sessions(self, words: str) -> None:
        """Open the title filter with ``words``."""
        self._open_sidebar()
        self.sidebar.filter(words)

    def rename(self, session_id: str, title: str) -> None:
        """Start inline renaming."""
        self.sidebar.rename(session_id, title)
        self._open_sidebar()

    def _open_sidebar(self) -> None:
        self.sidebar.remove_class("-closed")
        self.sidebar.set_class(self.folded, "-opened")

    def fold_sidebar(self) -> None:
        """Clear the filter and close an overlaid sidebar."""
        self.sidebar.list_all()
        self.sidebar.remove_class("-opened")

    def focus_work(self) -> None:
        """Focus the input or story, with nothing over it; nothing, if a story cannot be shown for want of a model."""
        self.sidebar.remove_class("-opened")
        chat = self.transcript if self.composer.disabled else self.composer
        work = chat if self.composer.display else None
        self.set_focus(self.story_pane or work)  # immediately, so that following keys go there

    @property
    def story_pane(self) -> StoryPane | None:
        """The visible story editor, if any."""
        pane = self.panes.visible_content
        return pane if isinstance(pane, StoryPane) else None

    def pane_of(self, session: Session) -> StoryPane | None:
        """The story's editor, if it was opened."""
        panes = [pane for pane in self.panes.query_children(StoryPane) if pane.session_id == session.id]
        return next((pane for pane in panes if not pane.given_up), None)

    def keep_stories(self, session_ids: Collection[str]) -> None:
        """Remove the editors (with undo histories) of all other stories."""
        for pane in self.panes.query_children(StoryPane):
            if pane.session_id not in session_ids and not pane.given_up:
                pane.given_up = True
                pane.remove()

    def open_story(self, session: Session) -> StoryPane:
        """The story's editor, created on first use."""
        pane = self.pane_of(session)
        if pane is None:
            pane = StoryPane(session.id)
            self.panes.mount(pane)
        if pane.source is not session.tree:  # reloaded: another process may have changed it
            pane.source = session.tree
            text = session.draft or "".join(node.text for node in session.tree.path())
            if pane.text != text:
                pane.load(text)
        return pane

    def key_label(self, action: str) -> str:
        """Display name of the action's first key."""
        return first_labels(self._appearance.keymap)[action]

    def show_keys(self, hints: Mapping[str, str]) -> None:
        """Show these keys at the bottom: words by action ids; what is no action is shown as it is."""
        labels = first_labels(self._appearance.keymap)
        self.keys_line.keys = tuple(
            (" ".join(labels.get(action, action) for action in actions.split(" ")), word)
            for actions, word in hints.items()
        )

    def say(self, notice: str) -> None:
        """Show or clear the notice above the input."""
        self.notice.show(notice)
        self.notice.display = bool(notice)
