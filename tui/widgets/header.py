"""Top bar with session, model and mode."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.conversation.conversation import Mode
from tui.widgets.plain_text import plain

SEPARATOR = " · "
# Cells below which only the open session's mode is named.
NARROW = 60
# Cells that the model's name keeps before its settings are cut.
NAME = 8
RULE = " ─ "


class TopBar(Widget):
    """The session's title, its model and changed settings on the left, mode on the right.

    ``model``: name, precision (once it is loaded) and the settings that differ from their defaults.
    """

    session: reactive[str] = reactive("")
    model: reactive[tuple[str, ...]] = reactive[tuple[str, ...]](())
    mode: reactive[Mode] = reactive[Mode]("chat")

    def render(self) -> Content:
        right = self._modes()
        room = max(0, self.size.width - right.cell_length - 3)
        title = plain(self.session, "bold $primary")
        # A third is the title's while the rest is shortened.
        model = self._shortened(room - min(room // 3, title.cell_length) - len(RULE))
        title = title.truncate(max(1, room - len(RULE) - model.cell_length), ellipsis=True)
        left = Content.assemble(title, (RULE, "$text-disabled"), model)
        left = left.truncate(room, ellipsis=True, pad=True)
        return Content.assemble(" ", left, "  ", right).truncate(self.size.width)

    def _modes(self) -> Content:
        if self.size.width < NARROW:
            return Content.assemble((self.mode, "bold $accent"), " ")
        chat, story = ("bold $accent", "$text-muted") if self.mode == "chat" else ("$text-muted", "bold $accent")
        return Content.assemble(("chat", chat), (" | ", "$text-muted"), ("story ", story))

    def _shortened(self, room: int) -> Content:
        """The name is cut first, down to NAME cells, then the settings; the precision stays."""
        beside = [SEPARATOR + part for part in self.model[1:]]
        parts = self.model[:1], beside[:1], beside[1:]
        name, precision, settings = (plain("".join(part), "$text-muted") for part in parts)
        left = room - precision.cell_length - min(NAME, name.cell_length)
        settings = settings.truncate(left if left > len(SEPARATOR) + 1 else 0, ellipsis=True)
        named = room - precision.cell_length - settings.cell_length
        return Content.assemble(name.truncate(max(1, named), ellipsis=True), precision, settings)
