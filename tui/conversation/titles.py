"""Titles of copies: in the list they are told from what they are copies of."""

import re
from collections.abc import Collection
from itertools import chain, count
from typing import Literal

from tui.conversation.conversation import TITLE_LENGTH
from tui.terminal.sanitize import shortened


def copy_title(kind: Literal["fork", "import"], title: str, taken: Collection[str]) -> str:
    """The title behind a mark that no title in ``taken`` has. It comes first: the list cuts the ends of titles off."""
    title = re.sub(rf"^{kind}(?: \d+)?: ", "", title)
    marks = chain([kind], (f"{kind} {number}" for number in count(2)))
    names = (shortened(f"{mark}: {title}", TITLE_LENGTH) for mark in marks)
    return next(name for name in names if name not in taken)
