"""Shared command-line options."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tui.cli.output import tell
from tui.config.errors import SettingsError
from tui.config.validators import BOUNDS, CACHE_PRECISIONS, PHRASES, PRECISIONS, STOPS, Kind

if TYPE_CHECKING:
    from tui.config.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

# The letters that the options' help explains; N for all others.
LETTERS = {"temperature": "T", "top_k": "K", "repetition_penalty": "X", "dry_multiplier": "X", "dry_base": "X"} | (
    dict.fromkeys(("top_p", "min_p", "typical_p", "xtc_probability", "xtc_threshold"), "P")
)
LARGEST_SHOWN = 10_000


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Combine option decorators, in the order of the help."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def written(context: click.Context, parameter: click.Parameter, value: T) -> T:
    """Callback that rejects text which is not valid Unicode."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise click.BadParameter("not UTF-8 text.") from None
    return value


def filled(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Callback that rejects a name without a character, and text which is not valid Unicode."""
    if value is not None and not value.strip():
        raise click.BadParameter("must not be empty.")
    return written(context, parameter, value)


class FilledPath(click.Path):
    """A path of at least one character: pathlib takes none for the working directory."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if not value:
            self.fail("must not be empty.", parameter, context)
        return super().convert(value, parameter, context)


class Whole(click.IntRange):
    """An IntRange that leaves an upper bound nobody needs to know out of the help."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__(lowest, highest if highest <= LARGEST_SHOWN else None)
        self._highest = highest

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        number: int = super().convert(value, parameter, context)
        if number > self._highest:
            self.fail(f"{number} is more than {self._highest}.", parameter, context)
        return number


class Finite(click.FloatRange):
    """A FloatRange without NaN and infinity."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number: float = click.FLOAT.convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number.", parameter, context)
        return super().convert(value, parameter, context)


def bounded(name: str, help: str) -> Callable[[F], F]:
    """The option for a numeric setting."""
    bounds = BOUNDS[name]
    kind = (
        Whole(int(bounds.lowest), int(bounds.highest))
        if bounds.whole
        else Finite(bounds.lowest, bounds.highest, min_open=bounds.above)
    )
    return click.option("--" + name.replace("_", "-"), type=kind, metavar=LETTERS.get(name, "N"), help=help)


def texts(name: str, kind: Kind, help: str) -> Callable[[F], F]:
    """The option for a setting of several texts; an empty one would be met everywhere."""

    def checked(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise click.BadParameter("must not be empty.")
        if not kind.accepts(value):
            raise click.BadParameter(f"must be {kind.wanted}.")
        return value

    return click.option("--" + name.replace("_", "-"), multiple=True, metavar="TEXT", callback=checked, help=help)


def biases(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str | int, float], ...]:
    """Parse tokens and numbers, as they are typed in the app."""
    from tui.formatting.sampling import parse

    try:
        return tuple(pair for text in value for pair in parse("logit_bias", text))
    except SettingsError as error:
        raise click.BadParameter(str(error)) from None


def model_options(default: str, server: bool = True) -> Callable[[F], F]:
    """Which model, and how it computes. ``default``: used unless a setting names one. ``server``: may be one there."""
    kinds = "built-in, a directory, a GGUF file, ORG/NAME, or URL#NAME of a server"
    if not server:
        kinds = "built-in, a directory, a GGUF file, or ORG/NAME"
    return options(
        click.option(
            "--model",
            metavar="DIR|ORG/NAME|URL" if server else "DIR|ORG/NAME",
            callback=filled,
            help=f"Model: {kinds}.  [default: {default}]",
        ),
        click.option("--precision", type=click.Choice(PRECISIONS), help="Weight precision.  [default: auto]"),
        click.option(
            "--cache-precision", type=click.Choice(CACHE_PRECISIONS), help="KV cache precision.  [default: auto]"
        ),
        bounded("context", "Context limit in tokens.  [default: the longest that fits the memory]"),
        bounded("threads", "Compute threads.  [default: automatic]"),
    )


DB_FILE = FilledPath(path_type=Path, dir_okay=False)
IN_YOUR_DATA = "[default: sessions.db in your data directory]"
db_option = click.option("--db", metavar="FILE", type=DB_FILE, help=f"Session database.  {IN_YOUR_DATA}")
documents_db_option = click.option(
    "--db", metavar="FILE", type=DB_FILE, help=f"Session database; documents.db is beside it.  {IN_YOUR_DATA}"
)
screen_options = options(
    click.option(
        "--theme", metavar="NAME", callback=filled, help="Colour theme; `llm-tui themes` lists them.  [default: auto]"
    ),
    click.option(
        "--mouse",
        type=click.Choice(("on", "off")),
        callback=lambda context, parameter, value: None if value is None else value == "on",
        help="Mouse support; off leaves selection to the terminal.  [default: on]",
    ),
    click.option("--plain", is_flag=True, default=None, help="Chat line by line, for screen readers."),
)
sampling_options = options(
    bounded("temperature", "Sampling temperature; 0 always takes the most likely token."),
    bounded("top_k", "Sample from the k most likely tokens; 0 = off."),
    bounded("top_p", "Sample from the smallest set of tokens with total probability p; 1 = off."),
    bounded("min_p", "Drop tokens below p × the top probability; 0 = off."),
    bounded("repetition_penalty", "Repetition penalty; 1 = off, higher repeats less."),
    bounded("seed", "Random seed; the same seed gives the same text.  [default: a new one]"),
    bounded("max_tokens", "Maximum tokens to generate.  [default: no limit]"),
    texts("stop", STOPS, "Stop before this string; may be repeated."),
    texts("ban", PHRASES, "Never write this phrase, but something else; may be repeated."),
    click.option(
        "--logit-bias",
        multiple=True,
        metavar="'TOKEN N'",
        callback=biases,
        help="Bias a token, by text or id: --logit-bias 'very -5' makes it less likely; may be repeated.",
    ),
    bounded("typical_p", "Keep the tokens that surprise as expected, with total probability p; 1 = off."),
    bounded("xtc_probability", "XTC: how often all likely tokens but the least likely of them are excluded; 0 = off."),
    bounded("xtc_threshold", "XTC: the probability from which a token is likely.  [default: 0.1]"),
    bounded("dry_multiplier", "DRY: penalty on continuing a repetition; 0 = off, 0.8 is usual."),
    bounded("dry_base", "DRY: growth of the penalty with each token of the repetition.  [default: 1.75]"),
    bounded("dry_allowed_length", "DRY: the longest repetition in tokens without a penalty.  [default: 2]"),
    texts(
        "dry_breakers",
        STOPS,
        "DRY: a repetition ends at this string; may be repeated.  [default: newline, colon, quote, asterisk]",
    ),
    click.option("--stats", is_flag=True, help="Print token counts and timings to standard error."),
)


def settings_for(context: click.Context, /, **flags: Any) -> "Settings":
    """Effective settings of a command: its flags, then those of `llm-tui` itself, then the configuration file.

    Prints warnings about the file. Raises SettingsError for an invalid value.
    """
    from tui.config.settings import load_settings

    settings = load_settings(**context.obj).with_flags(**flags)
    for warning in settings.warnings:
        tell(warning)
    return settings
