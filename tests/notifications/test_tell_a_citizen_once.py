"""Events of other rooms become messages: once each, and with a push where it is of use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest

from tests.notifications.stories import (
    POWER_BILL,
    WATER_BILL,
    Person,
    make_payment,
    pushes_ordered,
    tell_ended,
    tell_paid,
    tell_returned,
)


def test_a_paid_bill_is_told_with_its_amount_its_name_and_the_day_it_was_recorded(an: Person) -> None:
    payment_id = tell_paid(an.id)

    (told,) = an.get("/v1/messages").json["items"]

    assert (told["kind"], told["subject_id"]) == ("bills_paid", str(payment_id))
    assert told["title"] == "Đã thanh toán 1.235.000 đ"
    assert told["body"].startswith(f"Đã gạch nợ ngày 20/11/2026: {POWER_BILL[0]}. ")


def test_only_bills_that_were_recorded_are_told_as_paid(an: Person) -> None:
    payment_id = make_payment(an.id, posted=(POWER_BILL,), other=(WATER_BILL,))

    tell_paid(an.id, payment_id)

    (told,) = an.get("/v1/messages").json["items"]
    assert POWER_BILL[0] in told["body"]
    assert WATER_BILL[0] not in told["body"]


def test_an_event_told_twice_is_announced_once(an: Person) -> None:
    payment_id = tell_paid(an.id)

    tell_paid(an.id, payment_id)

    items = an.get("/v1/messages").json["items"]
    assert [item["subject_id"] for item in items] == [str(payment_id)]
    assert pushes_ordered() == [_id_of(items[0])]


def test_an_event_told_by_many_workers_at_once_is_announced_once(an: Person) -> None:
    payment_id = make_payment(an.id, posted=(POWER_BILL,))
    gate = Barrier(8, timeout=30)

    def tell(_worker: int) -> None:
        gate.wait()
        tell_paid(an.id, payment_id)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(tell, range(8)))

    assert len(an.get("/v1/messages").json["items"]) == 1
    assert len(pushes_ordered()) == 1


def test_a_payment_that_ended_behind_the_citizens_back_is_pushed(an: Person) -> None:
    tell_ended(an.id, "provider_unreachable", "cancelled")

    (told,) = an.get("/v1/messages").json["items"]

    assert told["title"] == "Thanh toán đã được hủy"
    assert POWER_BILL[0] in told["body"]
    assert pushes_ordered() == [_id_of(told)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [("failed", "card_declined"), ("failed", "insufficient_funds"), ("cancelled", "cancelled_by_citizen")],
)
def test_what_the_citizen_saw_on_the_screen_is_kept_in_the_inbox_without_a_push(
    an: Person, state: str, reason: str
) -> None:
    tell_ended(an.id, reason, state)

    assert [item["kind"] for item in an.get("/v1/messages").json["items"]] == ["payment_ended"]
    assert pushes_ordered() == []


def test_money_that_comes_back_is_told_with_the_bill_it_was_for(an: Person) -> None:
    tell_returned(an.id, "already_paid")

    (told,) = an.get("/v1/messages", headers={"Accept-Language": "en"}).json["items"]

    assert told["title"] == "1.235.000 đ is coming back to you"
    assert told["body"].startswith("The bill had already been paid elsewhere. The 1.235.000 đ is yours")
    assert WATER_BILL[1] in told["body"]
    assert POWER_BILL[1] not in told["body"]
    assert pushes_ordered() == [_id_of(told)]


def _id_of(item: dict[str, str]) -> UUID:
    return UUID(item["id"])
