"""Every model that can be found, with what its headers tell, or the reason why it cannot be used."""

from collections.abc import Iterator
from dataclasses import dataclass

from inference.checkpoint.checkpoint import open_checkpoint
from inference.errors import InferenceError
from inference.model import Model, ModelInfo
from inference.sources.found import Found
from inference.sources.gguf_names import gguf_models
from inference.sources.places import Places
from inference.sources.registry import find_models


@dataclass(frozen=True)
class Listing:
    """``info`` is None for a model that cannot be used, and ``problem`` then says why in a sentence."""

    found: Found
    info: ModelInfo | None = None
    problem: str = ""

    @property
    def width(self) -> str:
        """How the weights are stored: the quantisation that the name of a GGUF file says, else a precision."""
        named = next(iter(gguf_models([self.found.path.name]).values()), None)
        return (named.quantization if named else "") or (self.info.stored if self.info else "")

    def fitting(self, available: int | None, limit: int | None = None) -> dict[str, int]:
        """The precisions in which it fits into ``available`` bytes (None: unknown), with the context that each gets."""
        return self.info.plan.fitting(available, limit) if self.info else {}


def catalogue(places: Places, cache_precision: str = "auto") -> Iterator[Listing]:
    """By source and name. Only configs and the headers of weights are read."""
    return (describe(found, cache_precision) for found in find_models(places))


def describe(found: Found, cache_precision: str = "auto") -> Listing:
    """The description of one model; its memory is counted with a KV cache of this precision."""
    if found.source == "unfinished":
        return Listing(found, problem=f"Incomplete download; `llm-tui pull {found.name}` resumes it.")
    if found.problem:
        return Listing(found, problem=found.problem)
    try:
        info = Model.inspect(found.path, cache_precision)
        if not open_checkpoint(found.path).tokenizer_file.is_file():
            return Listing(found, problem=f"{found.path} has no tokenizer.json.")
    except InferenceError as error:
        return Listing(found, problem=str(error))
    except OSError as error:
        return Listing(found, problem=f"{found.path} cannot be read: {error.strerror}.")
    return Listing(found, info)
