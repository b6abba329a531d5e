"""Places that ask for a deposit: booked by paying, given back with the place, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import payments.flows
import payments.gateway
import payments.operations
from kit import clock
from kit.database import transaction
from payments import ledger
from payments.events import PaymentCaptured, PaymentDoubtful
from payments.models import MoneyState, RefundState
from payments.operations import list_refunds
from services.health import flows
from services.health.listeners import book_paid
from services.health.models import BookingState, Service
from tests.health.clinics import (
    BOOKINGS,
    DESK,
    HOLDS,
    add_child,
    any_place,
    at,
    booking_now,
    confirm,
    hold,
    make_facility,
    make_morning,
    make_service,
    make_slot,
    nurse_again,
    start,
    states,
)
from tests.payments.stories import answer_bank, check_books
from tests.people import Outside, Person, StaffMember, Work, all_at_once

DEPOSIT = 100_000


@pytest.fixture(autouse=True)
def books(clean: None, outside: Outside) -> Iterator[None]:
    """Whatever has happened, the journal adds up."""
    yield
    with transaction() as session:
        assert ledger.sum_of_all(session) == 0


@pytest.fixture
def service(nurse: StaffMember) -> Service:
    """A service that asks for a third of its fee in advance."""
    facility = make_facility(organisation_id=nurse.organisation_id)
    return make_service(facility, fee_vnd=300_000, deposit_vnd=DEPOSIT)


def pay(person: Person, held: Any, amount_vnd: int = DEPOSIT, card: str = "pm_card_visa", **headers: str) -> Any:
    """Pay for what is held."""
    asked = {"amount_vnd": amount_vnd, "payment_method": card}
    return person.post(f"{HOLDS}/{held.json['id']}/payment", json=asked, headers=headers or None)


def booked(person: Person, slot: Any, work: Work) -> dict[str, Any]:
    """A booking whose deposit is paid."""
    held = hold(person, slot)
    assert pay(person, held).status_code == 201
    work()
    told: dict[str, Any] = person.get(f"{BOOKINGS}/{held.json['id']}").json
    assert (told["state"], told["deposit_state"]) == ("booked", "paid")
    return told


def refunds(payment_id: str) -> list[tuple[int, RefundState]]:
    """What of a payment goes back, and how far that has come."""
    with transaction() as session:
        return [(one.amount_vnd, one.state) for one in list_refunds(session, UUID(payment_id))]


def given_back(outside: Outside) -> int:
    """What the gateway says it gave back."""
    return sum(intent["amount_received"] for intent in outside.intents()) - charged(outside)


def charged(outside: Outside) -> int:
    """What is left with the gateway."""
    with transaction() as session:
        return sum(ledger.balance(session, one) for one in (ledger.GATEWAY_PENDING, ledger.GATEWAY_AVAILABLE))


def test_a_place_is_booked_by_paying_its_deposit_and_not_without(an, slot, outside, work):
    held = hold(an, slot)

    refused = confirm(an, held)
    wrong = pay(an, held, DEPOSIT - 1)
    paid = pay(an, held)
    work()

    assert held.json["items"][0]["owed_vnd"] == DEPOSIT
    assert (refused.status_code, refused.json["code"], refused.json["amount_vnd"]) == (409, "deposit_needed", DEPOSIT)
    assert (wrong.json["code"], wrong.json["amount_vnd"]) == ("deposit_changed", DEPOSIT)
    assert (paid.status_code, paid.json["items"][0]["amount_vnd"]) == (201, DEPOSIT)
    told = an.get(f"{BOOKINGS}/{held.json['id']}").json
    assert (told["state"], told["deposit_state"], told["owed_vnd"]) == ("booked", "paid", None)
    assert told["payment_id"] == paid.json["id"]
    check_books()


def test_the_bank_reads_where_and_when_and_never_for_what(an, slot, outside, work):
    item = pay(an, hold(an, slot)).json["items"][0]

    assert item["label_vi"] == f"Đặt cọc Bệnh viện Nhi Thanh Hoá, {slot.day:%d/%m/%Y}"
    assert "Khám nhi" not in str(outside.intents())


def test_a_declined_card_leaves_the_hold_to_another_one(an, slot, outside, work):
    held = hold(an, slot)

    declined = pay(an, held, card="pm_card_visa_chargeDeclined")
    work()
    between = states(held.json["id"])
    paid = pay(an, held)
    work()

    assert (declined.status_code, declined.json["code"]) == (422, "card_declined")
    assert (between, paid.status_code) == ([BookingState.HELD], 201)
    assert states(held.json["id"]) == [BookingState.BOOKED]


def test_of_many_who_pay_for_one_hold_at_once_one_pays(an, slot, outside, work):
    held = hold(an, slot)

    answers = all_at_once(8, lambda number: pay(an, held, **{"Idempotency-Key": f"click {number}"}))
    work()

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} <= {
        "deposit_underway", "nothing_to_pay", "booking_in_other_state",
    }  # fmt: skip
    assert [intent["amount_received"] for intent in outside.intents()] == [DEPOSIT]


def test_nothing_is_taken_once_the_place_has_gone(an, binh, slot, outside, work, later):
    held = hold(an, slot)
    waiting = pay(an, held, card="pm_card_threeDSecure2Required").json
    later(timedelta(minutes=11), an, binh)
    flows.sweep_holds()
    other = hold(binh, slot)

    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    payments.flows.settle(PaymentDoubtful(UUID(waiting["id"])))
    work()

    assert other.status_code == 201
    assert states(held.json["id"], other.json["id"]) == [BookingState.EXPIRED, BookingState.HELD]
    assert [intent["amount_received"] for intent in outside.intents()] == [0]
    assert an.get(f"/v1/payments/{waiting['id']}").json["state"] == "cancelled"


@pytest.mark.parametrize("hears_first", ["ended", "taken"])
def test_money_that_comes_after_the_end_books_nothing_and_goes_back(an, slot, outside, work, hears_first):
    held = hold(an, slot)
    payment_id = UUID(pay(an, held).json["id"])
    with transaction() as session:
        payments.operations.end(session, payment_id, MoneyState.EXPIRED, "expired")
        intent_id = payments.operations.find_state(session, payment_id).intent_id
    if hears_first == "ended":
        work()

    payments.gateway.capture(intent_id, payment_id, DEPOSIT, attempt=1)
    payments.flows.settle(PaymentDoubtful(payment_id))
    with transaction() as session:
        book_paid(session, PaymentCaptured(payment_id, DEPOSIT))
    work()

    assert states(held.json["id"]) == [BookingState.HELD]
    assert refunds(str(payment_id)) == [(DEPOSIT, RefundState.SUCCEEDED)]
    assert given_back(outside) == DEPOSIT


def test_what_the_clinic_cancels_is_given_back_at_once_and_the_next_place_costs_nothing(
    an, service, nurse, outside, work
):
    first, _second = make_morning(service, 2)
    lost = booked(an, first, work)

    cancelled = nurse.post(f"{DESK}/bookings/{lost['id']}/cancellation", json={"reason": "Bác sĩ ốm"})
    failures = work()
    listed = nurse.get(f"{DESK}/deposit-returns").json["items"]
    offer = next(one for one in an.get(BOOKINGS).json["items"] if one["state"] == "held")
    taken = an.post(f"{HOLDS}/{offer['hold_id']}/confirmation")

    assert (cancelled.status_code, failures) == (204, [])
    assert refunds(lost["payment_id"]) == [(DEPOSIT, RefundState.SUCCEEDED)]
    assert given_back(outside) == DEPOSIT
    assert [(one["booking_id"], one["amount_vnd"], one["reason"], one["refund_state"]) for one in listed] == [
        (lost["id"], DEPOSIT, "cancelled_by_clinic", "succeeded")
    ]
    assert (offer["offer"], offer["owed_vnd"], taken.status_code) == ("move", None, 200)
    assert an.get(f"{BOOKINGS}/{lost['id']}").json["deposit_state"] == "returned"


def test_a_refund_without_an_answer_is_asked_for_again_and_made_once(an, slot, nurse, outside, work, hasty, later):
    lost = booked(an, slot, work)
    outside.spoil("gateway", "timeout_after", match={"path": "/refunds", "method": "POST"}, seconds=1, count=2)
    nurse.post(f"{DESK}/bookings/{lost['id']}/cancellation", json={"reason": "Bác sĩ ốm"})

    work()
    doubtful = refunds(lost["payment_id"])
    outside.mend()
    later(timedelta(minutes=1), an)
    payments.flows.sweep_refunds()
    payments.flows.sweep_refunds()
    work()

    assert doubtful == [(DEPOSIT, RefundState.UNKNOWN)]
    assert refunds(lost["payment_id"]) == [(DEPOSIT, RefundState.SUCCEEDED)]
    assert given_back(outside) == DEPOSIT


def test_who_cancels_in_time_gets_it_back_and_a_second_time_changes_nothing(an, slot, outside, work):
    mine = booked(an, slot, work)

    answers = [an.post(f"{BOOKINGS}/{mine['id']}/cancellation") for _time in range(2)]
    work()

    assert [answer.status_code for answer in answers] == [200, 409]
    assert refunds(mine["payment_id"]) == [(DEPOSIT, RefundState.SUCCEEDED)]


def test_of_a_family_each_deposit_goes_back_by_itself(an, service, outside, work):
    make_morning(service, 2)
    held = hold(an, window=any_place(service), members=[None, add_child(an)])
    paid = pay(an, held, 2 * DEPOSIT)
    work()

    an.post(f"{BOOKINGS}/{held.json['items'][1]['id']}/cancellation")
    work()

    assert paid.status_code == 201
    assert states(*(one["id"] for one in held.json["items"])) == [
        BookingState.BOOKED, BookingState.CANCELLED_BY_CITIZEN,
    ]  # fmt: skip
    assert refunds(paid.json["id"]) == [(DEPOSIT, RefundState.SUCCEEDED)]
    assert given_back(outside) == DEPOSIT


def test_of_a_missed_visit_the_clinic_keeps_it_until_it_pardons(an, service, nurse, outside, work, later):
    missed = booked(an, make_slot(service, at(clock.today(), 14)), work)
    start(nurse, service)
    later(timedelta(hours=10), an)
    flows.close_days()
    work()
    kept = (states(missed["id"]), refunds(missed["payment_id"]))
    nurse_again(nurse)

    pardoned = nurse.post(f"{DESK}/bookings/{missed['id']}/pardon")
    work()

    assert kept == ([BookingState.NO_SHOW], [])
    assert pardoned.status_code == 204
    assert refunds(missed["payment_id"]) == [(DEPOSIT, RefundState.SUCCEEDED)]


def test_a_place_that_is_being_paid_is_kept_while_the_gateway_takes_the_money(an, slot, outside, work, later):
    held = hold(an, slot)
    pay(an, held)
    later(timedelta(minutes=4), an)
    before = booking_now(held.json["id"]).hold_expires_at

    work()

    assert before - clock.now() <= timedelta(minutes=6)
    assert states(held.json["id"]) == [BookingState.BOOKED]


def test_a_clinic_that_nobody_runs_here_asks_for_nothing(an, binh, outside):
    slot = make_slot(make_service(make_facility(), fee_vnd=300_000, deposit_vnd=DEPOSIT))
    held = hold(an, slot)

    nothing = pay(an, held)
    stranger = pay(binh, held)
    yes = confirm(an, held)

    assert (nothing.json["code"], stranger.status_code, yes.status_code) == ("nothing_to_pay", 404, 200)
    assert outside.intents() == []
