"""A line to a port of this machine that is slow, late, and at times frozen, as a bad network is."""

import queue
import socket
import threading
import time
from contextlib import suppress

CHUNK, ROOM = 512, 64  # bytes that travel together; so many of them wait on the way, then the sender waits


class SlowLink:
    """``rate``: bytes a second, each way; ``delay``: seconds, each way. ``port`` is this end's."""

    def __init__(self, target: int, rate: float = 50_000, delay: float = 0.1) -> None:
        self._target = target
        self._rate = rate
        self._delay = delay
        self._flowing = threading.Event()
        self._flowing.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.carried = 0  # bytes from the far end
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self.thaw()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                for source, target in ((near, far), (far, near)):
                    for end in (source, target):  # nothing but what is on the way waits
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    way: queue.Queue[tuple[float, bytes]] = queue.Queue(ROOM)
                    threading.Thread(target=self._take, args=(source, way), daemon=True).start()
                    threading.Thread(target=self._give, args=(target, way, source is far), daemon=True).start()

    def _take(self, source: socket.socket, way: "queue.Queue[tuple[float, bytes]]") -> None:
        data = b"-"
        while data:
            with suppress(OSError):
                data = b""
                data = source.recv(CHUNK)
            way.put((time.monotonic() + self._delay, data))

    def _give(self, target: socket.socket, way: "queue.Queue[tuple[float, bytes]]", counted: bool) -> None:
        free = 0.0
        while True:
            due, data = way.get()
            free = max(free, time.monotonic()) + len(data) / self._rate
            time.sleep(max(0.0, max(due, free) - time.monotonic()))
            self._flowing.wait()
            with suppress(OSError):
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            self.carried += len(data) * counted
