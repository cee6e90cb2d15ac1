"""`llm-tui chat`: one answer."""

from typing import Any

import click

from tui.cli.generation import generate, with_piped
from tui.cli.options import model_options, sampling_options


@click.command()
@click.argument("prompt", required=False)
@model_options
@click.option("--system", metavar="TEXT", help="What the model is told before the question.")
@sampling_options
@click.pass_context
def chat(context: click.Context, /, prompt: str | None, system: str | None, **given: Any) -> None:
    """Answer PROMPT, with piped input appended to it, and print the answer."""
    text = with_piped(prompt)
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    generate(context, "guide", given, lambda session, params: session.reply(messages, params))
