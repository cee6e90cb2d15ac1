"""Make the goldens: tiny random checkpoints as transformers saves them, and the logits it computes for them.

    pip install transformers==5.17.0 torch==2.13.0
    python tests/goldens/make_goldens.py

Needed only to add or change a case; the tests read what is committed. Weights are random, so that nobody's are copied.
transformers loads them and computes in float32, with its plain ("eager") attention.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

HERE = Path(__file__).parent
LENGTH = 40
LONG = 300  # more than one block of the cache
SMALL = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}

# name -> (family, changes to SMALL, stored dtype, spelling of the config, shard size or None)
CASES: dict[str, tuple[str, dict[str, Any], str, int, str | None]] = {
    "llama-tied": ("llama", {"tie_word_embeddings": True}, "float32", 4, None),
    "llama-untied-bfloat16": ("llama", {}, "bfloat16", 4, None),
    "llama-float16": ("llama", {}, "float16", 5, None),
    "llama-multi-query": ("llama", {"num_key_value_heads": 1}, "float32", 5, None),
    "llama-multi-head-null": ("llama", {"num_key_value_heads": None}, "float32", 4, None),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True}, "float32", 4, None),
    "llama-odd-heads": (
        "llama",
        {"hidden_size": 36, "num_attention_heads": 9, "num_key_value_heads": 3},
        "float32",
        4,
        None,
    ),
    "llama-head-dim-explicit": ("llama", {"head_dim": 12}, "float32", 5, None),
    "llama3-rope-v4": ("llama", {"rope_scaling": LLAMA3_ROPE, "rope_theta": 500000.0}, "float32", 4, None),
    "llama3-rope-v5": ("llama", {"rope_scaling": LLAMA3_ROPE, "rope_theta": 500000.0}, "float32", 5, None),
    "llama-linear-rope": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, "float32", 4, None),
    "llama-sharded-bfloat16": ("llama", {}, "bfloat16", 5, "20KB"),
    "mistral-window": ("mistral", {"sliding_window": 7}, "float32", 4, None),
    "mistral-window-bfloat16-v5": ("mistral", {"sliding_window": 16}, "bfloat16", 5, None),
    "mistral-window-long": ("mistral", {"sliding_window": 100, "max_position_embeddings": 512}, "float32", 5, None),
    "mistral-no-window": ("mistral", {"sliding_window": None}, "float32", 4, None),
    "mistral-head-dim-26": (
        "mistral",
        {"hidden_size": 52, "num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 9},
        "float32",
        4,
        None,
    ),
}


def make(
    name: str, family: str, changes: dict[str, Any], dtype: str, spelling: int, shard: str | None, seed: int
) -> None:
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    torch.manual_seed(seed)
    values = SMALL | changes
    scaling = values.pop("rope_scaling", None) or {"rope_type": "default"}
    rope = scaling | {"rope_theta": values.pop("rope_theta")}
    config_class, model_class = {
        "llama": (LlamaConfig, LlamaForCausalLM),
        "mistral": (MistralConfig, MistralForCausalLM),
    }[family]
    model = model_class(config_class(**values, rope_parameters=rope, pad_token_id=None))
    randomise(model)
    model.to(getattr(torch, dtype)).save_pretrained(directory, **({"max_shard_size": shard} if shard else {}))
    (directory / "generation_config.json").unlink(missing_ok=True)
    respell(directory / "config.json", spelling)
    golden(directory, seed)


def randomise(model: torch.nn.Module) -> None:
    """Weights that make every part matter: no zero biases, no unit norms, logits of about unit spread."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = 1 + 0.2 * torch.randn_like(parameter)
        elif parameter.dim() == 1:
            parameter.data = 0.3 * torch.randn_like(parameter)
        else:
            parameter.data = torch.randn_like(parameter) / parameter.shape[1] ** 0.5


def respell(path: Path, spelling: int) -> None:
    """transformers 5 writes ``rope_parameters`` and ``dtype``; write them as transformers 4 did where asked."""
    config = json.loads(path.read_text())
    config.pop("transformers_version", None)
    if spelling == 4:
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = None if rope == {"rope_type": "default"} else rope
        config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2) + "\n")


def golden(directory: Path, seed: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    length = LONG if directory.name.endswith("long") else LENGTH
    token_ids = torch.randint(0, model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        logits = model(token_ids).logits[0]
    print(f"{directory.name}: logits spread {logits.std():.2f}")
    save_file({"token_ids": token_ids[0].numpy(), "logits": logits.numpy()}, directory / "golden.safetensors")


if __name__ == "__main__":
    for seed, (name, case) in enumerate(CASES.items()):
        make(name, *case, seed=seed)
