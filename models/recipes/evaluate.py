"""Bits per byte of models on held-out text, by the project's engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from inference import InferenceError, Model
from models.recipes.prepare import Item


def evaluate(directories: Sequence[Path], items: Sequence[Item]) -> list[float]:
    """Print and return the bits per byte of each model on the same texts.

    Raises `click.ClickException` if there is no text to score, or if a model cannot be loaded.
    """
    texts = [str(item["text"]) for item in items if "text" in item]
    if not texts:
        raise click.ClickException("No text was held out, so there is nothing to score.")
    size = sum(len(text.encode()) for text in texts)
    click.echo(f"{len(texts)} held-out texts, {size} bytes")
    scores = []
    for directory in directories:
        try:
            model = Model.load(directory)
        except InferenceError as error:
            raise click.ClickException(str(error)) from error
        counted = [bits(model, text) for text in texts]
        total, tokens = sum(each for each, _ in counted), sum(count for _, count in counted)
        scores.append(total / size)
        click.echo(f"{directory.name}: {total / size:.4f} bits per byte ({total / tokens:.3f} bits per token)")
    return scores


def bits(model: Model, text: str) -> tuple[float, int]:
    """Bits for the text and its end token, and the number of tokens.

    The first token is predicted from the beginning-of-text token; the last prediction is the end-of-text token. Texts
    longer than the context are split into consecutive windows; every token is predicted once.
    """
    ids = model.tokenizer.encode(text)
    if ids[0] not in model.tokenizer.control_ids:
        raise click.ClickException(f"{model.path} puts no token before a text, so its first token cannot be scored.")
    ids.append(min(model.eos_token_ids))
    context = model.config.max_position_embeddings
    total = 0.0
    for start in range(0, len(ids) - 1, context):
        window = ids[start : start + context + 1]
        logits = model.forward(window[:-1], model.new_cache()).astype(np.float64)
        highest = logits.max(axis=1)
        logarithm = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        chosen = logits[np.arange(len(window) - 1), window[1:]]
        total += float((logarithm - chosen).sum())
    return total / math.log(2), len(ids) - 1
