"""The seam in Firebase's SDK: a contract that fails as soon as a new version of the SDK moves what we hold on to."""

from __future__ import annotations

import threading
import time
import tomllib
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import firebase_admin
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from firebase_admin import messaging

from notifications import push

NAME = b'{"name": "projects/citizen-sandbox/messages/0:1"}'


class Stranger:
    """A server on this host that writes down what the SDK asks, and answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = orjson.loads(body)["message"] if body.startswith(b"{") else None
                stranger.calls.append({"path": self.path, "headers": self.headers, "message": message})
                status, headers, answer = stranger.answers.pop(0) if stranger.answers else (200, {}, NAME)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Keep silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    stranger = Stranger()
    Thread(target=stranger.http.serve_forever, args=(0.02,), daemon=True).start()
    push.connect("citizen-sandbox", url=f"{stranger.url}/fcm", credentials=None)
    yield stranger
    stranger.http.shutdown()
    stranger.http.server_close()


def test_the_sdk_is_the_one_the_seam_was_made_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert version("firebase-admin") == firebase_admin.__version__ == push.SDK_VERSION == "7.7.0"
    assert f"firebase-admin=={push.SDK_VERSION}" in project["dependencies"]


def test_a_push_reaches_the_stranger_and_nobody_else(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    name = push.send("an-phone", "fid", "Tiêu đề", "Nội dung", data={"kind": "bills_paid"}, tag="tag-1")

    (call,) = stranger.calls
    assert name == "projects/citizen-sandbox/messages/0:1"
    assert call["path"] == "/fcm/v1/projects/citizen-sandbox/messages:send"
    assert call["headers"]["Authorization"] == "Bearer local"
    assert call["headers"]["Host"] == stranger.url.removeprefix("http://")
    assert call["message"] == {
        "fid": "an-phone",
        "notification": {"title": "Tiêu đề", "body": "Nội dung"},
        "data": {"kind": "bills_paid"},
        "android": {"notification": {"tag": "tag-1"}},
        "apns": {"headers": {"apns-collapse-id": "tag-1"}},
        "webpush": {"notification": {"tag": "tag-1"}},
    }


def test_older_apps_are_reached_by_token_without_a_warning(stranger: Stranger) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        push.send("an-old-phone", "token", "t", "b", data={}, tag="tag-1")

    (call,) = stranger.calls
    assert call["message"]["token"] == "an-old-phone"
    assert "fid" not in call["message"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_sdk_does_not_sleep_and_try_again_by_itself(stranger: Stranger, status: int) -> None:
    stranger.answers = [(status, {"Retry-After": "20"}, b"{}")]
    began = time.monotonic()

    with pytest.raises(push.PushDelayed) as delayed:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert delayed.value.retry_after == 20
    assert len(stranger.calls) == 1
    assert time.monotonic() - began < 20


def test_a_retry_after_may_be_a_date(stranger: Stranger) -> None:
    stranger.answers = [
        (503, {"Retry-After": "Fri, 01 Jan 2027 00:00:00 GMT"}, b"{}"),
        (503, {"Retry-After": "x"}, b""),
    ]

    with pytest.raises(push.PushDelayed) as dated:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")
    with pytest.raises(push.PushDelayed) as unreadable:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert dated.value.retry_after is not None
    assert dated.value.retry_after >= 0
    assert unreadable.value.retry_after is None


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"[]", b"null", b"<html>", b'{"error": "text"}', b"\xff\xfe"],
)
@pytest.mark.parametrize("status", [200, 401, 502])
def test_an_answer_that_makes_no_sense_is_worth_another_try(stranger: Stranger, status: int, answer: bytes) -> None:
    stranger.answers = [(status, {}, answer)] * 3  # after a 401 the SDK asks for a new token and tries again

    with pytest.raises(push.PushDelayed):
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")


@pytest.mark.parametrize(
    ("status", "code", "is_gone"),
    [
        (404, "UNREGISTERED", True),
        (403, "SENDER_ID_MISMATCH", False),
        (400, "INVALID_ARGUMENT", False),
    ],
)
def test_a_final_refusal_says_whether_the_address_is_gone(
    stranger: Stranger, status: int, code: str, *, is_gone: bool
) -> None:
    error = {
        "code": status,
        "message": "an-phone is refused",
        "status": {404: "NOT_FOUND", 403: "PERMISSION_DENIED", 400: "INVALID_ARGUMENT"}[status],
        "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}],
    }
    stranger.answers = [(status, {}, orjson.dumps({"error": error}))]

    with pytest.raises(push.PushRefused) as raised:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert raised.value.is_unregistered is is_gone
    assert "an-phone" not in str(raised.value)


def test_an_unknown_project_does_not_cost_a_phone_its_place(stranger: Stranger) -> None:
    error = {"code": 404, "message": "no such project", "status": "NOT_FOUND"}
    stranger.answers = [(404, {}, orjson.dumps({"error": error}))]

    with pytest.raises(push.PushRefused) as raised:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert raised.value.is_unregistered is False


def test_a_stranger_that_is_not_there_is_worth_another_try(stranger: Stranger) -> None:
    push.connect("citizen-sandbox", url="http://127.0.0.1:9/fcm", credentials=None)

    with pytest.raises(push.PushDelayed):
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert stranger.calls == []


def test_connecting_again_moves_to_the_new_place(stranger: Stranger) -> None:
    push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    push.connect("other-project", url=f"{stranger.url}/elsewhere/", credentials=None)
    push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert [call["path"] for call in stranger.calls] == [
        "/fcm/v1/projects/citizen-sandbox/messages:send",
        "/elsewhere/v1/projects/other-project/messages:send",
    ]


def test_towards_firebase_itself_the_sdk_does_not_sleep_either(stranger: Stranger, tmp_path: Path) -> None:
    account = tmp_path / "account.json"
    account.write_bytes(_service_account(f"{stranger.url}/token"))
    push.connect("citizen-live", url=None, credentials=str(account))

    session = messaging._get_messaging_service(push._connected())._client.session

    line = session.get_adapter("https://fcm.googleapis.com/v1/projects/citizen-live/messages:send")
    assert line.max_retries.total == 0
    assert line.max_retries.status is None
    assert session.credentials.project_id == "citizen-live"
    assert stranger.calls == []


def test_a_token_that_google_will_not_give_is_worth_another_try(stranger: Stranger, tmp_path: Path) -> None:
    account = tmp_path / "account.json"
    account.write_bytes(_service_account(f"{stranger.url}/token"))
    push.connect("citizen-live", url=None, credentials=str(account))
    stranger.answers = [(400, {}, b'{"error": "invalid_grant"}')]

    with pytest.raises(push.PushDelayed) as delayed:
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")

    assert delayed.value.code == "no_token"
    assert [call["path"] for call in stranger.calls] == ["/token"]


def test_a_missing_service_account_is_a_mistake_and_not_a_delay(tmp_path: Path) -> None:
    push.connect("citizen-live", url=None, credentials=str(tmp_path / "none.json"))

    with pytest.raises(FileNotFoundError):
        push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")


def test_many_threads_share_one_way_out(stranger: Stranger) -> None:
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(push.send("an-phone", "fid", "t", "b", data={}, tag="tag-1")))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(names) == len(stranger.calls) == 8


def _service_account(token_url: str) -> bytes:
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "citizen-live",
        "private_key_id": "k",
        "private_key": key.decode(),
        "client_email": "push@citizen-live.example",
        "client_id": "1",
        "token_uri": token_url,
    }
    return orjson.dumps(account)
