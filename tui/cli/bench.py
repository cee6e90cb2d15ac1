"""`llm-tui bench`: benchmarks of this engine, and against llama.cpp."""

import json

import click

from tui.cli.options import bounded, settings_for
from tui.cli.output import show_progress, writer
from tui.cli.streaming import find
from tui.config.paths import cache_directory
from tui.config.validators import PRECISIONS

SHAPES = ("1.1b", "135m", "0.5b")


@click.command()
@click.argument("model", required=False, metavar="[MODEL]")
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
    "--against", type=click.Choice(["llama.cpp"]), help="Also benchmark this other engine, on the same weights."
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
    against: str | None,
    as_json: bool,
) -> None:
    """Benchmark a model: speed, load time and memory.

    Pass either MODEL (a directory, a built-in model or ORG/NAME) or --shape. --shape and --against write files as large
    as the model to the cache directory (llm-tui/bench), and keep them for the next run.
    """
    if (model is None) == (shape is None):
        raise click.UsageError("Give either a MODEL or a --shape.")
    from inference.bench.comparison import compare
    from inference.bench.report import as_json as described
    from inference.bench.report import plot, table
    from inference.bench.shapes import random_checkpoint
    from inference.bench.workload import Workload

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


class Status:
    """One-line status on a terminal's standard error, erased at the end."""

    def __enter__(self) -> "Status":
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, what: str) -> None:
        show_progress(what)
