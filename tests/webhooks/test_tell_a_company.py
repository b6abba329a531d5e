"""A company is told of its payments: signed, at least once, and it can read what it has missed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kit import clock, egress
from kit.database import transaction
from kit.events import TryLater
from tests.factories import WATER, make_provider, owe
from tests.payments.stories import pay
from tests.people import Caller, Machine, Outside, Person, Work, all_at_once
from tests.webhooks.conftest import Receiver
from webhooks import flows, operations
from webhooks.events import DeliveryDue
from webhooks.models import EventKind

ENDPOINTS = "/v1/webhooks/endpoints"


def happen(provider_id: UUID, kind: EventKind = EventKind.PAYMENT_POSTED) -> UUID:
    """Something happens to a company."""
    with transaction() as session:
        event_id = operations.record_event(session, provider_id, kind, uuid4(), {"amount_vnd": 636_768})
    assert event_id is not None
    return event_id


def deliveries(company: Machine, endpoint: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = company.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", query_string=query).json[
        "items"
    ]
    return items


def log_of(company: Machine, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = company.get(f"/v1/webhooks/deliveries/{delivery['id']}").json["log"]
    return log


def signatures(headers: dict[str, str], version: str) -> list[bytes]:
    given = (each.split(",", 1) for each in headers["webhook-signature"].split())
    return [base64.b64decode(value) for name, value in given if name == version]


def signed_part(headers: dict[str, str], body: bytes) -> bytes:
    return f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body


def by_secret(secret: str, headers: dict[str, str], body: bytes) -> bytes:
    return hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed_part(headers, body), hashlib.sha256)


def test_a_payment_is_told_when_it_is_taken_and_when_it_is_posted(
    an: Person, outside: Outside, work: Work, company: Machine, endpoint: dict[str, Any], receiver: Receiver
) -> None:
    bill = owe(an, outside)
    payment_id = pay(an, bill).json["id"]

    assert work() == []

    assert [body["type"] for body in receiver.bodies] == ["payment.captured", "payment.posted"]
    assert [body["data"] for body in receiver.bodies] == [{"payment_id": payment_id, "amount_vnd": bill.amount_vnd}] * 2
    assert {delivery["state"] for delivery in deliveries(company, endpoint)} == {"delivered"}
    assert str(an.id) not in str(receiver.got)


def test_every_call_is_signed_by_the_secret_and_by_the_house(
    provider_id: UUID, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    event_id = happen(provider_id)
    work()

    ((headers, body),) = receiver.got
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(endpoint["public_key"].removeprefix("whpk_")))

    assert headers["webhook-id"] == str(event_id)
    assert abs(int(headers["webhook-timestamp"]) - clock.now().timestamp()) < 60
    assert signatures(headers, "v1") == [by_secret(endpoint["secret"], headers, body)]
    key.verify(signatures(headers, "v1a")[0], signed_part(headers, body))


def test_for_a_day_two_secrets_sign_and_then_the_new_one_alone(
    provider_id: UUID,
    company: Machine,
    endpoint: dict[str, Any],
    receiver: Receiver,
    work: Work,
    later: Callable[[timedelta], None],
) -> None:
    fresh = company.post(f"{ENDPOINTS}/{endpoint['id']}/secret").json["secret"]
    happen(provider_id)
    work()
    later(operations.OVERLAP)
    happen(provider_id)
    work()

    (during, after) = receiver.got

    assert signatures(during[0], "v1") == [by_secret(fresh, *during), by_secret(endpoint["secret"], *during)]
    assert signatures(after[0], "v1") == [by_secret(fresh, *after)]


def test_who_rotates_twice_voids_the_first_secret_at_once(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    second, third = (company.post(f"{ENDPOINTS}/{endpoint['id']}/secret").json["secret"] for _ in range(2))
    happen(provider_id)
    work()

    ((headers, body),) = receiver.got

    assert signatures(headers, "v1") == [by_secret(third, headers, body), by_secret(second, headers, body)]


def test_secrets_are_not_stored_in_clear_and_told_once(
    company: Machine, endpoint: dict[str, Any], provider_id: UUID
) -> None:
    with transaction() as session:
        stored = session.connection().exec_driver_sql("SELECT sealed FROM webhook_secret").scalars().all()

    assert endpoint["secret"].encode() not in b"".join(stored)
    assert "secret" not in company.get(f"{ENDPOINTS}/{endpoint['id']}").json
    assert "secret" not in company.get(ENDPOINTS).json["items"][0]


def test_what_is_not_heard_is_told_again_ten_times_and_then_given_up(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    receiver.status = 503
    event_id = happen(provider_id)

    waits = [failure for _ in range(12) for failure in work()]

    (delivery,) = deliveries(company, endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("failed", len(operations.LADDER))
    assert [attempt["status"] for attempt in log_of(company, delivery)] == [503] * 10
    assert {headers["webhook-id"] for headers, _body in receiver.got} == {str(event_id)}
    assert len(waits) == 9
    for wait, rung in zip(waits, operations.LADDER[1:], strict=True):
        assert isinstance(wait, TryLater)
        assert int(0.9 * rung) <= wait.seconds <= 1.1 * rung


def test_an_address_that_is_gone_is_disabled_and_can_be_enabled(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    receiver.status = 410
    happen(provider_id)
    work()
    found = company.get(f"{ENDPOINTS}/{endpoint['id']}")
    happen(provider_id)
    receiver.status = 200

    enabled = company.patch(
        f"{ENDPOINTS}/{endpoint['id']}", json={"state": "active"}, headers={"If-Match": found.headers["ETag"]}
    )
    happen(provider_id)
    work()

    assert (found.json["state"], found.json["reason"]) == ("disabled", "gone")
    assert (enabled.json["state"], enabled.json["reason"]) == ("active", None)
    assert len(receiver.got) == 2
    assert len(company.get("/v1/webhooks/events").json["items"]) == 3


def test_a_delivery_can_be_asked_for_again(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    happen(provider_id)
    work()
    (delivery,) = deliveries(company, endpoint)

    again = company.post(f"/v1/webhooks/deliveries/{delivery['id']}/replay")
    work()

    assert (again.status_code, again.json["state"]) == (202, "due")
    assert len(receiver.got) == 2
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]
    assert [attempt["status"] for attempt in log_of(company, delivery)] == [200, 200]


def test_a_test_event_tells_that_the_address_works(
    company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    sent = company.post(f"{ENDPOINTS}/{endpoint['id']}/tests")
    work()

    assert sent.status_code == 202
    assert [body["type"] for body in receiver.bodies] == ["endpoint.tested"]
    assert company.get(f"/v1/webhooks/deliveries/{sent.json['id']}").json["state"] == "delivered"


def test_only_what_was_asked_for_is_told(provider_id: UUID, company: Machine, receiver: Receiver, work: Work) -> None:
    company.post(ENDPOINTS, json={"url": f"{receiver.url}/", "kinds": ["payment.returned"]})

    happen(provider_id, EventKind.PAYMENT_POSTED)
    happen(provider_id, EventKind.PAYMENT_RETURNED)
    work()

    assert [body["type"] for body in receiver.bodies] == ["payment.returned"]


def test_the_same_event_heard_twice_is_one(provider_id: UUID, endpoint: dict[str, Any]) -> None:
    subject_id = uuid4()

    def once(_number: int) -> UUID | None:
        with transaction() as session:
            return operations.record_event(session, provider_id, EventKind.PAYMENT_POSTED, subject_id, {})

    written = all_at_once(8, once)

    assert len([event_id for event_id in written if event_id]) == 1


def test_a_job_of_before_a_replay_does_nothing(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], receiver: Receiver, work: Work
) -> None:
    happen(provider_id)
    (delivery,) = deliveries(company, endpoint)
    company.post(f"/v1/webhooks/deliveries/{delivery['id']}/replay")

    flows.deliver(DeliveryDue(UUID(delivery["id"]), 1))
    assert receiver.got == []

    work()
    assert len(receiver.got) == 1


def test_an_address_that_became_private_is_not_called_and_disabled(
    provider_id: UUID, company: Machine, work: Work
) -> None:
    answers = iter([["93.184.215.14"], ["10.0.0.7"]])
    egress.configure(resolve=lambda _host, _port: next(answers))
    made = company.post(ENDPOINTS, json={"url": "https://hooks.cong-ty.vn/", "kinds": ["payment.posted"]}).json

    happen(provider_id)
    work()

    found = company.get(f"{ENDPOINTS}/{made['id']}").json
    (delivery,) = deliveries(company, made)
    assert (found["state"], found["reason"]) == ("disabled", "address_refused")
    assert [attempt["error"] for attempt in log_of(company, delivery)] == ["not_public"]


def test_the_log_gives_every_event_once_whatever_commits_when(provider_id: UUID, company: Machine) -> None:
    with transaction() as slow:
        operations.record_event(slow, provider_id, EventKind.PAYMENT_POSTED, uuid4(), {"number": 1})
        slow.flush()
        happen(provider_id)
        meanwhile = company.get("/v1/webhooks/events").json

    after = company.get("/v1/webhooks/events", query_string={"limit": 1}).json
    rest = company.get("/v1/webhooks/events", query_string={"cursor": after["next"]}).json
    end = company.get("/v1/webhooks/events", query_string={"cursor": rest["next"]}).json
    happen(provider_id, EventKind.PAYMENT_CAPTURED)
    fresh = company.get("/v1/webhooks/events", query_string={"cursor": end["next"]}).json

    assert meanwhile["items"] == []
    assert [len(page["items"]) for page in (after, rest, end, fresh)] == [1, 1, 0, 1]
    assert after["items"][0]["data"] == {"number": 1}
    assert fresh["items"][0]["kind"] == "payment.captured"


def test_another_companys_addresses_and_log_are_not_there(
    provider_id: UUID, endpoint: dict[str, Any], company: Machine, machine: Callable[..., Machine]
) -> None:
    stranger = machine(make_provider(WATER).id, "webhooks:manage", "payments:read")
    happen(provider_id)
    (delivery,) = deliveries(company, endpoint)
    path = f"{ENDPOINTS}/{endpoint['id']}"

    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/deliveries").status_code == 404
    assert stranger.post(f"{path}/secret").status_code == 404
    assert stranger.post(f"{path}/tests").status_code == 404
    assert stranger.get(f"/v1/webhooks/deliveries/{delivery['id']}").status_code == 404
    assert stranger.post(f"/v1/webhooks/deliveries/{delivery['id']}/replay").status_code == 404
    assert stranger.get("/v1/webhooks/events").json["items"] == []
    assert stranger.get(ENDPOINTS).json["items"] == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.cong-ty.vn/", "not_https"),
        ("https://169.254.169.254/latest", "not_a_name"),
        ("https://[::ffff:127.0.0.1]/", "not_a_name"),
        ("https://2130706433/", "not_a_name"),
        ("https://hooks.cong-ty.vn:8443/", "port"),
        ("https://metadata.google.internal/", "not_public"),
        ("https://a@hooks.cong-ty.vn/", "malformed"),
        ("https://hooks.cong-ty.vn/", "not_public"),
    ],
)
def test_addresses_that_may_not_be_called_are_refused_at_once(
    company: Machine, receiver: Receiver, endpoint: dict[str, Any], url: str, reason: str
) -> None:
    egress.configure(resolve=lambda _host, _port: ["192.168.1.10"], allowed=receiver.url)
    etag = company.get(f"{ENDPOINTS}/{endpoint['id']}").headers["ETag"]

    created = company.post(ENDPOINTS, json={"url": url, "kinds": ["payment.posted"]})
    changed = company.patch(f"{ENDPOINTS}/{endpoint['id']}", json={"url": url}, headers={"If-Match": etag})

    for answer in (created, changed):
        assert (answer.status_code, answer.json["code"], answer.json["reason"]) == (
            422,
            "webhook_address_refused",
            reason,
        )


def test_of_twenty_addresses_at_once_five_are_kept(company: Machine, receiver: Receiver) -> None:
    def create(_number: int) -> int:
        http = Caller(company.http.application.test_client(), company.token)
        return http.post(ENDPOINTS, json={"url": f"{receiver.url}/", "kinds": ["payment.posted"]}).status_code

    answers = all_at_once(20, create)

    assert sorted(answers) == [201] * 5 + [409] * 15


def test_an_address_is_changed_and_removed_in_the_version_that_was_read(
    company: Machine, endpoint: dict[str, Any], provider_id: UUID, receiver: Receiver, work: Work
) -> None:
    path = f"{ENDPOINTS}/{endpoint['id']}"
    old = company.get(path).headers["ETag"]
    changed = company.patch(path, json={"kinds": ["payment.returned"]}, headers={"If-Match": old})

    assert company.patch(path, json={"state": "disabled"}, headers={"If-Match": old}).status_code == 412
    assert company.delete(path, headers={"If-Match": old}).status_code == 412
    happen(provider_id, EventKind.PAYMENT_RETURNED)
    assert company.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert work() == []
    assert receiver.got == []
    assert company.get(path).status_code == 404


def test_events_are_forgotten_after_ninety_days(
    provider_id: UUID, company: Machine, endpoint: dict[str, Any], later: Callable[[timedelta], None]
) -> None:
    happen(provider_id)
    later(timedelta(days=91))
    kept = happen(provider_id)

    with transaction() as session:
        operations.forget_old_events(session)

    with transaction() as session:
        left = session.connection().exec_driver_sql("SELECT id FROM webhook_event").scalars().all()
        told = session.connection().exec_driver_sql("SELECT count(*) FROM webhook_delivery").scalar_one()
    assert (left, told) == ([kept], 1)
