"""/context: what the model sees, with the shares of its parts."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll

from tui.conversation.conversation import Mode
from tui.screens.dialog import Dialog
from tui.services.prompt_preview import Preview
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain
from tui.widgets.safe_text_area import Editor
from tui.widgets.share_bars import share_bars


class PromptPreviewScreen(Dialog[None]):
    """The prompt as text, which can be scrolled, selected and copied."""

    BINDINGS = [Binding("escape", "dismiss", "Close", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, preview: Preview, mode: Mode) -> None:
        super().__init__()
        self._shares = Plain(id="preview-shares")
        self._shares.show(share_bars(preview, mode))
        self._text = Editor("The prompt is empty.", id="preview-text")
        self._text.read_only = True
        self._prompt = preview.text

    def compose(self) -> ComposeResult:
        with DialogFrame("What the model sees", "Tab to the parts", "↑ ↓ scroll", "Esc close", id="preview"):
            with VerticalScroll(id="preview-parts"):
                yield self._shares
            yield self._text

    def on_mount(self) -> None:
        self._text.load(self._prompt)
        self._text.move_cursor((0, 0))
        self._text.focus()
