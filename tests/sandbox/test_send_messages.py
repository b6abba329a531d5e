"""Text messages and pushes end in the inbox, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox import Server
from tests.sandbox.sandbox_clients import Order

SendSms = Callable[..., requests.Response]
SendPush = Callable[..., requests.Response]
ReadInbox = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sms(world: Server) -> SendSms:
    def send(key: str | None, to: str | None = "+84912345678", text: str = "Mã của bạn là 123456") -> requests.Response:
        return requests.post(
            f"{world.url}/sms/messages",
            json={"to": to, "text": text},
            timeout=5,
            headers={} if key is None else {"Idempotency-Key": key},
        )

    return send


@pytest.fixture
def push(world: Server) -> SendPush:
    def send(message: object, authorization: str = "Bearer local", **more: Any) -> requests.Response:
        return requests.post(
            f"{world.url}/fcm/v1/projects/citizen/messages:send",
            timeout=5,
            json={"message": message, **more},
            headers={"Authorization": authorization},
        )

    return send


@pytest.fixture
def inbox(world: Server) -> ReadInbox:
    def read(query: str = "") -> list[dict[str, Any]]:
        return list(requests.get(f"{world.url}/inbox.json{query}", timeout=5).json()["items"])

    return read


def test_a_text_message_lands_in_the_inbox_once_per_key(sms: SendSms, inbox: ReadInbox) -> None:
    first, again = sms("k1"), sms("k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    (item,) = inbox("?to=%2B84912345678")
    assert (item["seq"], item["kind"], item["to"], item["text"]) == (1, "sms", "+84912345678", "Mã của bạn là 123456")
    assert item["at"].endswith("+00:00")


def test_a_key_used_for_another_message_is_refused(sms: SendSms, inbox: ReadInbox) -> None:
    sms("k1")

    refused = sms("k1", text="Mã của bạn là 654321")

    assert (refused.status_code, len(inbox())) == (422, 1)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ((None, "+84912345678", "x"), "idempotency_key_required"),
        (("k", "0912345678", "x"), "invalid_to"),
        (("k", "+84912345678", ""), "invalid_text"),
        (("k", "+84912345678", "x" * 671), "invalid_text"),
        (("k", None, "x"), "invalid_to"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(
    sms: SendSms,
    inbox: ReadInbox,
    message: tuple[str | None, str | None, str],
    error: str,
) -> None:
    refused = sms(*message)

    assert (refused.status_code, refused.json()["error"], inbox()) == (400, error, [])


def test_a_push_lands_in_the_inbox_with_its_data(push: SendPush, inbox: ReadInbox) -> None:
    sent = push(
        {
            "token": "phone-of-an",
            "notification": {"title": "Đã thanh toán", "body": "Tiền điện tháng 10"},
            "data": {"payment_id": "p1"},
            "android": {"notification": {"tag": "n1"}},
        }
    )

    assert sent.status_code == 200
    assert sent.json()["name"].startswith("projects/citizen/messages/")
    (item,) = inbox("?to=phone-of-an&kind=push")
    assert (item["title"], item["body"], item["data"]) == ("Đã thanh toán", "Tiền điện tháng 10", {"payment_id": "p1"})


def test_an_unregistered_phone_is_answered_as_fcm_does(push: SendPush, inbox: ReadInbox) -> None:
    refused = push({"fid": "unregistered-old-phone", "notification": {"title": "x"}})

    error = refused.json()["error"]
    assert (refused.status_code, error["status"]) == (404, "NOT_FOUND")
    assert error["details"] == [
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}
    ]
    assert inbox() == []


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"token": "a", "topic": "b"},
        {"token": ""},
        {"token": "a", "data": {"n": 1}},
        {"token": "a", "data": {"n": "x" * 4097}},
        {"token": "a", "notification": "text"},
    ],
)
def test_a_push_fcm_would_refuse_is_refused(push: SendPush, inbox: ReadInbox, message: dict[str, Any]) -> None:
    refused = push(message)

    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert inbox() == []


def test_a_push_without_credentials_or_for_validation_only_is_not_delivered(push: SendPush, inbox: ReadInbox) -> None:
    nobody = push({"token": "a"}, authorization="")
    dry = push({"token": "a"}, validate_only=True)

    assert (nobody.status_code, dry.status_code, inbox()) == (401, 200, [])


def test_an_ordered_fault_reads_as_the_service_words_it(
    push: SendPush,
    sms: SendSms,
    inbox: ReadInbox,
    order: Order,
) -> None:
    order(target="push", action="error", status=503)
    order(target="sms", action="rate_limit", seconds=3)

    push_refused, sms_refused = push({"token": "a"}), sms("k1")

    assert push_refused.json()["error"]["details"][0]["errorCode"] == "UNAVAILABLE"
    assert (sms_refused.status_code, sms_refused.headers["Retry-After"]) == (429, "3")
    assert inbox() == []
    assert (push({"token": "a"}).status_code, sms("k1").status_code) == (200, 201)


def test_the_inbox_is_read_by_recipient_kind_and_sequence(sms: SendSms, push: SendPush, inbox: ReadInbox) -> None:
    sms("k1")
    sms("k2", to="+84987654321")
    push({"token": "phone-of-an", "notification": {"title": "x"}})

    # An unescaped plus arrives as a space.
    assert [item["seq"] for item in inbox("?to=+84987654321")] == [2]
    assert [item["seq"] for item in inbox("?kind=push")] == [3]
    assert [item["seq"] for item in inbox("?since=1")] == [2, 3]
    assert [item["seq"] for item in inbox("?limit=2")] == [2, 3]
