"""A model in GGUF files: config, weights, tokenizer and chat template are all in there."""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from inference.checkpoint.chat_template_file import read_chat_template
from inference.checkpoint.config import ModelConfig
from inference.checkpoint.families import Family
from inference.checkpoint.gguf_architectures import Architecture
from inference.checkpoint.gguf_config import read_config
from inference.checkpoint.gguf_file import GGUFFile
from inference.checkpoint.gguf_tokenizer import tokenizer_config, tokenizer_json
from inference.checkpoint.gguf_weights import GGUFWeights
from inference.errors import CheckpointError
from inference.system.json_file import read_optional

# As llama.cpp names the files of a split model.
SPLIT = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
MAX_FILES = 1000
# Keys of generation_config.json to those of the metadata.
SAMPLING = {
    "temperature": "temp",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "penalty_repeat",
}


class GGUFCheckpoint:
    """A GGUF file, or all files of a split model by the path of any of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []

    @property
    def config(self) -> ModelConfig:
        """The config that follows from the metadata."""
        return self._config[2]

    @cached_property
    def weights(self) -> GGUFWeights:
        """Check the tensors' descriptions."""
        architecture, family, config = self._config
        return GGUFWeights(self.files, family, config, architecture.interleaved, self.path)

    @cached_property
    def fingerprint(self) -> str:
        """Hash every header and samples of the data, in milliseconds."""
        digest = hashlib.sha256()
        for file in self.files:
            for part in file.samples():
                digest.update(part)
        return digest.hexdigest()

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata by key, as in the file."""
        return self.files[0].metadata

    @cached_property
    def chat_template(self) -> str | None:
        """Read ``chat_template.jinja`` beside the file, where downloads may have one, else that in the metadata."""
        if (template := read_chat_template(self.path.parent)) is not None:
            return template
        source = self.metadata.get("tokenizer.chat_template")
        if source is not None and not isinstance(source, str):
            raise CheckpointError(f"{self.path}: tokenizer.chat_template must be a string.")
        return source

    @property
    def tokenizer_file(self) -> Path:
        """The file with the metadata."""
        return split_files(self.path)[0]

    @property
    def tokenizer_json(self) -> bytes:
        """The tokenizer in the metadata."""
        return tokenizer_json(self.metadata, self.tokenizer_file)

    @cached_property
    def tokenizer_config(self) -> Mapping[str, Any]:
        """The special tokens in the metadata."""
        return tokenizer_config(self.metadata)

    @property
    def special_tokens(self) -> Mapping[str, Any]:
        """The special tokens in the metadata."""
        return self.tokenizer_config

    @cached_property
    def generation_config(self) -> dict[str, Any]:
        """What the metadata recommends, or ``generation_config.json`` beside the file, where downloads have it."""
        found = {name: self.files[0].metadata.get(f"general.sampling.{key}") for name, key in SAMPLING.items()}
        return found | read_optional(self.path.parent / "generation_config.json", self.warnings)

    @property
    def size_on_disk(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in split_files(self.path))

    @cached_property
    def files(self) -> list[GGUFFile]:
        """Open the files, the one with the metadata first."""
        paths = split_files(self.path)
        files = [GGUFFile(path) for path in paths]
        count = files[0].metadata.get("split.count", 1)
        if count != len(files) and (count, len(files)) != (0, 1):
            raise CheckpointError(
                f"{self.path} is one of {str(count)[:20]} files of a split model; "
                "keep them together under the names that they were published with."
            )
        tensors = [name for file in files for name in file.tensors]
        if len(set(tensors)) != len(tensors):
            raise CheckpointError(f"{self.path}: two of its files have the same tensor; download it again.")
        return files

    @cached_property
    def _config(self) -> tuple[Architecture, Family, ModelConfig]:
        return read_config(self.files, self.path)


def split_files(path: Path) -> list[Path]:
    """Return the files of the model that ``path`` belongs to, in order; one that is not split is one file."""
    match = SPLIT.fullmatch(path.name)
    if match is None:
        return [path]
    count = int(match["count"])
    if not 1 <= int(match["number"]) <= count <= MAX_FILES:
        raise CheckpointError(f"{path}: no split model has such a file.")
    return [path.with_name(f"{match['name']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
