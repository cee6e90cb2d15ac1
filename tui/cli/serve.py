"""`llm-tui serve`: the engine for other programs."""

import importlib.util
from pathlib import Path
from typing import Any

import click

from tui.cli.options import FilledPath, filled, model_options, settings_for
from tui.cli.output import tell
from tui.cli.streaming import load

NEEDED = ("starlette", "uvicorn")


@click.command()
@model_options("guide", server=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    callback=filled,
    help="Address to listen on.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, metavar="N", help="Port; 0: any free one."
)
@click.option(
    "--api-key-file",
    metavar="FILE",
    type=FilledPath(path_type=Path, dir_okay=False),
    help="File with the key that clients must send; required on addresses that other machines can reach.",
)
@click.pass_context
def serve(context: click.Context, /, host: str, port: int, api_key_file: Path | None, **given: Any) -> None:
    """Serve a model to other programs.

    They talk to it as to OpenAI's API: chats, completions, embeddings. Needs the extra `serve`. Ctrl+C or SIGTERM ends
    it; replies under way get 30 seconds to end.
    """
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise click.ClickException("`llm-tui serve` needs an extra: install it with `pip install 'llm-tui[serve]'`.")
    from inference import Engine
    from tui.server.api import Api
    from tui.server.listening import bind, read_key
    from tui.server.listening import serve as listen
    from tui.server.served_model import served_embeddings, served_name

    settings = settings_for(context, **given)
    key = None if api_key_file is None else read_key(api_key_file)
    with bind(host, port, key) as listener:
        model = load(settings, "chat_model", chat=False)
        name = served_name(settings)
        budget = settings.cache_budget_mb and settings.cache_budget_mb * 2**20
        with Engine(model, budget) as engine:
            api = Api(engine, model, name, settings, served_embeddings(settings), tell)
            listener.listen()  # who reads the next line may connect
            shown = f"[{host}]" if ":" in host else host
            tell(f"Serving {name} on http://{shown}:{listener.getsockname()[1]}/v1. Ctrl+C ends it.")
            listen(listener, host, key, api, engine)
