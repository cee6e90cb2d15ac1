"""Downloads models from the Hugging Face Hub, one thread each."""

import threading
import time
from collections.abc import Iterator

from textual.message_pump import MessagePump

from tui.config.paths import downloads_directory, sessions_file
from tui.messages import DownloadEnded


class _Stopped(Exception):
    """Raised from the progress callback to end a stopped download."""


class Download:
    """One attempt: ``done`` of ``total`` bytes at ``rate`` bytes per second.

    Ends ``complete``, with a ``failed`` message, or stopped; partial files are kept. Posts DownloadEnded unless
    stopped. ``previous``: an earlier attempt, which must end first.
    """

    def __init__(self, name: str, pump: MessagePump, previous: "Download | None") -> None:
        self.name = name
        self.done = 0
        self.total = 0
        self.rate = 0.0
        self.running = True
        self.complete = False
        self.failed = ""
        self._pump = pump
        self._previous = previous
        self._first: tuple[float, int] | None = None
        self._thread = threading.Thread(target=self._run, name="llm-tui-download", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop soon, without posting DownloadEnded."""
        self.running = False

    def join(self) -> None:
        """Wait until its thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        from inference import InferenceError
        from inference.sources.pull import pull
        from tui.storage.private_files import private_directory

        if self._previous is not None:  # it may still be writing the same files
            self._previous.join()
            self._previous = None
        failed = ""
        try:
            private_directory(sessions_file().parent)
            pull(self.name, downloads_directory(), self._progress)
            self.complete = True
        except _Stopped:
            pass
        except InferenceError as error:
            failed = str(error)
        except OSError as error:
            failed = f"Cannot create {error.filename} for downloads ({error.strerror})."
        except BaseException as error:  # a bug, or a panic in a library: report it and keep the interface running
            failed = f"The download failed unexpectedly ({type(error).__name__}: {error}). Please report this."
        if self.running:
            self.running, self.failed = False, failed
            self._pump.post_message(DownloadEnded(self.name, failed))

    def _progress(self, done: int, total: int, what: str) -> None:
        if not self.running:
            raise _Stopped
        now = time.monotonic()
        started, before = self._first = self._first or (now, done)
        self.rate = (done - before) / (now - started) if now > started else 0.0
        self.done, self.total = done, total


class Downloads:
    """The downloads of this process by model name; iterates over them."""

    def __init__(self, pump: MessagePump) -> None:
        self._pump = pump
        self._downloads: dict[str, Download] = {}

    def __iter__(self) -> Iterator[Download]:
        return iter(self._downloads.values())

    def get(self, name: str) -> Download | None:
        """The latest download of that model, if any."""
        return self._downloads.get(name)

    def begin(self, name: str) -> None:
        """Start or resume a download."""
        known = self._downloads.get(name)
        if known is None or not known.running:
            self._downloads[name] = Download(name, self._pump, known)

    def close(self) -> None:
        """Stop all downloads."""
        for download in self:
            download.stop()
