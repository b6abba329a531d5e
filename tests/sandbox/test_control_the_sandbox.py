"""The clock, starting over, and the pages for people."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
import requests

from sandbox import Server
from sandbox.providers import signing_key
from tests.sandbox.sandbox_clients import Gateway, Order, intent_params, paid


def test_every_timestamp_follows_the_clock(world: Server, gateway: Gateway) -> None:
    moved = requests.post(f"{world.url}/control/clock", json={"now": "2027-02-06T08:00:00+07:00"}, timeout=5).json()

    intent = gateway.v1.payment_intents.create(intent_params())

    wanted = datetime(2027, 2, 6, 1, tzinfo=UTC).timestamp()
    assert abs(intent.created - wanted) < 10
    assert abs(datetime.fromisoformat(moved["now"]).timestamp() - wanted) < 10
    read = requests.get(f"{world.url}/control/clock", timeout=5).json()
    assert read["offset_seconds"] == moved["offset_seconds"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"now": "2027-02-06T08:00:00"},
        {"now": "tomorrow"},
        {"offset_seconds": "1"},
        {"offset_seconds": 1e12},
        {"now": "2027-02-06T08:00:00Z", "offset_seconds": 1},
        [],
    ],
)
def test_a_clock_that_cannot_be_set_stays(world: Server, wrong: object) -> None:
    refused = requests.post(f"{world.url}/control/clock", json=wrong, timeout=5)

    assert refused.status_code == 400
    assert requests.get(f"{world.url}/control/clock", timeout=5).json()["offset_seconds"] == 0


def test_starting_over_forgets_everything_and_loads_the_sample(
    world: Server,
    gateway: Gateway,
    order: Order,
) -> None:
    paid(gateway)
    order(target="gateway", action="down")
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 60}, timeout=5)
    requests.post(f"{world.url}/control/providers/power/pay-elsewhere", json={"bill_no": "HD001"}, timeout=5)

    reset = requests.post(f"{world.url}/control/reset", timeout=5)

    assert reset.status_code == 200
    assert gateway.v1.payment_intents.list().data == []
    assert gateway.v1.balance.retrieve().pending[0].amount == 0
    assert requests.get(f"{world.url}/control/clock", timeout=5).json()["offset_seconds"] == 0
    bill = requests.post(
        f"{world.url}/providers/power/bills/check",
        json={"bill_no": "HD001"},
        timeout=5,
        headers={"Authorization": "Bearer sandbox-power"},
    ).json()
    assert bill["status"] == "open"


def test_the_intents_are_listed_newest_first(world: Server, gateway: Gateway) -> None:
    first, second = paid(gateway), gateway.v1.payment_intents.create(intent_params(metadata={"payment_id": "p2"}))

    listed = requests.get(f"{world.url}/control/gateway/intents", timeout=5).json()["items"]

    assert [(each["id"], each["status"]) for each in listed] == [
        (second.id, "requires_payment_method"),
        (first.id, "succeeded"),
    ]
    assert listed[0]["metadata"] == {"payment_id": "p2"}


@pytest.mark.parametrize(("language", "words"), [("vi", ("Hộp tin", "Bảng điều khiển")), ("en", ("Inbox", "Control"))])
@pytest.mark.parametrize("path", ["/", "/inbox", "/control"])
def test_the_pages_speak_both_languages(world: Server, path: str, language: str, words: tuple[str, ...]) -> None:
    page = requests.get(f"{world.url}{path}", headers={"Accept-Language": language, "Accept": "text/html"}, timeout=5)

    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert all(word in page.text for word in words)
    assert "http://" not in page.text.replace(world.url, "")
    assert "https://" not in page.text


def test_the_inbox_page_shows_what_arrived_and_nothing_runs_in_it(world: Server) -> None:
    requests.post(
        f"{world.url}/sms/messages",
        json={"to": "+84912345678", "text": "<script>alert(1)</script> 123456"},
        headers={"Idempotency-Key": "k"},
        timeout=5,
    )

    page = requests.get(f"{world.url}/inbox?to=+84912345678", headers={"Accept": "text/html"}, timeout=5).text
    other = requests.get(f"{world.url}/inbox?to=+84999999999", headers={"Accept": "text/html"}, timeout=5).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt; 123456" in page
    assert "123456" not in other


def test_the_inbox_answers_json_to_a_program(world: Server) -> None:
    answer = requests.get(f"{world.url}/inbox", headers={"Accept": "application/json"}, timeout=5)

    assert answer.json() == {"items": []}


def test_the_control_page_shows_the_state_of_everything(
    world: Server,
    gateway: Gateway,
    order: Order,
) -> None:
    intent = paid(gateway)
    fault = order(target="webhook", action="late", match={"event_type": "charge.succeeded"})
    told = {"payment_ref": "p1", "bill_no": "HD001", "amount_vnd": 425_000, "paid_at": "2026-11-21T08:00:00+07:00"}
    body = json.dumps(told).encode()
    signature = b64encode(hmac.digest(signing_key("power"), b"m1.1." + body, "sha256")).decode()
    posted = requests.post(
        f"{world.url}/providers/power/postings",
        headers={
            "Authorization": "Bearer sandbox-power",
            "Content-Type": "application/json",
            "webhook-id": "m1",
            "webhook-timestamp": "1",
            "webhook-signature": f"v1,{signature}",
        },
        timeout=5,
        data=body,
    )
    assert posted.ok, posted.text

    page = requests.get(f"{world.url}/control?lang=vi", timeout=5).text

    assert all(
        words in page
        for words in (intent.id, fault["id"], "event_type = charge.succeeded", "425.000 ₫", ">Xóa</button>", "POWER-")
    )
    assert '<code>power</code></td><td class="number">1</td><td class="number">1</td><td class="number">0</td>' in page


@pytest.mark.parametrize(
    ("language", "words"), [("vi", ("Thắng", "Thất bại", "Mở khiếu nại")), ("en", ("Won", "Fail"))]
)
def test_the_control_page_lets_banks_decide(
    world: Server, gateway: Gateway, language: str, words: tuple[str, ...]
) -> None:
    paid(gateway, "pm_card_bypassPending", amount=1_000_000)
    disputed = paid(gateway, "pm_card_createDispute")
    payout = gateway.v1.payouts.create({"amount": 300_000, "currency": "vnd"})
    (dispute,) = gateway.v1.disputes.list({"payment_intent": disputed.id}).data

    page = requests.get(f"{world.url}/control?lang={language}", timeout=5).text

    assert f"POST /control/gateway/disputes/{dispute.id}/decide" in page
    assert f"POST /control/gateway/payouts/{payout.id}/fail" in page
    assert all(word in page for word in words)
