"""`llm-tui models`: list the available models."""

import json
from typing import TYPE_CHECKING, Any

import click

from tui.cli.options import settings_for
from tui.cli.output import writer
from tui.config.paths import model_places
from tui.config.remotes import Address
from tui.formatting.units import short_count, size
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import MemoryPlan
    from inference.sources.catalogue import Listing
    from inference.sources.suggested import Suggestion

SOURCES = {
    "built-in": "built-in",
    "directory": "your directory",
    "download": "downloaded",
    "unfinished": "incomplete download",
    "hub-cache": "Hugging Face cache",
    "ollama": "Ollama",
    "lm-studio": "LM Studio",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the available models.

    These are the built-in ones, those in your model directories, downloads, the Hugging Face cache, the models of
    Ollama and LM Studio, and those named in [[remotes]]. Use the name at the start of an entry with --model.
    """
    from inference import available_memory
    from inference.sources.catalogue import catalogue
    from inference.sources.suggested import suggestions

    write, available = writer(), available_memory()
    settings = settings_for(context)
    listings = catalogue(model_places(settings.model_directories), settings.cache_precision)
    served = [str(Address(server.url, name)) for server in settings.remotes for name in server.models]
    if as_json:
        local = [_as_json(listing, available, settings.context) for listing in listings]
        write(json.dumps([*local, *({"name": name, "source": "server"} for name in served)], indent=1) + "\n")
        return
    here = set()
    for listing in listings:
        here.add(listing.found.name)
        write(_as_text(listing, available, settings.context) + "\n")
    write("".join(f"{name}  (server)\n" for name in served))
    offered = [entry for entry in suggestions() if entry.fits(available) and str(entry.name) not in here]
    if offered:
        write("Suggested, by memory (`llm-tui pull NAME` downloads one):\n")
        write("".join(f"  {_suggested(entry)}\n" for entry in offered))
    if available is not None:
        write(f"Free memory: {size(available)}\n")


def _as_json(listing: "Listing", available: int | None, limit: int | None) -> dict[str, Any]:
    found, info = listing.found, listing.info
    about = {"name": found.name, "source": found.source, "path": str(found.path)}
    if info is None:
        return {**about, "problem": listing.problem}
    return {
        **about,
        "family": info.family,
        "parameters": info.parameters,
        "width": listing.width,
        "context": info.context,
        "size_on_disk": info.size_on_disk,
        "memory": {name: info.plan.memory(name, available, limit) for name in info.plan.needs},
        "fits": info.plan.fitting(available, limit),
        "has_chat_template": info.has_chat_template,
    }


def _as_text(listing: "Listing", available: int | None, limit: int | None) -> str:
    name, source = one_line(listing.found.name), SOURCES[listing.found.source]
    if listing.info is None:
        return f"{name}  ({source})\n  unsupported: {one_line(listing.problem)}"
    info = listing.info
    about = [
        info.family,
        f"{short_count(info.parameters)} parameters",
        listing.width,
        f"{size(info.size_on_disk)} on disk",
        f"context {info.context}",
        "chat and stories" if info.has_chat_template else "stories only",
    ]
    return f"{name}  ({source})\n  {' · '.join(about)}\n  memory {_memory(info.plan, available, limit)}"


def _suggested(entry: "Suggestion") -> str:
    about = [
        entry.family,
        f"{short_count(entry.parameters)} parameters",
        entry.name.selector,
        f"{size(entry.size)} to download",
        f"memory {size(entry.memory)}",
        entry.licence,
    ]
    return f"{entry.alias}  {entry.title}: {' · '.join(about)}"


def _memory(plan: "MemoryPlan", available: int | None, limit: int | None) -> str:
    """Memory per precision, grouped by size: ``float32 27 MB, bfloat16/float16 13 MB, …: fits``.

    The context is told where it is not the model's own: ``int8 12.1 GB for 81920 tokens``.
    """
    fitting = plan.fitting(available, limit)
    names: dict[str, list[str]] = {}
    for name in plan.needs:
        context = fitting.get(name, plan.context)
        tokens = "" if context == plan.context else f" for {context} tokens"
        names.setdefault(f"{size(plan.memory(name, available, limit))}{tokens}", []).append(name)
    needs = ", ".join(f"{'/'.join(group)} {needed}" for needed, group in names.items())
    if not fitting:
        return f"{needs}: does not fit"
    return f"{needs}: fits" + ("" if len(fitting) == len(plan.needs) else f" in {' or '.join(fitting)}")
