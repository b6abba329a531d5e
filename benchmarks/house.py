"""The whole house as production runs it, on ports and files of its own: database, sandbox, web, worker."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kit import embedded

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
WEB_WORKERS, WEB_THREADS = 2, 4
_READY_SECONDS, _END_SECONDS = 90, 30
_TICKS = os.sysconf("SC_CLK_TCK")


class House:
    """Everything that is measured; a context manager. `folder` is thrown away by whoever made it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sample = folder / "books"
        self.sample.mkdir()
        self.port, self.sandbox_port = _free_port(), _free_port()
        self.url, self.sandbox_url = f"http://{HOST}:{self.port}", f"http://{HOST}:{self.sandbox_port}"
        self.environment: dict[str, str] = {}
        self.pids: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the database and migrate it; the rest is started by name."""
        server = self._stack.enter_context(embedded.start(self.folder / "postgres"))
        self._stack.callback(self.stop, "web", "worker", "sandbox")
        self.database_url = server.database("citizen")
        self.pids["postgres"] = server.pid or 0
        key = self.folder / "signing_key.pem"
        private = ec.generate_private_key(ec.SECP256R1())
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.database_url,
            "BASE_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "SECRET_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "SIGNING_KEY_FILE": str(key),
            "VAULT_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "VAULT_INDEX_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "REQUESTS_PER_MINUTE": "100000000",
            # One app pays here what a district pays in a day.
            "DAY_LIMIT_PHONE_VND": "99999999999",
            "DAY_LIMIT_STRONG_VND": "99999999999",
            "NO_PROXY": HOST,
        }
        self.run("migrate")
        self.run("seed")
        return self

    def __exit__(self, *_error: object) -> None:
        """End it all."""
        self._stack.close()

    def start(self, name: str) -> None:
        """Start "sandbox", "web" or "worker" and wait until it answers."""
        citizen = [sys.executable, "-m", "server.cli"]
        commands = {
            "sandbox": [
                *(sys.executable, "-m", "sandbox", "--port", str(self.sandbox_port), "--sample", str(self.sample)),
                *("--state", str(self.folder / "sandbox"), "--webhook-url", f"{self.url}/v1/payments/webhooks/stripe"),
            ],
            "web": [
                *(*citizen, "run", "--port", str(self.port)),
                *("--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)),
            ],
            "worker": [*citizen, "worker"],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(commands[name], cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._processes[name] = process
        self.pids[name] = process.pid
        ports = {"sandbox": (self.sandbox_port, "/healthz"), "web": (self.port, "/readyz")}
        if name in ports:
            self._await(name, *ports[name])

    def stop(self, *names: str) -> None:
        """End these processes of ours, as far as they run."""
        for name in names:
            process = self._processes.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            del self.pids[name]

    def run(self, *command: str) -> Spent:
        """Run one command of `citizen` to its end; how long it took and the most memory it held."""
        began = time.perf_counter()
        with (self.folder / "commands.log").open("ab") as log:
            arguments = [sys.executable, "-m", "server.cli", *command]
            process = subprocess.Popen(arguments, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
            _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"citizen {' '.join(command)} failed; see {self.folder / 'commands.log'}")
        return Spent(time.perf_counter() - began, used.ru_maxrss / 1024)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """A connection of the observer's own, without a transaction."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            yield connection

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time spent so far by each part of the house with all its processes, and by this one ("load")."""
        parents = dict(_parents())
        trees = {name: _family(pid, parents) for name, pid in self.pids.items()}
        trees["load"] = {os.getpid()}
        return {name: sum(_cpu(pid) for pid in tree) for name, tree in trees.items()}

    def peak_mib(self, name: str) -> float:
        """The most memory one process of that part has held at once, in MiB."""
        return max(_peak_kib(pid) for pid in family(self.pids[name])) / 1024

    def _await(self, name: str, port: int, path: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self._processes[name].poll() is None:
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except OSError:
                time.sleep(0.05)  # it is still loading
            finally:
                connection.close()
        raise RuntimeError(f"{name} does not answer; see {self.folder / f'{name}.log'}")


class Spent:
    """What a command took."""

    def __init__(self, seconds: float, peak_mib: float) -> None:
        self.seconds, self.peak_mib = seconds, peak_mib


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            yield int(entry.name), int(fields[1])


def family(pid: int) -> set[int]:
    """A process and all that have come from it, as they are now."""
    return _family(pid, dict(_parents()))


def _family(pid: int, parents: Mapping[int, int]) -> set[int]:
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, …; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    # utime and stime with those of ended children: connections of PostgreSQL come and go.
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / _TICKS


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
