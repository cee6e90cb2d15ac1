"""Options that several commands share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tui.cli.output import tell
from tui.config.validators import BOUNDS, CACHE_PRECISIONS, PRECISIONS, STOPS

if TYPE_CHECKING:
    from tui.config.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help lists them."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def written(context: click.Context, parameter: click.Parameter, value: T) -> T:
    """A callback for what is written down, shown and sent to a model: names of files may be any bytes, this may not."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not UTF-8 text.") from None
    return value


class Finite(click.FloatRange):
    """A number within a range: "nan" is in none, and "inf" is no number to compute with."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number: float = click.FLOAT.convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number.", parameter, context)
        return super().convert(value, parameter, context)


def bounded(name: str, help: str) -> Callable[[F], F]:
    """The option for a setting that is a number."""
    bounds = BOUNDS[name]
    kind = (
        click.IntRange(bounds.lowest, bounds.highest)
        if bounds.whole
        else Finite(bounds.lowest, bounds.highest, min_open=bounds.above)
    )
    return click.option("--" + name.replace("_", "-"), type=kind, help=help)


def stops(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """A callback for texts that stop a reply: the empty one stands before the first word of any."""
    if "" in value:
        raise click.BadParameter("it is empty.")
    if not STOPS.accepts(value):
        raise click.BadParameter(f"it must be {STOPS.wanted}.")
    return value


model_options = options(
    click.option("--model", metavar="DIR|ORG/NAME", help="The model to use; a built-in one if not given."),
    click.option("--precision", type=click.Choice(PRECISIONS), help="How weights are held.  [default: auto]"),
    click.option("--cache-precision", type=click.Choice(CACHE_PRECISIONS), help="How conversations are held."),
    bounded("threads", "How many threads compute."),
)
db_option = click.option(
    "--db",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The sessions' database; your own if not given.",
)
theme_option = click.option("--theme", metavar="NAME", help="The app's colours; `llm-tui themes` lists them.")
sampling_options = options(
    bounded("temperature", "0 always takes the likeliest token."),
    bounded("top_k", "Choose among the K likeliest tokens; 0 is off."),
    bounded("top_p", "Choose among the likeliest P of all."),
    bounded("min_p", "Drop tokens rarer than P times the likeliest."),
    bounded("repetition_penalty", "Above 1 repeats less."),
    bounded("seed", "The same seed gives the same text."),
    bounded("max_tokens", "Stop after this many tokens."),
    click.option(
        "--stop",
        multiple=True,
        metavar="TEXT",
        callback=stops,
        help="Stop before this text; may be given several times.",
    ),
    click.option("--stats", is_flag=True, help="Print counts and times to standard error."),
)


def settings_for(context: click.Context, **flags: Any) -> "Settings":
    """What holds for a command: its own flags, then those given to `llm-tui` itself, then the configuration file.

    Says on standard error what in the file is not understood. Raises SettingsError for what cannot be.
    """
    from tui.config.settings import load_settings

    settings = load_settings(**context.obj).with_flags(**flags)
    for warning in settings.warnings:
        tell(warning)
    return settings
