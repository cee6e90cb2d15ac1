"""What the names of GGUF files say: quantisation, split files, files that are no language models."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

GGUF = ".gguf"
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})", re.DOTALL)
_QUANTIZATION = re.compile(r"(?:^|[-._])((?:UD-)?(?:I?Q\d[A-Z0-9_]*|B?F16|FP16|F32|FP32|MXFP4[A-Z_]*))$", re.IGNORECASE)
# Vision encoders and the statistics of quantisers, by how their names begin.
_OTHERS = ("mmproj", "imatrix")
# The one taken if none is asked for, the best first: good ones that take little memory, then exact ones.
PREFERRED = ("Q4_K_M", "Q4_0", "Q4_1", "Q4_K_S", "Q8_0", "Q5_K_M", "Q6_K", "BF16", "F16")


@dataclass(frozen=True)
class GgufModel:
    """The files of one model, as paths below a repository. ``expected``: number of parts that their names promise."""

    parts: tuple[str, ...]
    expected: int = 1

    @property
    def stem(self) -> str:
        """The name without directory, part number and suffix."""
        name = PurePosixPath(self.parts[0]).name[: -len(GGUF)]
        split = _PART.fullmatch(name)
        return split[1] if split else name

    @property
    def quantization(self) -> str:
        """As its makers name it, such as Q4_K_M; empty if the name does not say."""
        found = _QUANTIZATION.search(self.stem)
        return found[1].upper() if found else ""


def gguf_models(names: Iterable[str]) -> dict[str, GgufModel]:
    """The models among these files by selector: the quantisation if it tells them apart, else the stem."""
    parts: dict[tuple[str, int], list[str]] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() == GGUF and not path.name.lower().startswith(_OTHERS):
            split = _PART.fullmatch(path.name[: -len(GGUF)])
            key = (str(path.with_name(split[1])), int(split[3])) if split else (name, 1)
            parts.setdefault(key, []).append(name)
    models = [GgufModel(tuple(files), expected) for (_, expected), files in parts.items()]
    quantizations = [model.quantization for model in models]
    return {
        model.quantization if model.quantization and quantizations.count(model.quantization) == 1 else model.stem: model
        for model in models
    }


def select(models: Mapping[str, GgufModel], wanted: str = "") -> str | None:
    """The selector of the model that is meant by a quantisation or file name, or by nothing; None if there is none."""
    if not wanted:
        known = [name for name in PREFERRED if name in models]
        return next(iter([*known, *models])) if known or len(models) == 1 else None
    folded = wanted.casefold()
    for selector, model in models.items():
        paths = [f"/{part}".casefold() for part in model.parts]
        if folded in (selector.casefold(), model.stem.casefold()) or any(path.endswith(f"/{folded}") for path in paths):
            return selector
    return None
