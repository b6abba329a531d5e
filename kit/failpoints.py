"""Named places where a process can be made to die, so that a test can see what it leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

_armed: dict[str, Callable[[], None]] = {}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, act: Callable[[], None] = _die) -> None:
    """Let this process be killed, as by kill -9, when it next reaches `name`; or do `act` there. Only tests do so."""
    _armed[name] = act


def disarm() -> None:
    """Let every place be passed again."""
    _armed.clear()


def reach(name: str) -> None:
    """Say that the process is at a place. Costs one look-up, and does nothing unless a test has armed it."""
    if _armed and (act := _armed.pop(name, None)) is not None:
        act()
