"""Parses server-sent events, with bounds on the length of a line and of the whole, and on how many come per second."""

import time
from collections.abc import Callable, Iterable, Iterator

from tui.remote.errors import RemoteError

LONGEST_LINE, LARGEST_STREAM = 2**20, 2**26  # bytes
LINES_PER_SECOND = 4000
GARBLED = "{host} sends what is no stream of a reply ({why})."


def events(host: str, chunks: Iterable[bytes], alive: Callable[[], None] = lambda: None) -> Iterator[str]:
    """The data of each whole event. ``alive`` is called for each line, also for comments. Raises RemoteError."""
    data: list[str] = []
    size = 0
    for line in paced(lines(host, chunks)):
        alive()
        if not line:
            if data:
                yield "\n".join(data)
            data, size = [], 0
        elif line.startswith(b"data:"):
            size += len(line)
            if size > LONGEST_LINE:
                raise RemoteError(GARBLED.format(host=host, why="an event is too long"))
            data.append(_text(host, line.removeprefix(b"data:").removeprefix(b" ")))


def lines(host: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that end with LF or CRLF, without that."""
    rest, total = bytearray(), 0
    for chunk in chunks:
        total += len(chunk)
        if total > LARGEST_STREAM:
            raise RemoteError(f"{host} sends more than {LARGEST_STREAM // 2**20} MB for one reply.")
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            _check(host, rest)
            yield bytes(rest.removesuffix(b"\r"))
            rest.clear()
        rest += last
        _check(host, rest)


def paced(lines: Iterable[bytes], most: int = LINES_PER_SECOND) -> Iterator[bytes]:
    """The lines, but no more of them per second: who sends faster has to wait, and the interface stays responsive."""
    begun, count = time.monotonic(), 0
    for line in lines:
        yield line
        count += 1
        if count == most:
            time.sleep(max(0.0, begun + 1 - time.monotonic()))
            begun, count = time.monotonic(), 0


def _check(host: str, line: bytearray) -> None:
    if len(line) > LONGEST_LINE:
        raise RemoteError(GARBLED.format(host=host, why="a line is too long"))


def _text(host: str, line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise RemoteError(GARBLED.format(host=host, why="invalid UTF-8")) from None
