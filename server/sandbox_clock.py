"""In development only: this process's time follows the sandbox's clock."""

from __future__ import annotations

import threading
from datetime import timedelta

import requests

from kit import clock, logs

_EVERY_SECONDS = 2.0
_stop = threading.Event()
_thread: threading.Thread | None = None


def follow(sandbox_url: str) -> None:
    """Ask the sandbox for its offset every two seconds, in a thread of its own; safe to call twice."""
    global _thread  # noqa: PLW0603 - one follower per process
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_ask, args=(sandbox_url,), name="sandbox-clock", daemon=True)
        _thread.start()


def _ask(sandbox_url: str) -> None:
    http = requests.Session()
    http.trust_env = False
    reached = True
    while not _stop.is_set():
        try:
            offset = http.get(f"{sandbox_url}/control/clock", timeout=2).json()["offset_seconds"]
            clock.move(timedelta(seconds=offset))
            reached = True
        except (requests.RequestException, ValueError, KeyError) as exc:
            if reached:
                logs.logger.warning("sandbox_clock_unreachable", error=type(exc).__name__)
            reached = False
        _stop.wait(_EVERY_SECONDS)
