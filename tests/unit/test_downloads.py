"""Downloads go on away from the interface's thread, can be stopped, and say how they ended."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import InferenceError
from tests.stubs.mailbox import Mailbox
from tui.messages import DownloadEnded
from tui.services.downloads import Downloads

Progress = Callable[[int, int, str], None]


class Hub:
    """Stands for ``inference.sources.pull.pull``: the test says what each call does."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.does: Callable[[Progress], None] = lambda progress: progress(10, 10, "downloading")

    def pull(self, name: str, directory: Path, progress: Progress) -> None:
        self.calls.append(name)
        self.does(progress)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr("inference.sources.pull.pull", hub.pull)
    return hub


def ended(mailbox: Mailbox) -> list[tuple[str, str]]:
    """The names of those that have ended, and why they failed."""
    assert all(isinstance(message, DownloadEnded) for message in mailbox.messages)
    return [(message.name, message.failure) for message in mailbox.messages]


def test_one_that_comes_to_its_end_is_complete(hub: Hub) -> None:
    mailbox = Mailbox()
    downloads = Downloads(mailbox)  # type: ignore[arg-type]
    downloads.begin("org/model")
    (download,) = downloads
    download.join()
    assert download is downloads.get("org/model") and ended(mailbox) == [("org/model", "")]
    assert download.complete and not download.running and not download.failed
    assert (download.done, download.total) == (10, 10)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InferenceError("There is no such model."), "There is no such model."),
        (PermissionError(13, "Permission denied", "/downloads"), "/downloads"),
        (BaseException("a panic"), "a panic"),
    ],
)
def test_whatever_is_raised_is_told(hub: Hub, error: BaseException, told: str) -> None:
    def fail(progress: Progress) -> None:
        raise error

    hub.does = fail
    mailbox = Mailbox()
    downloads = Downloads(mailbox)  # type: ignore[arg-type]
    downloads.begin("org/model")
    (download,) = downloads
    download.join()
    assert told in download.failed and not download.complete and not download.running
    assert ended(mailbox) == [("org/model", download.failed)]


def test_one_that_is_stopped_ends_with_its_next_progress_and_is_not_heard_of(hub: Hub) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(progress: Progress) -> None:
        progress(1, 10, "downloading")
        begun.set()
        go_on.wait(60)
        progress(2, 10, "downloading")

    hub.does = wait
    mailbox = Mailbox()
    downloads = Downloads(mailbox)  # type: ignore[arg-type]
    downloads.begin("org/model")
    assert begun.wait(60)
    downloads.begin("org/model")
    assert hub.calls == ["org/model"], "it is on its way already"
    first = downloads.get("org/model")
    assert first is not None
    first.stop()
    # The next attempt waits for the one before, as both would write to the same file.
    hub.does = lambda progress: progress(10, 10, "downloading")
    downloads.begin("org/model")
    assert hub.calls == ["org/model"]
    go_on.set()
    second = downloads.get("org/model")
    assert second is not None and second is not first
    second.join()
    assert second.complete and first.done == 1 and not first.complete and not first.failed
    assert ended(mailbox) == [("org/model", "")] and len(hub.calls) == 2


def test_closing_stops_all_of_them(hub: Hub) -> None:
    go_on = threading.Event()
    hub.does = lambda progress: (go_on.wait(60), progress(1, 10, "downloading"))[1]
    downloads = Downloads(Mailbox())  # type: ignore[arg-type]
    for name in ("org/one", "org/two"):
        downloads.begin(name)
    downloads.close()
    go_on.set()
    assert [download.running for download in downloads] == [False, False]
