"""The whole house as it runs in production: database, sandbox, web and worker as processes that can be killed."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import requests

from kit import embedded
from kit.embedded import ends_with_parent
from tests.log_watch import find_personal
from tests.people import Outside
from tests.templates import KEYS, ROOT, Templates

WEBHOOK_SECRET = "whsec_faults"
STALLED_AFTER_SECONDS = 3
_HOST = "127.0.0.1"


class Process:
    """One process with all its descendants, and the log they write. While it is wanted, the house brings it back."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.is_wanted = True
        self.starts = 0
        self._command = command
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def bring_back(self) -> None:
        """Run it if it is wanted and does not run. It ends with the thread that calls this."""
        if not self.is_wanted or self.is_running():
            return
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self._environment,
                process_group=0,
                preexec_fn=ends_with_parent(signal.SIGTERM),
            )

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9, and its descendants with it."""
        if (process := self._process) is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM, as a supervisor does who does not want it any more."""
        assert self._process is not None
        self.is_wanted = False
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Its exit status; raises TimeoutExpired when it has not ended by then."""
        assert self._process is not None
        return self._process.wait(seconds)


class House:
    """Everything that runs, on free ports, with its data in one folder, and a supervisor that brings back what ends."""

    def __init__(self, folder: Path, signing_key: str, programs: Path | None, *, durable: bool = False) -> None:
        self._folder = folder
        self._programs, self._durable = programs, durable
        (folder / "signing_key.pem").write_text(signing_key)
        self.url, self.sandbox_url = (f"http://{_HOST}:{_free_port()}" for _ in range(2))
        self.outside = Outside(self.sandbox_url)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "STRIPE_", "COV_"))},
            **KEYS,
            "CITIZEN_MODE": "sandbox",
            "BASE_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "SIGNING_KEY_FILE": str(folder / "signing_key.pem"),
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "REQUESTS_PER_MINUTE": "1000000",
            # These citizens pay more in a minute than others in a month.
            "DAY_LIMIT_PHONE_VND": "99000000000",
            "DAY_LIMIT_STRONG_VND": "99000000000",
            "DAY_LIMIT_NEW_DEVICE_VND": "99000000000",
            "STALLED_AFTER_SECONDS": str(STALLED_AFTER_SECONDS),
        }
        self.database: embedded.EmbeddedServer | None = None
        self.database_url = ""
        self._processes: list[Process] = []
        self._over = Event()
        self._supervisor = Thread(target=self._supervise, name="supervisor", daemon=True)
        self._worker_before = 0

    def start(self, templates: Templates) -> None:
        """Bring up the database with the sample province, the sandbox, web and worker; returns when they answer."""
        templates.copy_province(self._folder / "postgres")
        self.database = embedded.start(self._folder / "postgres", programs=self._programs, durable=self._durable)
        self.database_url = self.environment["DATABASE_URL"] = self.database.database("citizen")
        host, port = self.sandbox_url.removeprefix("http://").split(":")
        self.sandbox = self._process(
            "sandbox",
            *("-m", "sandbox", "--host", host, "--port", port, "--state", str(self._folder / "sandbox")),
            *("--webhook-url", f"{self.url}/v1/payments/webhooks/stripe", "--webhook-secret", WEBHOOK_SECRET),
            *("--sample", str(ROOT / "sample")),
        )
        host, port = self.url.removeprefix("http://").split(":")
        self.web = self._process("web", "-m", "server.cli", "run", "--host", host, "--port", port, "--workers", "1")
        self.worker = self._process("worker", "-m", "server.cli", "worker")
        self._supervisor.start()
        wait_until(lambda: answers(f"{self.sandbox_url}/healthz"), 60, "the sandbox answers")
        wait_until(self.is_web_up, 60, "the web answers")

    def stop(self) -> None:
        """End everything and remove its data."""
        self._over.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for process in self._processes:
            process.kill()
        if self.database is not None:
            self.database.stop()
        embedded.remove(self._folder / "postgres")
        for process in (self.web, self.worker):
            assert find_personal(process.log.read_text("utf-8", "replace")) == []

    def be_whole(self) -> None:
        """Everything runs again and no fault is ordered, whatever a test has done."""
        self.outside.mend()
        for process in self._processes:
            process.is_wanted = True
        wait_until(self.is_web_up, 60, "the web answers")

    def is_web_up(self) -> bool:
        return answers(f"{self.url}/readyz")

    def is_worker_up(self) -> bool:
        """Whether the worker that was started last has reported for work."""
        return self._newest_worker() > self._worker_before

    def let_time_pass(self, *, seconds: int) -> None:
        """Put the clock of the sandbox forward; everybody follows it."""
        self.outside._ask("POST", "/control/clock", json={"offset_seconds": seconds})

    def faults(self) -> list[dict[str, Any]]:
        """The ordered faults, with how often each was used."""
        items: list[dict[str, Any]] = self.outside._ask("GET", "/control/faults")["items"]
        return items

    def strike(self, victim: Process) -> None:
        """kill -9; it is started again at once."""
        if victim is self.worker:
            self._worker_before = self._newest_worker()
        victim.kill()

    def _supervise(self) -> None:
        # One thread for the whole life of the house, because a process ends with the thread that started it.
        while not self._over.wait(0.02):
            for process in self._processes:
                process.bring_back()

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """kill -9 the database server, and keep it down inside of the block; it answers again afterwards."""
        assert self.database is not None
        keeper = int((self._folder / "postgres" / "keeper.lock").read_text())
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(self.database.pid, signal.SIGKILL)
            yield
        finally:
            os.kill(keeper, signal.SIGCONT)
        wait_until(self._has_database, 60, "the database is back")

    def cut_connections(self, chance: random.Random) -> int:
        """End some of the connections that others have to the database; returns how many."""
        with psycopg.connect(self.database_url) as connection:
            others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            found = connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {others} ORDER BY pid").fetchall()
            chosen = [pid for (pid,) in found if chance.random() < 0.5]
            for pid in chosen:
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        return len(chosen)

    def _has_database(self) -> bool:
        try:
            psycopg.connect(self.database_url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _newest_worker(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            newest: int = connection.execute("SELECT last_value FROM procrastinate_workers_id_seq").fetchone()[0]
        return newest

    def _process(self, name: str, *arguments: str) -> Process:
        process = Process(name, [sys.executable, *arguments], self.environment, self._folder / f"{name}.log")
        self._processes.append(process)
        return process


def answers(url: str) -> bool:
    """Whether a GET gives 200 now."""
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.get(url, timeout=5).status_code == requests.codes.ok
    except requests.RequestException:
        return False


def wait_until(is_so: Callable[[], Any], seconds: float, what: str, *, every: float = 0.05) -> Any:
    """The first true value of `is_so()`, asked again after `every` seconds; fails the test after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
