"""Reply details in one line: tokens, speed, seed, parameters."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from tui.config.remotes import is_remote
from tui.conversation.tree import EDITED, Outcome
from tui.formatting.sampling import differing, own
from tui.formatting.units import counted
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Model

REASONS = {
    "stop": "finished",
    "cancelled": "stopped",
    "interrupted": "interrupted",
    "length": "reached the length limit",
    "context": "context full",
    "banned": "no way around the banned phrases",
}


def made(outcome: Outcome | None, model: "Model | None") -> str:
    """Tokens, speed, finish reason, and the parameters that differ from the model's defaults.

    ``model``: the one that wrote it; without it all parameters are listed. Empty if nothing is known.
    """
    if outcome is None or outcome.reason == EDITED:
        return ""
    figures = [counted(outcome.generated_tokens, "token")]
    if outcome.first_token_seconds is not None:
        seconds = outcome.total_seconds - outcome.first_token_seconds
        if outcome.generated_tokens > 1 and seconds > 0:
            figures.append(f"{(outcome.generated_tokens - 1) / seconds:.1f} tok/s")
        figures.append(f"first token {outcome.first_token_seconds * 1000:.0f} ms")
    if outcome.prompt_tokens:
        figures.append(f"reused {outcome.reused_tokens} of {outcome.prompt_tokens} prompt tokens")
    figures.append(REASONS.get(outcome.reason, one_line(outcome.reason)))
    if outcome.params.get("seed") is not None or not is_remote(outcome.model):  # else the server has drawn one
        figures.append(f"seed {outcome.seed}")
    return " · ".join(filter(None, [*figures, *_parameters(outcome, model)]))


def _parameters(outcome: Outcome, model: "Model | None") -> list[str]:
    given = own({"sampling": dict(outcome.params)})
    given.pop("seed", None)  # listed in any case
    if model is None and not is_remote(outcome.model):
        return differing(given, {})
    from inference import SamplingParams

    usual = SamplingParams() if model is None else SamplingParams.from_generation_config(model.generation_config)
    return differing(given, asdict(usual))
