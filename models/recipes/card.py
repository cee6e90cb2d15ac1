"""Model card: the recipe's template filled with figures of the training run and scores of the export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template

import click
import torch

from inference import Engine, Model
from models.recipes.evaluate import evaluate
from models.recipes.guide import exam, unseen
from models.recipes.prepare import read_items
from models.recipes.recipe import Recipe


def write_card(recipe: Recipe, run: Path, to: Path) -> None:
    """Write README.md next to the model in `to`, from the recipe's card.md with its $placeholders filled in.

    Raises `click.ClickException` for an unknown placeholder.
    """
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    held_out = read_items(run / "prepared" / "heldout.jsonl")
    facts: dict[str, Callable[[], str]] = {
        "parameters": lambda: f"{sum(tensor.numel() for tensor in state['network'].values()) / 1e6:.1f} million",
        "tokens": lambda: f"{state['step'] * recipe.training.batch_tokens / 1e6:.1f} million",
        "steps": lambda: str(state["step"]),
        "minutes": lambda: f"{state['seconds'] / 60:.0f}",
        "beginning": lambda: beginning(*state.get("before", (0, 0.0)), recipe.training.again_share),
        "device": lambda: state["device"],
        "held_out": lambda: str(len(held_out)),
        "bits_per_byte": lambda: f"{evaluate([to], held_out)[0]:.3f}",
        "exam": lambda: examined(to),
        "unseen": lambda: unseen.report(unseen.ask(to)).splitlines()[-1],
    }
    card = Template((recipe.folder / "card.md").read_text(encoding="utf-8"))
    unknown = set(card.get_identifiers()) - set(facts)
    if unknown:
        raise click.ClickException(f"card.md asks for {', '.join(sorted(unknown))}; known are {', '.join(facts)}.")
    text = card.substitute({name: facts[name]() for name in card.get_identifiers()})
    (to / "README.md").write_text(text, encoding="utf-8")


def beginning(steps: int, seconds: float, share: float) -> str:
    """The initial weights: random or a previous training's, and their part in the end."""
    return (
        f"the weights that {steps} steps in {seconds / 60:.0f} minutes on earlier versions of this text had made, and "
        f"ending in what they became to {share:.0%} and in what they were to {1 - share:.0%}"
        if steps
        else "random weights"
    )


def examined(model: Path) -> str:
    """Run the guide's exam and return its summary line."""
    with Engine(Model.load(model)) as engine:
        return exam.report(exam.take(exam.load_exam(), exam.asking(engine.new_session()))).splitlines()[-1]
