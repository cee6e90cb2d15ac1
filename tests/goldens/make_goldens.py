"""Make the goldens: tiny random checkpoints as transformers saves them, and what it computes for them.

    pip install transformers==5.24.0 torch==2.13.0
    python tests/goldens/make_goldens.py NAME...

Needed only to add or change a case; the tests read what is committed. Weights are random, so that nobody's are copied.
transformers loads them and computes in float32, with its plain ("eager") attention: the logits of a prompt, and the
tokens that follow it if always the likeliest is taken. Prompts where that is a close call are not used.
"""

import json
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
LENGTH, GREEDY = 40, 24
# The likeliest token's lead over the next, in logits.
LEAD = 2e-3
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

LONG_ROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.3],
    "long_factor": [1.0, 2.5, 6.0],
    "original_max_position_embeddings": 16,
    "partial_rotary_factor": 0.75,
}
YARN_ROPE = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
GEMMA = {"head_dim": 12, "query_pre_attn_scalar": 10, "sliding_window": 7, "tie_word_embeddings": True}
LOCAL_ROPE = {"rope_type": "default", "rope_theta": 1000.0}
FAMILIES = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "smollm3": "SmolLM3",
    "gemma2": "Gemma2",
    "gemma3_text": "Gemma3Text",
    "gemma3": "Gemma3",
    "phi3": "Phi3",
    "olmo2": "Olmo2",
    "granite": "Granite",
    "qwen3_moe": "Qwen3Moe",
    "mixtral": "Mixtral",
    "granitemoe": "GraniteMoe",
    "exaone4": "Exaone4",
    "olmo3": "Olmo3",
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
    "llama-dynamic-rope": ("llama", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "float32", 4, None),
    "llama-yarn-rope": ("llama", {"rope_scaling": YARN_ROPE | {"truncate": False}}, "float32", 4, None),
    "qwen2-tied": ("qwen2", {"tie_word_embeddings": True}, "float32", 4, None),
    "qwen2-window-bfloat16": (
        "qwen2",
        {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 7},
        "bfloat16",
        5,
        None,
    ),
    "qwen3": ("qwen3", {"head_dim": 12}, "float32", 4, None),
    "qwen3-yarn-float16": ("qwen3", {"head_dim": 8, "rope_scaling": YARN_ROPE}, "float16", 5, None),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0]}, "float32", 5, None),
    "smollm3-interval-bfloat16": (
        "smollm3",
        {"num_hidden_layers": 3, "no_rope_layer_interval": 3, "attention_bias": True},
        "bfloat16",
        4,
        None,
    ),
    "gemma2": ("gemma2", GEMMA, "float32", 4, None),
    "gemma2-bfloat16": ("gemma2", GEMMA | {"attn_logit_softcapping": 2.0}, "bfloat16", 5, None),
    "gemma3-text": (
        "gemma3_text",
        GEMMA | {"num_hidden_layers": 3, "sliding_window_pattern": 3, "local_rope": LOCAL_ROPE},
        "float32",
        5,
        None,
    ),
    "gemma3-text-linear-float16": (
        "gemma3_text",
        GEMMA
        | {
            "num_hidden_layers": 3,
            "sliding_window_pattern": 2,
            "local_rope": LOCAL_ROPE,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
        "float16",
        4,
        None,
    ),
    "gemma3-multimodal-bfloat16": (
        "gemma3",
        GEMMA | {"sliding_window_pattern": 2, "local_rope": LOCAL_ROPE},
        "bfloat16",
        5,
        None,
    ),
    "phi3-longrope": ("phi3", {"rope_scaling": LONG_ROPE, "original_max_position_embeddings": 16}, "float32", 4, None),
    "phi3-longrope-short-bfloat16": (
        "phi3",
        {
            "rope_scaling": LONG_ROPE | {"original_max_position_embeddings": 128},
            "original_max_position_embeddings": 128,
            "sliding_window": 9,
        },
        "bfloat16",
        5,
        None,
    ),
    "olmo2": ("olmo2", {}, "float32", 4, None),
    "olmo2-bfloat16": ("olmo2", {"attention_bias": True}, "bfloat16", 5, None),
    "granite": (
        "granite",
        {
            "embedding_multiplier": 6.0,
            "attention_multiplier": 0.2,
            "residual_multiplier": 0.4,
            "logits_scaling": 0.7,
        },
        "float32",
        5,
        None,
    ),
    "granite-float16": ("granite", {"mlp_bias": True, "attention_bias": True}, "float16", 4, None),
    "qwen3-moe": (
        "qwen3_moe",
        {"head_dim": 8, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
        | {"norm_topk_prob": True, "num_hidden_layers": 3, "mlp_only_layers": [1]},
        "float32",
        4,
        None,
    ),
    "qwen3-moe-step-bfloat16": (
        "qwen3_moe",
        {"head_dim": 8, "num_experts": 5, "num_experts_per_tok": 3, "moe_intermediate_size": 20}
        | {"norm_topk_prob": False, "decoder_sparse_step": 2},
        "bfloat16",
        5,
        None,
    ),
    "mixtral": ("mixtral", {"num_local_experts": 4}, "float32", 4, None),
    "granitemoe-float16": (
        "granitemoe",
        {"num_local_experts": 5, "num_experts_per_tok": 2, "logits_scaling": 0.7, "attention_multiplier": 0.3},
        "float16",
        5,
        None,
    ),
    "exaone4-bfloat16": (
        "exaone4",
        {"sliding_window": 7, "sliding_window_pattern": 2, "num_hidden_layers": 3},
        "bfloat16",
        5,
        None,
    ),
    "olmo3": (
        "olmo3",
        {"num_hidden_layers": 4, "sliding_window": 7, "rope_theta": 500000.0, "rope_scaling": YARN_ROPE}
        | {"local_rope": {"rope_type": "default", "rope_theta": 500000.0}},
        "float32",
        4,
        None,
    ),
    "olmo3-bfloat16": (
        "olmo3",
        {"sliding_window": 9, "local_rope": LOCAL_ROPE, "layer_types": ["full_attention", "sliding_attention"]},
        "bfloat16",
        5,
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
    if "local_rope" in values:
        rope = {"full_attention": rope, "sliding_attention": values.pop("local_rope")}
    config = config_class(family)(**values, rope_parameters=rope, pad_token_id=None)
    if family == "gemma3":
        config = with_vision(config)
    model = AutoModelForCausalLM.from_config(config)
    randomise(model)
    model.to(getattr(torch, dtype)).save_pretrained(directory, **({"max_shard_size": shard} if shard else {}))
    (directory / "generation_config.json").unlink(missing_ok=True)
    respell(directory / "config.json", spelling)
    golden(directory, seed)


def config_class(family: str) -> Any:
    return getattr(transformers, f"{FAMILIES[family]}{'Text' if family == 'gemma3' else ''}Config")


def with_vision(text: Any) -> Any:
    """A multimodal model around a language model; the tests never show it an image."""
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 8,
        "patch_size": 4,
    }
    return transformers.Gemma3Config(
        text_config=text.to_dict(), vision_config=vision, mm_tokens_per_image=1, eos_token_id=[2, 3]
    )


def randomise(model: torch.nn.Module) -> None:
    """Weights that make every part matter: no zero biases, no unit norms, logits of about unit spread."""
    gemma = "Gemma" in type(model).__name__  # whose norms add 1
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = (0 if gemma else 1) + 0.2 * torch.randn_like(parameter)
        elif parameter.dim() == 1:
            parameter.data = 0.3 * torch.randn_like(parameter)
        else:
            parameter.data = torch.randn_like(parameter) / parameter.shape[-1] ** 0.5


def respell(path: Path, spelling: int) -> None:
    """transformers 5 writes ``rope_parameters`` and ``dtype``; write them as transformers 4 did where asked."""
    config = json.loads(path.read_text())
    config.pop("transformers_version", None)
    if spelling == 4:
        rope = config.pop("rope_parameters")
        config.pop("layer_types", None)
        if config["model_type"] == "qwen3_moe":
            config["num_experts"] = config.pop("num_local_experts")
        if "full_attention" in rope:
            config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
            rope = rope["full_attention"]
        for key in ("rope_theta", "partial_rotary_factor"):
            if key in rope:
                config[key] = rope.pop(key)
        if "original_max_position_embeddings" in config:
            rope.pop("original_max_position_embeddings", None)
        config["rope_scaling"] = None if rope == {"rope_type": "default"} else rope
        config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2) + "\n")


def golden(directory: Path, seed: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    length = LONG if directory.name.endswith("long") else LENGTH
    vocab_size = model.config.get_text_config().vocab_size
    for prompt_seed in count(seed, 1000):
        generator = torch.Generator().manual_seed(prompt_seed)
        token_ids = torch.randint(0, vocab_size, (1, length), generator=generator)
        with torch.no_grad():
            logits = model(token_ids).logits[0]
        greedy, lead = follow(model, token_ids)
        if lead > LEAD:
            break
    print(f"{directory.name}: logits spread {logits.std():.2f}, least lead {lead:.3f}")
    tensors = {"token_ids": token_ids[0].numpy(), "logits": logits.numpy(), "greedy": greedy.numpy()}
    save_file(tensors, directory / "golden.safetensors")


def follow(model: Any, token_ids: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The likeliest tokens after a prompt, and their least lead over the next likeliest."""
    leads = []
    prompt = token_ids.shape[1]
    for _ in range(GREEDY):
        with torch.no_grad():
            best = model(token_ids).logits[0, -1].topk(2)
        leads.append(float(best.values[0] - best.values[1]))
        token_ids = torch.cat([token_ids, best.indices[:1][None]], dim=1)
    return token_ids[0, prompt:], min(leads)


if __name__ == "__main__":
    for seed, (name, case) in enumerate(CASES.items()):
        if not sys.argv[1:] or name in sys.argv[1:]:
            make(name, *case, seed=seed)
