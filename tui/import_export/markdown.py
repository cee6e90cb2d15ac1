"""Export to and import from Markdown: a heading per chat message, a story verbatim."""

import re

from tui.conversation.conversation import Conversation, Mode
from tui.conversation.serialization import clean
from tui.conversation.tree import Node, Role
from tui.import_export.message_tree import an_id

HEADINGS: dict[Role, str] = {"system": "System", "user": "User", "assistant": "Assistant"}
ROLES: dict[str, Role] = {heading: role for role, heading in HEADINGS.items()}

_HEADING = re.compile(r"^## (System|User|Assistant)$", re.M)
# Lines that look like a heading are escaped with a backslash, which Markdown does not show.
_LOOKALIKE = re.compile(r"^(\\*)(?=## (?:System|User|Assistant)$)", re.M)
_MARK = re.compile(r"<!-- llm-tui (chat|story) -->\n")
_TITLE = re.compile(r"# (.*)\n\n?")


def write(conversation: Conversation) -> str:
    """Render the title and the path to the tip."""
    head = f"<!-- llm-tui {conversation.mode} -->\n# {conversation.shown_title}\n\n"
    path = conversation.tree.path()
    if conversation.mode == "story":
        return clean(head + "".join(node.text for node in path) + "\n")
    messages = (f"## {HEADINGS.get(node.role, node.role)}\n\n{_LOOKALIKE.sub(_escape, node.text)}\n" for node in path)
    return clean(head + "\n".join(messages))


def read(text: str) -> Conversation:
    """Inverse of ``write``. Raises ValueError for other texts."""
    if text.partition("\n")[0].endswith("\r"):
        text = text.replace("\r\n", "\n")  # CRLF from another editor
    mark, headings = _MARK.match(text), list(_HEADING.finditer(text))
    if not mark and not headings:
        raise ValueError("neither JSON nor Markdown with headings like “## User”")
    mode: Mode = "story" if mark and mark[1] == "story" else "chat"
    start = mark.end() if mark else 0
    title = _TITLE.match(text, start)
    start = title.end() if title else start
    conversation = Conversation(mode, id=an_id(text), title=title[1] if title else "")
    if mode == "story":
        if story := text[start:].removesuffix("\n"):
            _add(conversation, "author", story)
        return conversation
    if text[start : headings[0].start() if headings else len(text)].strip():
        raise ValueError("text before the first heading like “## User”")
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        message = text[heading.end() : following.start() if following else len(text)].removeprefix("\n")
        message = message.removeprefix("\n").removesuffix("\n\n" if following else "\n")
        _add(conversation, ROLES[heading[1]], _LOOKALIKE.sub(_unescape, message))
    return conversation


def _add(conversation: Conversation, role: Role, text: str) -> None:
    """Append with a reproducible id, so that importing twice adds nothing."""
    tree = conversation.tree
    tree.append(Node(an_id(f"{conversation.id} {len(tree)}"), None, role, text))


def _escape(found: re.Match[str]) -> str:
    return found[1] + "\\"


def _unescape(found: re.Match[str]) -> str:
    return found[1][1:]
