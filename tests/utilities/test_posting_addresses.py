"""Where a company has itself called: only public addresses, when it is named and again at every call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest

from kit import clock, egress
from server.settings import Settings
from services.utilities import providers
from services.utilities.errors import PostingAddressRefused
from services.utilities.onboarding_schemas import APPLICATION_EXAMPLE
from services.utilities.operations.settings_of import check_settings
from services.utilities.providers import Endpoint, ProviderUnreachable

PUBLIC = "93.184.215.14"
PAYMENT = UUID("019a0c1e-2222-7c00-8000-00000000000c")
GOOD = "https://pc.vn/post"
# None of these is ever contacted; names are resolved by the test.
REFUSED = [
    ("http://pc.vn/post", "not_https"), ("ftp://pc.vn/", "not_https"), ("https://127.0.0.1/", "not_a_name"),
    ("https://2130706433/", "not_a_name"), ("https://0x7f000001/", "not_a_name"), ("https://0177.0.0.1/", "not_a_name"),
    ("https://127.1/", "not_a_name"), ("https://[::ffff:169.254.169.254]/", "not_a_name"),
    ("https://[64:ff9b::a9fe:a9fe]/", "not_a_name"), ("https://pc.vn./post", "not_a_name"),
    ("https://localhost/", "not_a_name"), ("https://metadata.google.internal/", "not_public"),
    ("https://pc.vn:8443/", "port"), ("https://pc.vn:22/", "port"), ("https://key@pc.vn/", "malformed"),
    ("https://pc.vn\\@127.0.0.1/", "malformed"), ("https://điện-lực.vn/", "malformed"),
    ("https://pc.vn/post#x", "malformed"), ("https://pc.vn/post?to=", "malformed"),
    ("https://pc.vn/" + "a" * 1980, "malformed"),
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "10.0.0.8", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "fc00::1",
    "::ffff:10.0.0.8", "64:ff9b::a00:8", "2002:a00:8::1",
]  # fmt: skip
CALLS: dict[str, Callable[[Endpoint], object]] = {
    "bills/check": lambda at: providers.check_bill("pc", "B-1", at),
    "postings/query": lambda at: providers.find_posting("pc", PAYMENT, "B-1", 1_000, at),
    "postings": lambda at: providers.post("pc", PAYMENT, "B-1", 1_000, clock.now(), at),
    "statements/2026-11-20": lambda at: providers.read_statement("pc", date(2026, 11, 20), at),
}


@pytest.fixture(autouse=True)
def as_before(settings: Settings) -> Iterator[None]:
    """What a test configures ends with it."""
    egress.configure(resolve=lambda _host, _port: [PUBLIC])
    yield
    egress.configure(allowed=settings.sandbox_url)


def named(url: str) -> Endpoint:
    """A company's own address, with what we show it there."""
    return Endpoint(url, "its-key", None, is_named_by_them=True)


@pytest.mark.parametrize(("url", "reason"), REFUSED)
def test_an_address_that_may_not_be_called_is_refused_when_it_is_named(
    url: str, reason: str, connections: list[object]
) -> None:
    with pytest.raises(PostingAddressRefused) as refused:
        check_settings(APPLICATION_EXAMPLE | {"endpoint_url": url})

    assert (refused.value.members["reason"], connections) == (reason, [])


@pytest.mark.parametrize(("url", "reason"), [each for each in REFUSED if "?" not in each[0]])
def test_an_address_that_came_in_by_another_way_is_not_called(url: str, reason: str, connections: list[object]) -> None:
    for what, call in CALLS.items():
        with pytest.raises(ProviderUnreachable, match=reason):
            call(named(url + "a" * 20 if len(url) > 1000 else url))
        assert connections == [], what


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_inside_is_refused_when_it_is_named_and_when_it_is_called(
    address: str, connections: list[object]
) -> None:
    egress.configure(resolve=lambda _host, _port: [PUBLIC, address])

    with pytest.raises(PostingAddressRefused, match="posting_address_refused"):
        check_settings(APPLICATION_EXAMPLE | {"endpoint_url": GOOD})
    for what, call in CALLS.items():
        with pytest.raises(ProviderUnreachable, match="not_public"):
            call(named(GOOD))
        assert connections == [], what


@pytest.mark.parametrize("what", CALLS)
def test_a_call_goes_to_the_address_that_was_checked_whatever_the_name_says_next(
    what: str, connections: list[object]
) -> None:
    answers = [["127.0.0.1"], [PUBLIC]]
    egress.configure(resolve=lambda _host, _port: answers.pop())

    with pytest.raises(ProviderUnreachable, match="connection"):
        CALLS[what](named(GOOD))

    assert (connections, answers) == ([(PUBLIC, 443)], [["127.0.0.1"]])


@pytest.mark.parametrize("what", CALLS)
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(what: str) -> None:
    got: list[tuple[str, str | None]] = []

    class Astray(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.headers["Authorization"]))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Astray)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    egress.configure(allowed=origin)
    try:
        with pytest.raises(ProviderUnreachable):
            CALLS[what](named(f"{origin}/pc"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert got == [(f"/pc/{what}", "Bearer its-key")]


def test_an_address_whose_key_nobody_can_read_is_not_called_without_it(connections: list[object]) -> None:
    locked = Endpoint(GOOD, None, None, is_named_by_them=True, is_locked=True)

    for call in CALLS.values():
        with pytest.raises(ProviderUnreachable, match="credentials unreadable"):
            call(locked)

    assert connections == []
