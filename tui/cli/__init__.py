"""The command line: every way out of it has its exit code, and its sentence where something went wrong."""

import contextlib
import gc
import os
import signal
import sys

from tui.cli.output import guard, tell

DONE, FAILED, INTERRUPTED = 0, 1, 130
# So many new objects have Python look for circles: its own 700 are reached hundreds of times before the first screen.
NEW_OBJECTS = 50_000


def main() -> None:
    """The entry point of the ``llm-tui`` command."""
    gc.set_threshold(NEW_OBJECTS)
    guard()
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    # What is left are Python's own good-byes, which have nothing to say about being interrupted or not being heard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _run() -> int:
    """0 done, 1 failed with a sentence on standard error, 2 usage, 130 interrupted."""
    try:
        from tui.cli.program import cli

        # Not cli(): click would make an exit code of its own out of a closed pipe.
        with cli.make_context("llm-tui", sys.argv[1:]) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
        return DONE
    except BrokenPipeError:  # the reader has seen enough
        return DONE
    except Exception as error:
        with contextlib.suppress(OSError):  # there may be nobody to be told
            return _told(error)
        return FAILED


def _told(error: Exception) -> int:
    """Say what went wrong, and return the exit code that goes with it. What is a mistake in the program is raised."""
    import click

    from inference import InferenceError
    from tui.conversation.errors import StoreError
    from tui.settings.errors import SettingsError

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        if sys.stderr is not None:
            error.show(sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.filename is None:
        tell(f"The output cannot be written: {error.strerror or error}.")
    elif isinstance(error, StoreError | SettingsError | InferenceError):
        tell(error)
    else:
        raise error
    return FAILED
