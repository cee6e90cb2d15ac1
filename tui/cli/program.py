"""The command line. Nothing heavy is imported before a command needs it: `llm-tui --help` answers at once."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from tui.cli.bench import bench
from tui.cli.chat import chat
from tui.cli.config import config
from tui.cli.doctor import doctor
from tui.cli.export import export
from tui.cli.generation import lasting_name
from tui.cli.import_file import import_command
from tui.cli.models import models
from tui.cli.options import db_option, model_options, theme_option
from tui.cli.pull import pull
from tui.cli.sessions import sessions
from tui.cli.story import story
from tui.cli.themes import themes
from tui.conversation.errors import StoreError
from tui.settings.errors import SettingsError
from tui.terminal.sanitize import sanitize

INTERRUPTED = 130


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@model_options
@theme_option
@db_option
@click.version_option(package_name="llm-tui")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> None:
    """Talk to a language model that runs right here: in your terminal, on this machine's CPU."""
    context.obj = flags
    if context.invoked_subcommand is None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("The app needs a terminal; in a pipe, use `llm-tui chat` or `llm-tui story`.")
        from tui.app import run_app
        from tui.settings.settings import load_settings

        settings = load_settings(**flags)
        if flags["model"]:
            settings = settings.with_flags(model=lasting_name(flags["model"], settings.model_directories))
        run_app(settings)


for command in (chat, story, models, pull, sessions, export, import_command, themes, config, doctor, bench):
    cli.add_command(command)


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
    except (StoreError, SettingsError) as error:
        _fail(error)
    except Exception as error:
        from inference import InferenceError

        if not isinstance(error, InferenceError):
            raise
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    """The sentence may name files and sessions: what could steer the terminal is made visible."""
    click.echo(sanitize(str(error)), err=True)
    sys.exit(1)


def main() -> None:
    """The entry point of the ``llm-tui`` command."""
    # Not cli(): click would make an exit code of its own out of a closed pipe.
    with _exit_codes(), cli.make_context("llm-tui", sys.argv[1:]) as context:
        cli.invoke(context)
