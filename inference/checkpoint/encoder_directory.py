"""An embedding model of the BERT family as sentence-transformers saves it: config, pooling, tensors, tokenizer."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.foreign_formats import ENCODER_TYPE, refuse_directory, refuse_quantized, refuse_tensors
from inference.checkpoint.safetensors_file import SafetensorsFile
from inference.checkpoint.safetensors_weights import open_tensor_files
from inference.checkpoint.weights import Shape
from inference.errors import CheckpointError, UnsupportedModelError
from inference.kernels import reference
from inference.kernels.reference import Floats
from inference.system.json_file import MAX_JSON_BYTES, parse_json, read_json
from inference.system.regular_file import read_bytes

MODULES_FILE, LENGTH_FILE, POOLING_FILE = ENCODER_FILES = (
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)
MODULES = ("Transformer", "Pooling", "Normalize")
# Canonical names of a layer's parts and their names in the checkpoint; each has a weight and a bias.
LAYER_PARTS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "mlp_norm": "output.LayerNorm",
}
# Of tasks that the checkpoint was trained for, and buffers.
UNUSED = ("pooler.", "cls.", "embeddings.position_ids")


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of a BERT encoder. ``max_tokens``: tokens of a text, [CLS] and [SEP] included; the rest is cut off."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    positions: int
    token_types: int
    layer_norm_eps: float
    max_tokens: int


def is_encoder(path: Path) -> bool:
    """True if the directory's ``config.json`` is that of an embedding model. Raises CheckpointError."""
    return path.is_dir() and read_json(path / "config.json").get("model_type") == ENCODER_TYPE


class EncoderDirectory(HuggingFaceDirectory):
    """A directory with ``config.json``, safetensors and what sentence-transformers adds, checked as it is read.

    Everything raises CheckpointError, or UnsupportedModelError for what would be computed otherwise.
    """

    @cached_property
    def encoder_config(self) -> EncoderConfig:
        """Read and check ``config.json``, the pooling and the longest text."""
        refuse_directory(self.path)
        source = self.path / "config.json"
        values = read_json(source)
        refuse_quantized(values, self.path)
        reader = ConfigReader(values, source)
        self._require(reader, "model_type", ENCODER_TYPE)
        self._require(reader, "hidden_act", "gelu", default="gelu")
        self._require(reader, "position_embedding_type", "absolute", default="absolute")
        hidden, heads = reader.integer("hidden_size", 1, 2**14), reader.integer("num_attention_heads", 1, 256)
        if hidden % heads:
            raise reader.refuse("hidden_size", hidden, f"a multiple of num_attention_heads ({heads})")
        positions = reader.integer("max_position_embeddings", 3, 2**16)
        self._check_modules()
        return EncoderConfig(
            vocab_size=reader.integer("vocab_size", 1, 2**22),
            hidden_size=hidden,
            intermediate_size=reader.integer("intermediate_size", 1, 2**16),
            layers=reader.integer("num_hidden_layers", 1, 128),
            heads=heads,
            positions=positions,
            token_types=reader.integer("type_vocab_size", 1, 64, default=2),
            layer_norm_eps=reader.number("layer_norm_eps", 0, 1, default=1e-12),
            max_tokens=self._max_tokens(positions),
        )

    @cached_property
    def encoder_fingerprint(self) -> str:
        """Hash what vectors depend on: ``config.json``, the longest text, every header and samples of the data."""
        digest = hashlib.sha256(read_bytes(self.path / "config.json", MAX_JSON_BYTES))
        digest.update(str(self.encoder_config.max_tokens).encode())
        for file in self.files:
            for part in file.samples():
                digest.update(part)
        return digest.hexdigest()

    @cached_property
    def files(self) -> list[SafetensorsFile]:
        """Open the files of the weights."""
        return open_tensor_files(self.path)

    def tensor(self, name: str, shape: Shape) -> Floats:
        """Read a tensor as float32, by its name in BertModel."""
        file, own_name = self._places.get(name, (None, ""))
        if file is None:
            raise CheckpointError(f"{self.path}: the tensor {name} is missing; the checkpoint is incomplete.")
        info = file.tensors[own_name]
        if info.shape != shape:
            raise CheckpointError(
                f"{self.path}: the tensor {name} has shape {list(info.shape)}; config.json asks for {list(shape)}."
            )
        if info.dtype not in ("F32", "F16", "BF16"):
            raise UnsupportedModelError(
                f"{self.path}: the tensor {name} is stored as {info.dtype}; only F32, F16 and BF16 are supported."
            )
        values = reference.widen(file.read(own_name))
        if not np.isfinite(values).all():
            raise CheckpointError(f"{self.path}: {name} has weights that are NaN or infinite; the file is damaged.")
        return values

    @cached_property
    def _places(self) -> dict[str, tuple[SafetensorsFile, str]]:
        """The tensors of BertModel by name, whether the file has them as such or as a part of another model."""
        places = {
            name.removeprefix("bert."): (file, name)
            for file in self.files
            for name in file.tensors
            if not name.removeprefix("bert.").startswith(UNUSED)
        }
        found = {name: file.tensors[own_name].dtype for name, (file, own_name) in places.items()}
        wanted = ["embeddings.word_embeddings.weight"]
        refuse_tensors(found, wanted, self.path)
        return places

    def _max_tokens(self, positions: int) -> int:
        """``max_seq_length`` of sentence_bert_config.json, else what tokenizer and positions allow."""
        source = self.path / LENGTH_FILE
        reader = ConfigReader(read_json(source) if source.exists() else {}, source)
        if "max_seq_length" in reader:
            return reader.integer("max_seq_length", 3, positions)
        longest = self.tokenizer_config.get("model_max_length")
        return min(positions, int(longest)) if isinstance(longest, int | float) and longest >= 3 else positions

    def _check_modules(self) -> None:
        """Refuse what comes after the transformer, unless it is the mean of the tokens, normalized."""
        source = self.path / MODULES_FILE
        if source.exists():
            # A list, unlike all other files.
            modules = parse_json(b'{"modules":%b}' % read_bytes(source, MAX_JSON_BYTES), source)["modules"]
            for module in modules if isinstance(modules, list) else [modules]:
                kind = str(module.get("type") if isinstance(module, dict) else module).rpartition(".")[2]
                if kind not in MODULES:
                    raise UnsupportedModelError(f"{source}: {kind[:40]} is not supported; {', '.join(MODULES)} are.")
        source = self.path / POOLING_FILE
        if source.exists():
            modes = {key: value for key, value in read_json(source).items() if key.startswith("pooling_mode_")}
            if [key for key, value in modes.items() if value] not in ([], ["pooling_mode_mean_tokens"]):
                raise UnsupportedModelError(f"{source}: only the mean of the tokens is supported as pooling.")

    @staticmethod
    def _require(reader: ConfigReader, key: str, wanted: str, **default: Any) -> None:
        if (value := reader.text(key, **default)) != wanted:
            raise UnsupportedModelError(f"{reader.source}: {key} is {value[:40]!r}; only {wanted!r} is supported.")
