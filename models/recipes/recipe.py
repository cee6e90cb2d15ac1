"""Recipes: all settings of a model's training, from one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

RECIPES = Path(__file__).parent
FORMS = ("stories", "prose", "dialogue", "generated")
CHATML = ("<|im_start|>", "<|im_end|>")


@dataclass(frozen=True)
class Source:
    """A data source: file, cleaning, and share of training over time."""

    file: str
    form: str
    share: list[list[float]]  # [[progress, weight], ...]: linear in between; weights need not add up to one
    held_out: float = 0.0
    most: int | None = None  # maximum characters, after a seeded shuffle of the items
    variants: int = 0  # additional renamed copies of each story
    in_tokenizer: bool = True

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise click.ClickException(f"source {self.file}: the form is {self.form!r}; use one of {', '.join(FORMS)}.")

    @property
    def name(self) -> str:
        return self.file.split(".")[0]

    def share_at(self, progress: float) -> float:
        """Weight of this source at `progress` (0 to 1)."""
        return interpolated(self.share, progress)


@dataclass(frozen=True)
class TokenizerPlan:
    """Settings of a byte-level BPE and its special tokens."""

    vocab_size: int
    eos: str
    bos: str | None = None
    extra: list[str] = field(default_factory=list)

    @property
    def special(self) -> list[str]:
        return list(dict.fromkeys(([self.bos] if self.bos else []) + [self.eos] + self.extra))


@dataclass(frozen=True)
class Shape:
    """Dimensions of a Llama network with tied embeddings."""

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    context: int
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.heads


@dataclass(frozen=True)
class TrainingPlan:
    """Training schedule. `lengths`: [[progress, sequence length], ...], each valid from there on."""

    steps: int
    batch_tokens: int
    rate: float
    lengths: list[list[float]]
    schedule: list[list[float]]  # [[progress, rate in units of the peak], ...]: linear in between
    weight_decay: float = 0.1
    dropout: float = 0.1
    clip: float = 1.0
    prompt_weight: float = 1.0  # loss weight of prompt tokens in chats
    again_steps: int | None = None  # replaces `steps` when starting from a model of this recipe
    again_rate: float | None = None
    again_share: float = 0.5  # of what became of that model, in the mean with what it was
    first_share: float = 0.0  # initial progress for the sources' shares

    def again(self) -> TrainingPlan:
        """Plan for continuing from a model trained before the text changed."""
        if self.again_steps is None or self.again_rate is None:
            raise click.ClickException(
                "The recipe does not say how to begin with a model: give it again_steps and _rate."
            )
        return replace(self, steps=self.again_steps, rate=self.again_rate, first_share=0.5)

    def length_at(self, progress: float) -> int:
        return int(next(length for start, length in reversed(self.lengths) if progress >= start))

    def rate_at(self, progress: float) -> float:
        """Learning rate relative to its peak."""
        return interpolated(self.schedule, progress)


def interpolated(points: list[list[float]], x: float) -> float:
    """Linear interpolation of [[x, value], ...] at x."""
    before = points[0]
    for after in points:
        if after[0] >= x:
            width = after[0] - before[0]
            return after[1] if width == 0 else before[1] + (after[1] - before[1]) * (x - before[0]) / width
        before = after
    return before[1]


@dataclass(frozen=True)
class Recipe:
    """Recipe of a built-in model."""

    name: str
    seed: int
    sources: list[Source]
    tokenizer: TokenizerPlan
    shape: Shape
    training: TrainingPlan
    generation: dict[str, float | int | bool]
    folder: Path  # directory of the recipe's files: TOML, hashes of held-out items, card template
    system_prompt: str = ""  # default system prompt of the chat template

    def __post_init__(self) -> None:
        chats = [source.file for source in self.sources if source.form in ("dialogue", "generated")]
        if chats and not set(CHATML) <= set(self.tokenizer.special):
            raise click.ClickException(f"{chats[0]} holds chats: the tokenizer needs {' and '.join(CHATML)} in extra.")

    def token_marks(self) -> tuple[list[str], list[str]]:
        """Special tokens (before, after) a plain text item."""
        return ([self.tokenizer.bos] if self.tokenizer.bos else []), [self.tokenizer.eos]


def read_recipe(name: str) -> Recipe:
    """Read the recipe called `name`, or at that path."""
    path = Path(name) if name.endswith(".toml") else RECIPES / name / "recipe.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.parent.name for file in RECIPES.glob("*/recipe.toml")))
        raise click.ClickException(f"There is no recipe {name}; the recipes are {known}.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        tokenizer = TokenizerPlan(**table.pop("tokenizer"))
        return Recipe(
            sources=[Source(**source) for source in table.pop("source")],
            tokenizer=tokenizer,
            shape=Shape(vocab_size=tokenizer.vocab_size, **table.pop("shape")),
            training=TrainingPlan(**table.pop("training")),
            folder=path.parent,
            **table,
        )
    except (TypeError, KeyError, tomllib.TOMLDecodeError) as error:
        raise click.ClickException(f"{path} is not a recipe: {error}.") from error
