"""Deliveries to addresses that change, are disabled, or stand in a log that was restored: none is lost in silence."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from kit.database import transaction
from kit.pages import write_cursor
from tests.payments.stories import rows
from tests.people import Machine, Work
from tests.webhooks.conftest import Receiver
from webhooks import operations
from webhooks.events import DeliveryDue
from webhooks.models import EventKind

ENDPOINTS, EVENTS = "/v1/webhooks/endpoints", "/v1/webhooks/events"


def _happen(provider_id: UUID) -> None:
    with transaction() as session:
        operations.record_event(session, provider_id, EventKind.PAYMENT_POSTED, uuid4(), {})


def _delivery(company: Machine, endpoint: dict[str, Any]) -> dict[str, Any]:
    (found,) = company.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries").json["items"]
    return dict(found)


def _change(company: Machine, endpoint: dict[str, Any], **changes: str) -> None:
    path = f"{ENDPOINTS}/{endpoint['id']}"
    changed = company.patch(path, json=changes, headers={"If-Match": company.get(path).headers["ETag"]})
    assert changed.status_code == 200, changed.json


def test_what_the_former_address_has_answered_does_not_disable_the_one_in_its_place(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    _happen(provider_id)
    due = DeliveryDue(UUID(_delivery(company, endpoint)["id"]), 1)
    with transaction() as session:
        called = operations.find_due_call(session, due)
    assert called is not None
    # The company moves while the call is on its way to where it was.
    _change(company, endpoint, url=f"{receiver.url}/new")

    with transaction() as session:
        wait = operations.record_attempt(session, due, called.url, status=410, error=None, took_ms=1)
    work()

    found = company.get(f"{ENDPOINTS}/{endpoint['id']}").json
    assert (found["state"], found["reason"], wait is not None) == ("active", None, True)
    assert (len(receiver.got), _delivery(company, endpoint)["state"]) == (1, "delivered")


def test_what_was_due_to_an_address_that_is_disabled_has_failed_and_can_be_sent_again(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    _happen(provider_id)
    _change(company, endpoint, state="disabled")

    assert work() == []
    failed = _delivery(company, endpoint)
    _change(company, endpoint, state="active")
    replayed = company.post(f"/v1/webhooks/deliveries/{failed['id']}/replay")
    work()

    assert (failed["state"], failed["next_at"], failed["attempts"]) == ("failed", None, 0)
    assert (replayed.status_code, len(receiver.got)) == (202, 1)
    assert _delivery(company, endpoint)["state"] == "delivered"


def test_of_two_calls_of_one_delivery_the_one_that_was_heard_counts(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any]
) -> None:
    _happen(provider_id)
    due = DeliveryDue(UUID(_delivery(company, endpoint)["id"]), 1)

    waits = []
    # The second worker took the job over from the first, which was only slow.
    for status in (200, 503, 410):
        with transaction() as session:
            waits.append(operations.record_attempt(session, due, endpoint["url"], status=status, error=None, took_ms=1))

    found = _delivery(company, endpoint)
    assert (waits, found["state"], found["attempts"], found["next_at"]) == ([None] * 3, "delivered", 3, None)
    assert company.get(f"{ENDPOINTS}/{endpoint['id']}").json["state"] == "active"


def test_an_address_that_was_heard_once_stays_heard_when_a_replay_fails(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    _happen(provider_id)
    work()
    receiver.status = 410
    company.post(f"/v1/webhooks/deliveries/{_delivery(company, endpoint)['id']}/replay")
    work()

    with transaction() as session:
        heard = operations.list_heard(session, [provider_id, uuid4()])

    assert (_delivery(company, endpoint)["state"], heard) == ("failed", {provider_id})


def test_a_cursor_of_a_log_that_was_restored_elsewhere_is_refused_and_nothing_is_hidden(
    provider_id: UUID, company: Machine
) -> None:
    _happen(provider_id)
    kept = company.get(EVENTS).json
    # The server it came from had counted further than this one has.
    ((event_id, reached),) = rows("UPDATE webhook_event SET written_by = written_by + 1000000 RETURNING id, written_by")
    hidden = company.get(EVENTS).json["items"]
    ahead = write_cursor(("events", provider_id), [reached, event_id])
    # As the runbook says.
    rows("UPDATE webhook_event SET written_by = 0 RETURNING id")
    _happen(provider_id)

    refused = company.get(EVENTS, query_string={"cursor": ahead})
    anew = company.get(EVENTS).json["items"]

    assert hidden == []
    assert (refused.status_code, refused.json["code"]) == (410, "log_begun_anew")
    assert [item["id"] for item in anew][:1] == [item["id"] for item in kept["items"]]
    assert len(anew) == 2
