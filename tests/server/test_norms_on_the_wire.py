"""Bytes on the wire, to the real web server: whatever is broken is the caller's fault, and the next one is served."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from kit.parsing import MAX_BODY_BYTES
from server.settings import Settings
from tests.kit.serving import Served

START = "/v1/auth/phone-challenges"
JSON = {"Content-Type": "application/json", "Idempotency-Key": "k"}


@pytest.fixture(scope="module")
def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(settings, tmp_path_factory.mktemp("served")) as served:
        yield served


def pieces(*parts: bytes) -> Iterator[bytes]:
    """A body whose length is told by nobody: it is sent in chunks."""
    yield from parts


def send(served: Served, raw: bytes) -> bytes:
    """The status line that the server answers to these bytes; empty when it hangs up."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as wire:
        wire.sendall(raw)
        with wire.makefile("rb") as answer:
            return answer.readline()


def test_a_body_in_chunks_is_read_like_any_other(served: Served, clean: None) -> None:
    answer = requests.post(served.url + START, data=pieces(b'{"phone":', b'"0912345678"}'), headers=JSON, timeout=10)

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [
        (START, JSON, b'{"phone":"0912345678"}'),
        ("/v1/auth/token", {"Content-Type": "application/x-www-form-urlencoded"}, b"grant_type=client_credentials&a="),
        ("/v1/payments/webhooks/stripe", {"Content-Type": "application/json"}, b"{}"),
    ],
)
def test_a_body_in_chunks_is_bounded_and_never_cut_off_in_silence(
    served: Served, clean: None, path: str, headers: dict[str, str], first: bytes
) -> None:
    # Blanks: what is left after cutting would be good JSON.
    rest = [b" " * 65_536] * (MAX_BODY_BYTES // 65_536 + 1)

    refused = requests.post(served.url + path, data=pieces(first, *rest), headers=headers, timeout=10)

    assert (refused.status_code, refused.json()["code"]) == (413, "request_entity_too_large")


def test_a_body_that_is_too_long_by_its_own_word_is_refused_before_it_is_sent(served: Served) -> None:
    head = f"POST {START} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"

    status = send(served, f"{head}Content-Length: {10**9}\r\nExpect: 100-continue\r\n\r\n".encode())

    assert status.split()[1] == b"413"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/me HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\x00b\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n",
        b"POST /v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"GET /v1/me\x00 HTTP/1.1\r\nHost: a\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n",
        b"GET /v1/divisions/communes/\xff\xfeabc HTTP/1.1\r\nHost: a\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 500_000 + b"\r\n",
        b"GET /v1/payments?cursor=" + b"c" * 50_000 + b" HTTP/1.1\r\nHost: a\r\n",
        b"GET http://evil.example/v1/me HTTP/1.1\r\nHost: a\r\n",
        b"GET //evil.example/v1/me HTTP/1.1\r\nHost: a\r\n",
        b"BREW /v1/me HTTP/1.1\r\nHost: a\r\n",
        b"nonsense\r\n",
    ],
    ids=[
        "nul in a header", "two lengths", "negative length", "length and chunks", "nul in the path",
        "bytes in the path",
        "bytes in a part of the path", "bytes in a token", "long header", "long query", "absolute address",
        "two slashes", "unknown method", "no HTTP",
    ],
)  # fmt: skip
def test_a_broken_request_is_refused_and_the_next_is_served(served: Served, head: bytes) -> None:
    status = send(served, head + b"Connection: close\r\n\r\n")

    assert status == b"" or status.split()[1].startswith(b"4")
    assert served.answers()


def test_a_foreign_host_is_no_other_place(served: Served) -> None:
    status = send(served, b"GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")

    assert status.split()[1] == b"200"
