"""Writes a tiny model with random weights: a real Hugging Face directory, small enough to make in every test run.

python -m tests.tiny_model DIR    makes the ChatML model in DIR, to try the app on
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

SAMPLE_TEXT = (
    "Once upon a time there was a little house by the river, and in the house lived a girl who liked to ask questions.",
    "How is the weather today? The sun is out, the wind is soft, and the boats go slowly down to the sea.",
    "She asked the baker, the ferryman and the old cat, and each of them told her a different story about the hill.",
    "Système, Übung, naïve, 東京, 🙂: text in other scripts is made of bytes too.",
)

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "eos_token_id": 2,
}


def make_tokenizer(vocab_size: int = 384) -> Tokenizer:
    """A byte-level BPE tokenizer: any text round-trips, and the specials take ids 0, 1 and 2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE_TEXT, trainer)
    return tokenizer


def random_weights(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Float32 tensors under their Hugging Face names, scaled so that logits have about unit spread."""
    rng = np.random.default_rng(seed)
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or hidden // heads
    kv_heads = config.get("num_key_value_heads") or heads

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    def norm() -> np.ndarray:
        return (1 + 0.1 * rng.standard_normal(hidden)).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden), "model.norm.weight": norm()}
    for layer in range(config["num_hidden_layers"]):
        shapes = {
            "self_attn.q_proj": (heads * head_dim, hidden),
            "self_attn.k_proj": (kv_heads * head_dim, hidden),
            "self_attn.v_proj": (kv_heads * head_dim, hidden),
            "self_attn.o_proj": (hidden, heads * head_dim),
            "mlp.gate_proj": (ffn, hidden),
            "mlp.up_proj": (ffn, hidden),
            "mlp.down_proj": (hidden, ffn),
        }
        for name, (rows, columns) in shapes.items():
            weights[f"model.layers.{layer}.{name}.weight"] = matrix(rows, columns)
        weights[f"model.layers.{layer}.input_layernorm.weight"] = norm()
        weights[f"model.layers.{layer}.post_attention_layernorm.weight"] = norm()
    if not config.get("tie_word_embeddings"):
        weights["lm_head.weight"] = matrix(config["vocab_size"], hidden)
    return weights


def make_tiny_model(directory: Path, *, seed: int = 0, chat_template: str | None = CHATML, **changes: Any) -> Path:
    """Write the model into ``directory``; ``changes`` override keys of ``config.json``."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    config = {**CONFIG, "vocab_size": tokenizer.get_vocab_size(), **changes}
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    tokenizer_config: dict[str, Any] = {
        "eos_token": "<|im_end|>",
        "model_max_length": config["max_position_embeddings"],
    }
    if chat_template is not None:
        tokenizer_config["chat_template"] = chat_template
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2))
    save_file(random_weights(config, seed), directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def make_counting_model(directory: Path, **changes: Any) -> Path:
    """Writes digits and blanks at random, until stopped: each line is unlike all others, and safe to look for.

    The first dimension of the residual stream is the same for every token, and the output layer weighs it against all
    other tokens.
    """
    model = make_tiny_model(directory, hidden_size=64, tie_word_embeddings=False, **changes)
    weights = load_file(model / "model.safetensors")
    for name, matrix in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            matrix[0] = 0
    weights["model.embed_tokens.weight"][:, 0] = 8
    output = weights["lm_head.weight"]
    output[:, 0] = -20
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    output[[tokenizer.token_to_id(token) for token in (*"0123456789", "Ġ")], 0] = 0
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    return model


if __name__ == "__main__":
    print(make_tiny_model(Path(sys.argv[1])))
