"""Appends one line of JSON per finished reply to the file named by LLM_TUI_TRACE.

Keys: ``session``, ``mode``, ``reason``, ``prompt_tokens``, ``reused_tokens``, ``generated_tokens``, ``rejected_tokens``
(drafted ones that did not come true) and ``rows``, the number of token positions computed by the model from submission
to end. Concurrent replies are included in ``rows``.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Finished

VARIABLE = "LLM_TUI_TRACE"


def trace_file() -> Path | None:
    """The file named by LLM_TUI_TRACE, if it is set."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def trace_line(session: Session, finished: "Finished", rows: int) -> str:
    """The line for a finished reply."""
    return json.dumps(
        {
            "session": session.id,
            "mode": session.mode,
            "reason": finished.reason,
            "prompt_tokens": finished.stats.prompt_tokens,
            "reused_tokens": finished.stats.reused_tokens,
            "generated_tokens": finished.stats.generated_tokens,
            "rejected_tokens": finished.stats.drafted_tokens - finished.stats.accepted_tokens,
            "rows": rows,
        }
    )


def append_line(path: Path, line: str) -> None:
    """Append a line. Blocking: not for the UI thread. Raises OSError if the file cannot be written."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
