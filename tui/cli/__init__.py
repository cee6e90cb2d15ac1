"""Entry point of the command line: exit codes and error output."""

import contextlib
import os
import signal
import sys
import threading
import warnings

from tui.cli.output import guard, tell
from tui.process.garbage_collection import rarely, share_heaps
from tui.process.termination import POLITE, Ended, catch, raise_ended

DONE, FAILED, INTERRUPTED = 0, 1, 130
PATIENCE = 5.0  # seconds that running threads get at exit


def main() -> None:
    """The entry point of the ``llm-tui`` command."""
    rarely()
    share_heaps()
    guard()
    catch(POLITE, raise_ended)
    _hold_places()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # meant for developers of libraries
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Ended as end:
        code = 128 + end.number
    # From here on Python shuts down: no KeyboardInterrupt and no BrokenPipeError output.
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
    """Occupy closed standard descriptors, so that no file opened later becomes standard output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(descriptor)


def _run() -> int:
    """0 done, 1 failed with a message on standard error, 2 usage error, 130 interrupted."""
    try:
        from tui.process.stack_size import make_room

        make_room()
        from tui.cli.command_group import cli

        # Not cli(): click has its own exit code for a closed pipe.
        with cli.make_context("llm-tui", sys.argv[1:]) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
        return DONE
    except BrokenPipeError:  # the reader closed the pipe
        return DONE
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in a Rust library is not an Exception
        with contextlib.suppress(OSError):  # standard error may be closed
            return _told(error)
        return FAILED


def _told(error: BaseException) -> int:
    """Print the error and return its exit code."""
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
        tell(f"Cannot write the output: {error.strerror or error}.")
    elif isinstance(error, OSError):
        tell(f"Cannot use {one_line(str(error.filename))[:200]}: {error.strerror or error}.")
    elif isinstance(error, StoreError | SettingsError) or _of_the_engine(error):
        tell(error)
    else:
        tell(told(error))
    return FAILED


def _of_the_engine(error: BaseException) -> bool:
    """Checked last: importing the engine may fail for lack of memory."""
    from inference import InferenceError

    return isinstance(error, InferenceError)
