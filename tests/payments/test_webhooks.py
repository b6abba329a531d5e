"""Where the gateway knocks: only its own words are believed, each once, and none of them is needed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

import payments.flows
from kit import clock
from payments.events import GatewayEventReceived
from services.utilities.models import Bill
from tests.conftest import WEBHOOK_SECRET
from tests.factories import owe
from tests.payments.stories import (
    answer_bank,
    confirm_in_app,
    events_of,
    inbox,
    journals,
    knock,
    knock_with,
    pay,
    rows,
    signed,
    steps,
    sweep,
    told,
)
from tests.people import Outside, Person, Work, all_at_once

Later = Callable[[timedelta], None]
SECURE = "pm_card_threeDSecure2Required"
HELD = "payment_intent.amount_capturable_updated"
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "livemode": False,
    "data": {"object": {"id": "pi_unheardof", "object": "payment_intent"}},
}
BODY = json.dumps(EVENT).encode()
YEAR = 365 * 24 * 3600


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def _now() -> float:
    return clock.now().timestamp()


def _stored() -> list[str]:
    return [row.id for row in rows("SELECT id FROM gateway_event ORDER BY id")]


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, lambda: signed(BODY, secret="whsec_somebody_else")),
        (BODY.replace(b"evt_1", b"evt_2"), lambda: signed(BODY)),
        (BODY + b" ", lambda: signed(BODY)),
        (BODY, lambda: signed(BODY, at=_now() - 301)),
        (BODY, lambda: signed(BODY, at=_now() + 302)),
        (BODY, lambda: signed(BODY, at=_now() + YEAR)),
        (BODY, lambda: None),
        (BODY, lambda: ""),
        (BODY, lambda: "v1=abc"),
        (BODY, lambda: "t=,v1="),
        (BODY, lambda: signed(BODY).replace("v1=", "v0=")),
        (BODY, lambda: signed(BODY).replace("t=", "t=²")),
        (BODY, lambda: f"t={int(_now())},v1=chữký"),
        (b"{", lambda: signed(b"{")),
        (b"[]", lambda: signed(b"[]")),
        (b"\xff\xfe", lambda: signed(b"\xff\xfe")),
        (b"", lambda: signed(b"")),
    ],
    ids=[
        "wrong-secret", "one-byte-changed", "one-byte-more", "old", "from-the-future", "in-a-year", "no-header",
        "empty-header", "no-time", "empty-parts", "other-scheme", "digit-of-another-script", "other-letters",
        "broken-json", "no-object", "no-text", "nothing",
    ],
)  # fmt: skip
def test_what_the_gateway_did_not_sign_just_now_is_refused_and_not_stored(
    chi: Person, body: bytes, signature: Callable[[], str | None]
) -> None:
    answer = knock_with(chi, body, signature())

    assert (answer.status_code, answer.json["code"]) == (400, "webhook_refused")
    assert _stored() == []


def test_an_old_signature_is_not_made_young_by_a_second_time(chi: Person) -> None:
    old = signed(BODY, at=_now() - 24 * 3600)

    answers = [knock_with(chi, BODY, header) for header in (f"{old},t={int(_now())}", f"t={int(_now())},{old}")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert _stored() == []


@pytest.mark.parametrize("other", [{"livemode": True}, {"account": "acct_other"}], ids=["real money", "account"])
def test_an_event_of_another_mode_or_account_is_set_aside(chi: Person, other: dict[str, Any], work: Work) -> None:
    body = json.dumps(EVENT | other).encode()

    answer = knock_with(chi, body, signed(body))
    work()

    assert (answer.status_code, answer.json) == (200, {"received": True})
    assert rows("SELECT quarantined, handled_at FROM gateway_event") == [(True, None)]
    assert rows("SELECT count(*) FROM procrastinate_jobs") == [(0,)]


def test_a_signature_of_the_old_secret_beside_the_new_one_is_accepted(chi: Person) -> None:
    new = signed(BODY)
    wrong = hmac.new(b"whsec_old", BODY, hashlib.sha256).hexdigest()

    answer = knock_with(chi, BODY, new.replace(",v1=", f",v1={wrong},v1="))

    assert (answer.status_code, answer.json, _stored()) == (200, {"received": True}, ["evt_1"])


def test_an_event_about_nothing_of_ours_is_kept_and_has_no_effect(chi: Person, outside: Outside, work: Work) -> None:
    other_kinds = [
        EVENT | {"id": "evt_2", "type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}},
        EVENT | {"id": "evt_3", "data": {"object": {"id": "../../charges", "object": "payment_intent"}}},
    ]

    answers = [knock(chi, event) for event in (EVENT, *other_kinds)]
    failures = work()

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (_stored(), failures) == (["evt_1", "evt_2", "evt_3"], [])
    assert rows("SELECT id FROM gateway_event WHERE handled_at IS NOT NULL ORDER BY id") == [("evt_1",), ("evt_3",)]


def test_an_event_is_answered_at_once_even_when_the_gateway_is_down(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=None).json
    confirm_in_app(outside, waiting["next_action"]["client_secret"])
    (event,) = events_of(outside, HELD)
    outside.spoil("gateway", "down")
    begun = time.perf_counter()

    answer = knock(an, event)
    took = time.perf_counter() - begun
    failures = work()
    still = told(an, waiting["id"])["state"]
    outside.mend()
    work()

    assert (answer.status_code, took < 1.0) == (200, True)
    assert [type(failure).__name__ for failure in failures] == ["TryLater"]
    assert (still, told(an, waiting["id"])["state"]) == ("requires_action", "captured")


def test_the_same_event_fifty_times_at_once_has_one_row_and_one_effect(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=None).json
    confirm_in_app(outside, waiting["next_action"]["client_secret"])
    (event,) = events_of(outside, HELD)

    answers = all_at_once(50, lambda _number: knock(an.again(), event).status_code)
    jobs = rows("SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%handle_gateway_event%'")
    failures = work()

    assert (answers, jobs, failures) == ([200] * 50, [(1,)], [])
    assert _stored() == [event["id"]]
    assert steps(an, waiting["id"]).count("authorised") == 1
    assert len(journals(waiting["id"])) == 2
    assert len(inbox(an)) == 1


def test_a_webhook_before_our_own_commit_wins_and_the_late_answer_changes_nothing(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    # The gateway holds the money and then is silent; its webhook comes while our call still waits.
    outside.spoil("gateway", "timeout_after", match={"method": "POST"}, seconds=2)
    answers: list[Any] = []
    paying = Thread(target=lambda: answers.append(pay(an.again(), bill)))
    paying.start()
    deadline = time.monotonic() + 30
    while not (events := events_of(outside, HELD)) and time.monotonic() < deadline:
        time.sleep(0.01)
    knock(an, events[0])
    failures = work()
    before = an.get("/v1/payments").json["items"][0]
    paying.join(10)

    failures += work()

    (answer,) = answers
    assert (before["state"], failures) == ("captured", [])
    assert (answer.status_code, answer.json["state"]) == (201, "captured")
    assert steps(an, before["id"]) == ["created", "authorised", "capturing", "captured", "posted"]


def test_a_call_that_ends_in_silence_does_not_overwrite_what_a_webhook_has_told(
    an: Person, bill: Bill, outside: Outside, work: Work, hasty: None
) -> None:
    outside.spoil("gateway", "timeout_after", match={"method": "POST"}, count=2, seconds=0.5)
    answers: list[Any] = []
    paying = Thread(target=lambda: answers.append(pay(an.again(), bill)))
    paying.start()
    deadline = time.monotonic() + 30
    while not (events := events_of(outside, HELD)) and time.monotonic() < deadline:
        time.sleep(0.01)
    knock(an, events[0])
    payments.flows.handle_gateway_event(GatewayEventReceived(events[0]["id"]))
    paying.join(10)

    failures = work()

    (answer,) = answers
    assert (answer.status_code, answer.json["state"], failures) == (201, "authorised", [])
    assert steps(an, answer.json["id"]) == ["created", "authorised", "capturing", "captured", "posted"]


def test_events_in_any_order_lead_to_the_same_end(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    waiting = pay(an, bill, card=SECURE).json
    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    knock(an, events_of(outside, HELD)[0])
    work()

    for event in reversed(events_of(outside)):
        knock(an, event)
        work()

    assert told(an, waiting["id"])["state"] == "captured"
    assert len(journals(waiting["id"])) == 2


def test_a_failure_that_is_told_late_does_not_undo_a_success(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    work()
    (intent,) = outside.intents()
    lie = {"id": intent["id"], "object": "payment_intent", "status": "requires_payment_method", "amount": 1}

    for kind in ("payment_failed", "canceled"):
        knock(an, EVENT | {"id": f"evt_{kind}", "type": f"payment_intent.{kind}", "data": {"object": lie}})
    failures = work()

    assert (told(an, payment_id)["state"], failures, len(journals(payment_id))) == ("captured", [], 2)


@pytest.mark.parametrize("asleep", [timedelta(seconds=70), timedelta(minutes=5, seconds=5), timedelta(hours=26)])
@pytest.mark.parametrize("outcome", ["complete", "fail"])
def test_without_any_webhook_the_sweeper_reaches_the_same_end(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later, outcome: str, asleep: timedelta
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    answer_bank(waiting["next_action"]["redirect_url"], outcome)

    later(asleep)
    failures = sweep(work)

    expected = "captured" if outcome == "complete" else "failed"
    assert (told(an, waiting["id"])["state"], failures) == (expected, [])


def test_the_sweeper_looks_after_those_who_wait_only_now_and_then(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill, card=SECURE)
    outside.spoil("gateway", "delay", match={"method": "GET"}, count=1000, seconds=0)

    for _quarter in range(29 * 4):
        later(timedelta(seconds=15))
        sweep(work)

    (rule,) = outside._ask("GET", "/control/faults")["items"]
    assert rule["used"] <= 9


@pytest.fixture
def listening(app: Flask, outside: Outside) -> Iterator[str]:
    """The gateway delivers its webhooks by itself, over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1/payments/webhooks/stripe"
    outside._ask("POST", "/control/webhook", json={"url": url, "secret": WEBHOOK_SECRET})
    yield url
    outside._ask("POST", "/control/webhook", json={"url": None})
    server.shutdown()
    thread.join()
    server.server_close()


def _wait_for_events(count: int) -> None:
    deadline = time.monotonic() + 30
    while len(_stored()) < count and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize("fault", [None, "twice", "forged", "out_of_order"])
def test_what_the_gateway_really_sends_brings_a_payment_home(
    an: Person, bill: Bill, outside: Outside, work: Work, listening: str, fault: str | None
) -> None:
    if fault:
        outside.spoil("webhook", fault, match={"event_type": HELD}, seconds=1)
    waiting = pay(an, bill, card=None).json

    confirm_in_app(outside, waiting["next_action"]["client_secret"])
    _wait_for_events(3)
    failures = work()

    assert failures == []
    assert told(an, waiting["id"])["state"] == "captured"
    assert len(journals(waiting["id"])) == 2
