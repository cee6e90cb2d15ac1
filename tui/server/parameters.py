"""The fields that chats and completions share: how to sample, how many replies, how to send them."""

from dataclasses import dataclass
from typing import Any

from inference import ParameterError, SamplingParams
from tui.server.errors import RequestError
from tui.server.fields import Fields, text, wrong

MOST_CHOICES = 16
HIGHEST_SEED = 2**64
MOST_DIGITS = 10  # of a token id
# Those that SamplingParams knows by the same names; `stop` and the limit of tokens are read by themselves.
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "typical_p")
# How clients of vLLM and llama-server ask for a reply of a certain form, beside response_format.
FORMATS = (
    *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"),
    *("grammar", "json_schema"),
)
# Fields that would change the reply, with the values that ask for nothing, and what there is instead.
UNSUPPORTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "tools": (([],), "The models here call no tools."),
    "functions": (([],), "The models here call no functions."),
    "tool_choice": (("none", "auto"), "The models here call no tools."),
    "function_call": (("none", "auto"), "The models here call no functions."),
    "response_format": (({"type": "text"},), "Replies are text; describe the format in a message."),
    "frequency_penalty": ((0,), "Use repetition_penalty."),
    "presence_penalty": ((0,), "Use repetition_penalty."),
    "best_of": ((1,), "Use n, and choose yourself."),
    "suffix": (("",), "Text is continued at its end only."),
    "modalities": ((["text"],), "Replies are text."),
    "audio": ((), "Replies are text."),
    "prediction": ((), "Replies are written from the beginning."),
    "web_search_options": ((), "Nothing is searched."),
    "reasoning_effort": ((), "Use chat_template_kwargs, if the model's template has a variable for it."),
    "verbosity": (("medium",), "Say in a message how long the reply should be."),
    "top_logprobs": ((0,), "Only the log probability of the sampled token is known."),
    "use_beam_search": ((False,), "Replies are sampled."),
    "min_tokens": ((0,), "Replies end where the model ends them."),
    "stop_token_ids": (([],), "Replies end where the model ends them."),
    "ignore_eos": ((False,), "Replies end where the model ends them."),
    "echo": ((False,), "A reply does not repeat its messages."),
    "bad_words": (([],), "Use logit_bias."),
    "allowed_token_ids": (([],), "Use logit_bias."),
    "prompt_logprobs": ((), "Only the log probability of the sampled token is known."),
    "truncate_prompt_tokens": ((), "Nothing is cut."),
    "repeat_penalty": ((1,), "Use repetition_penalty."),
    "dry_multiplier": ((0,), "Use repetition_penalty."),
    "xtc_probability": ((0,), "Use temperature."),
    **dict.fromkeys(FORMATS, ((), "Replies are text; describe the format in a message.")),
}
# Fields that change nothing in the reply.
HARMLESS = {
    *("user", "metadata", "store", "service_tier", "parallel_tool_calls", "safety_identifier"),
    *("prompt_cache_key", "prompt_cache_retention"),
}


@dataclass(frozen=True)
class Parameters:
    """``sampling``: keyword arguments of SamplingParams, valid ones. ``ignored``: names of unknown fields."""

    model: str
    sampling: dict[str, Any]
    count: int
    logprobs: bool
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]


def read_parameters(fields: Fields, own: set[str], limits: tuple[str, ...], logprobs: bool) -> Parameters:
    """Read the fields that all requests for text share.

    ``own``: the names that the caller reads. ``limits``: the names of the limit of tokens. Raises RequestError, naming
    the field, for an invalid value or a field that would change the reply but cannot be honoured.
    """
    _refuse_unsupported(fields, own)
    known = {
        "model",
        "n",
        "stop",
        "logit_bias",
        "stream",
        "stream_options",
        "logprobs",
        *SAMPLING,
        *UNSUPPORTED,
        *HARMLESS,
    }
    ignored = tuple(sorted(fields.names() - own - known - {*limits}))
    return Parameters(
        model=fields.text("model"),
        sampling=_sampling(fields, limits),
        count=fields.whole("n", 1, MOST_CHOICES, 1),
        logprobs=logprobs,
        stream=fields.truth("stream"),
        include_usage=_include_usage(fields),
        ignored=ignored,
    )


def _refuse_unsupported(fields: Fields, own: set[str]) -> None:
    for name, (neutral, instead) in UNSUPPORTED.items():
        if name in fields and name not in own and not any(_same(fields.raw(name), value) for value in neutral):
            raise RequestError(400, "unsupported_parameter", f"{name} is not supported. {instead}", name)


def _same(value: Any, other: Any) -> bool:
    """Equal, and not merely as ``False`` equals 0."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _sampling(fields: Fields, limits: tuple[str, ...]) -> dict[str, Any]:
    given = {name: fields.raw(name) for name in SAMPLING if name in fields}
    if "stop" in fields:
        given["stop"] = _stops(fields)
    if "logit_bias" in fields:
        given["logit_bias"] = _biases(fields)
    wanted = {name: fields.raw(name) for name in limits if name in fields}
    if len({repr(value) for value in wanted.values()}) > 1:
        raise RequestError(400, "invalid_value", f"{' and '.join(wanted)} differ.", limits[0])
    if wanted:
        given["max_tokens"] = next(iter(wanted.values()))
    for name, value in given.items():  # one by one: the error names the field
        try:
            SamplingParams(**{name: value})
        except ParameterError as error:
            field = next(iter(wanted), name) if name == "max_tokens" else name
            raise RequestError(400, "invalid_value", str(error), field) from None
    return given


def _stops(fields: Fields) -> tuple[str, ...]:
    value = fields.raw("stop")
    if value == []:
        return ()
    return (text(value, "stop"),) if isinstance(value, str) else tuple(fields.each("stop", text, "a string or a list"))


def _biases(fields: Fields) -> tuple[tuple[int, Any], ...]:
    """Numbers by token id, which JSON has as a string."""
    biases = fields.below("logit_bias")
    if any(not (name.isascii() and name.isdigit() and len(name) < MOST_DIGITS) for name in biases.names()):
        raise wrong(biases.path("")[:-1], "an object of numbers by token id")
    return tuple((int(name), biases.raw(name)) for name in biases.names())


def _include_usage(fields: Fields) -> bool:
    if "stream_options" in fields and not fields.truth("stream"):
        raise RequestError(400, "invalid_value", "stream_options needs stream to be true.", "stream_options")
    return fields.below("stream_options").truth("include_usage")


def seeded(sampling: dict[str, Any], index: int) -> dict[str, Any]:
    """The parameters of one of several replies: each has a seed of its own, the first that of the request."""
    seed = sampling.get("seed")
    return sampling if seed is None else sampling | {"seed": (seed + index) % HIGHEST_SEED}
