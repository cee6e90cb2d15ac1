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

    def fitting(self, available: int | None) -> list[str]:
        """The precisions in which it fits into ``available`` bytes, the largest first; None: nobody knows, so all."""
        needed = self.info.memory if self.info else {}
        return [name for name, size in needed.items() if available is None or size <= available]


def catalogue(places: Places) -> Iterator[Listing]:
    """By source and name. Only configs and the headers of weights are read."""
    return map(describe, find_models(places))


def describe(found: Found) -> Listing:
    """The description of one model."""
    if found.source == "unfinished":
        return Listing(found, problem=f"Incomplete download; `llm-tui pull {found.name}` resumes it.")
    if found.problem:
        return Listing(found, problem=found.problem)
    try:
        info = Model.inspect(found.path)
        if not open_checkpoint(found.path).tokenizer_file.is_file():
            return Listing(found, problem=f"{found.path} has no tokenizer.json.")
    except InferenceError as error:
        return Listing(found, problem=str(error))
    except OSError as error:
        return Listing(found, problem=f"{found.path} cannot be read: {error.strerror}.")
    return Listing(found, info)
