"""Exports a training run as a Hugging Face model directory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import save

from models.recipes.recipe import Recipe
from models.recipes.tokenizer import load_tokenizer, tokenizer_config


def export(recipe: Recipe, run: Path, to: Path) -> None:
    """Write the weights in bfloat16, the tokenizer and the configuration to `to`.

    Raises `click.ClickException` if the run has no checkpoint.
    """
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.is_file():
        raise click.ClickException(f"{checkpoint} does not exist; run `train` first.")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    to.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in _weights(state, recipe.training.again_share).items()
    }
    (to / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"} | _made(state)))
    shutil.copyfile(run / "tokenizer.json", to / "tokenizer.json")
    tokenizer = load_tokenizer(run)
    ids = {"eos_token_id": tokenizer.token_to_id(recipe.tokenizer.eos)}
    if recipe.tokenizer.bos:
        ids["bos_token_id"] = tokenizer.token_to_id(recipe.tokenizer.bos)
    _write_json(to / "config.json", model_config(recipe) | ids)
    _write_json(to / "generation_config.json", recipe.generation | ids)
    _write_json(to / "tokenizer_config.json", tokenizer_config(recipe))
    parameters = sum(tensor.numel() for tensor in weights.values())
    click.echo(f"{to}: {parameters} parameters, {sum(file.stat().st_size for file in to.iterdir()) / 1e6:.1f} MB")


def _weights(state: dict[str, Any], share: float) -> dict[str, torch.Tensor]:
    """The trained weights; their mean with the initial model's, if any, to forget less (arXiv 2109.01903).

    `share`: of the trained ones, from 0 to 1.
    """
    began: dict[str, torch.Tensor] = state["began"]
    return {
        name: torch.lerp(began[name], tensor, share) if began else tensor for name, tensor in state["network"].items()
    }


def _made(state: dict[str, Any]) -> dict[str, str]:
    """Metadata for the card and later trainings: steps and seconds, including previous trainings."""
    steps, seconds = state.get("before", (0, 0.0))
    return {"steps": str(steps + state["step"]), "seconds": f"{seconds + state['seconds']:.0f}"}


def model_config(recipe: Recipe) -> dict[str, Any]:
    """`config.json` as transformers reads it, without the ids of special tokens."""
    shape = recipe.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rope_theta,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
