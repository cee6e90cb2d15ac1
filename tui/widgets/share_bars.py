"""Shares of the context as bars, and the lorebook entries behind them."""

from collections.abc import Iterator

from textual.content import Content

from tui.conversation.conversation import Mode
from tui.conversation.story_prompt import Kind
from tui.services.prompt_preview import Preview
from tui.terminal.sanitize import one_line
from tui.widgets.plain_text import plain
from tui.widgets.status_bar import gauge

LABELS: dict[Kind, str] = {
    "system": "System prompt",
    "memory": "Memory",
    "lorebook": "Lorebook",
    "note": "Author's note",
    "documents": "Documents",
    "text": "Story",
}
BAR, LABEL = 24, 14
# Entries that are named; of more, only the number is told.
NAMED = 50


def share_bars(preview: Preview, mode: Mode) -> Content:
    """A row for each part of the prompt, and one for what is free; then the entries that are used and left out."""
    used = len(preview.token_ids)
    rows = [_row(label, preview.tokens(kind), preview.context) for kind, label in _labels(preview, mode)]
    rows.append(_row("Free", max(preview.context - used, 0), preview.context))
    rows.append(plain(f"{used} of {preview.context} tokens", "$error" if used > preview.context else "$text-muted"))
    return Content("\n").join([*rows, *_entries(preview)])


def _labels(preview: Preview, mode: Mode) -> Iterator[tuple[Kind, str]]:
    for kind, label in LABELS.items():
        if kind == "text":
            yield kind, label if mode == "story" else "Messages"
        elif preview.tokens(kind) or kind in ("memory", "lorebook", "note"):
            yield kind, label


def _row(label: str, tokens: int, context: int) -> Content:
    share = round(100 * tokens / max(context, 1))
    bar = gauge(tokens, context, BAR)
    return Content.assemble(plain(f"{label:<{LABEL}}", "$foreground"), (bar, "$accent"), f" {tokens:>6} {share:>3} %")


def _entries(preview: Preview) -> Iterator[Content]:
    used = [share for share in preview.shares if share.kind == "lorebook"]
    for share in used[:NAMED]:
        yield Content.assemble(plain(f"  {one_line(share.label)}"), plain(f"  {share.tokens} tokens", "$text-muted"))
    if len(used) > NAMED:
        yield plain(f"  and {len(used) - NAMED} more entries", "$text-muted")
    for left in preview.left_out[:NAMED]:
        yield Content.assemble(
            plain(f"  {one_line(left.label)}"), plain(f"  left out: {one_line(left.why)}", "$warning")
        )
    if len(preview.left_out) > NAMED:
        yield plain(f"  and {len(preview.left_out) - NAMED} more left out", "$warning")
