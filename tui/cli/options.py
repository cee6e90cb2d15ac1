"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")

F = TypeVar("F", bound=Callable[..., Any])


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help lists them."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


model_options = options(
    click.option("--model", metavar="DIR|ORG/NAME", help="The model to use; a built-in one if not given."),
    click.option("--precision", type=click.Choice(PRECISIONS), help="How weights are held.  [default: auto]"),
    click.option("--threads", type=click.IntRange(min=1), help="How many threads compute."),
)
db_option = click.option(
    "--db", metavar="FILE", type=click.Path(path_type=Path), help="The sessions' database; your own if not given."
)
sampling_options = options(
    click.option("--temperature", type=click.FloatRange(min=0), help="0 always takes the likeliest token."),
    click.option("--top-k", type=click.IntRange(min=0), help="Choose among the K likeliest tokens; 0 is off."),
    click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Choose among the likeliest P of all."),
    click.option("--min-p", type=click.FloatRange(0, 1), help="Drop tokens rarer than P times the likeliest."),
    click.option("--repetition-penalty", type=click.FloatRange(min=0, min_open=True), help="Above 1 repeats less."),
    click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same text."),
    click.option("--max-tokens", type=click.IntRange(min=1), help="Stop after this many tokens."),
    click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text; may be given several times."),
    click.option("--stats", is_flag=True, help="Print counts and times to standard error."),
)
