"""Watched child processes: how they are brought back, and that they end with all their descendants."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.children import Child, Interrupted, Signals

SLEEPER = "import os, time; print(os.getpid()); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as entered:
        yield entered


def python(code: str, logs: Path) -> Child:
    return Child("child", (sys.executable, "-u", "-c", code), os.environ, logs)


def wait_for_line(log: Path) -> str:
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return log.read_text()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_a_child_that_ends_leaves_its_status_and_last_words(tmp_path: Path, signals: Signals) -> None:
    child = python("print('no ink'); raise SystemExit(3)", tmp_path)

    child.start()

    assert child.wait(signals, 30) == 3
    assert child.obituary() == f"child ended with status 3; the end of {tmp_path}/child.log:\n    no ink"


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path, signals: Signals) -> None:
    child = python(SLEEPER, tmp_path)
    child.start()
    pid = int(wait_for_line(tmp_path / "child.log"))

    with pytest.raises(TimeoutError, match="child takes longer than 0 s"):
        child.wait(signals, 0)

    assert not is_alive(pid)


def test_waiting_ends_at_once_when_someone_asks_for_the_end(tmp_path: Path, signals: Signals) -> None:
    child = python(SLEEPER, tmp_path)
    child.start()
    pid = int(wait_for_line(tmp_path / "child.log"))

    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Interrupted):
        child.wait(signals, 60)

    assert not is_alive(pid)


def test_pauses_double_while_a_child_dies_young(
    tmp_path: Path, signals: Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    child = python("raise SystemExit(1)", tmp_path)

    for _ in range(3):
        child.start()
        child.wait(signals, 30)
        child.bring_back()

    said = capsys.readouterr().out
    assert [line.strip() for line in said.splitlines() if "again" in line] == [
        "Starting it again in 0.5 s.",
        "Starting it again in 1.0 s.",
        "Starting it again in 2.0 s.",
    ]
    pause = child.pause()
    assert pause is not None
    assert 1 < pause <= 2


def test_descendants_end_with_a_child_even_when_they_refuse(tmp_path: Path, signals: Signals) -> None:
    child = python(f"import subprocess, sys; subprocess.run([sys.executable, '-uc', {STUBBORN!r}])", tmp_path)
    child.start()
    descendant = int(wait_for_line(tmp_path / "child.log"))

    child.stop(signals)
    child.stop(signals)

    assert wait_until_gone(descendant)
    assert child.status() is None


def test_a_second_request_does_not_wait_for_a_stubborn_child(tmp_path: Path, signals: Signals) -> None:
    child = python(STUBBORN, tmp_path)
    child.start()
    pid = int(wait_for_line(tmp_path / "child.log"))
    began = time.monotonic()

    os.kill(os.getpid(), signal.SIGINT)
    child.stop(signals)

    assert time.monotonic() - began < 20
    assert not is_alive(pid)


def test_a_long_log_makes_room_for_a_new_one(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "child.log").write_bytes(b"x" * 10_000_001)
    child = python("print('fresh')", tmp_path)

    child.start()
    child.wait(signals, 30)

    assert (tmp_path / "child.log").read_text() == "fresh\n"
    assert (tmp_path / "child.log.1").stat().st_size == 10_000_001
