"""A model that was found, before it is opened."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Found:
    """``name``: as ``find_model`` takes it. ``path``: a model directory or a GGUF file, of a split one the first part.

    ``source``: built-in, directory, download, unfinished, hub-cache, ollama or lm-studio. ``problem``: a sentence for
    a model that cannot be opened at all.
    """

    name: str
    source: str
    path: Path
    problem: str = ""
