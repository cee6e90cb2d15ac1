"""A model as its makers publish it: config, weights, tokenizer, chat template, whatever files these are in."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from inference.checkpoint.chat_template_file import read_chat_template
from inference.checkpoint.config import ModelConfig
from inference.checkpoint.directory_tokenizer import read_tokenizer_json, tokenizer_path
from inference.checkpoint.families import FAMILIES, Family, parse_config
from inference.checkpoint.foreign_formats import refuse_directory, refuse_encoder, refuse_quantized
from inference.checkpoint.safetensors_weights import SafetensorsWeights, open_tensor_files
from inference.checkpoint.weights import Weights
from inference.errors import CheckpointError
from inference.system.json_file import MAX_JSON_BYTES, read_json, read_optional
from inference.system.regular_file import read_bytes


class Checkpoint(Protocol):
    """All that loading a model needs, read lazily; everything raises CheckpointError.

    Args:
        path: Where it is.
        config: Raises UnsupportedModelError as well.
        weights: Memory-mapped tensors, checked against the config.
        fingerprint: Identifies the config and the weights.
        tokenizer_file: The file that has the tokenizer; it may be missing.
        tokenizer_json: The tokenizer as in ``tokenizer.json``.
        tokenizer_config: As in ``tokenizer_config.json``: ``bos_token``, ``add_bos_token`` and so on.
        special_tokens: The names of all special tokens, for the chat template.
        chat_template: Source of the chat template, or None.
        generation_config: As in ``generation_config.json``: the model's own sampling defaults, ``eos_token_id``.
        size_on_disk: Bytes.
        warnings: Sentences about optional files that are broken, and ignored.
    """

    @property
    def path(self) -> Path: ...
    @property
    def config(self) -> ModelConfig: ...
    @property
    def weights(self) -> Weights: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def tokenizer_file(self) -> Path: ...
    @property
    def tokenizer_json(self) -> bytes: ...
    @property
    def tokenizer_config(self) -> Mapping[str, Any]: ...
    @property
    def special_tokens(self) -> Mapping[str, Any]: ...
    @property
    def chat_template(self) -> str | None: ...
    @property
    def generation_config(self) -> Mapping[str, Any]: ...
    @property
    def size_on_disk(self) -> int: ...
    @property
    def warnings(self) -> Sequence[str]: ...


def open_checkpoint(path: str | Path) -> Checkpoint:
    """Return the checkpoint at ``path``, a directory or a GGUF file. Raises CheckpointError if there is none."""
    path = Path(path)
    if path.is_dir():
        return HuggingFaceDirectory(path)
    if not path.exists():
        raise CheckpointError(f"{path} is not a directory or GGUF file. Pass the directory with config.json.")
    # Imported late: the gguf package, which only these models need.
    from inference.checkpoint.gguf_checkpoint import GGUFCheckpoint

    return GGUFCheckpoint(path)


class HuggingFaceDirectory:
    """A model directory as transformers saves it, with safetensors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []

    @property
    def config(self) -> ModelConfig:
        """Read and check ``config.json``."""
        return self._family_and_config[1]

    @cached_property
    def weights(self) -> SafetensorsWeights:
        """Open the weights and check their headers."""
        family, config = self._family_and_config
        return SafetensorsWeights(open_tensor_files(self.path), family, config, self.path)

    @cached_property
    def fingerprint(self) -> str:
        """Hash ``config.json``, every header and samples of the data, in milliseconds."""
        digest = hashlib.sha256(read_bytes(self.path / "config.json", MAX_JSON_BYTES))
        for file in self.weights.files:
            for part in file.samples():
                digest.update(part)
        return digest.hexdigest()

    @property
    def tokenizer_file(self) -> Path:
        """The path of ``tokenizer.json`` or what is in its place; it may be missing."""
        return tokenizer_path(self.path)

    @property
    def tokenizer_json(self) -> bytes:
        """Read ``tokenizer.json``, or make it of what is in its place."""
        return read_tokenizer_json(self.tokenizer_file, self.special_tokens)

    @cached_property
    def tokenizer_config(self) -> dict[str, Any]:
        """Read ``tokenizer_config.json``; ``added_tokens_decoder`` has the tokens of ``added_tokens.json`` as well."""
        path = self.path / "tokenizer_config.json"
        config = read_json(path) if path.exists() else {}
        others = read_optional(self.path / "added_tokens.json", self.warnings)
        older = {str(id_): {"content": token} for token, id_ in others.items()}
        decoder = config.get("added_tokens_decoder") or {}
        return config | {"added_tokens_decoder": older | decoder} if isinstance(decoder, dict) and older else config

    @cached_property
    def special_tokens(self) -> dict[str, Any]:
        """Read ``tokenizer_config.json``, and ``special_tokens_map.json`` for what it leaves open."""
        return read_optional(self.path / "special_tokens_map.json", self.warnings) | self.tokenizer_config

    @cached_property
    def chat_template(self) -> str | None:
        """Read ``chat_template.jinja``, else the template in ``tokenizer_config.json``."""
        if (template := read_chat_template(self.path)) is not None:
            return template
        source = self.tokenizer_config.get("chat_template")
        if isinstance(source, list):
            named = [entry for entry in source if isinstance(entry, dict) and entry.get("name") == "default"]
            source = named[0].get("template") if named else None
        if source is not None and not isinstance(source, str):
            raise CheckpointError(f"{self.path / 'tokenizer_config.json'}: chat_template must be a string.")
        return source

    @cached_property
    def generation_config(self) -> dict[str, Any]:
        """Read ``generation_config.json``; empty if there is none."""
        return read_optional(self.path / "generation_config.json", self.warnings)

    @property
    def size_on_disk(self) -> int:
        """Bytes of all files in the directory."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    @cached_property
    def _family_and_config(self) -> tuple[Family, ModelConfig]:
        refuse_directory(self.path)
        source = self.path / "config.json"
        values = read_json(source)
        refuse_encoder(values, self.path)
        refuse_quantized(values, self.path)
        return parse_config(values, source, FAMILIES)
