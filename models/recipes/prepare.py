"""Cleans source texts into items, some held out: `prepared/<source>.jsonl`."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from models.recipes import clean
from models.recipes.guide.generate import conversations
from models.recipes.names import renamed
from models.recipes.recipe import Recipe, Source

SEPARATOR = "<|endoftext|>"
SPEAKERS = {"User": "user", "Assistant": "assistant"}
SHORTEST = 100  # minimum characters of a story

Item = dict[str, object]  # {"text": str}, {"text": str, "variant": True} or {"messages": [{"role", "content"}, ...]}


def prepare(recipe: Recipe, data: Sequence[Path], run: Path) -> None:
    """Write each source's items and the held-out ones to `run`/prepared, and print their numbers.

    Raises `click.ClickException` if a file is missing, or if the hashes of the held-out stories differ from
    the recipe's.
    """
    folder = run / "prepared"
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    held_out: list[Item] = []
    for source in recipe.sources:
        kept: list[Item] = []
        for item in _items(source, data, recipe.seed):
            key = clean.fingerprint(_words(item)) if "text" in item else _words(item)
            if key in seen:
                continue
            seen.add(key)
            (held_out if _is_held_out(recipe.seed, key, source.held_out) else kept).append(item)
        kept = _at_most(kept, source.most, recipe.seed)
        kept += _variants(kept, source.variants, recipe.seed)
        _write(folder / f"{source.name}.jsonl", kept)
        click.echo(f"{source.name}: {len(kept)} items, {sum(len(_words(item)) for item in kept)} characters")
    _write(folder / "heldout.jsonl", held_out)
    click.echo(f"held out: {len(held_out)} items, {sum(len(_words(item)) for item in held_out)} characters")
    _record_hashes(recipe, held_out)


def read_items(file: Path) -> list[Item]:
    """Read a prepared file."""
    if not file.is_file():
        raise click.ClickException(f"{file} does not exist; run `prepare` first.")
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def item_hash(item: Item) -> str:
    """Hash of a held-out item, as listed in the recipe."""
    return hashlib.sha256(_words(item).encode()).hexdigest()[:16]


def _items(source: Source, data: Sequence[Path], seed: int) -> Iterator[Item]:
    if source.form == "generated":
        yield from conversations(seed)
        return
    file = next((folder / source.file for folder in data if (folder / source.file).is_file()), None)
    if file is None:
        searched = ", ".join(map(str, data))
        raise click.ClickException(f"{source.file} is not in {searched}; pass the folder that has it as --data.")
    content = (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).decode("utf-8")
    for text in content.split(SEPARATOR):
        yield from _cleaned(source.form, clean.straighten(text))


def _cleaned(form: str, text: str) -> Iterator[Item]:
    if form == "dialogue":
        messages = _messages(text)
        if len(messages) >= 2:
            yield {"messages": messages}
        return
    stories = clean.split_stories(text) if form == "stories" else [clean.without_title(clean.unwrap(text))]
    for story in stories:
        if len(story) >= SHORTEST and clean.ends_a_sentence(story) and "â" not in story:
            yield {"text": story}


def _messages(text: str) -> list[dict[str, str]]:
    """Messages of a `User: ... / Assistant: ...` text, from the first user to the last assistant message."""
    messages: list[dict[str, str]] = []
    for line in text.split("\n"):
        speaker, colon, content = line.partition(": ")
        if colon and speaker in SPEAKERS:
            messages.append({"role": SPEAKERS[speaker], "content": content.strip()})
        elif messages and line.strip():
            messages[-1]["content"] += " " + line.strip()
    while messages and messages[0]["role"] != "user":
        messages.pop(0)
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    return messages


def _words(item: Item) -> str:
    if "text" in item:
        return str(item["text"])
    messages: list[dict[str, str]] = item["messages"]  # type: ignore[assignment]
    return "\n".join(message["content"] for message in messages)


def _is_held_out(seed: int, key: str, fraction: float) -> bool:
    """Pseudo-random choice by seed and item only, so that new items do not affect existing ones."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def _at_most(items: list[Item], most: int | None, seed: int) -> list[Item]:
    if most is None:
        return items
    random.Random(seed).shuffle(items)
    total = 0
    for count, item in enumerate(items):
        total += len(_words(item))
        if total > most:
            return items[:count]
    return items


def _variants(items: list[Item], count: int, seed: int) -> list[Item]:
    """`count` renamed variants of each story with known names; marked, as the tokenizer ignores them."""
    chance = random.Random(seed)
    texts = [str(item["text"]) for item in items for _ in range(count)]
    told_again = [(text, renamed(text, chance)) for text in texts]
    return [{"text": new, "variant": True} for old, new in told_again if new != old]


def _write(file: Path, items: list[Item]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for item in items:
            stream.write(json.dumps(item, ensure_ascii=False) + "\n")


def _record_hashes(recipe: Recipe, held_out: list[Item]) -> None:
    """Compare the held-out items with the hashes next to the recipe, or create that file."""
    hashes = sorted(item_hash(item) for item in held_out if "text" in item)
    file = recipe.folder / "heldout.txt"
    if not hashes:
        return
    if not file.is_file():
        file.write_text("\n".join(hashes) + "\n", encoding="utf-8")
    elif file.read_text(encoding="utf-8").split() != hashes:
        raise click.ClickException(
            f"The held-out stories are not those of {file}: the data or the cleaning has changed. "
            "Scores would not compare with earlier ones; delete that file to begin anew."
        )
