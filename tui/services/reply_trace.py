"""One line of JSON per finished generation, in the file that LLM_TUI_TRACE names: what a reply really cost.

Keys: ``session``, ``mode``, ``reason``, ``prompt_tokens``, ``reused_tokens``, ``generated_tokens`` and ``rows``, the
token positions that went through the model between asking and the end, as counted inside ``forward``. With several
replies at once, ``rows`` counts those of all of them.
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
    """Append a line, if anybody asked for it."""
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
