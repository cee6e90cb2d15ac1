"""Trains a byte-level BPE on the prepared items: `tokenizer.json`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from models.recipes.prepare import Item, read_items
from models.recipes.recipe import Recipe

DEFAULT_SYSTEM = (
    "{% if messages and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\n' + PROMPT + '<|im_end|>' + '\\n' }}"
    "{% endif %}"
)
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(recipe: Recipe, run: Path) -> Tokenizer:
    """Train the tokenizer and write `run`/tokenizer.json."""
    plan = recipe.tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=plan.vocab_size,
        special_tokens=plan.special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(recipe, run), trainer)
    if plan.bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{plan.bos} $A", special_tokens=[(plan.bos, tokenizer.token_to_id(plan.bos))]
        )
    tokenizer.save(str(run / "tokenizer.json"))
    click.echo(f"tokenizer: {tokenizer.get_vocab_size()} tokens")
    return tokenizer


def load_tokenizer(run: Path) -> Tokenizer:
    """Load the tokenizer that `train_tokenizer` wrote."""
    file = run / "tokenizer.json"
    if not file.is_file():
        raise click.ClickException(f"{file} does not exist; run `tokenizer` first.")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.encode_special_tokens = True  # special tokens are never parsed from text, as in the engine
    return tokenizer


def tokenizer_config(recipe: Recipe) -> dict[str, Any]:
    """`tokenizer_config.json`, with the chat template if the model has one."""
    plan = recipe.tokenizer
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": recipe.shape.context,
        "eos_token": plan.eos,
        "pad_token": plan.eos,
    }
    if plan.bos:
        config["bos_token"] = plan.bos
    if "<|im_start|>" in plan.special:
        default = DEFAULT_SYSTEM.replace("PROMPT", json.dumps(recipe.system_prompt)) if recipe.system_prompt else ""
        config["chat_template"] = default + CHATML
    return config


def take_tokenizer(run: Path, model: Path) -> None:
    """Copy a model's tokenizer, for a training that starts from the model."""
    run.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model / "tokenizer.json", run / "tokenizer.json")
    click.echo(f"the tokenizer of {model}")


def _texts(recipe: Recipe, run: Path) -> Iterator[str]:
    for source in recipe.sources:
        if source.in_tokenizer:
            for item in read_items(run / "prepared" / f"{source.name}.jsonl"):
                if "variant" not in item:
                    yield from item_texts(item)


def item_texts(item: Item) -> list[str]:
    """Plain texts of an item."""
    if "text" in item:
        return [str(item["text"])]
    return [message["content"] for message in item["messages"]]  # type: ignore[attr-defined]
