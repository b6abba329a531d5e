"""The world around the inbox: a push service and a text message company, both of the sandbox, and a clock to move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from kit import clock
from notifications import push, sms
from sandbox import create_sandbox, serve
from tests.notifications.temporary_database import an, app, binh, chi, client, session  # noqa: F401


class Outside:
    """The sandbox as a person with several phones sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def inbox(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = requests.get(f"{self.url}/inbox.json", {"kind": kind}, timeout=5).json()["items"]
        return items

    def shown_on(self, address: str) -> list[dict[str, Any]]:
        return [item for item in self.inbox("push") if item["to"] == address]

    def spoil(self, target: str, action: str, **more: Any) -> None:
        ordered = {"target": target, "action": action, **more}
        assert requests.post(f"{self.url}/control/faults", json=ordered, timeout=5).status_code == 201

    def mend(self) -> None:
        requests.delete(f"{self.url}/control/faults", timeout=5).raise_for_status()


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = serve(create_sandbox(tmp_path_factory.mktemp("sandbox"), None)).start()
    yield server.url
    server.stop()


@pytest.fixture
def outside(sandbox_url: str) -> Outside:
    requests.post(f"{sandbox_url}/control/reset", timeout=5).raise_for_status()
    push.connect("citizen-sandbox", url=f"{sandbox_url}/fcm", credentials=None)
    sms.connect(f"{sandbox_url}/sms", "sandbox")
    return Outside(sandbox_url)


@pytest.fixture
def later() -> Iterator[Callable[[timedelta], None]]:
    """`later(…)` lets time pass."""
    passed = [timedelta()]

    def pass_time(length: timedelta) -> None:
        passed.append(length)
        clock.move(sum(passed, timedelta()))

    yield pass_time
    clock.move(timedelta())
