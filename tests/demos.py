"""A demo as a developer starts it: one command in a process of its own, what it says, and every process of it."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from kit import embedded
from kit.embedded import ends_with_parent
from tests.people import Outside
from tests.templates import KEYS, ROOT

# Its files lie in the folder that is named first; the second is a command of `citizen` that it is to end with.
DEMO = """
import sys
from pathlib import Path
from server.demo import run_demo
then = sys.argv[2] if len(sys.argv) > 2 else None
sys.exit(run_demo(var=Path(sys.argv[1]), port=0, sandbox_port=0, then=then))
"""
_OURS = {"DATABASE_URL", "BASE_URL", *KEYS}


class Demo:
    """A demo with its files in `var`, and what it has said so far."""

    def __init__(self, var: Path) -> None:
        """Run it; `hear` and `is_ready` wait for what it says."""
        self.var = var
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", DEMO, str(var)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in _OURS},
            process_group=0,
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )

    def hear(self, text: str) -> None:
        """Read what it says until that text comes."""
        assert self.process.stdout is not None
        while text not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended without saying {text!r}:\n{self.said}"
            self.said += line

    def address(self, name: str) -> str:
        """The address it has told under that name."""
        found = re.search(rf"^  {name} +(http://\S+)$", self.said, re.MULTILINE)
        assert found is not None
        return found[1]

    @property
    def url(self) -> str:
        """Where its web answers."""
        return self.address("Start page").rstrip("/")

    @property
    def sandbox_url(self) -> str:
        """Where its outside world answers."""
        return self.address("SMS and push").removesuffix("/inbox")

    @property
    def outside(self) -> Outside:
        """Its outside world."""
        return Outside(self.sandbox_url)

    def answers(self, path: str = "/readyz") -> bool:
        """Whether its web gives 200 there."""
        return get(self.url + path) == http.HTTPStatus.OK

    def last_words(self) -> str:
        """The end of every log."""
        logs = sorted((self.var / "log").glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in logs)

    def pids(self, part: str = "") -> set[int]:
        """The living processes that were given this demo's files, and whose command line contains that part."""
        mark = os.fsencode(self.var)
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended while we looked
                command = (folder / "cmdline").read_bytes()
                about = command + (folder / "environ").read_bytes()
                if mark in about and part.encode() in command.replace(b"\0", b" "):
                    found.add(int(folder.name))
        return found - {self.process.pid}

    def journey(self) -> subprocess.CompletedProcess[str]:
        """`citizen journey` on this demo."""
        asked = ("journey", "--url", self.url, "--sandbox", self.sandbox_url)
        command = [sys.executable, "-m", "server.cli", *asked]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    def end(self) -> tuple[int, str]:
        """Ctrl-C, if it still runs; gives the exit status and its last words."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@contextmanager
def folder_for_demo() -> Iterator[Path]:
    """Where a demo may keep its files, which do not exist yet; nothing of them is left afterwards."""
    parent = Path(tempfile.mkdtemp(prefix="demo-"))
    parent.chmod(0o755)  # the database's account must get in
    try:
        yield parent / "var"
    finally:
        embedded.remove(parent / "var" / "postgres")
        shutil.rmtree(parent)


@contextmanager
def running_demo(var: Path) -> Iterator[Demo]:
    """One that is ready; whatever becomes of it, no process of it is left afterwards."""
    demo = Demo(var)
    try:
        demo.hear("Ctrl-C stops everything.")
        yield demo
    finally:
        demo.end()
        assert wait_until(lambda: not demo.pids())


def get(url: str) -> int | None:
    """The status of a GET; None when nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it became so within that many seconds."""
    deadline = time.monotonic() + seconds
    while not (is_so := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so  # asked once more it may say no: a connection that died with the database fails a single time
