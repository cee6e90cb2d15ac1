"""The body of a request to /v1/completions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.server.errors import RequestError
from tui.server.fields import Fields, text, wrong
from tui.server.parameters import MOST_CHOICES, Parameters, read_parameters

LIMITS = ("max_tokens",)
OWN = {"prompt", "echo"}
# What OpenAI's reference says for a request without max_tokens.
USUAL_TOKENS = 16

# Text, or ids of tokens.
Prompt = str | Sequence[int]


@dataclass(frozen=True)
class CompletionRequest:
    """``echo``: the prompt stands in front of the text."""

    parameters: Parameters
    prompts: list[Prompt]
    echo: bool


def read_completion(values: dict[str, Any]) -> CompletionRequest:
    """Read the body. Raises RequestError, naming the field, for what is missing, invalid or unsupported."""
    fields = Fields(values)
    if "logprobs" in fields and fields.whole("logprobs", 0, 5, 0):
        message = "logprobs must be 0: only the log probability of the sampled token is known."
        raise RequestError(400, "unsupported_parameter", message, "logprobs")
    parameters = read_parameters(fields, OWN, LIMITS, "logprobs" in fields)
    prompts, echo = _prompts(fields), fields.truth("echo")
    if echo and (parameters.logprobs or not all(isinstance(prompt, str) for prompt in prompts)):
        message = "echo is not supported together with logprobs, or for a prompt of token ids."
        raise RequestError(400, "unsupported_parameter", message, "echo")
    if len(prompts) * parameters.count > MOST_CHOICES:
        message = f"A request can ask for {MOST_CHOICES} texts at most, over all prompts."
        raise RequestError(400, "invalid_value", message, "n")
    return CompletionRequest(parameters, prompts, echo)


def _prompts(fields: Fields) -> list[Prompt]:
    """One prompt, or a list of them; each is text or a list of token ids."""
    value = fields.required("prompt")
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return fields.each("prompt", _prompt, "text, token ids or a list of either")
    return [_prompt(value, "prompt")]


def _prompt(value: Any, path: str) -> Prompt:
    if isinstance(value, list) and value and all(isinstance(id_, int) and not isinstance(id_, bool) for id_ in value):
        return value
    if isinstance(value, str):
        return text(value, path)
    raise wrong(path, "text, token ids or a list of either")
