"""What citizens, banks and the gateway do in the stories of payments, and what the books say afterwards."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import requests
from sqlalchemy import text
from werkzeug.test import TestResponse

import payments.flows
import payments.operations
from kit import clock
from kit.database import transaction
from kit.errors import CODES
from services.utilities.models import Bill
from tests.conftest import WEBHOOK_SECRET
from tests.factories import POWER
from tests.people import Caller, Outside, Work

VISA = "pm_card_visa"
_VIETNAMESE = re.compile("[ăâđêôơưàáạảãèéẹẻẽìíịỉĩòóọỏõùúụủũỳýỵỷỹấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", re.IGNORECASE)
_http = requests.Session()
_http.trust_env = False


def pay(
    person: Caller,
    *bills: Bill,
    card: str | None = VISA,
    amount_vnd: int | None = None,
    key: str | None = None,
    **headers: str,
) -> TestResponse:
    """A person pays bills by a card; without one the app is to confirm by itself."""
    asked = {
        "bill_ids": [str(bill.id) for bill in bills],
        "amount_vnd": sum(bill.amount_vnd for bill in bills) if amount_vnd is None else amount_vnd,
        **({"payment_method": card} if card else {}),
    }
    return person.post(
        "/v1/utilities/payments", json=asked, headers={"Idempotency-Key": key or str(uuid4()), **headers}
    )


def told(person: Caller, payment_id: str) -> dict[str, Any]:
    """What a person reads of a payment."""
    answer = person.get(f"/v1/payments/{payment_id}")
    assert answer.status_code == 200, answer.json
    body: dict[str, Any] = answer.json
    return body


def steps(person: Caller, payment_id: str) -> list[str]:
    """The steps of a payment that lie behind it."""
    return [step["step"] for step in told(person, payment_id)["timeline"] if "at" in step]


def inbox(person: Caller, language: str = "vi") -> list[dict[str, Any]]:
    """The messages a person has, the newest first."""
    items: list[dict[str, Any]] = person.get("/v1/messages", headers={"Accept-Language": language}).json["items"]
    return items


def sweep(work: Work) -> list[BaseException]:
    """The sweeper comes by, and what it starts is done."""
    payments.flows.sweep()
    return work()


def answer_bank(redirect_url: str, outcome: str) -> None:
    """The citizen answers on the bank's page: "complete" or "fail"."""
    answer = _http.post(redirect_url, data={"outcome": outcome}, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text


def confirm_in_app(outside: Outside, client_secret: str, card: str = VISA) -> dict[str, Any]:
    """The phone's SDK confirms an intent with the publishable key, as the gateway's own library does."""
    intent_id = client_secret.partition("_secret_")[0]
    answer = _http.post(
        f"{outside.url}/stripe/v1/payment_intents/{intent_id}/confirm",
        data={"client_secret": client_secret, "payment_method": card, "return_url": "http://127.0.0.1/paid"},
        headers={"Authorization": "Bearer pk_test_tests"},
        timeout=10,
    )
    body: dict[str, Any] = answer.json()
    return body


def at_gateway(outside: Outside, path: str, **params: Any) -> dict[str, Any]:
    """What the gateway says itself, asked with our secret key."""
    answer = _http.get(
        f"{outside.url}/stripe/v1/{path}", params=params, headers={"Authorization": "Bearer sk_test_tests"}, timeout=10
    )
    body: dict[str, Any] = answer.json()
    return body


def events_of(outside: Outside, *types: str) -> list[dict[str, Any]]:
    """The gateway's events of these types, or all, the oldest first."""
    found: list[dict[str, Any]] = at_gateway(outside, "events", limit=100)["data"][::-1]
    return [event for event in found if not types or event["type"] in types]


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, at: float | None = None) -> str:
    """The gateway's signature over a body, as its documentation describes it."""
    sent = int(clock.now().timestamp() if at is None else at)
    digest = hmac.new(secret.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={sent},v1={digest}"


def knock(caller: Caller, event: Mapping[str, Any], *, signature: str | None = None) -> TestResponse:
    """The gateway delivers an event."""
    body = json.dumps(event).encode()
    return knock_with(caller, body, signed(body) if signature is None else signature)


def knock_with(caller: Caller, body: bytes, signature: str | None) -> TestResponse:
    """Somebody delivers these bytes under this signature, or none."""
    headers = {"Content-Type": "application/json"} | ({"Stripe-Signature": signature} if signature is not None else {})
    return caller.http.post("/v1/payments/webhooks/stripe", data=body, headers=headers)


def refused_in_both(ask: Callable[[dict[str, str]], TestResponse], status: int, code: str) -> dict[str, Any]:
    """The same request is refused alike in Vietnamese and in English, each in its words; returns the English body."""
    bodies = {}
    for language in ("vi", "en"):
        answer = ask({"Accept-Language": language})
        assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Content-Language"] == language
        assert (answer.json["title"], answer.json["detail"]) == CODES[code].text(language)
        bodies[language] = answer.json
    assert _VIETNAMESE.search(bodies["vi"]["title"])
    assert not _VIETNAMESE.search(bodies["en"]["title"] + bodies["en"]["detail"])
    spoken = {"title", "detail", "instance", "errors"}
    members = [{name: body[name] for name in body if name not in spoken} for body in bodies.values()]
    assert members[0] == members[1]
    return bodies["en"]


def rows(query: str, **values: Any) -> list[Any]:
    """What the database says."""
    with transaction() as session:
        return list(session.execute(text(query), values).all())


def business_day_now(slug: str = POWER) -> date:
    """The business day that a provider is on, by its own cut-off."""
    with transaction() as session:
        payee_id = session.execute(text("SELECT id FROM provider WHERE slug = :slug"), {"slug": slug}).scalar_one()
        terms = payments.operations.read_terms(session, payee_id)
        return payments.operations.business_day(terms, clock.now())


def journals(payment_id: str | UUID) -> list[tuple[str, dict[str, int]]]:
    """The journals of a payment in the order they were booked: kind, and the sum of each account."""
    found: dict[UUID, tuple[str, dict[str, int]]] = {}
    for row in rows(
        "SELECT j.id, j.kind, e.account, e.amount_vnd FROM journal j JOIN journal_entry e ON e.journal_id = j.id "
        "WHERE j.payment_id = :payment_id ORDER BY j.id, e.id",
        payment_id=str(payment_id),
    ):
        found.setdefault(row.id, (row.kind, {}))[1][row.account] = row.amount_vnd
    return list(found.values())


# Clocks jump in stories, and the sealer comes when it is called: what is only late is no breach there.
_IN_TIME = frozenset(promise for promise, query in payments.operations.PROMISES.items() if ":un" in query)


def check_books(*, but: frozenset[str] = frozenset()) -> None:
    """Everything that must hold of money after whatever has happened: each of these finds what is wrong."""
    with transaction() as session:
        assert payments.operations.find_breaches(session, but=_IN_TIME | but) == []
    for promise, query in _BILL_PROMISES.items():
        assert rows(query) == [], promise


def check_both_sides() -> None:
    """Our books hold, and the gateway has of ours what they say, to the đồng."""
    difference = payments.flows.compare_with_gateway()
    assert difference == 0, f"the gateway has {difference} VND more of ours than our books say"
    check_books()


_BILL_PROMISES = {
    "a posted bill is paid by the payment that posted it": (
        "SELECT b.id FROM bill b JOIN payment_item i ON i.subject_id = b.id AND i.posting = 'posted' "
        "WHERE b.state <> 'paid' OR b.payment_id IS DISTINCT FROM i.payment_id"
    ),
    "a bill that is being paid has a live payment": (
        "SELECT b.id FROM bill b WHERE b.state = 'paying' AND NOT EXISTS "
        "(SELECT FROM payment_item i JOIN payment p ON p.id = i.payment_id WHERE i.subject_id = b.id "
        "AND i.payment_id = b.payment_id AND (i.live OR p.state IN ('failed', 'cancelled', 'expired')))"
    ),
}
