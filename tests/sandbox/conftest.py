"""A running sandbox, the official SDK pointed at it, and a webhook receiver that does as it is told."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server, create_sandbox, serve

SECRET = "whsec_sandbox"
RETRIES = (0.05, 0.05, 0.1, 0.1)


class Receiver:
    """An HTTP server that keeps every webhook; `answers` holds the statuses of the next calls, then 200."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.calls: list[tuple[bytes, str, int]] = []
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._arrived:
                    status = receiver.answers.popleft() if receiver.answers else 200
                    receiver.calls.append((body, self.headers["Stripe-Signature"], status))
                    receiver._arrived.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/webhook"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, enough: Callable[[list[tuple[bytes, str, int]]], bool], seconds: float = 10) -> None:
        """Return as soon as the calls so far are enough; fail after the given time."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: enough(self.calls), seconds), [call[0][:300] for call in self.calls]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


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
        "HD002,PA01HH0000002,2026-10,99000,50\n", encoding="utf-8")
    return folder


@pytest.fixture
def start(tmp_path: Path, sample: Path) -> Iterator[Callable[..., Server]]:
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
def world(start: Callable[..., Server]) -> Server:
    return start()


def gateway_client(url: str, key: str = "sk_test_clerk", timeout: float = 15) -> stripe.StripeClient:
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key, http_client=stripe.RequestsClient(timeout=(3, timeout)),
        base_addresses={name: f"{url}/stripe" for name in ("api", "connect", "files", "meter_events")})


@pytest.fixture
def gateway(world: Server) -> stripe.StripeClient:
    return gateway_client(world.url)


@pytest.fixture
def order(world: Server) -> Callable[..., dict[str, Any]]:
    """Order a fault and return it."""

    def go(**fault: Any) -> dict[str, Any]:
        answer = requests.post(f"{world.url}/control/faults", json=fault, timeout=5)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return go


def intent_params(**more: Any) -> dict[str, Any]:
    return {"amount": 250_000, "currency": "vnd", **more}


def paid(gateway: stripe.StripeClient, card: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    """Create and confirm in one call, as a server does that already has the card."""
    return gateway.v1.payment_intents.create(intent_params(payment_method=card, confirm=True, **more))
