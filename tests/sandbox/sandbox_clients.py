"""How tests reach the sandbox: the official SDK pointed at it, and a webhook receiver that does as it is told."""

import base64
import hashlib
import hmac
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe

from sandbox import Server

SECRET = "whsec_sandbox"
RETRIES = (0.05, 0.05, 0.1, 0.1)

# The SDK declares nearly every field optional; a contract test reads them plainly and fails where one is missing.
Gateway = Any
Order = Callable[..., dict[str, Any]]
Start = Callable[..., Server]
# A webhook as it arrived: its body, its signature header and the status it was answered with.
Call = tuple[bytes, str, int]


def partner_headers(slug: str, body: bytes, *, at: int = 1_795_000_000) -> dict[str, str]:
    """What a company's partner sends beside a body: the key, and the signature over id, instant and body."""
    signed = f"call-1.{at}.".encode() + body
    secret = hashlib.sha256(f"sandbox signs for {slug}".encode()).digest()
    return {
        "Authorization": f"Bearer sandbox-{slug}",
        "Content-Type": "application/json",
        "webhook-id": "call-1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}",
    }


class Receiver:
    """An HTTP server that keeps every webhook; `answers` holds the statuses of the next calls, then 200."""

    def __init__(self) -> None:
        self.answers: deque[int] = deque()
        self.calls: list[Call] = []
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # who called was killed while speaking
                    return
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

    def wait(self, enough: Callable[[list[Call]], bool], seconds: float = 30) -> None:
        """Return as soon as the calls so far are enough; fail after the given time."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: enough(self.calls), seconds), [call[0][:300] for call in self.calls]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def gateway_client(url: str, key: str = "sk_test_clerk", timeout: float = 15, retries: int = 0) -> Gateway:
    stripe.enable_telemetry = False
    base = f"{url}/stripe"
    return stripe.StripeClient(
        key,
        http_client=stripe.RequestsClient(timeout=(3, timeout)),
        max_network_retries=retries,
        # All four, or some calls would leave the machine.
        base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
    )


def intent_params(**more: Any) -> Any:
    return {"amount": 250_000, "currency": "vnd", **more}


def paid(gateway: Gateway, card: str = "pm_card_visa", **more: Any) -> Any:
    """Create and confirm in one call, as a server does that already has the card."""
    return gateway.v1.payment_intents.create(intent_params(payment_method=card, confirm=True, **more))


def error_of(refused: stripe.StripeError) -> Any:
    """Return the error object of the gateway's answer."""
    return refused.error


def headers_of(refused: stripe.StripeError) -> dict[str, str]:
    """Return the headers of the gateway's answer."""
    return dict(refused.headers or {})
