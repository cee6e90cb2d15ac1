"""Messages rearranged for templates that insist on alternating turns or know no system role.

No text is lost: an unanswered question is joined with the next one, a system prompt opens the first user message.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]

BETWEEN = "\n\n"


def rearrangements(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield rearranged messages, those with the fewest changes first."""
    tried = [list(messages)]
    for candidate in (alternating(messages), without_system(messages), alternating(without_system(messages))):
        if candidate not in tried:
            tried.append(candidate)
            yield candidate


def alternating(messages: Sequence[Message]) -> list[Message]:
    """Join messages of one role in a row; an empty question goes before a reply to none."""
    turns: list[Message] = []
    for message in messages:
        last = turns[-1] if turns else {}
        if message.get("role") == last.get("role"):
            turns[-1] = _joined(last, message)
        elif message.get("role") == "assistant" and last.get("role") != "user":
            turns += [{"role": "user", "content": ""}, message]
        else:
            turns.append(message)
    return turns


def without_system(messages: Sequence[Message]) -> list[Message]:
    """Put the system prompt in front of the first message."""
    if not messages or messages[0].get("role") != "system":
        return list(messages)
    prompt, *rest = messages
    prompt = {**prompt, "role": "user"}
    if rest and rest[0].get("role") == "user":
        return [_joined(prompt, rest[0]), *rest[1:]]
    return [prompt, *rest]


def _joined(first: Message, second: Message) -> Message:
    """Concatenate the contents, without token ids, which stand for one of the two."""
    rest = {key: value for key, value in second.items() if key != "token_ids"}
    contents = first.get("content"), second.get("content")
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return {**rest, "content": BETWEEN.join(filter(None, texts))}
    parts = [part for content in contents for part in _parts(content)]
    return {**rest, "content": parts}


def _parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content) if isinstance(content, list | tuple) else []
