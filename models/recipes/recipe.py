"""A recipe: everything that decides how a model is made, read from one TOML file."""

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
    """One file of items, how to clean it, and its share of training over time."""

    file: str
    form: str
    share: list[list[float]]  # [[progress, weight], ...]: linear in between; weights need not add up to one
    held_out: float = 0.0
    most: int | None = None  # characters kept, of a seeded shuffle of its items
    variants: int = 0  # more copies of each story, the children in it under other names
    in_tokenizer: bool = True

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise click.ClickException(f"source {self.file}: the form is {self.form!r}; use one of {', '.join(FORMS)}.")

    @property
    def name(self) -> str:
        return self.file.split(".")[0]

    def share_at(self, progress: float) -> float:
        """The weight of this source when `progress` (0 to 1) of training is done."""
        return interpolated(self.share, progress)


@dataclass(frozen=True)
class TokenizerPlan:
    """A byte-level BPE and its special tokens."""

    vocab_size: int
    eos: str
    bos: str | None = None
    extra: list[str] = field(default_factory=list)

    @property
    def special(self) -> list[str]:
        return list(dict.fromkeys(([self.bos] if self.bos else []) + [self.eos] + self.extra))


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama network with tied embeddings."""

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
    """The optimiser's schedule. `lengths` is [[progress, tokens in a row], ...]: each holds from there on."""

    steps: int
    batch_tokens: int
    rate: float
    lengths: list[list[float]]
    schedule: list[list[float]]  # [[progress, rate in units of the peak], ...]: linear in between
    weight_decay: float = 0.1
    dropout: float = 0.1
    clip: float = 1.0
    prompt_weight: float = 1.0  # of the tokens that the model reads rather than writes, in chats
    again_steps: int | None = None  # for a training that begins with a model of this recipe, instead of `steps`
    again_rate: float | None = None
    first_share: float = 0.0  # the progress at which the sources' shares begin

    def again(self) -> TrainingPlan:
        """The plan for going on from a model that was made before the text changed."""
        if self.again_steps is None or self.again_rate is None:
            raise click.ClickException(
                "The recipe does not say how to begin with a model: give it again_steps and _rate."
            )
        return replace(self, steps=self.again_steps, rate=self.again_rate, first_share=0.5)

    def length_at(self, progress: float) -> int:
        return int(next(length for start, length in reversed(self.lengths) if progress >= start))

    def rate_at(self, progress: float) -> float:
        """The learning rate in units of its peak."""
        return interpolated(self.schedule, progress)


def interpolated(points: list[list[float]], x: float) -> float:
    """The value at x of a line through [[x, value], ...]."""
    before = points[0]
    for after in points:
        if after[0] >= x:
            width = after[0] - before[0]
            return after[1] if width == 0 else before[1] + (after[1] - before[1]) * (x - before[0]) / width
        before = after
    return before[1]


@dataclass(frozen=True)
class Recipe:
    """How one built-in model is made."""

    name: str
    seed: int
    sources: list[Source]
    tokenizer: TokenizerPlan
    shape: Shape
    training: TrainingPlan
    generation: dict[str, float | int | bool]
    folder: Path  # where the recipe's own files lie: the TOML, the hashes of held-out items, the card's text
    system_prompt: str = ""  # what a chat without one of its own begins with

    def __post_init__(self) -> None:
        chats = [source.file for source in self.sources if source.form in ("dialogue", "generated")]
        if chats and not set(CHATML) <= set(self.tokenizer.special):
            raise click.ClickException(f"{chats[0]} holds chats: the tokenizer needs {' and '.join(CHATML)} in extra.")

    def token_marks(self) -> tuple[list[str], list[str]]:
        """(before, after) each item that is plain text."""
        return ([self.tokenizer.bos] if self.tokenizer.bos else []), [self.tokenizer.eos]


def read_recipe(name: str) -> Recipe:
    """The recipe called `name`, or the one in the TOML file of that path."""
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
