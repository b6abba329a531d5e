"""The load: clients in threads, each with one connection that stays open, and what their requests took."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any
from uuid import uuid4

import requests

from benchmarks.house import HOST, House

_TIMEOUT_SECONDS = 60


@dataclass
class Measured:
    """Requests that were sent by several clients at once: how long each took, and all together."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        """The time within which that share of the requests was answered."""
        return percentile(self.latencies, share) * 1000


class Client:
    """One app: a citizen who is signed in, on a connection of its own."""

    def __init__(self, house: House, token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(HOST, house.port, timeout=_TIMEOUT_SECONDS)
        self.token = token

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for is_last in (False, True):
            try:
                self._connection.request(method, path, json.dumps(body) if body is not None else None, headers)
                answer = self._connection.getresponse()
                raw = answer.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                # The server ends connections that have been idle. The same key makes asking again safe.
                self._connection.close()
                if is_last:
                    raise
            else:
                return answer.status, json.loads(raw) if raw else None
        raise AssertionError

    def must(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON of an answer that must be a good one."""
        status, told = self.ask(method, path, body)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {told}")
        return told


def sign_in(house: House, client: Client, phone: str) -> Client:
    """Give the client a fresh token of the citizen with that number, by the code of the text message."""
    client.token = None
    had = len(read_messages(house, phone))
    challenge = client.must("POST", "/v1/auth/phone-challenges", {"phone": phone})
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if len(messages := read_messages(house, phone)) > had:
            answer = {"code": messages[-1]["text"].split()[0], "device_name": "Benchmark"}
            path = f"/v1/auth/phone-challenges/{challenge['id']}/answer"
            client.token = client.must("POST", path, answer)["access_token"]
            return client
        time.sleep(0.05)
    raise RuntimeError("no code arrived")


def read_messages(house: House, phone: str) -> list[dict[str, Any]]:
    """The text messages that have arrived at a number, the newest last."""
    inbox = requests.get(f"{house.sandbox_url}/inbox.json", params={"to": phone, "kind": "sms"}, timeout=30)
    items: list[dict[str, Any]] = inbox.json()["items"]
    return items


def drive(clients: Sequence[Client], requests_of: Callable[[int], Sequence[tuple[str, str, object]]]) -> Measured:
    """Let every client send its requests, one after the other, all clients at once; client `n` sends requests_of(n)."""
    measured = Measured()
    start = Barrier(len(clients) + 1)

    def send(number: int) -> list[tuple[float, int]]:
        mine, taken = requests_of(number), []
        start.wait()
        for method, path, body in mine:
            began = time.perf_counter()
            status, _told = clients[number].ask(method, path, body)
            taken.append((time.perf_counter() - began, status))
        return taken

    with ThreadPoolExecutor(len(clients)) as pool:
        running = [pool.submit(send, number) for number in range(len(clients))]
        start.wait()
        began = time.perf_counter()
        results = [result for future in running for result in future.result()]
        measured.seconds = time.perf_counter() - began
    measured.latencies = [latency for latency, _status in results]
    measured.statuses = Counter(status for _latency, status in results)
    return measured


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
