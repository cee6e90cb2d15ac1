"""Compares the logits of a GGUF file with those of llama.cpp, token by token of a given text (needs the extra bench).

python -m tests.bench.llama_agreement FILE [PRECISION]    e.g. SmolLM2-135M-Instruct.Q4_1.gguf
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import gguf
import numpy as np
import numpy.typing as npt

from inference import Model
from inference.kernels import reference

TOKENS = 200
TEXT = (
    "The history of the printing press begins long before Gutenberg. In China, woodblock printing was used for "
    "centuries to copy religious texts, calendars and playing cards. When paper reached Europe in the twelfth "
    "century, it was cheaper than parchment, and scribes began to use it for ordinary books. Johannes Gutenberg, a "
    "goldsmith from Mainz, combined several inventions: an alloy of lead, tin and antimony that could be cast into "
    "small pieces of type, an ink based on oil, and a screw press that had been used for making wine. With these he "
    "could print hundreds of identical pages in a day. Within fifty years there were presses in more than two "
    "hundred towns, and some twenty million volumes had been printed. What does this mean for the spread of "
    "knowledge? First, prices fell. Second, errors were no longer copied by hand, so scholars could compare the "
    "same page. Third, people who could not read Latin began to buy books in their own language, and that is why "
    "grammar and spelling became more regular."
)


class Agreement(NamedTuple):
    """``same``: share of tokens whose most likely successor is the same. ``divergence``: mean KL in nats."""

    same: float
    divergence: float


def agreement(expected: np.ndarray, found: np.ndarray) -> Agreement:
    """Compare logits [tokens, vocab_size]."""
    logs = [
        wide - np.log(np.exp(wide).sum(-1, keepdims=True))
        for wide in (logits.astype(np.float64) - logits.max(-1, keepdims=True) for logits in (expected, found))
    ]
    divergence = (np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1).mean()
    return Agreement(float((expected.argmax(-1) == found.argmax(-1)).mean()), float(divergence))


def llama_logits(file: Path, ids: list[int], vocab_size: int) -> np.ndarray:
    """Logits [tokens, vocab_size] of llama.cpp, its KV cache in float32."""
    from inference.bench.llama_library import llama_cpp

    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(os.fsencode(file), llama_cpp.llama_model_default_params())
    assert model, f"llama.cpp cannot load {file}"
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = max(256, len(ids))
    params.n_outputs_max = len(ids)
    params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, params)
    assert context
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for position, token in enumerate(ids):
        batch.token[position], batch.pos[position] = token, position
        batch.n_seq_id[position], batch.seq_id[position][0], batch.logits[position] = 1, 0, True
    assert llama_cpp.llama_decode(context, batch) == 0
    rows = [
        np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, position), (vocab_size,)).copy()
        for position in range(len(ids))
    ]
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return np.stack(rows)


def rounded_logits(file: Path, ids: list[int], scales: npt.DTypeLike) -> np.ndarray:
    """Logits [tokens, vocab_size] of exact weights, the inputs of products rounded as llama.cpp rounds them.

    To eight bits in groups of 32, each with a scale in ``scales``: llama.cpp's are float16.
    """

    def product(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        groups = x.reshape(len(x), -1, 32)
        steps = np.abs(groups).max(-1, keepdims=True) / np.float32(127)
        levels = np.rint(np.divide(groups, steps, out=np.zeros_like(groups), where=steps > 0))
        return exact(np.float32(levels * steps.astype(scales)).reshape(x.shape), weight)

    model, exact = Model.load(file, "float32", backend="numpy"), reference.matmul
    with mock.patch.object(reference, "matmul", product):
        return model.forward(ids, model.new_cache())


def in_float32(file: Path, directory: Path) -> Path:
    """Write the model with its weights dequantized, and without its tokenizer."""
    stored, target = gguf.GGUFReader(file), directory / "float32.gguf"
    architecture = str(stored.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(target, architecture)
    writer.add_tokenizer_model("no_vocab")
    for key, field in stored.fields.items():
        if key.startswith(f"{architecture}."):
            writer.add_key_value(key, field.contents(), field.types[0])
    for tensor in stored.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def compare(file: Path, precision: str = "auto") -> dict[str, Agreement]:
    """Compare the logits for the first TOKENS tokens of TEXT: ours, llama.cpp's, and those of float32 arithmetic.

    Of quantized weights llama.cpp rounds the inputs of products to eight bits as well, so neither can agree better with
    the other than both do with float32. With the same weights in float32 nobody rounds. How much of a difference is
    chance: two roundings that differ only in the precision of their scales.
    """
    model, exact = Model.load(file, precision), Model.load(file, "float32", backend="numpy")
    ids = model.tokenizer.encode(TEXT)[:TOKENS]
    assert len(ids) == TOKENS
    ours, unrounded = (each.forward(ids, each.new_cache()) for each in (model, exact))
    llama = llama_logits(file, ids, model.config.vocab_size)
    with tempfile.TemporaryDirectory() as directory:
        unrounded_llama = llama_logits(in_float32(file, Path(directory)), ids, model.config.vocab_size)
    return {
        f"{model.precision} and llama.cpp": agreement(llama, ours),
        f"{model.precision} and float32": agreement(unrounded, ours),
        "llama.cpp and float32": agreement(unrounded, llama),
        "llama.cpp in float32 and float32": agreement(unrounded, unrounded_llama),
        "inputs rounded with scales in float16 and in float32": agreement(
            *(rounded_logits(file, ids, scales) for scales in (np.float16, np.float32))
        ),
    }


if __name__ == "__main__":
    for pair, (same, divergence) in compare(Path(sys.argv[1]), *sys.argv[2:]).items():
        print(f"{pair}: of {TOKENS} tokens {same:.1%} have the same likeliest successor, mean KL {divergence:.2e} nats")
