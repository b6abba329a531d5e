"""The demo: one command brings everything up, keeps it up, and leaves nothing behind, however it ends."""

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from kit import embedded

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]
DEMO = """
import sys
from pathlib import Path
from server.demo import run_demo
then = sys.argv[2] if len(sys.argv) > 2 else None
sys.exit(run_demo(var=Path(sys.argv[1]), port=0, sandbox_port=0, then=then))
"""


class Demo:
    """A demo in a process of its own, and what it has said so far."""

    def __init__(self, var: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "BASE_URL"}}
        self.var = var
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", DEMO, str(var)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            process_group=0,
        )

    def hear(self, text: str) -> None:
        """Read what it says until that text comes."""
        assert self.process.stdout is not None
        while text not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended without saying {text!r}:\n{self.said}"
            self.said += line

    def address(self, name: str) -> str:
        found = re.search(rf"^  {name} +(http://\S+)$", self.said, re.MULTILINE)
        assert found is not None
        return found[1]

    def answers(self, path: str = "/readyz") -> bool:
        return get(self.address("Start page").rstrip("/") + path) == http.HTTPStatus.OK

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


def get(url: str) -> int | None:
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
    deadline = time.monotonic() + seconds
    while not (is_so := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so  # asked once more it may say no: a connection that died with the database fails a single time


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="demo-"))
    parent.chmod(0o755)  # the database's account must get in
    yield parent / "var"
    embedded.remove(parent / "var" / "postgres")
    shutil.rmtree(parent)


@pytest.fixture
def demo(var: Path) -> Iterator[Demo]:
    started = Demo(var)
    try:
        started.hear("Ctrl-C stops everything.")
        yield started
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGINT)
        started.process.communicate(timeout=60)
        assert wait_until(lambda: not started.pids())


def test_what_runs_comes_back_when_it_is_killed_and_ends_with_ctrl_c(demo: Demo) -> None:
    assert demo.answers()
    assert get(demo.address("API document")) == http.HTTPStatus.OK
    assert get(demo.address("SMS and push")) == http.HTTPStatus.OK

    (web,) = [pid for pid in demo.pids("server.cli run") if os.getpgid(pid) == pid]
    os.kill(web, signal.SIGKILL)
    demo.hear("web was killed by SIGKILL")
    assert wait_until(demo.answers)

    (worker,) = demo.pids("server.cli worker")
    os.kill(worker, signal.SIGKILL)
    demo.hear("worker was killed by SIGKILL")
    assert wait_until(lambda: bool(demo.pids("server.cli worker")))

    database = int(next(demo.var.rglob("postmaster.pid")).read_text().split("\n", 1)[0])
    os.kill(database, signal.SIGKILL)
    demo.hear("The database died and is back.")
    assert wait_until(demo.answers), demo.last_words()

    demo.process.send_signal(signal.SIGINT)
    rest, _ = demo.process.communicate(timeout=60)

    assert demo.process.returncode == 0
    assert rest.endswith("Stopped.\n")
    assert not demo.pids()


def test_national_identity_knows_us_without_being_told(demo: Demo) -> None:
    server = demo.address("Start page").rstrip("/")
    with requests.Session() as http_session:
        http_session.trust_env = False
        started = http_session.post(f"{server}/v1/auth/identity-attempts", json={}, timeout=10).json()
        page, _, asked = started["authorization_url"].partition("?")
        agreed = dict(parse_qsl(asked)) | {"person": "an", "decision": "agree"}
        back = http_session.post(page, data=agreed, allow_redirects=False, timeout=10).headers["Location"]
        shown = http_session.get(back, timeout=10)
        returned = {name: value for name, value in parse_qsl(urlsplit(back).query) if name in {"state", "code", "iss"}}
        path = f"/v1/auth/identity-attempts/{started['id']}/answer"
        signed_in = http_session.post(f"{server}{path}", json=returned, timeout=10)

    assert back.startswith(f"{server}/identity?")
    assert shown.status_code == http.HTTPStatus.OK
    assert signed_in.status_code == http.HTTPStatus.OK, signed_in.text
    assert {path.name for path in (demo.var / "secrets").iterdir()} >= {"vault_key", "vault_index_key"}


def test_nothing_survives_when_the_supervisor_is_killed_and_the_next_one_finds_its_keys(demo: Demo) -> None:
    keys = {path: path.read_bytes() for path in (demo.var / "secrets").iterdir()}
    assert len(demo.pids()) > len(("sandbox", "worker", "web", "postgres"))

    demo.process.kill()

    assert wait_until(lambda: not demo.pids())
    again = subprocess.run(
        [sys.executable, "-c", DEMO, str(demo.var), "no-such-command"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 2, again.stdout + again.stderr  # what click says to an unknown command
    assert {path: path.read_bytes() for path in (demo.var / "secrets").iterdir()} == keys
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert {(demo.var / name).stat().st_mode & 0o777 for name in ("secrets", "log", "sandbox")} == {0o700}
    assert not demo.pids()


def test_a_second_demo_of_the_same_folder_points_to_the_first_one(tmp_path: Path) -> None:
    with (tmp_path / "demo.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        json.dump({"BASE_URL": "http://127.0.0.1:8123", "SANDBOX_URL": "http://127.0.0.1:8124"}, first)
        first.flush()

        second = subprocess.run(
            [sys.executable, "-c", DEMO, str(tmp_path)], capture_output=True, text=True, check=False
        )

    assert second.returncode == 1
    assert second.stderr == "A demo runs already: http://127.0.0.1:8123\n"


def test_live_mode_is_refused(tmp_path: Path) -> None:
    live = subprocess.run(
        [sys.executable, "-c", DEMO, str(tmp_path)],
        env={**os.environ, "CITIZEN_MODE": "live"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert live.returncode == 1
    assert "the demo is not for that" in live.stderr
    assert not (tmp_path / "postgres").exists()


def test_a_step_that_fails_ends_the_demo_with_the_last_words_of_its_log(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    failed = subprocess.run(
        [sys.executable, "-c", DEMO, str(tmp_path)],
        env={**os.environ, "DATABASE_URL": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )

    assert failed.returncode == 1
    assert "migrate ended with status 1" in failed.stderr
    assert "Connection refused" in failed.stderr
