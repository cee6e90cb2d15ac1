"""Chat templates: messages to prompt text and to token ids without injected control tokens.

Templates come with models and are untrusted: they run in a sandbox in a separate process. Messages are untrusted too:
their content is encoded as plain text; only control tokens written by the template itself take effect.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from inference.errors import TemplateError
from inference.text.detokenizer import stand_for, without_end
from inference.text.message_roles import Message, rearrangements, without_system
from inference.text.placeholders import END, Marks, around, marks_in, strings
from inference.text.reasoning import MAIN, ThoughtTags, split_thought, switches, thought_tags
from inference.text.sandbox_process import Limit, SandboxError, SandboxProcess, SandboxRefusal
from inference.text.tokenizer import Tokenizer, token_text
from inference.text.turn_markers import TurnMarkers, turn_markers

MAX_SOURCE = 1_000_000
# Shared by all templates: the process keeps no state between requests but a cache.
RENDERER = SandboxProcess(memory=256 * 2**20, seconds=2)
LIMITS: dict[Limit, str] = {
    "time": "The chat template exceeded its time limit.",
    "memory": "The chat template exceeded its memory limit.",
    "size": "The conversation is too large for any context.",
}

EM_SPACE = "\N{EM SPACE}"
# Field names for the reasoning of a reply; templates read the first, and a few the second.
REASONING = ("reasoning_content", "thinking", "reasoning")
NEUTRAL = "Help."


class Refusal(TemplateError):
    """The template rejected the messages, or failed."""


class TemplateSource(Protocol):
    """The sources of a chat template; every Checkpoint is one. See there."""

    @property
    def chat_template(self) -> str | None: ...
    @property
    def special_tokens(self) -> Mapping[str, Any]: ...


class ChatTemplate:
    """A Hugging Face chat template (Jinja2). Raises TemplateError if it cannot be compiled."""

    def __init__(
        self, source: str, bos_token: str | None = None, eos_token: str | None = None, **other_tokens: str
    ) -> None:
        """``other_tokens``: further template variables, such as ``unk_token``."""
        if len(source) > MAX_SOURCE:
            raise TemplateError(f"The chat template is too long ({len(source)} characters).")
        self.source = source
        self._tokens = {"bos_token": bos_token or "", "eos_token": eos_token or "", **other_tokens}
        self._variables: list[str] = _ask(task="check", source=source)

    @classmethod
    def load(cls, source: TemplateSource) -> "ChatTemplate | None":
        """Return the chat template of a model, or None if it has none."""
        if source.chat_template is None:
            return None
        names = [f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
        tokens = {name: text for name in names if (text := token_text(source.special_tokens.get(name))) is not None}
        return cls(source.chat_template, **tokens)

    @cached_property
    def turn_markers(self) -> TurnMarkers:
        """What the template writes of its own."""
        return turn_markers(self.source, self.render)

    @cached_property
    def switches(self) -> dict[str, bool | None]:
        """Variables that switch reasoning, such as ``enable_thinking``, and their defaults (None: neither)."""
        return switches(self._variables, self._render)

    @property
    def reasoning_switch(self) -> str | None:
        """The variable that switches reasoning as such; other ``switches`` decide what is kept of it."""
        return next((name for name in MAIN if name in self.switches), None)

    @cached_property
    def thought_tags(self) -> ThoughtTags | None:
        """The tags around a thought in the family's own replies; None if the template knows of none."""
        return thought_tags(self.source, self._variables, self._render)

    def render(
        self,
        messages: Sequence[Message],
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] = {},
    ) -> str:
        """Render the prompt. ``continue_final_message`` leaves the last message open.

        ``variables``: further variables of the template, such as ``enable_thinking``. If the template rejects the
        messages, those of one role in a row are joined, and the system prompt opens the first user message. Raises
        TemplateError if it still rejects them, fails or exceeds its limits.
        """
        if not continue_final_message:
            return self._render(messages, add_generation_prompt, variables)
        content = messages[-1].get("content") if messages else None
        if not isinstance(content, str):
            raise TemplateError("The last message has no text to continue.")
        # Unusual white space after the placeholder shows whether the template strips messages.
        opened = [*messages[:-1], {**messages[-1], "content": f"{content}{END}{EM_SPACE}"}]
        text = self._render(opened, False, variables)
        head, found, tail = text.rpartition(END)
        if not found:
            raise TemplateError("The chat template omits the last message, so it cannot be continued.")
        return head if tail.startswith(EM_SPACE) else head.rstrip()

    def encode(
        self,
        messages: Sequence[Message],
        tokenizer: Tokenizer,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        limit: int | None = None,
        variables: Mapping[str, Any] = {},
    ) -> list[int]:
        """Token ids of the rendered prompt; control tokens come only from the template.

        If no message contains the text of a control token, the ids equal those of the rendered text. A message's
        ``token_ids`` are used if they decode to its text and the template leaves the text unchanged, except for
        surrounding white space.

        Raises ContextOverflowError early if the prompt clearly exceeds ``limit`` tokens.
        """
        if not isinstance(messages, Sequence) or not all(isinstance(message, Mapping) for message in messages):
            raise TemplateError("Messages must be a list of mappings with role and content.")
        if limit is not None:
            # Templates include all user messages, but may drop reasoning from replies.
            tokenizer.check_fits(
                "".join(strings([m.get("content") for m in messages if m.get("role") == "user"])), limit
            )
        marks = Marks(list(tokenizer.control_tokens), tokenizer.tags)
        plain = [
            {key: marks.hide(value, reply=message.get("role") == "assistant") for key, value in message.items()}
            for message in messages
        ]
        text = self._render_reply(plain, add_generation_prompt, continue_final_message, variables)
        if limit is not None:
            tokenizer.check_fits(text, limit, marks.restore)
        marked, known = _mark_known(plain, marks, tokenizer)
        if known:
            marked_text = self._render_reply(marked, add_generation_prompt, continue_final_message, variables)
            # A template that inspects its messages may behave differently with placeholders: ignore token_ids then.
            if "".join(piece for piece in _pieces(marked_text, known, ids=False) if isinstance(piece, str)) == text:
                return _encode(_pieces(marked_text, known, ids=True), marks, tokenizer)
        return _encode([text], marks, tokenizer)

    def _render_reply(
        self, messages: Sequence[Message], add_generation_prompt: bool, goes_on: bool, variables: Mapping[str, Any]
    ) -> str:
        """Render messages whose thoughts stand between common tags, in a family that may have others."""
        tags = self.thought_tags
        if tags is None or tags.common:
            return self.render(messages, add_generation_prompt, goes_on, variables)
        last = split_thought(messages[-1].get("content")) if goes_on and messages else None
        apart = [_with_thought_apart(message) for message in messages]
        if last is None:
            return self.render(apart, add_generation_prompt, goes_on, variables)
        thought, answer = last
        text = self._render(apart[:-1], True, variables)
        text += "" if text.rstrip().endswith(tags.opening) else tags.opening
        return text + thought + ("" if answer is None else tags.closing + answer)

    def _render(
        self, messages: Sequence[Message], add_generation_prompt: bool, variables: Mapping[str, Any] = {}
    ) -> str:
        def attempt(messages: Sequence[Message]) -> str:
            return self._render_as_given(messages, add_generation_prompt, variables)

        if messages and messages[0].get("role") == "system" and self._omits_system:
            messages = without_system(messages)
        try:
            return attempt(messages)
        except Refusal:
            for rearranged in rearrangements(messages):
                with contextlib.suppress(Refusal):
                    return attempt(rearranged)
            raise

    @cached_property
    def _omits_system(self) -> bool:
        """True if the template renders conversations with a system prompt, but not the prompt."""
        try:
            return NEUTRAL not in self._render_as_given(
                [{"role": "system", "content": NEUTRAL}, {"role": "user", "content": "Hi"}], True, {}
            )
        except Refusal:
            return False

    def _render_as_given(
        self, messages: Sequence[Message], add_generation_prompt: bool, variables: Mapping[str, Any]
    ) -> str:
        shown = [_as_templates_read(message) for message in messages]
        given = {
            **variables,
            **self._tokens,
            "messages": shown,
            "tools": None,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
        }
        size = sum(map(len, strings(shown)))
        return str(_ask(task="render", source=self.source, variables=given, input_size=size))


@dataclass(frozen=True)
class Known:
    """A message with known token ids: placeholders around its text, and the white space outside them."""

    opening: str
    closing: str
    lead: str
    trail: str
    token_ids: list[int]


def _mark_known(
    messages: Sequence[Message], marks: Marks, tokenizer: Tokenizer
) -> tuple[list[Message], dict[str, Known]]:
    """Put placeholders around the text of messages with valid ``token_ids``; returns these by opening placeholder."""
    marked: list[Message] = []
    known: dict[str, Known] = {}
    for message in messages:
        content = message.get("content")
        token_ids = without_end(tokenizer, message.get("token_ids") or ())  # the template writes the end of a turn
        if (
            token_ids
            and isinstance(content, str)
            and (core := content.strip())
            and stand_for(tokenizer, token_ids, marks.restore(content))
        ):
            lead, trail = around(content, core)
            opening, closing = marks.new(), marks.new()
            known[opening] = Known(opening, closing, lead, trail, token_ids)
            message = {**message, "content": lead + opening + core + closing + trail}
        marked.append(message)
    return marked, known


def _pieces(text: str, known: Mapping[str, Known], ids: bool) -> Iterator[str | list[int]]:
    """``text`` without placeholders; with ``ids``, marked texts are replaced by their token ids."""
    closing = {k.closing for k in known.values()}
    marks = marks_in(text)
    rest, position = "", 0
    for index, mark in enumerate(marks):
        found = known.get(mark[0])
        if mark.start() < position or not (found or mark[0] in closing):
            continue  # inside a replaced message, or a hidden control token
        rest += text[position : mark.start()]
        position = mark.end()
        end = next((m for m in marks[index + 1 :] if m[0] == found.closing), None) if found and ids else None
        if found and end:
            yield rest.removesuffix(found.lead)
            yield found.token_ids
            rest, position = "", end.end()
            position += len(found.trail) if text.startswith(found.trail, position) else 0
    yield rest + text[position:]


def _encode(pieces: Iterable[str | list[int]], marks: Marks, tokenizer: Tokenizer) -> list[int]:
    ids: list[int] = []
    for piece in pieces:
        if not isinstance(piece, str):
            ids += piece
            continue
        for text, plain in _by_origin(piece, marks):
            if ids:
                ids += tokenizer.encode_continuation(text, plain)
            else:
                ids += tokenizer.encode(text, False) if plain else tokenizer.encode_control(text)
    return ids


def _by_origin(text: str, marks: Marks) -> Iterator[tuple[str, bool]]:
    """Split into parts at real control tokens; True marks parts that quote a control token, to be encoded as plain."""
    whole = marks.restore(text)
    if _controls(whole, marks) == _controls(text, marks):  # no quoted halves have formed a control token
        if whole:
            yield whole, False
        return
    meant = ""
    start = 0
    for end, stop in [*(match.span() for match in marks.control.finditer(text)), (len(text), len(text))]:
        between = text[start:end]
        if marks.hides(between):
            if meant:
                yield marks.restore(meant), False
            yield marks.restore(between), True
            meant = ""
        else:
            meant += between
        meant += text[end:stop]
        start = stop
    if meant:
        yield marks.restore(meant), False


def _controls(text: str, marks: Marks) -> list[tuple[int, str]]:
    """Control tokens in ``text`` and their positions after restoring hidden ones."""
    found, position, start = [], 0, 0
    for match in marks.control.finditer(text):
        position += len(marks.restore(text[start : match.start()]))
        found.append((position, match.group()))
        position += len(match.group())
        start = match.end()
    return found


def _with_thought_apart(message: Message) -> Message:
    """Move the thought of a reply to a field of its own, from which a template writes it with the family's tags."""
    thought = split_thought(message.get("content")) if message.get("role") == "assistant" else None
    return message if thought is None else {**message, "reasoning_content": thought[0], "content": thought[1] or ""}


def _as_templates_read(message: Message) -> Message:
    """A message without ``token_ids``, and its reasoning under each name that templates know."""
    shown = {key: value for key, value in message.items() if key != "token_ids"}
    reasoning = next((shown[name] for name in REASONING if shown.get(name) is not None), None)
    return shown if reasoning is None else {"thinking": reasoning, **shown, "reasoning_content": reasoning}


def _ask(**request: Any) -> Any:
    try:
        return RENDERER.ask(**request)
    except SandboxRefusal as refusal:
        raise Refusal(str(refusal)) from None
    except SandboxError as error:
        raise TemplateError(LIMITS[error.limit]) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateError(f"The messages contain something that is not text ({error}).") from None
