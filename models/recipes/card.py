"""The model card: the recipe's text with the facts of this training run and the scores of this export in it."""

from __future__ import annotations

from pathlib import Path
from string import Template

import click
import torch

from models.recipes.evaluate import evaluate
from models.recipes.prepare import read_items
from models.recipes.recipe import Recipe


def write_card(recipe: Recipe, run: Path, to: Path) -> None:
    """Scores the model in `to` and writes its README.md from the recipe's card.md.

    Raises `click.ClickException` if card.md asks for a fact that there is not.
    """
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    held_out = read_items(run / "prepared" / "heldout.jsonl")
    facts = {
        "parameters": f"{sum(tensor.numel() for tensor in state['network'].values()) / 1e6:.1f} million",
        "tokens": f"{state['step'] * recipe.training.batch_tokens / 1e6:.1f} million",
        "steps": str(state["step"]),
        "minutes": f"{state['seconds'] / 60:.0f}",
        "device": state["device"],
        "held_out": str(len(held_out)),
        "bits_per_byte": f"{evaluate([to], held_out)[0]:.3f}",
    }
    text = Template((recipe.folder / "card.md").read_text(encoding="utf-8"))
    try:
        (to / "README.md").write_text(text.substitute(facts), encoding="utf-8")
    except KeyError as error:
        raise click.ClickException(
            f"{recipe.folder / 'card.md'} asks for {error}; known are {', '.join(facts)}."
        ) from error
