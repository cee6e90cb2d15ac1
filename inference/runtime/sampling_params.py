"""What a caller may say about sampling and stopping."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.checkpoint.generation_config import BOUNDS, fault, faults, recommended, shown
from inference.errors import ParameterError

MOST_STOPS, LONGEST_STOP = 100, 1000
MOST_PHRASES, LONGEST_PHRASE = 500, 200
MOST_BIASES, LONGEST_TOKEN, LARGEST_BIAS = 500, 200, 100
# For models that recommend nothing: with the whole distribution, small ones write nonsense.
USUAL = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}


@dataclass(frozen=True)
class SamplingParams:
    """Sampling and stopping parameters. Raises ParameterError for a value out of range.

    In the order in which they apply; see `docs/sampling.md` for more:

    Args:
        logit_bias: Pairs of a token and a number from -100 to 100 that is added to its logit, as in OpenAI's API. A
            token is its text or its id; of several pairs for one token the last counts. One that the model does not
            have raises ParameterError when a reply is asked for.
        repetition_penalty: Divides positive logits of all tokens seen, multiplies negative ones (CTRL, arXiv
            1909.05858); 1 is off.
        dry_multiplier: Subtracts ``dry_multiplier * dry_base ** (n - dry_allowed_length)`` from the logit of a token
            that would continue a repetition of the last n tokens (DRY, "don't repeat yourself", text-generation-webui
            pull request 5677); 0 is off, 0.8 is usual.
        dry_base: See ``dry_multiplier``.
        dry_allowed_length: Repetitions of fewer tokens have no penalty.
        dry_breakers: A repetition ends at tokens that have one of these strings in them, and at control tokens.
        temperature: Divides the logits; 0 takes the most likely token, whatever is listed below.
        top_k: Keep the k most likely tokens; 0 is off.
        typical_p: Keep the fewest tokens with this total probability whose information content is closest to the
            entropy (locally typical sampling, arXiv 2202.00666); 1 is off.
        top_p: Keep the fewest most likely tokens with this total probability (nucleus, arXiv 1904.09751); 1 is off.
        min_p: Keep tokens of at least this share of the highest probability (arXiv 2407.01082); 0 is off.
        xtc_probability: How often all likely tokens but the least likely of them are excluded (XTC, "exclude top
            choices", text-generation-webui pull request 6335); 0 is off, 0.5 is usual. As there, nothing is excluded
            where a newline or the end of the reply would be.
        xtc_threshold: The probability, among the tokens kept, from which XTC takes one to be likely.
        seed: Of the draws, one for each position; None: random.
        max_tokens: None: up to the end of the context.
        ban: Phrases that the reply never contains, in whatever case (see `banned_phrases.py`).
        stop: Strings that end the reply and are not included in it.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    typical_p: float = 1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    ban: tuple[str, ...] = ()
    logit_bias: tuple[tuple[str | int, float], ...] = ()

    @classmethod
    def from_generation_config(cls, values: Mapping[str, Any], chosen: Mapping[str, Any] = {}) -> "SamplingParams":
        """Parameters from a model's ``generation_config.json``; USUAL ones if it recommends no temperature.

        Invalid ones are ignored (``Model.warnings`` names them). ``chosen``: overrides by the user, which raise
        ParameterError if they are invalid.
        """
        found, wrong = recommended(values), faults(values)
        found = {name: value for name, value in found.items() if name not in wrong}
        # Who recommends a temperature means the rest as it is: what is not said is off.
        usual = USUAL if values.get("temperature") is None or "temperature" in wrong else {}
        return cls(**{**usual, **found, **chosen})

    def __post_init__(self) -> None:
        for name in BOUNDS:
            value = getattr(self, name)
            if (value is not None or name not in ("seed", "max_tokens")) and (why := fault(name, value)):
                raise ParameterError(why)
        self._take_texts("stop", MOST_STOPS, LONGEST_STOP)
        self._take_texts("dry_breakers", MOST_STOPS, LONGEST_STOP)
        self._take_texts("ban", MOST_PHRASES, LONGEST_PHRASE)
        self._take_biases()

    def _take_texts(self, name: str, most: int, longest: int) -> None:
        given = getattr(self, name)
        texts = (given,) if isinstance(given, str) else given
        sound = isinstance(texts, list | tuple) and all(isinstance(text, str) and text for text in texts)
        if not sound or len(texts) > most or max(map(len, texts), default=0) > longest:
            raise ParameterError(
                f"Invalid {name} {shown(given)} (must be at most {most} non-empty strings of at most "
                f"{longest} characters)."
            )
        object.__setattr__(self, name, tuple(texts))

    def _take_biases(self) -> None:
        given: Any = self.logit_bias
        if not isinstance(given, list | tuple) or len(given) > MOST_BIASES or not all(map(_is_bias, given)):
            raise ParameterError(
                f"Invalid logit_bias {shown(given)} (must be at most {MOST_BIASES} tokens, by text or id, with numbers "
                f"from -{LARGEST_BIAS} to {LARGEST_BIAS})."
            )
        object.__setattr__(self, "logit_bias", tuple((token, float(bias)) for token, bias in given))


def _is_bias(pair: Any) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    token, bias = pair
    if isinstance(token, str):
        is_token = 0 < len(token) <= LONGEST_TOKEN
    else:
        is_token = type(token) is int and 0 <= token < 2**32
    return is_token and type(bias) in (int, float) and -LARGEST_BIAS <= bias <= LARGEST_BIAS
