"""`llm-tui bench`: benchmarks of this engine, and against llama.cpp."""

import json
import os
from pathlib import Path

import click

from tui.cli.options import bounded, filled, settings_for
from tui.cli.output import show_progress, writer
from tui.cli.streaming import find
from tui.config.paths import cache_directory
from tui.config.validators import PRECISIONS

SHAPES = ("1.1b", "135m", "0.5b")
BUNDLED = Path("llama.cpp")  # the build that llama-cpp-python brings
LIBRARY_PATH = "LLAMA_CPP_LIB_PATH"


@click.command()
@click.argument("model", required=False, metavar="[MODEL]", callback=filled)
@click.option("--shape", type=click.Choice(SHAPES), help="Benchmark random weights of this shape instead of a model.")
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    help="Weight precision; may be repeated.  [default: auto]",
)
@click.option("--prompt", type=click.IntRange(min=1), metavar="N", help="Prompt length in tokens.  [default: 512]")
@click.option(
    "--depth",
    "depths",
    multiple=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Tokens in the context before the prompt; may be repeated.  [default: 0, 512, 2048, if the context allows]",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(min=1),
    metavar="N",
    default=(1,),
    help="Sequences decoded together; may be repeated.  [default: 1]",
)
@bounded("threads", "Compute threads.  [default: automatic]")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    help="Rounds per measurement; the best counts.  [default: 3]",
)
@click.option(
    "--against",
    metavar="llama.cpp|DIR",
    callback=lambda context, option, given: None if given is None else peer_library(given),
    help="Also benchmark llama.cpp on the same weights, or your own build of it: DIR holds its libraries.",
)
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@click.pass_context
def bench(
    context: click.Context,
    model: str | None,
    shape: str | None,
    precisions: tuple[str, ...],
    prompt: int | None,
    depths: tuple[int, ...],
    batches: tuple[int, ...],
    threads: int | None,
    repeat: int,
    against: Path | None,
    as_json: bool,
) -> None:
    """Benchmark a model: speed, load time and memory.

    Pass either MODEL (built-in, a directory, a GGUF file, or ORG/NAME) or --shape. --shape and --against write files as
    large as the model to the cache directory (llm-tui/bench), and keep them for the next run.
    """
    if (model is None) == (shape is None):
        raise click.UsageError("Give either a MODEL or a --shape.")
    from inference.bench.comparison import compare
    from inference.bench.report import as_json as described
    from inference.bench.report import plot, table
    from inference.bench.shapes import random_checkpoint
    from inference.bench.workload import Workload

    if against is not None and against != BUNDLED:
        os.environ[LIBRARY_PATH] = str(against)  # llama-cpp-python loads it from there, here and in other processes
    settings, files = settings_for(context, threads=threads), cache_directory() / "bench"
    with Status() as status:
        if shape is not None:
            directory = random_checkpoint(shape, files, status.show)
        else:
            directory = find(str(model), settings.model_directories)
        outcome = compare(
            directory,
            precisions or (settings.precision,),
            settings.threads,
            lambda length: Workload.fitting(length, prompt, depths, batches, repeat),
            files if against else None,
            status.show,
        )
    write = writer()
    if as_json:
        write(json.dumps(described(outcome), indent=1) + "\n")
    else:
        write(f"{table(outcome)}\n\n{plot(outcome)}\n")


def peer_library(given: str) -> Path:
    """``llama.cpp``, or the directory of a build. Raises BadParameter for one without libraries."""
    directory = Path(given).expanduser()
    if given != str(BUNDLED) and not any(directory.glob("*llama.*")):
        raise click.BadParameter(f"{given} is not llama.cpp, nor a directory with a build of it (libllama.so).")
    return BUNDLED if given == str(BUNDLED) else directory.resolve()


class Status:
    """One-line status on a terminal's standard error, erased at the end."""

    def __enter__(self) -> "Status":
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, what: str) -> None:
        show_progress(what)
