"""Header and status bar."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.services.session import Figures
from tui.widgets.plain_text import plain

GAUGE = 6
NOTHING = "–"
STATE_WIDTH = 16


def gauge(done: int, total: int, width: int = GAUGE) -> str:
    """A progress bar: full only at ``total``, empty only at 0."""
    filled = 0 if total <= 0 else round(width * done / total)
    if 0 < done < total:
        filled = min(max(filled, 1), width - 1)
    return "▓" * min(filled, width) + "░" * (width - min(filled, width))


class StatusBar(Widget):
    """State of the model and its figures, in fields of fixed width."""

    figures: reactive[Figures] = reactive(Figures, always_update=True)
    state: reactive[tuple[str, str]] = reactive(("", ""))  # icon and text
    context: reactive[int] = reactive(0)
    streaming: reactive[int] = reactive(0)  # sessions

    def render(self) -> Content:
        mark, word = self.state
        width = self.size.width - 2
        if not self.context:
            return plain(f" {mark} {word}", "$text-muted").truncate(width, ellipsis=True)
        fields = {"word": f"{word:<{STATE_WIDTH}}", **self._fields()}
        # Fields are dropped or shortened in this order if the line is too long.
        for name in ("streaming", "word", "gauge", "token", "first", "cache", "rate"):
            if len(mark) + 1 + len(" · ".join(fields.values())) <= width:
                break
            if name == "gauge":
                fields["context"] = fields["context"].rpartition(" ")[0]
            elif name == "token":
                fields["first"] = fields["first"].replace(" token", "", 1)
            else:
                fields.pop(name, None)
        return Content.assemble(
            (f" {mark} ", "$accent"), (" · ".join(fields.values()), "$text-muted" if word == "ready" else "$foreground")
        ).truncate(self.size.width, ellipsis=True)

    def _fields(self) -> dict[str, str]:
        f = self.figures
        rate = NOTHING if f.tokens_per_second is None else f"{f.tokens_per_second:.1f}"
        first = NOTHING if f.first_token_seconds is None else _duration(f.first_token_seconds)
        used = NOTHING if f.context_used is None else str(f.context_used)
        reused = NOTHING if f.reused_tokens is None else str(f.reused_tokens)
        cache = NOTHING if f.cache_bytes is None else f"{f.cache_bytes / 1e6:.1f}"
        digits = len(str(self.context))
        return {
            "rate": f"{rate:>6} tok/s",
            "first": f"first token {first:<6}",
            "context": f"context {used:>{digits}}/{self.context} {gauge(f.context_used or 0, self.context)}",
            "reused": f"reused {reused:<{digits}}",
            "cache": f"KV {cache:>5} MB",
            **({"streaming": f"{self.streaming} generating"} if self.streaming > 1 else {}),
        }


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
