"""A company with an address that listens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import orjson
import pytest

from kit import egress
from server.settings import Settings
from tests.factories import POWER, make_provider
from tests.people import Machine


@dataclass
class Receiver:
    """What a company runs behind its address: answers with `status`, and keeps what it got."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What came, as JSON."""
        return [orjson.loads(body) for _headers, body in self.got]


@pytest.fixture
def receiver(settings: Settings, clean: None) -> Iterator[Receiver]:
    """An address on a free port that may be called, as the sandbox may."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(here.status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    here.url = f"http://127.0.0.1:{server.server_port}/hooks"
    egress.configure(allowed=here.url)
    yield here
    server.shutdown()
    thread.join()
    server.server_close()
    egress.configure(allowed=settings.sandbox_url)


@pytest.fixture
def provider_id(clean: None) -> UUID:
    """The power company."""
    return make_provider(POWER).id


@pytest.fixture
def company(provider_id: UUID, machine: Callable[..., Machine]) -> Machine:
    """Its system, which may manage webhooks and read payments."""
    return machine(provider_id, "webhooks:manage", "payments:read")


@pytest.fixture
def endpoint(company: Machine, receiver: Receiver) -> dict[str, Any]:
    """Its address, which hears everything."""
    asked = {"url": f"{receiver.url}/", "kinds": ["payment.captured", "payment.posted", "payment.returned"]}
    made: dict[str, Any] = company.post("/v1/webhooks/endpoints", json=asked).json
    return made
