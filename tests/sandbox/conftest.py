"""A running sandbox, the SDK's client for it, and a receiver for its webhooks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import Server, create_sandbox, serve
from tests.sandbox.sandbox_clients import RETRIES, SECRET, Gateway, Order, Receiver, Start, gateway_client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "bills_power.csv").write_text(
        "bill_no,customer_code,period,amount_vnd,kwh\n"
        "HD001,PA01HH0000001,2026-10,425000,210\n"
        "HD002,PA01HH0000002,2026-10,99000,50\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def start(tmp_path: Path, sample: Path) -> Iterator[Start]:
    """Start a sandbox on this test's state directory; starting again is a restart."""
    running: list[Server] = []

    def stop_last() -> None:
        if running:
            running.pop().stop()

    def go(webhook_url: str | None = None) -> Server:
        stop_last()
        app = create_sandbox(tmp_path / "state", sample, webhook_url, SECRET, RETRIES)
        running.append(serve(app).start())
        return running[-1]

    yield go
    stop_last()


@pytest.fixture
def world(start: Start) -> Server:
    return start()


@pytest.fixture
def gateway(world: Server) -> Gateway:
    return gateway_client(world.url)


@pytest.fixture
def order(world: Server) -> Order:
    """Order a fault and return it."""

    def go(**fault: Any) -> dict[str, Any]:
        answer = requests.post(f"{world.url}/control/faults", json=fault, timeout=5)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return go
