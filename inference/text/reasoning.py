"""What a chat template shows of reasoning: the variables that switch it, and the tags around a thought.

In replies and messages a thought stands between ``<think>`` and ``</think>``, whatever tags the model's family has.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from os.path import commonprefix
from typing import Any, NamedTuple

from inference.errors import TemplateError
from inference.text.message_roles import Message

OPENING, CLOSING = "<think>", "</think>"
SWITCH = re.compile(r"(?:^|_)(?:think(?:ing)?|thoughts?|reasoning)$")
# Variables that switch reasoning as such; others decide what is kept of it.
MAIN = ("enable_thinking", "thinking", "reasoning")
# Tags that templates mention and do not show in a conversation.
MENTIONED = (
    (OPENING, CLOSING),
    ("[THINK]", "[/THINK]"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought", "<channel|>"),
)
_THOUGHT = re.compile(rf"\s*{OPENING}\n?(.*?)(?:\n?{CLOSING}\s*(.*))?\Z", re.DOTALL)
_MIRRORED = re.compile(r"(?P<bracket>[<\[])/(?P<name>[^<>\[\]]+)[>\]]")
# They occur in no template.
_QUESTION, _ANSWER, _IDEA = "Quite so?", "Answered so.", "Pondered so."

# Messages, whether to add the generation prompt, variables: the text, or TemplateError.
Render = Callable[[Sequence[Message], bool, Mapping[str, Any]], str]


class ThoughtTags(NamedTuple):
    """The tags of a family. ``plain``: what it writes before an answer without a thought."""

    opening: str
    closing: str
    plain: str = ""

    @property
    def common(self) -> bool:
        """True if replies have these tags as they are."""
        return (self.opening, self.closing) == (OPENING, CLOSING)


def switches(names: Iterable[str], render: Render) -> dict[str, bool | None]:
    """Those of a template's variables that switch reasoning, with their defaults (None: neither on nor off)."""
    conversation = [*_replied(thought=True), _question()]
    usual = _shown(render, conversation, True, {})
    found: dict[str, bool | None] = {}
    for name in sorted(filter(SWITCH.search, names)):
        on, off = (_shown(render, conversation, True, {name: value}) for value in (True, False))
        if on != off and on and off:
            found[name] = True if usual == on else False if usual == off else None
    return found


def thought_tags(source: str, names: Iterable[str], render: Render) -> ThoughtTags | None:
    """The tags that a template writes around a thought, else tags that it mentions; None for a model without."""
    chosen: list[dict[str, Any]] = [{}, *({name: True} for name in MAIN if name in set(names))]
    for variables in chosen:
        shown = _shown(render, _replied(thought=True), False, variables)
        lead, found, rest = shown.partition(_IDEA)
        between, answered, _ = rest.partition(_ANSWER)
        if found and answered and between.strip():
            prompt = _shown(render, [_question()], True, variables)
            plain = _shown(render, _replied(thought=False), False, variables).partition(_ANSWER)[0]
            return _tags(lead, between.strip(), prompt, plain)
    return next((ThoughtTags(*tags) for tags in MENTIONED if tags[1] in source), None)


def split_thought(content: object) -> tuple[str, str | None] | None:
    """The thought at the beginning of a reply, and what follows (None: the thought has no end); None without one."""
    match = _THOUGHT.match(content) if isinstance(content, str) else None
    return (match[1], match[2]) if match else None


def _tags(lead: str, closing: str, prompt: str, plain: str) -> ThoughtTags:
    """``lead``: what is before a thought. ``plain``: before a reply without one. ``prompt``: the generation prompt."""
    mirrored = _MIRRORED.match(closing)
    before = plain.removeprefix(prompt).strip() if plain.startswith(prompt) else ""
    if mirrored and (opening := mirrored.group().replace("/", "", 1)) in lead + prompt:
        return ThoughtTags(opening, mirrored.group())
    if len(lead.strip()) > len(prompt.strip()) and lead.startswith(prompt.rstrip()):
        return ThoughtTags(lead[len(prompt.rstrip()) :].strip(), closing, before)
    if prompt.startswith(lead) and len(prompt.strip()) > len(lead.strip()):
        return ThoughtTags(prompt[len(lead) :].strip(), closing)
    shared = commonprefix([lead, plain])  # noqa: RUF071  characters are meant
    if shared.rfind("<") > shared.rfind(">"):  # two tags that begin alike
        shared = shared[: shared.rfind("<")]
    return ThoughtTags(lead[len(shared) :].strip() or OPENING, closing)


def _shown(
    render: Render, messages: Sequence[Message], add_generation_prompt: bool, variables: Mapping[str, Any]
) -> str:
    try:
        return render(messages, add_generation_prompt, variables)
    except TemplateError:
        return ""


def _question() -> Message:
    return {"role": "user", "content": _QUESTION}


def _replied(thought: bool) -> list[Message]:
    idea = {"reasoning_content": _IDEA} if thought else {}
    return [_question(), {"role": "assistant", "content": _ANSWER, **idea}]
