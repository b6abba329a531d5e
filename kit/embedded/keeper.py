"""The process that keeps the private server running while it has users, with the locks and files both sides agree on.

It runs as a script, with the standard library alone, so that it starts in a blink and weighs little.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

STOP_SECONDS: Final = 30.0
KEEPER_STOP_SECONDS: Final = STOP_SECONDS + 25  # it falls back on harder signals before it gives up
_FAILED_STARTS: Final = 5
_STATUS_LINE: Final = 7  # of postmaster.pid, counted from 0


class EmbeddedServerError(RuntimeError):
    """The private PostgreSQL server cannot start, stop or be shared; the text says why and what to do."""


class Account(NamedTuple):
    """The operating system's account that the server runs as."""

    uid: int
    gid: int


class Home(NamedTuple):
    """The names of the files in a data folder."""

    data: Path

    @property
    def users(self) -> Path:
        """Every user holds a shared lock on it; the keeper waits for the exclusive one."""
        return self.data / "users.lock"

    @property
    def starting(self) -> Path:
        """Held exclusively by the one process that looks for a running server or starts it."""
        return self.data / "start.lock"

    @property
    def keeper(self) -> Path:
        """Held exclusively by the keeper as long as it lives, and contains its process id."""
        return self.data / "keeper.lock"

    @property
    def log(self) -> Path:
        """What PostgreSQL and the keeper say."""
        return self.data / "server.log"

    @property
    def record(self) -> Path:
        """Where the running server's cluster, sockets and programs are, as JSON."""
        return self.data / "server.json"

    @property
    def key(self) -> str:
        """A short name for this data folder where files must lie elsewhere."""
        return hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]

    @property
    def outside(self) -> Path:
        """The place for what the server's account must reach when the data folder lies behind a closed door."""
        return Path("/var/lib") / f"citizen-{self.key}"

    @property
    def short(self) -> Path:
        """The folder of the socket when the path of the cluster is too long for one."""
        return Path("/tmp") / f"citizen-{self.key}"  # noqa: S108 its owner and mode are checked before use

    @property
    def cluster(self) -> Path:
        """Where PostgreSQL's own files are, or would be if its account can reach the data folder."""
        inside = self.data / "cluster"
        outside = self.outside / "cluster"
        return outside if outside.exists() and not inside.exists() else inside


def ends_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends that signal to the child when its parent dies, even by kill -9 (Linux only).

    The parent is, strictly, the thread that starts the child: call it from one that lives as long as the process.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def ask_the_kernel() -> None:
        if prctl is not None:
            prctl(1, int(number))  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # the parent died before the kernel knew
            os._exit(1)

    return ask_the_kernel


def ready_pid(cluster: Path) -> int | None:
    """The process that postmaster.pid names, once it takes connections and as long as it lives."""
    pid = _last_ready_pid(cluster)
    return pid if pid is not None and is_server(pid, cluster) else None


def _last_ready_pid(cluster: Path) -> int | None:
    """The process that postmaster.pid names, if it ever took connections; a killed server leaves the file behind."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    is_ready = len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"
    return int(lines[0]) if is_ready else None


def is_server(pid: int, cluster: Path) -> bool:
    """Tell a live server of this cluster from a stranger who got its process id later."""
    if Path("/proc/self/cmdline").exists():
        try:
            shown = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return os.fsencode(cluster) in shown.split(b"\0")
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(cluster) in listed.stdout


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may have ended by itself, which is all we want."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look every 10 ms until it holds; raises EmbeddedServerError after that many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"waited {seconds:.0f} s in vain for {what}"
            raise EmbeddedServerError(message)
        time.sleep(0.01)


def lock(descriptor: int, mode: int, seconds: float, what: str) -> None:
    """Take a lock on an open file; raises EmbeddedServerError after that many seconds."""

    def try_once() -> bool:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    wait_for(try_once, seconds, what)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Hold the exclusive lock of that file; raises EmbeddedServerError when others keep it longer."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(descriptor, fcntl.LOCK_EX, seconds, f"{path}, which another process holds")
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether some process holds the exclusive lock of that file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


class Keeper:
    """Runs the server as its child until the last user is gone or a signal asks it to end."""

    def __init__(self, data: str, command: list[str], account: list[int] | None) -> None:
        """Take the order that `kit.embedded.start` wrote; nothing happens before `run`."""
        self._home = Home(Path(data))
        self._command = command
        self._account = None if account is None else Account(*account)
        self._signals, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def run(self) -> int:
        """Keep the server up; gives the exit status: 1 when it dies again and again before it is ready, else 0."""
        os.setsid()  # a Ctrl-C at the terminal is for the users; the server ends after them
        keeper = os.open(self._home.keeper, os.O_RDWR | os.O_CREAT, 0o600)
        lock(keeper, fcntl.LOCK_EX, 5, "the former keeper to end")
        os.ftruncate(keeper, 0)
        os.write(keeper, str(os.getpid()).encode())
        signal.set_wakeup_fd(self._wake)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # the wake-up pipe carries them
        threading.Thread(target=self._end_after_the_last_user, daemon=True).start()
        failures = 0
        while failures < _FAILED_STARTS:
            server = self._spawn()
            while server.poll() is None:
                if self._asked_to_end(None):
                    self._end(server)
                    return 0
            failures = 0 if _last_ready_pid(self._home.cluster) == server.pid else failures + 1
            if self._asked_to_end(0.2 * (failures + 1)):
                return 0
        return 1

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            umask=0o077,
            user=None if self._account is None else self._account.uid,
            group=None if self._account is None else self._account.gid,
            extra_groups=None if self._account is None else [],
            preexec_fn=ends_with_parent(signal.SIGINT),
        )

    def _end_after_the_last_user(self) -> None:
        users = os.open(self._home.users, os.O_RDWR)
        # Granted when the last shared lock is gone, and kept until this process ends: a new user waits for that.
        fcntl.flock(users, fcntl.LOCK_EX)
        os.write(self._wake, bytes([signal.SIGTERM]))

    def _asked_to_end(self, seconds: float | None) -> bool:
        readable, _, _ = select.select([self._signals], [], [], seconds)
        received = os.read(self._signals, 100) if readable else b""
        return signal.SIGTERM in received or signal.SIGINT in received

    def _end(self, server: subprocess.Popen[bytes]) -> None:
        for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            server.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
                break
        with suppress(OSError):  # most often it was not needed; a killed server leaves files that the next start uses
            self._home.short.rmdir()


if __name__ == "__main__":
    sys.exit(Keeper(**json.loads(sys.argv[1])).run())
