"""Servers on free ports, and connections that ask them as fast as they answer."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS, CONNECTIONS = 2, 4, 8


@contextmanager
def running(
    python: Path, app: str, interface: str, environment: dict[str, str], *, factory: bool = False
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A Granian with the application, ready to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "granian", app, "--interface", interface, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(PROCESSES), "--no-access-log", "--log-level", "error"]
    command += ["--blocking-threads", str(THREADS)] if interface == "wsgi" else []
    command += ["--factory"] if factory else []
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said)
        try:
            wait_for(port, process)
            yield port, process
        except RuntimeError as exc:
            said.seek(0)
            raise RuntimeError(f"{exc}\n{said.read().decode()[-3000:]}") from exc
        finally:
            process.terminate()
            process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens; raises RuntimeError when nobody does."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            time.sleep(1)  # the other process of it
            return
    raise RuntimeError("the server does not listen")


def request_of(path: str, tag: str | None = None) -> bytes:
    """The bytes of one request on a connection that stays open."""
    known = f"If-None-Match: {tag}\r\n" if tag else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: application/json\r\n{known}\r\n".encode()


def read_answer(connection: socket.socket, buffer: bytearray) -> tuple[str, bytes]:
    """ETag and body of one whole answer; raises RuntimeError unless it is 200 or 304."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        buffer += connection.recv(65536)
    head = bytes(buffer[:end]).decode("latin-1")
    if not re.match(r"HTTP/1\.1 (200|304)", head):
        raise RuntimeError(head)
    length = re.search(r"\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    size = int(length[1]) if length and " 304" not in head[:13] else 0
    while len(buffer) < end + 4 + size:
        buffer += connection.recv(65536)
    body = bytes(buffer[end + 4 : end + 4 + size])
    del buffer[: end + 4 + size]
    tag = re.search(r"\netag: *(\S+)", head, re.IGNORECASE)
    return tag[1] if tag else "", body


def ask_once(port: int, path: str) -> tuple[str, bytes]:
    """ETag and body of one answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request_of(path))
        return read_answer(connection, bytearray())


def drive(port: int, requests: list[bytes], seconds: float) -> tuple[int, float]:
    """How many answers the connections get in a time, one after the other on each."""
    counts = [0] * CONNECTIONS
    began = time.perf_counter()

    def ask(number: int) -> None:
        buffer = bytearray()
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            while time.perf_counter() - began < seconds:
                connection.sendall(requests[(number + counts[number]) % len(requests)])
                read_answer(connection, buffer)
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.perf_counter() - began


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU time of a server and its worker processes, without the database."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(folder.name) == process.pid or int(fields[1]) == process.pid:
                total += (int(fields[11]) + int(fields[12])) / tick
    return total
