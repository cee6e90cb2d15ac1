"""`llm-tui story`: continue a text."""

from typing import Any

import click

from tui.cli.options import model_options, sampling_options, settings_for, written
from tui.cli.streaming import generate, with_piped


@click.command()
@click.argument("prompt", required=False, callback=written)
@model_options("story")
@sampling_options
@click.pass_context
def story(context: click.Context, /, prompt: str | None, stats: bool, **given: Any) -> None:
    """Print PROMPT and the model's continuation.

    Piped input is appended to PROMPT.

    Sampling is as the options and config.toml say, else as the model's makers recommend; where they recommend no
    temperature, it is temperature 0.8, top-k 40, top-p 0.95 and min-p 0.05. A server has its own defaults, and
    writes 120 tokens at most if --max-tokens says nothing.
    """
    text = with_piped(prompt)
    settings = settings_for(context, **given)
    generate(settings, "story_model", stats, lambda session, params: session.complete(text, params), before=text)
