"""F6: session settings (system prompt, sampling parameters, context limit)."""

from collections.abc import Mapping
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.config.errors import SettingsError
from tui.config.settings import MEANINGS, SAMPLING
from tui.conversation.conversation import Mode
from tui.formatting.sampling import differing, label, own, own_context, parse, spell, spell_default
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field
from tui.widgets.safe_text_area import Editor

Settings = dict[str, Any]


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


class Parameter(Vertical):
    """One parameter: a mark if it differs from the default, its label, the field and its error."""

    def __init__(self, name: str, value: Any, defaults: Settings) -> None:
        super().__init__(classes="parameter")
        self.parameter = name
        self._defaults = defaults
        self.value = value
        self.wrong = ""
        text = "" if value is None else spell(name, value)
        self.field = Field(text, placeholder=spell_default(name, defaults), id=name.replace("_", "-"))
        self._mark = Plain(classes="mark")
        self._remark = Plain(classes="remark")
        self._error = Plain(classes="wrong")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._mark
            yield Plain(label(self.parameter), classes="label")
            yield self.field
            yield self._remark
        yield self._error

    def on_mount(self) -> None:
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        text = self.field.value.strip()
        self.value, self.wrong = None, ""
        if text:
            try:
                self.value = parse(self.parameter, text)
            except SettingsError as error:
                self.wrong = str(error)
        self._show()

    def _show(self) -> None:
        differs = self.value is not None and bool(differing({self.parameter: self.value}, self._defaults))
        self._mark.show("!" if self.wrong else "•" if differs else " ")
        default = spell_default(self.parameter, self._defaults)
        self._remark.show(f"default: {default}" if differs and self.parameter in self._defaults else "")
        self._error.show(self.wrong)
        self.set_class(bool(self.wrong), "-wrong")


class SettingsScreen(ModalScreen[Settings | None]):
    """Returns the session's new "system", "sampling" and "context" settings.

    ``defaults`` apply to empty fields; some are unknown until the model is loaded.
    """

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
        self._meaning = Plain(id="meaning")

    def compose(self) -> ComposeResult:
        with Vertical(id="sampling") as box:
            box.border_title = "Session settings"
            box.border_subtitle = "Enter save · Tab next · empty = default · Esc cancel"
            with VerticalScroll(can_focus=False):
                if self._chats:
                    yield Plain("System prompt · Ctrl+J new line", id="system-label")
                    yield self._prompt
                yield from self._parameters
            yield self._meaning

    def on_mount(self) -> None:
        if self._chats:
            self._prompt.load(self._system)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        name = next((each.parameter for each in self._parameters if each.field is self.focused), "system")
        meaning = MEANINGS.get(name, f"Variable {name} of the model's chat template: on or off.")
        self._meaning.show("System prompt of this session." if name == "system" else meaning)

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
        sampling = {name: list(value) if name == "stop" else value for name, value in values.items()}
        system = self._prompt.text if self._chats else self._system
        chosen = {"system": system, "sampling": sampling, "context": context}
        self.dismiss(chosen | ({"switches": switched} if self._switches else {}))
