"""Export to and import from Markdown: a heading per chat message, a story verbatim."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace

from tui.conversation.conversation import Conversation, Mode
from tui.conversation.serialization import clean
from tui.conversation.speakers import MODEL, SYSTEM, USER, speaker
from tui.conversation.tree import Node, Role, Tree, in_context
from tui.import_export.message_tree import an_id, line_of

# Headings of files that do not name their models.
PLAIN: dict[str, Role] = {"System": "system", "User": "user", "Assistant": "assistant"}

# The names of the models that speak follow in JSON, in the order in which they do.
_MARK = re.compile(r"<!-- llm-tui (chat|story)(?: (\[.*\]))? -->\n")
# How many of the messages, the oldest ones, the model did not see for its last reply.
_LEFT_OUT = re.compile(r"<!-- left out of the context: the first (\d{1,9}) -->\n\n?")
_TITLE = re.compile(r"# (.*)\n\n?")


def write(conversation: Conversation) -> str:
    """Render the title and the path to the tip."""
    title = f"# {conversation.shown_title}\n\n"
    path = conversation.tree.path()
    if conversation.mode == "story":
        return clean(f"<!-- llm-tui story -->\n{title}" + "".join(node.text for node in path) + "\n")
    names = [_heading(node, conversation.model) for node in path]
    models = list(dict.fromkeys(name for name in names if name not in (SYSTEM, USER)))
    lookalike = _lookalike(_roles(models))
    messages = (f"## {name}\n\n{lookalike.sub(_escape, node.text)}\n" for name, node in zip(names, path, strict=True))
    mark = json.dumps(models, ensure_ascii=False).replace(">", "\\u003e")
    count = len(path) - len(in_context(path))
    left_out = f"<!-- left out of the context: the first {count} -->\n\n" if count else ""
    return clean(f"<!-- llm-tui chat {mark} -->\n{title}{left_out}" + "\n".join(messages))


def _heading(node: Node, model: str) -> str:
    """The speaker's name; a model that is called as the others are is just the model."""
    name = speaker(node, model)
    return MODEL if node.role == "assistant" and name in (SYSTEM, USER) else name


def _roles(models: Iterable[str]) -> dict[str, Role]:
    return {**dict.fromkeys(models, "assistant"), SYSTEM: "system", USER: "user"}


def _headings(roles: Iterable[str]) -> str:
    return "## (" + "|".join(map(re.escape, roles)) + ")$"


def _lookalike(roles: Iterable[str]) -> re.Pattern[str]:
    """Lines that look like a heading are escaped with a backslash, which Markdown does not show."""
    return re.compile(rf"^(\\*)(?={_headings(roles)})", re.M)


def read(text: str) -> Conversation:
    """Inverse of ``write``. Raises ValueError for other texts."""
    if text.partition("\n")[0].endswith("\r"):
        text = text.replace("\r\n", "\n")  # CRLF from another editor
    mark = _MARK.match(text)
    roles = _roles(_models(mark[2])) if mark and mark[2] else PLAIN
    headings, lookalike = list(re.finditer(f"^{_headings(roles)}", text, re.M)), _lookalike(roles)
    if not mark and not headings:
        raise ValueError("neither JSON nor Markdown with headings like “## User”")
    mode: Mode = "story" if mark and mark[1] == "story" else "chat"
    start = mark.end() if mark else 0
    title = _TITLE.match(text, start)
    start = title.end() if title else start
    left_out = _LEFT_OUT.match(text, start)
    start = left_out.end() if left_out else start
    conversation = Conversation(mode, id=an_id(text), title=title[1] if title else "")
    if mode == "story":
        if story := text[start:].removesuffix("\n"):
            conversation.tree = line_of(conversation.id, [("author", story)])
        return conversation
    if text[start : headings[0].start() if headings else len(text)].strip():
        raise ValueError("text before the first heading like “## User”")
    said: list[tuple[Role, str]] = []
    for heading, following in zip(headings, [*headings[1:], None], strict=False):
        message = text[heading.end() : following.start() if following else len(text)].removeprefix("\n")
        message = message.removeprefix("\n").removesuffix("\n\n" if following else "\n")
        said.append((roles[heading[1]], lookalike.sub(_unescape, message)))
    conversation.tree = line_of(conversation.id, said)
    if left_out and said:
        conversation.tree = _without(conversation.tree.path(), int(left_out[1]))
    return conversation


def _without(path: list[Node], count: int) -> Tree:
    """A tree of the path, whose last message was written without the first ``count`` messages."""
    kept = [node for node in path if node.role != "system"][count:]
    last = replace(path[-1], context_start=kept[0].id if kept else None)
    tree = Tree.of([*path[:-1], last], None, {})
    tree.move(last.id)
    return tree


def _models(names: str) -> list[str]:
    """The models named in the mark. Raises ValueError."""
    models = json.loads(names)
    if not isinstance(models, list) or not all(isinstance(name, str) and name for name in models):
        raise ValueError("its first line does not name models")
    return models


def _escape(found: re.Match[str]) -> str:
    return found[1] + "\\"


def _unescape(found: re.Match[str]) -> str:
    return found[1][1:]
