"""The demo: one command brings everything up, keeps it up, and leaves nothing behind, however it ends."""

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.demos import DEMO, Demo, folder_for_demo, get, running_demo, wait_until

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture
def demo() -> Iterator[Demo]:
    """One of a new folder: it has to make its keys, its database and everything in it."""
    with folder_for_demo() as var, running_demo(var) as demo:
        yield demo


def test_from_nothing_all_comes_up_what_runs_comes_back_when_it_is_killed_and_ends_with_ctrl_c(demo: Demo) -> None:
    assert demo.answers()
    assert get(demo.address("API document")) == http.HTTPStatus.OK
    assert get(demo.address("SMS and push")) == http.HTTPStatus.OK
    national_identity_knows_us_without_being_told(demo)
    secrets = list((demo.var / "secrets").iterdir())
    assert {path.name for path in secrets} >= {"vault_key", "vault_index_key"}
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert {(demo.var / name).stat().st_mode & 0o777 for name in ("secrets", "log", "sandbox")} == {0o700}

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

    status, rest = demo.end()

    assert status == 0
    assert rest.endswith("Stopped.\n")
    assert not demo.pids()


def national_identity_knows_us_without_being_told(demo: Demo) -> None:
    """A citizen signs in by it, and our page is where the way back leads to."""
    server = demo.url
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
