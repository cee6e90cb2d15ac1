"""`llm-tui chat`: one answer."""

from typing import Any

import click

from tui.cli.generation import generate, with_piped
from tui.cli.options import model_options, sampling_options, settings_for


@click.command()
@click.argument("prompt", required=False)
@model_options
@click.option("--system", metavar="TEXT", help="What the model is told before the question.")
@sampling_options
@click.pass_context
def chat(context: click.Context, /, prompt: str | None, system: str | None, stats: bool, **given: Any) -> None:
    """Answer PROMPT, with piped input appended to it, and print the answer."""
    text = with_piped(prompt)
    settings = settings_for(context, system=system, **given)
    messages = [{"role": "system", "content": settings.system}] if settings.system else []
    messages.append({"role": "user", "content": text})
    generate(settings, "chat_model", stats, lambda session, params: session.reply(messages, params))
