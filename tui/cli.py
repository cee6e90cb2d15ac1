"""The command line. Nothing heavy is imported before a command needs it: `llm-tui --help` answers at once."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tui.resources import shipped

if TYPE_CHECKING:
    from inference import Generation, Model, SamplingParams, Stats

PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")
INTERRUPTED = 130
HOW_TO_GIVE_A_MODEL = """\
llm-tui needs a model and was given none.

  llm-tui --model DIR            open the app on a model directory
  llm-tui story --model DIR "…"  continue a text
  llm-tui chat --model DIR "…"   ask for one answer

DIR is a Hugging Face model directory of the Llama or Mistral family: config.json, tokenizer.json and
safetensors files. A model in the Hugging Face cache can be named as ORG/NAME."""

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


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@model_options
@click.version_option(package_name="llm-tui")
@click.pass_context
def cli(context: click.Context, model: str | None, precision: str | None, threads: int | None) -> None:
    """Talk to a language model that runs right here: in your terminal, on this machine's CPU."""
    context.obj = {"model": model, "precision": precision, "threads": threads}
    if context.invoked_subcommand is None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("The app needs a terminal; in a pipe, use `llm-tui chat` or `llm-tui story`.")
        from tui.app import run_app

        run_app(_find(model) if model else None, precision=precision or "auto", threads=threads)


@cli.command()
@click.argument("prompt", required=False)
@model_options
@click.option("--system", metavar="TEXT", help="What the model is told before the question.")
@sampling_options
@click.pass_context
def chat(context: click.Context, /, prompt: str | None, system: str | None, **given: Any) -> None:
    """Answer PROMPT, with piped input appended to it, and print the answer."""
    text = _with_piped(prompt)
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    _generate(context, "guide", given, lambda session, params: session.reply(messages, params))


@cli.command()
@click.argument("prompt", required=False)
@model_options
@sampling_options
@click.pass_context
def story(context: click.Context, /, prompt: str | None, **given: Any) -> None:
    """Continue PROMPT, with piped input appended to it, and print the whole text."""
    text = _with_piped(prompt)
    _generate(context, "story", given, lambda session, params: session.complete(text, params), before=text)


def _with_piped(prompt: str | None) -> str:
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    parts = [part for part in (prompt, piped) if part]
    if not parts:
        raise click.UsageError("There is no prompt: give one in quotes, or pipe text in.")
    return "\n\n".join(parts)


def _find(name: str) -> Path:
    from inference.checkpoint.registry import find_model

    return find_model(name, shipped("models"))


def _load(context: click.Context, builtin: str, given: dict[str, Any]) -> "Model":
    from inference import InferenceError, Model

    chosen = {key: given.pop(key) or context.obj[key] for key in ("model", "precision", "threads")}
    if not chosen["model"] and not (shipped("models") / builtin / "config.json").is_file():
        raise InferenceError(HOW_TO_GIVE_A_MODEL)
    path = _find(chosen["model"] or builtin)
    return Model.load(path, precision=chosen["precision"] or "auto", threads=chosen["threads"])


def _generate(
    context: click.Context,
    builtin: str,
    given: dict[str, Any],
    ask: Callable[[Any, "SamplingParams"], "Generation"],
    before: str = "",
) -> None:
    """Load, ask, stream what comes to standard output, and say on standard error what else there is to say."""
    from dataclasses import replace

    from inference import Engine, SamplingParams

    stats = given.pop("stats")
    model = _load(context, builtin, given)
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    params = replace(SamplingParams.from_generation_config(model.generation_config), **chosen)
    with Engine(model) as engine:
        generation = ask(engine.new_session(), params)
        write = _writer()
        write(before)
        try:
            _stream(generation, write, stats)
        except KeyboardInterrupt:
            generation.cancel()
            write("\n")
            raise


def _stream(generation: "Generation", write: Callable[[str], None], stats: bool) -> None:
    from inference import Failed, Finished, Token

    for event in generation:
        if isinstance(event, Token):
            write(event.text)
        elif isinstance(event, Failed):
            write("\n")
            raise event.error
        elif isinstance(event, Finished):
            write("\n")
            if event.reason == "context":
                click.echo("The context is full; the text ends here.", err=True)
            if stats:
                click.echo(_describe(event.stats), err=True)


def _describe(stats: "Stats") -> str:
    rate, first = stats.tokens_per_second, stats.first_token_seconds
    parts = [
        f"{stats.prompt_tokens} prompt tokens ({stats.reused_tokens} reused)",
        f"{stats.generated_tokens} generated",
        *([f"{rate:.1f} tok/s"] if rate else []),
        *([f"first token {first * 1000:.0f} ms"] if first else []),
        f"seed {stats.seed}",
    ]
    return " · ".join(parts)


def _writer() -> Callable[[str], None]:
    """Writes to standard output at once: made safe for a terminal, as it is for a pipe."""
    from tui.terminal.sanitize import sanitize

    safe = sanitize if sys.stdout.isatty() else str
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

    def write(text: str) -> None:
        sys.stdout.write(safe(text))
        sys.stdout.flush()

    return write


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    """Every way out: 0 done, 1 failed with a sentence on standard error, 2 usage, 130 interrupted."""
    try:
        yield
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough. Python would complain when it flushes at exit: give it somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        from inference import InferenceError

        if not isinstance(error, InferenceError):
            raise
        click.echo(str(error), err=True)
        sys.exit(1)


def main() -> None:
    """The entry point of the ``llm-tui`` command."""
    # Not cli(): click would make an exit code of its own out of a closed pipe.
    with _exit_codes(), cli.make_context("llm-tui", sys.argv[1:]) as context:
        cli.invoke(context)
