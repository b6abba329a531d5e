"""Child processes that are watched, brought back and ended within bounded time, and the signals that tell of them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kit.embedded import ends_with_parent

_ROOT: Final = Path(__file__).resolve().parent.parent
_STOP_SECONDS: Final = 8.0
_LONG_LIFE_SECONDS: Final = 30.0  # a child that lived longer did not die of how it was started
_LONGEST_PAUSE_SECONDS: Final = 30.0
_LOG_BYTES: Final = 10_000_000


class Interrupted(Exception):
    """Somebody asked for the end."""


def say(text: str) -> None:
    """Tell the terminal, if there still is one."""
    with suppress(OSError):  # the terminal may be gone; that must not keep us from ending the children
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Child:
    """A process in a group of its own; its output goes to a file in `logs`, or without that to the terminal."""

    def __init__(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], logs: Path | None = None
    ) -> None:
        """Describe it; `start` runs it."""
        self.name = name
        self._command = command
        self._environment = environment
        self._log = None if logs is None else logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._born = 0.0
        self._quick_deaths = 0
        self._due: float | None = None  # when to bring it back

    def start(self) -> None:
        """Run it; the kernel sends it SIGTERM when the supervisor itself is killed."""
        self._born, self._due = time.monotonic(), None
        output = None if self._log is None else _open_log(self._log)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=_ROOT,
                env=dict(self._environment),
                process_group=0,  # a Ctrl-C at the terminal is for the supervisor alone
                preexec_fn=ends_with_parent(signal.SIGTERM),  # noqa: PLW1509 - there is no other thread
            )
        finally:
            if output is not None:
                os.close(output)

    def status(self) -> int | None:
        """Its exit status, negative for the signal that killed it; None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self, signals: Signals, seconds: float) -> int:
        """Its exit status once it ends; raises TimeoutError after that long, Interrupted when someone asks for the end.

        It does not run any longer in either case.
        """
        deadline = time.monotonic() + seconds
        while (status := self.status()) is None:
            if time.monotonic() > deadline:
                self.stop(signals)
                message = f"{self.name} takes longer than {seconds:.0f} s"
                raise TimeoutError(message)
            try:
                signals.wait(1.0)
            except Interrupted:
                self.stop(signals)
                raise
        return status

    def pause(self) -> float | None:
        """Seconds until it must be brought back; None while it runs."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def bring_back(self) -> None:
        """Start it again after a pause that doubles while it keeps dying young, and say so."""
        if self._due is not None:
            if time.monotonic() >= self._due:
                self.start()
        elif self.status() is not None:
            lived = time.monotonic() - self._born
            self._quick_deaths = 0 if lived > _LONG_LIFE_SECONDS else self._quick_deaths + 1
            pause = min(_LONGEST_PAUSE_SECONDS, 0.25 * 2**self._quick_deaths)
            self._due = time.monotonic() + pause
            say(f"{self.obituary()}\n  Starting it again in {pause:.1f} s.")
            self._end_group()  # what it left behind may still hold its port

    def stop(self, signals: Signals) -> None:
        """End it by SIGTERM, and by SIGKILL after bounded time or when someone is impatient; leaves no descendant."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        asked = signals.asked
        while self._process.poll() is None and time.monotonic() < deadline and signals.asked == asked:
            with suppress(Interrupted):
                signals.wait(0.1)
        self._end_group()

    def obituary(self) -> str:
        """How it ended, and its last words."""
        status = self.status() or 0
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if self._log is None:
            return f"{self.name} {how}"
        tail = self._log.read_text(errors="replace").splitlines()[-5:]
        return "\n    ".join([f"{self.name} {how}; the end of {self._log}:", *tail])

    def _end_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class Signals:
    """Turns signals into wake-ups: waiting ends at once when a child dies or someone asks for the end."""

    _ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        """Nothing changes before `with` is entered, in the main thread."""
        self.asked = 0  # how often someone asked for the end

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        numbers = (*self._ENDING, signal.SIGCHLD)
        self._former = {number: signal.signal(number, lambda *_: None) for number in numbers}
        self._former_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._former_wakeup)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Wait that long or until a signal comes; raises Interrupted when it asks for the end."""
        readable, _, _ = select.select([self._read], [], [], seconds)
        ending = [number for number in os.read(self._read, 512) if number in self._ENDING] if readable else []
        if ending:
            self.asked += len(ending)
            raise Interrupted
