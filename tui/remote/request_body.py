"""What is sent to a server: messages and sampling parameters, as OpenAI's API has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tui.formatting.sampling import label
from tui.markdown.thinking import without_thoughts
from tui.remote.errors import RemoteError

# OpenAI's, then those that vLLM, llama-server and `llm-tui serve` add.
DIRECT = ("temperature", "top_p", "max_tokens", "seed", "top_k", "min_p", "typical_p", "repetition_penalty")
# What no server does, with the values that ask for nothing.
OURS: dict[str, object] = {"ban": (), "xtc_probability": 0, "dry_multiplier": 0}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
# Of a continuation without a limit; the API's own default is 16.
USUAL_TOKENS = 120


def chat_body(model: str, messages: Sequence[Mapping[str, Any]], goes_on: bool, chosen: Mapping[str, Any]) -> Any:
    """The body of a request to /chat/completions. ``goes_on``: for more of the last message, which is a reply.

    The fields for that are vLLM's and ours; llama-server and Ollama go on with a reply that comes last in any case.
    """
    sent = [_message(message, last=message is messages[-1]) for message in messages]
    more = {"continue_final_message": True, "add_generation_prompt": False} if goes_on else {}
    return {"model": model, "messages": sent, **STREAMED, **more, **sampling(chosen)}


def text_body(model: str, text: str, chosen: Mapping[str, Any]) -> Any:
    """The body of a request to /completions."""
    return {"model": model, "prompt": text, "max_tokens": USUAL_TOKENS, **STREAMED, **sampling(chosen)}


def sampling(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the user has chosen; the server's own hold for the others.

    Raises RemoteError for one that only the engine of this program has.
    """
    for name, neutral in OURS.items():
        if chosen.get(name, neutral) not in (neutral, None):
            raise RemoteError(f"A server cannot do this: {label(name)} needs a model that runs on this machine.")
    found = {name: chosen[name] for name in DIRECT if chosen.get(name) is not None}
    if chosen.get("stop"):
        found["stop"] = list(chosen["stop"])
    if chosen.get("logit_bias"):
        found["logit_bias"] = _biases(chosen["logit_bias"])
    return found


def _biases(pairs: Sequence[tuple[str | int, float]]) -> dict[str, float]:
    if any(isinstance(token, str) for token, _ in pairs):
        raise RemoteError("A server takes a logit bias for ids of tokens only, not for their text.")
    return {str(token): bias for token, bias in pairs}


def _message(message: Mapping[str, Any], last: bool) -> dict[str, str]:
    """Without token ids, and without what was thought in earlier turns."""
    role, content = message["role"], message["content"]
    return {"role": role, "content": content if role != "assistant" or last else without_thoughts(content)}
