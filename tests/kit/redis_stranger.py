"""A stranger that speaks as much of Redis as counting takes: scripts that add to a counter and let it expire."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO


class Redis(ThreadingTCPServer):
    """Counters by name, and the seconds each was told to live; `pause_seconds` before every answer to a script."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Line)
        self.counters: dict[str, int] = {}
        self.lifetimes: dict[str, int] = {}
        self.scripts: set[str] = set()
        self.asked = 0
        self.waiting = 0
        self.pause_seconds = 0.0
        self.guard = threading.Lock()
        self.lines: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"

    def hang_up(self) -> None:
        """Cut every line, as a server that dies does."""
        for line in list(self.lines):
            with suppress(OSError):  # hung up by the other side before
                line.shutdown(socket.SHUT_RDWR)


class _Line(StreamRequestHandler):
    server: Redis

    def setup(self) -> None:
        super().setup()
        self.server.lines.add(self.request)

    def handle(self) -> None:
        try:
            while words := _read(self.rfile):
                self.wfile.write(self.answer([word.decode() for word in words]))
        except (OSError, ValueError):
            return

    def answer(self, words: list[str]) -> bytes:
        name, *arguments = words
        if name.upper() == "SCRIPT" and arguments[0].upper() == "LOAD":
            known = hashlib.sha1(arguments[1].encode()).hexdigest()
            assert "incrby" in arguments[1].lower()
            assert "expire" in arguments[1].lower()
            self.server.scripts.add(known)
            return b"$%d\r\n%s\r\n" % (len(known), known.encode())
        if name.upper() != "EVALSHA":
            return b"+OK\r\n"  # what a client says of itself
        if arguments[0] not in self.server.scripts:
            return b"-NOSCRIPT No matching script.\r\n"
        self.server.waiting += 1
        time.sleep(self.server.pause_seconds)
        self.server.waiting -= 1
        _sha, _keys, key, expiry, amount = arguments
        with self.server.guard:
            self.server.asked += 1
            self.server.counters[key] = self.server.counters.get(key, 0) + int(amount)
            self.server.lifetimes.setdefault(key, int(expiry))
            return b":%d\r\n" % self.server.counters[key]


def _read(line: BinaryIO) -> list[bytes]:
    """The words of one command; none when the other side has hung up."""
    head = line.readline()
    if not head:
        return []
    return [line.read(int(line.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]


@contextmanager
def redis(port: int = 0) -> Iterator[Redis]:
    """A stranger that answers until the end of the block."""
    server = Redis(port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
