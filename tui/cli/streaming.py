"""Prompt input, model loading and streaming output for `chat` and `story`."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tui.cli.output import tell, writer
from tui.cli.requirements import require_room
from tui.config.paths import model_places, shipped
from tui.config.remotes import Address, host_of, is_remote, server_of
from tui.config.settings import Settings
from tui.conversation.speakers import model_name
from tui.process.termination import Ended

if TYPE_CHECKING:
    from inference import Finished, Model, SamplingParams, Stats
    from tui.remote.model import RemoteModel
    from tui.services.text_source import TextSource, TextStream

LARGEST = 20_000_000  # characters of piped input, more than any context holds
HOW_TO_GIVE_A_MODEL = """\
No model was given.

  llm-tui --model DIR            open the app with a model
  llm-tui story --model DIR "…"  continue a text
  llm-tui chat --model DIR "…"   ask one question

DIR is a Hugging Face model directory (config.json, tokenizer.json and safetensors files) or a GGUF
file. `llm-tui pull ORG/NAME` downloads a model; `llm-tui models` lists those you have."""


def with_piped(prompt: str | None) -> str:
    """The prompt with standard input appended. Raises ClickException if that is not text."""
    parts = [part for part in (prompt, _piped()) if part]
    if not parts:
        raise click.UsageError("Missing prompt: pass it as an argument or pipe it in.")
    return "\n\n".join(parts)


def _piped() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")  # type: ignore[union-attr]
    try:
        text: str = sys.stdin.read(LARGEST + 1)
    except UnicodeDecodeError as error:
        raise click.ClickException(f"Standard input is not UTF-8 ({error.reason}).") from None
    except OSError as error:
        raise click.ClickException(f"Cannot read standard input: {error.strerror}.") from None
    if len(text) > LARGEST:
        raise click.ClickException(f"Standard input is longer than {LARGEST // 10**6} million characters.")
    return text.rstrip("\n")


def find(name: str, directories: tuple[Path, ...]) -> Path:
    """A model of this machine. Raises ModelNotFoundError if there is none, InferenceError for one on a server."""
    from inference import InferenceError
    from inference.sources.registry import find_model

    if host := host_of(name):
        raise InferenceError(f"This needs a model that runs on this machine; {model_name(name)} runs on {host}.")
    return find_model(name, model_places(directories))


def lasting_name(name: str, directories: tuple[Path, ...]) -> str:
    """An absolute path for a model given as a relative one; other names, and URLs of servers, unchanged.

    Raises ModelNotFoundError if there is none.
    """
    if is_remote(name):
        return name
    from inference.sources.places import expanded, lasting

    path = find(name, directories)
    return str(lasting(path)) if path == expanded(name) else name


def load(settings: Settings, which: str, chat: bool | None = None) -> "Model":
    """Load the user's model. ``chat``: refuse one that cannot chat (None: if it is the one for chats)."""
    from inference import InferenceError, Model

    require_room()
    name = getattr(settings, which)
    if name == getattr(Settings(), which) and not (shipped("models") / name / "config.json").is_file():
        raise InferenceError(HOW_TO_GIVE_A_MODEL)
    path = find(name, settings.model_directories)
    chat = which == "chat_model" if chat is None else chat
    model = Model.load(path, settings.precision, progress=_Patience(), chat=chat, at_once=True, **settings.computing)
    for warning in model.warnings:
        tell(warning)
    if model.ready:
        model.prepare()
    else:
        tell("Compiling kernels for this CPU, at the first start only; until then replies are slower.")
        threading.Thread(target=_prepare, args=(model,), name="llm-tui-kernels", daemon=True).start()
    return model


def _prepare(model: "Model") -> None:
    try:
        model.prepare()
    except Exception as error:
        tell(f"Replies stay slow: the kernels for this CPU cannot be compiled ({type(error).__name__}: {error}).")


class _Patience:
    """Progress callback that prints one line to a terminal if loading takes longer than a second."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._said = sys.stderr is None or not sys.stderr.isatty()

    def __call__(self, done: int, total: int, what: str) -> None:
        if not self._said and time.monotonic() - self._begun > 1:
            self._said = True
            tell(f"{what[0].upper()}{what[1:]}…")


def generate(
    settings: Settings,
    which: Literal["chat_model", "story_model"],
    stats: bool,
    ask: Callable[["TextSource", "SamplingParams"], "TextStream"],
    before: str = "",
    keep: Callable[[str], None] = lambda text: None,
) -> "tuple[TextStream, Finished]":
    """Ask the model, stream text to standard output and messages to standard error.

    ``keep`` is called with each piece of text.
    """
    with _source(settings, which) as (source, params):
        generation = ask(source, params)
        write = writer()
        write(before)
        try:
            return generation, _stream(generation, write, keep, stats)
        except (KeyboardInterrupt, Ended):
            generation.cancel()
            write("\n")
            raise


@contextmanager
def _source(settings: Settings, which: str) -> "Iterator[tuple[TextSource, SamplingParams]]":
    """What is asked, and how: the model, loaded here, or one on a server."""
    from inference import Engine, SamplingParams

    name = getattr(settings, which)
    if is_remote(name):
        yield remote(name, settings).session(settings.sampling), SamplingParams(**settings.sampling)
        return
    model = load(settings, which)
    with Engine(model) as engine:
        params = SamplingParams.from_generation_config(model.generation_config, settings.sampling)
        yield engine.new_session(), params


def remote(name: str, settings: Settings) -> "RemoteModel":
    """Find a model on a server. Raises SettingsError or RemoteError."""
    from tui.remote.model import connect

    address = Address.parse(name)
    return connect(address, server_of(address.url, settings.remotes))


def _stream(
    generation: "TextStream", write: Callable[[str], None], keep: Callable[[str], None], stats: bool
) -> "Finished":
    from inference import Failed, Finished, Token

    for event in generation:
        if isinstance(event, Token):
            write(event.text)
            keep(event.text)
        elif isinstance(event, Failed):
            write("\n")
            raise event.error
        elif isinstance(event, Finished):
            write("\n")
            if event.reason == "context":
                tell("Context full.")
            elif event.reason == "banned":
                tell("No way around the banned phrases was found.")
            if stats:
                tell(_describe(event.stats, generation.params))
            return event
    raise AssertionError("a generation ends with Finished or Failed")


def _describe(stats: "Stats", params: "SamplingParams") -> str:
    rate, first = stats.tokens_per_second, stats.first_token_seconds
    prompt = f"{stats.prompt_tokens} prompt tokens ({stats.reused_tokens} reused)"
    parts = [
        *([prompt] if stats.prompt_tokens else []),
        f"{stats.generated_tokens} generated",
        *([f"{rate:.1f} tok/s"] if rate else []),
        *([f"first token {first * 1000:.0f} ms"] if first else []),
        *([f"seed {stats.seed}"] if stats.seed or params.seed is not None else []),  # a server may draw its own
    ]
    return " · ".join(parts)
