"""The body of a request to /v1/chat/completions."""

from dataclasses import dataclass
from typing import Any

from tui.server.errors import RequestError
from tui.server.fields import Fields, fields_of, text, wrong
from tui.server.parameters import Parameters, read_parameters

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
LIMITS = ("max_completion_tokens", "max_tokens")
# Names of vLLM's for what a chat template can do.
OWN = {"messages", "continue_final_message", "add_generation_prompt", "chat_template_kwargs"}


@dataclass(frozen=True)
class ChatRequest:
    """``continues``: the reply goes on from the last message. ``switches``: variables of the chat template."""

    parameters: Parameters
    messages: list[dict[str, str]]
    continues: bool
    switches: dict[str, Any]


def read_chat(values: dict[str, Any]) -> ChatRequest:
    """Read the body. Raises RequestError, naming the field, for what is missing, invalid or unsupported."""
    fields = Fields(values)
    parameters = read_parameters(fields, OWN, LIMITS, fields.truth("logprobs"))
    messages = fields.each("messages", _message, "a list of messages")
    continues = fields.truth("continue_final_message")
    if "add_generation_prompt" in fields and fields.truth("add_generation_prompt") == continues:
        message = "add_generation_prompt must be false where continue_final_message is true, and true otherwise."
        raise RequestError(400, "invalid_value", message, "add_generation_prompt")
    if continues and messages[-1]["role"] != "assistant":
        message = "Only a message of the role assistant can be continued, and the last one is none."
        raise RequestError(400, "invalid_value", message, "continue_final_message")
    switches = fields.below("chat_template_kwargs")
    return ChatRequest(parameters, messages, continues, {name: switches.truth(name) for name in switches.names()})


def _message(value: Any, path: str) -> dict[str, str]:
    message = fields_of(value, path)
    role = message.text("role")
    if role not in ROLES:
        raise RequestError(
            400, "unsupported_role", f"{message.path('role')} must be one of {', '.join(ROLES)}.", message.path("role")
        )
    # Clients send replies back as they came, with empty fields for what they could have had.
    for name in message.names() - {"role", "content"}:
        if message.raw(name):
            raise RequestError(
                400, "unsupported_parameter", f"{message.path(name)} is not supported.", message.path(name)
            )
    content = message.required("content")
    if isinstance(content, list):
        content = "".join(message.each("content", _part, "a string or a list of parts"))
    return {"role": ROLES[role], "content": text(content, message.path("content"))}


def _part(value: Any, path: str) -> str:
    part = fields_of(value, path)
    kind = part.text("type")
    if kind != "text":
        shown = kind if kind.isidentifier() and len(kind) < 30 else "of this type"
        raise RequestError(400, "unsupported_content", f"{path}: only text is read here, no parts {shown}.", path)
    if part.names() - {"type", "text"}:
        raise wrong(path, "an object with type and text")
    return part.text("text")
