"""Header with program, model and mode."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.conversation.conversation import Mode


class TopBar(Widget):
    """Program, model and precision on the left, mode on the right."""

    model: reactive[str] = reactive("")
    mode: reactive[Mode] = reactive[Mode]("chat")

    def render(self) -> Content:
        left = Content.assemble(
            (" llm-tui", "bold $primary"), (f" ─ {self.model}" if self.model else "", "$text-muted")
        )
        chat, story = ("bold $accent", "$text-muted") if self.mode == "chat" else ("$text-muted", "bold $accent")
        right = Content.assemble(("chat", chat), (" | ", "$text-muted"), ("story ", story))
        room = self.size.width - right.cell_length - 1
        left = left.truncate(room, ellipsis=True, pad=True) if room > 0 else Content("")
        return Content.assemble(left, " ", right)
