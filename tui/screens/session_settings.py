"""F6: session settings (system prompt, sampling parameters, context limit)."""

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.config.errors import SettingsError
from tui.config.settings import MEANINGS, SAMPLING
from tui.conversation.conversation import Mode
from tui.formatting.sampling import differing, label, own, own_context, parse, spell, spell_default, stored
from tui.screens.dialog import Dialog
from tui.terminal.wrap import wrap
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import Plain, plain
from tui.widgets.safe_input import Field
from tui.widgets.safe_text_area import Editor

Settings = dict[str, Any]
# Cells of a row before the field, and of the field where there is room behind it.
BEFORE, FIELD = 22, 28


class SystemPrompt(Editor):
    """Enter saves, Ctrl+J inserts a newline."""

    BINDINGS = [Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", show=False)]  # noqa: RUF012

    class Submitted(Message):
        pass

    async def _on_key(self, event: events.Key) -> None:
        # Comes before the text area's own handler, which would insert a newline.
        if event.key == "enter":
            event.prevent_default()
            self.post_message(self.Submitted())


class Parameter(Widget):
    """One parameter: a mark if it differs from the default, its label, the field and its error.

    The row draws all but the field itself: a dialog of many widgets opens slowly.
    """

    def __init__(self, name: str, value: Any, defaults: Settings) -> None:
        super().__init__()
        self.parameter = name
        self._defaults = defaults
        self.value = value
        self.wrong = ""
        text = "" if value is None else spell(name, value)
        self.field = Field(text, placeholder=spell_default(name, defaults))

    def compose(self) -> ComposeResult:
        yield self.field

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        text, before = self.field.value.strip(), self.wrong
        self.value, self.wrong = None, ""
        if text:
            try:
                self.value = parse(self.parameter, text)
            except SettingsError as error:
                self.wrong = str(error)
        self.refresh(layout=self.wrong != before)

    @property
    def mark(self) -> str:
        """``!`` for an error, a dot if the value differs from the default."""
        return "!" if self.wrong else "•" if self._differs else " "

    @property
    def remark(self) -> str:
        """The default, if it is known and the value differs from it."""
        known = self._differs and self.parameter in self._defaults
        return f"default: {spell_default(self.parameter, self._defaults)}" if known else ""

    @property
    def _differs(self) -> bool:
        return self.value is not None and bool(differing({self.parameter: self.value}, self._defaults))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 + len(self._errors(width))

    def render(self) -> Content:
        width = self.content_size.width
        mark = plain(f"{self.mark} ", "not bold $error" if self.wrong else "not bold $accent")
        row = Content.assemble(mark, plain(label(self.parameter)).truncate(BEFORE - 2, ellipsis=True, pad=True))
        if width >= BEFORE + FIELD + 2 + cell_len(self.remark):
            row = Content.assemble(row, " " * (FIELD + 2), plain(self.remark, "not bold $text-muted"))
        errors = [plain(each, "not bold $error") for each in self._errors(width)]
        return Content("\n").join([row.truncate(width), *errors])

    def _errors(self, width: int) -> list[str]:
        """The rows below the field."""
        indent = BEFORE if width > BEFORE + FIELD else 2
        return [" " * indent + row for row in wrap(self.wrong, max(1, width - indent))] if self.wrong else []


class SettingsScreen(Dialog[Settings | None]):
    """Returns the session's new "system", "sampling" and "context" settings.

    ``defaults`` apply to empty fields; some are unknown until the model is loaded.
    """

    AUTO_FOCUS = ""  # by on_mount: where not all rows fit, it would scroll
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-normal")]  # noqa: RUF012
    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,f6", "dismiss", "Back", show=False),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(
        self,
        mode: Mode,
        settings: Mapping[str, Any],
        defaults: Settings,
        switches: Mapping[str, bool | None] = {},
        switched: Mapping[str, bool] = {},
    ) -> None:
        """``switches``: variables of the chat template and their defaults. ``switched``: the session's own values."""
        super().__init__()
        self._chats = mode == "chat"
        self._system = str(settings.get("system") or "")
        self._switches = list(switches)
        values: Settings = own(settings) | {"context": own_context(settings), **switched}
        names = (*switches, *SAMPLING, "context")
        self._parameters = [Parameter(name, values.get(name), {**defaults, **switches}) for name in names]
        self._prompt = SystemPrompt("No system prompt", id="system")
        # Whatever is shown later is laid out later.
        self._meaning = Plain(self._means("system" if self._chats else names[0]), id="meaning")

    def compose(self) -> ComposeResult:
        with DialogFrame("Session settings", "empty = default", "Tab next", "Enter save", "Esc cancel", id="sampling"):
            with VerticalScroll(can_focus=False):
                if self._chats:
                    yield Plain("System prompt · Ctrl+J new line", id="system-label")
                    yield self._prompt
                yield from self._parameters
            yield self._meaning

    def on_mount(self) -> None:
        if self._chats and self._system:
            self._prompt.load(self._system)
        self.set_focus(self._prompt if self._chats else self._parameters[0].field, scroll_visible=False)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        focused = next((each.parameter for each in self._parameters if each.field is self.focused), "system")
        if self._means(focused) != str(self._meaning.content):
            self._meaning.show(self._means(focused))

    def _means(self, name: str) -> str:
        setting = "thinking" if name in self._switches else name
        of_new = f"New sessions: `{setting}` in config.toml."
        if name == "system":
            return f"System prompt of this session. {of_new}"
        meaning = MEANINGS.get(name, f"{label(name).capitalize()} on or off: {name} in the model's chat template.")
        return f"{meaning} {of_new}"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._keep()

    def on_system_prompt_submitted(self) -> None:
        self._keep()

    def _keep(self) -> None:
        """Return the values, or focus the first invalid field."""
        for parameter in self._parameters:
            if parameter.wrong:
                parameter.field.focus()
                return
        values = {each.parameter: each.value for each in self._parameters if each.value is not None}
        context = values.pop("context", None)
        switched = {name: values.pop(name) for name in self._switches if name in values}
        sampling = {name: stored(value) for name, value in values.items()}
        system = self._prompt.text if self._chats else self._system
        chosen = {"system": system, "sampling": sampling, "context": context}
        self.dismiss(chosen | ({"switches": switched} if self._switches else {}))
