"""`python -m models.recipes STAGE RECIPE`: trains the built-in models in stages."""

from __future__ import annotations

from pathlib import Path

import click

from models.recipes.recipe import read_recipe

RUNS = Path("runs")
MODELS = Path("models")


def _run_folder(recipe: str, run: Path | None) -> Path:
    return run or RUNS / read_recipe(recipe).name


run_option = click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this training run; runs/RECIPE if absent.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    required=True,
    help="Folder of found text; may be given more than once.",
)
minutes_option = click.option(
    "--minutes", type=float, help="End the schedule after this wall-clock time, if the steps take longer."
)
compile_option = click.option("--compile/--no-compile", "compiled", default=True, help="Use torch.compile.")
to_option = click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Model directory; models/RECIPE if absent."
)
from_option = click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Model directory to begin with, when only the text has changed.",
)
recipe_argument = click.argument("recipe")


@click.group()
def recipes() -> None:
    """Make a built-in model: prepare, tokenizer, train, export, evaluate. RECIPE is `story`, `guide` or a TOML file."""


@recipes.command()
@recipe_argument
@run_option
@data_option
def prepare(recipe: str, run: Path | None, data: tuple[Path, ...]) -> None:
    """Clean the text and hold some of it out."""
    from models.recipes.prepare import prepare as stage

    stage(read_recipe(recipe), data, _run_folder(recipe, run))


@recipes.command()
@recipe_argument
@run_option
@from_option
def tokenizer(recipe: str, run: Path | None, start: Path | None) -> None:
    """Train the tokenizer, or copy that of the model given with --from."""
    from models.recipes.tokenizer import take_tokenizer, train_tokenizer

    if start is None:
        train_tokenizer(read_recipe(recipe), _run_folder(recipe, run))
    else:
        take_tokenizer(_run_folder(recipe, run), start)


@recipes.command()
@recipe_argument
@run_option
@minutes_option
@compile_option
@from_option
def train(recipe: str, run: Path | None, minutes: float | None, compiled: bool, start: Path | None) -> None:
    """Train, or resume from the last checkpoint."""
    from models.recipes.train import train as stage

    stage(read_recipe(recipe), _run_folder(recipe, run), minutes, compiled, start)


@recipes.command()
@recipe_argument
@run_option
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Model directory; models/RECIPE if absent."
)
def export(recipe: str, run: Path | None, to: Path | None) -> None:
    """Write the model directory and its card."""
    from models.recipes.card import write_card
    from models.recipes.export import export as stage

    read, folder = read_recipe(recipe), _run_folder(recipe, run)
    directory = to or MODELS / read.name
    stage(read, folder, directory)
    write_card(read, folder, directory)


@recipes.command()
@recipe_argument
@run_option
@data_option
@minutes_option
@compile_option
@from_option
@to_option
@click.pass_context
def build(
    context: click.Context,
    recipe: str,
    run: Path | None,
    data: tuple[Path, ...],
    minutes: float | None,
    compiled: bool,
    start: Path | None,
    to: Path | None,
) -> None:
    """Run prepare, tokenizer, train and export; resumes after an interruption."""
    context.invoke(prepare, recipe=recipe, run=run, data=data)
    context.invoke(tokenizer, recipe=recipe, run=run, start=start)
    context.invoke(train, recipe=recipe, run=run, minutes=minutes, compiled=compiled, start=start)
    context.invoke(export, recipe=recipe, run=run, to=to)


@recipes.command()
@recipe_argument
@run_option
@click.argument("directories", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
def evaluate(recipe: str, run: Path | None, directories: tuple[Path, ...]) -> None:
    """Print bits per byte on held-out texts for the recipe's model and those in DIRECTORIES."""
    from models.recipes.evaluate import evaluate as stage
    from models.recipes.prepare import read_items

    held_out = read_items(_run_folder(recipe, run) / "prepared" / "heldout.jsonl")
    stage([MODELS / read_recipe(recipe).name, *directories], held_out)


if __name__ == "__main__":
    recipes()
