"""The command line: every way out of it has its exit code, and its sentence where something went wrong."""

import contextlib
import os
import signal
import sys
import threading
import warnings

from tui.cli.output import guard, tell
from tui.process.garbage_collection import rarely
from tui.process.termination import POLITE, Ended, catch, raise_ended

DONE, FAILED, INTERRUPTED = 0, 1, 130
PATIENCE = 5.0  # seconds that threads which are still at work have at the end


def main() -> None:
    """The entry point of the ``llm-tui`` command."""
    rarely()
    guard()
    catch(POLITE, raise_ended)
    _hold_places()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, for those who write programs
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Ended as end:
        code = 128 + end.number
    # What is left are Python's own good-byes, which have nothing to say about being interrupted or not being heard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    last = threading.Timer(PATIENCE, os._exit, (code,))
    last.daemon = True
    last.start()
    sys.exit(code)


def _hold_places() -> None:
    """A file that is opened must not come to be standard output because that is closed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(descriptor)


def _run() -> int:
    """0 done, 1 failed with a sentence on standard error, 2 usage, 130 interrupted."""
    try:
        from tui.process.stack_size import make_room

        make_room()
        from tui.cli.command_group import cli

        # Not cli(): click would make an exit code of its own out of a closed pipe.
        with cli.make_context("llm-tui", sys.argv[1:]) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
        return DONE
    except BrokenPipeError:  # the reader has seen enough
        return DONE
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # what libraries written in Rust raise when they panic is no Exception
        with contextlib.suppress(OSError):  # there may be nobody to be told
            return _told(error)
        return FAILED


def _told(error: BaseException) -> int:
    """Say what went wrong, and return the exit code that goes with it."""
    import click

    from tui.config.errors import SettingsError
    from tui.storage.error_log import told
    from tui.storage.errors import StoreError
    from tui.terminal.sanitize import one_line

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
    elif isinstance(error, OSError):
        tell(f"{one_line(str(error.filename))[:200]} cannot be used: {error.strerror or error}.")
    elif isinstance(error, StoreError | SettingsError) or _of_the_engine(error):
        tell(error)
    else:
        tell(told(error))
    return FAILED


def _of_the_engine(error: BaseException) -> bool:
    """Asked last: where there is no room even for its libraries, something else was told."""
    from inference import InferenceError

    return isinstance(error, InferenceError)
