"""Where a message is written: Enter sends, Ctrl+J begins a new line."""

from textual import events
from textual.message import Message

from tui.settings.keymap import bindings
from tui.widgets.editor import Editor

PLACEHOLDER = "Ask anything"
KEYS = "Enter sends · Ctrl+J new line"


class Composer(Editor):
    """Grows with its text, up to a third of the screen."""

    BINDINGS = bindings("input")

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(PLACEHOLDER, id="composer")
        self.border_subtitle = KEYS

    async def _on_key(self, event: events.Key) -> None:
        # Comes before the text area's own handler, which would insert a newline: the binding sends instead.
        if event.key == "enter":
            event.prevent_default()
        attended = self.screen.focused
        if not self.display and attended is not None:  # typed before a story came in its place
            event.prevent_default().stop()
            attended.post_message(events.Key(event.key, event.character))

    def action_send(self) -> None:
        if self.text.strip():
            self.post_message(self.Sent(self.text))

    def action_newline(self) -> None:
        self.insert("\n")

    def put(self, text: str, editing: bool = False) -> None:
        """Show another draft; ``editing`` says that it will be another version of a message sent before."""
        self.load(text)
        self.border_title = "editing your message · Esc leaves it" if editing else ""
