"""Training: Muon for the matrices, AdamW for the rest, until the steps or the minutes are spent."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import click
import torch
from safetensors import safe_open
from torch import nn

from models.recipes.muon import Muon
from models.recipes.network import Llama
from models.recipes.prepare import read_items
from models.recipes.recipe import Recipe
from models.recipes.streams import Encoded, Mixture, encode_items
from models.recipes.tokenizer import load_tokenizer

CHECKPOINT_SECONDS = 300
REPORT_STEPS = 20
TRACKED_ITEMS = 48  # held-out items scored at each checkpoint


def train(
    recipe: Recipe, run: Path, minutes: float | None = None, compiled: bool = True, start: Path | None = None
) -> None:
    """Train to the end of the schedule, resuming from and writing `run`/checkpoint.pt.

    `minutes`: wall-clock limit over all resumptions. Progress is the larger of the shares of steps and minutes, so the
    learning rate always decays to zero. `start`: model directory of this recipe to start from if there is no
    checkpoint, with a shorter training.
    """
    if start is not None:
        recipe = replace(recipe, training=recipe.training.again())
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = Training(recipe, run, device, compiled)
    if not training.resume() and start is not None:
        training.begin_with(start)
    training.go_on(minutes)


class Training:
    """Training state: network, optimisers and data at a step."""

    def __init__(self, recipe: Recipe, run: Path, device: str, compiled: bool) -> None:
        tokenizer = load_tokenizer(run)
        self.recipe, self.plan, self.run, self.device = recipe, recipe.training, run, device
        self.data = fingerprint(recipe, run)
        self.mixture = Mixture(recipe, run, tokenizer)
        held_out = read_items(run / "prepared" / "heldout.jsonl")[:TRACKED_ITEMS]
        self.tracked = encode_items(held_out, recipe, tokenizer)
        self.network = Llama(recipe.shape, self.plan.dropout).to(device)
        # Without instructions for it, bfloat16 is computed number by number: thirty times slower than float32.
        self.mixed = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        self.loss = torch.compile(self.network.loss, dynamic=False) if compiled else self.network.loss
        self.optimisers = optimisers(self.network, self.plan.weight_decay)
        self.step = 0
        self.seconds = 0.0
        self.before = (0, 0.0)  # steps and seconds of previous trainings
        self.began: dict[str, torch.Tensor] = {}  # initial weights, unless random

    def go_on(self, minutes: float | None) -> None:
        """Train until progress is complete."""
        click.echo(f"{sum(p.numel() for p in self.network.parameters())} parameters; {self.mixture.describe()}")
        budget = minutes * 60 if minutes else float("inf")
        reported, saved, losses = time.monotonic(), time.monotonic(), []
        tokens = 0
        while (progress := max(self.step / self.plan.steps, self.seconds / budget)) < 1.0:
            began = time.monotonic()
            length = self.plan.length_at(progress)
            losses.append(self.take_step(progress, length))
            tokens += self.plan.batch_tokens
            self.step += 1
            now = time.monotonic()
            self.seconds += now - began
            if self.step % REPORT_STEPS == 0:
                mean = torch.stack(losses).mean().item()
                rate = tokens / (now - reported)
                click.echo(f"step {self.step} {progress:.1%} loss {mean:.4f} length {length} {rate:.0f} tokens/s")
                reported, losses, tokens = now, [], 0
            if now - saved > CHECKPOINT_SECONDS:
                self.checkpoint()
                saved = time.monotonic()
                self.seconds += saved - now
                reported += saved - now
        self.checkpoint()
        click.echo(f"done: {self.step} steps, {self.seconds / 60:.1f} minutes; {self.mixture.describe()}")

    def take_step(self, progress: float, length: int) -> torch.Tensor:
        """Update from one batch; returns the loss before it."""
        share = self.plan.first_share + (1 - self.plan.first_share) * progress
        ids, weights = self.mixture.batch(self.plan.batch_tokens // length, length, share)
        factor = self.plan.rate_at(progress)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.rate * factor
        self.network.train()
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.mixed):
            loss = self.loss(torch.from_numpy(ids).to(self.device), torch.from_numpy(weights).to(self.device))
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        return loss.detach()

    def checkpoint(self) -> None:
        """Atomically write a checkpoint, and score some held-out items."""
        state = {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "mixture": self.mixture.state(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "before": self.before,
            "began": self.began,
            "device": describe_device(self.device),
            "data": self.data,
        }
        partial = self.run / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.run / "checkpoint.pt")
        if self.tracked:
            loss = held_out_loss(self.network, self.tracked, self.recipe.shape.context)
            click.echo(f"step {self.step}: held-out loss {loss:.4f} nats per token; checkpoint written")

    def begin_with(self, model: Path) -> None:
        """Load a model's weights. Raises `click.ClickException` if their shape differs."""
        with safe_open(model / "model.safetensors", "pt") as file:
            told = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  it is no mapping
        try:
            self.network.load_state_dict(weights)
        except RuntimeError:
            raise click.ClickException(f"The weights in {model} are not of this recipe's shape.") from None
        self.began = weights
        self.before = (int(told.get("steps", 0)), float(told.get("seconds", 0)))
        click.echo(f"beginning with the weights in {model}")

    def resume(self) -> bool:
        """Load the run's checkpoint; True if there was one. One of other data is renamed and ignored."""
        file = self.run / "checkpoint.pt"
        if not file.is_file():
            return False
        state = torch.load(file, map_location=self.device, weights_only=True)
        if state["data"] != self.data:
            aside = file.replace(file.with_stem("checkpoint-earlier"))
            click.echo(f"the text or the shape has changed: the earlier checkpoint is now {aside}")
            return False
        self.network.load_state_dict(state["network"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.mixture.restore(state["mixture"])
        torch.set_rng_state(state["random"].cpu())
        self.step, self.seconds, self.before, self.began = (
            state[name] for name in ("step", "seconds", "before", "began")
        )
        click.echo(f"going on from step {self.step}")
        return True


def fingerprint(recipe: Recipe, run: Path) -> str:
    """Hash of shape, tokenizer and prepared items, which a checkpoint must match."""
    digest = hashlib.sha256(repr(recipe.shape).encode())
    for file in [run / "tokenizer.json", *sorted((run / "prepared").iterdir())]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def describe_device(device: str) -> str:
    """Name of the device, for the model card."""
    if device == "cuda":
        return f"one {torch.cuda.get_device_name()}"
    return f"{torch.get_num_threads()} CPU cores"


def optimisers(network: Llama, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embedding and norms."""
    return [
        Muon(network.matrices(), weight_decay=weight_decay),
        torch.optim.AdamW(network.others(), betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


@torch.no_grad()
def held_out_loss(network: Llama, encoded: list[Encoded], context: int) -> float:
    """Mean cross-entropy in nats per predicted token that counts, each item alone and cut at the context."""
    network.eval()
    total, count = 0.0, 0.0
    device = next(network.parameters()).device
    for ids, weights in encoded:
        row = torch.tensor([ids[: context + 1]], device=device)
        weight = torch.tensor([weights[1 : context + 1]], device=device)
        total += network.loss(row, weight).item() * weight.sum().item()
        count += weight.sum().item()
    return total / count
