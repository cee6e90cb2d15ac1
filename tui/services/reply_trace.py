"""Appends one line of JSON per finished reply to the file named by LLM_TUI_TRACE.

Keys: ``session``, ``mode``, ``reason``, ``prompt_tokens``, ``reused_tokens``, ``generated_tokens`` and ``rows``, the
number of token positions computed by the model from submission to end. Concurrent replies are included in ``rows``.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Finished

VARIABLE = "LLM_TUI_TRACE"


def trace(session: Session, finished: "Finished", rows: int) -> None:
    """Append a line, if LLM_TUI_TRACE is set. Raises OSError if the file cannot be written."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    line = {
        "session": session.id,
        "mode": session.mode,
        "reason": finished.reason,
        "prompt_tokens": finished.stats.prompt_tokens,
        "reused_tokens": finished.stats.reused_tokens,
        "generated_tokens": finished.stats.generated_tokens,
        "rows": rows,
    }
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
