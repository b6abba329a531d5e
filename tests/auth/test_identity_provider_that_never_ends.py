"""An identity provider whose answers are too long or never end is one that does not answer."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from uuid import uuid4

import pytest

from auth import derivation, identity
from auth.errors import IdentityUnavailable
from auth.identity import Provider, Returned

APP = "vn.citizen.app:/identity"
LONG = 10_000_000


class Stranger(BaseHTTPRequestHandler):
    """An OpenID provider whose addresses can be spoiled, each in its own way."""

    spoiled: ClassVar[dict[str, str]] = {}
    sent: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        issuer = f"http://{self.headers['Host']}"
        way = self.spoiled.get(self.path, "well")
        metadata = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
        }
        known = {"/.well-known/openid-configuration": metadata, "/keys": {"keys": []}}
        body = json.dumps(known.get(self.path, {"access_token": "a", "token_type": "Bearer", "id_token": "a.b.c"}))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if way == "gzip":
            body_bytes = gzip.compress(b" " * LONG)
            self.send_header("Content-Encoding", "gzip")
        elif way == "long":
            body_bytes = body.encode() + b" " * LONG
        else:
            body_bytes = body.encode()
        if way != "drip":
            self.send_header("Content-Length", str(len(body_bytes)))
        self.end_headers()
        try:
            if way == "drip":
                for _ in range(600):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            self.wfile.write(body_bytes)
        except OSError:
            self.sent["broken off"] = self.sent.get("broken off", 0) + 1

    def log_message(self, *_args: object) -> None:
        """Nothing on the test's screen."""


@pytest.fixture
def provider(client, settings) -> Iterator[Provider]:
    Stranger.spoiled.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    used = Provider(f"http://127.0.0.1:{server.server_port}", "citizen", "secret", (APP,))
    identity.use_provider(used)
    yield used
    identity.use_provider(settings.identity)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("way", ["long", "gzip"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_an_answer_of_ten_megabytes_is_not_read_to_its_end(provider: Provider, path: str, way: str) -> None:
    Stranger.spoiled[path] = way
    attempt_id = uuid4()
    state = derivation.secret_of("state", attempt_id)

    with pytest.raises(IdentityUnavailable):
        identity.read_answer(attempt_id, APP, Returned(state, "code", None, None))


def test_an_answer_that_drips_breaks_off(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_LONGEST_TALK_SECONDS", 0.3)
    Stranger.spoiled["/token"] = "drip"
    attempt_id = uuid4()
    state = derivation.secret_of("state", attempt_id)

    with pytest.raises(IdentityUnavailable):
        identity.read_answer(attempt_id, APP, Returned(state, "code", None, None))

    assert identity.address_of(attempt_id, APP).startswith(f"{provider.issuer}/authorize?")
