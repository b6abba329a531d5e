"""Faults 26 to 31: refunds at once, again, late, in part, and while a bank examines the payment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import payments.flows
import services.utilities.flows
from kit import clock
from kit.database import transaction
from payments import ledger, operations
from payments.bank_file import read_statement
from payments.events import RefundRequested
from payments.gateway import Contested
from services.utilities.models import Bill, BillState
from tests.factories import AMOUNT_VND, POWER, bill_now, owe
from tests.payments.stories import events_of, inbox, knock, pay, refused_in_both, rows, told
from tests.people import Outside, Person, StaffMember, Work, all_at_once

Later = Callable[[timedelta], None]


class Paid:
    """A bill that was paid and posted, and the company's clerk and approver."""

    def __init__(self, an: Person, bill: Bill, staff: Callable[..., StaffMember], work: Work, card: str) -> None:
        body = pay(an, bill, card=card).json
        work()
        self.id, self.item_id, self.bill = body["id"], body["items"][0]["id"], bill
        self.clerk = staff("provider", "clerk", provider_id=bill.provider_id)
        self.approver = staff("provider", "approver", organisation_id=self.clerk.organisation_id)

    def refund(self, amount_vnd: int, caller: Any = None, **headers: str) -> Any:
        asked = {"item_id": self.item_id, "amount_vnd": amount_vnd, "reason": "meter_misread"}
        return (caller or self.clerk).post(f"/v1/payments/{self.id}/refunds", json=asked, headers=headers)


@pytest.fixture
def paid(an: Person, outside: Outside, staff: Callable[..., StaffMember], work: Work) -> Callable[..., Paid]:
    return lambda card="pm_card_visa", **bill: Paid(an, owe(an, outside, **bill), staff, work, card)


def _payable() -> int:
    with transaction() as session:
        return -ledger.balance(session, ledger.PROVIDER_PAYABLE)


def _hear(an: Person, outside: Outside, work: Work, *types: str) -> None:
    for event in events_of(outside, *types):
        knock(an, event)
    work()


def test_26_of_twenty_refunds_of_most_of_it_at_once_one_is_made(
    paid: Callable[..., Paid], outside: Outside, work: Work
) -> None:
    bought = paid()

    def try_once(_number: int) -> int:
        while (answer := bought.refund(AMOUNT_VND * 6 // 10)).status_code == 503:
            pass
        return int(answer.status_code)

    statuses = all_at_once(20, try_once)
    work()

    assert sorted(statuses) == [201] + [409] * 19
    assert outside.refunds() == [AMOUNT_VND * 6 // 10]


def test_27_a_refund_without_an_answer_is_not_made_again_by_a_second_click(
    paid: Callable[..., Paid], outside: Outside, work: Work, later: Later, hasty: None
) -> None:
    bought = paid()
    outside.spoil("gateway", "cut", match={"path": "/refunds", "method": "POST"}, count=2)
    first = bought.refund(100_000, **{"Idempotency-Key": "first click"})
    work()

    again = bought.refund(100_000, **{"Idempotency-Key": "first click"})
    second = bought.refund(100_000)
    outside.mend()
    payments.flows.give_back(RefundRequested(UUID(first.json["id"])))

    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert (second.status_code, second.json["code"], second.json["retryable"]) == (409, "refund_underway", True)
    assert outside.refunds() == [100_000]
    assert rows("SELECT state FROM refund") == [("succeeded",)]


def test_27_a_refund_that_is_asked_about_again_and_again_is_told_of_after_a_quarter_of_an_hour(
    paid: Callable[..., Paid], outside: Outside, work: Work, later: Later, hasty: None
) -> None:
    bought = paid()
    outside.spoil("gateway", "down", match={"path": "/refunds"}, count=10_000)
    bought.refund(100_000)
    work()

    for _minute in range(16):
        later(timedelta(minutes=1))
        payments.flows.sweep_refunds()

    assert rows("SELECT state FROM refund") == [("unknown",)]
    with transaction() as session:
        found = {breach.promise for breach in operations.find_breaches(session)}
    assert "no refund is without an answer for long" in found


def test_27_a_stored_failure_of_the_gateway_keeps_the_key_of_a_refund_and_is_no_failure_of_it(
    paid: Callable[..., Paid], outside: Outside, work: Work, later: Later
) -> None:
    bought = paid()
    outside.spoil("gateway", "error", match={"path": "/refunds", "method": "POST"}, count=1)
    bought.refund(100_000)
    work()
    payments.flows.sweep_refunds()
    assert rows("SELECT state FROM refund") == [("unknown",)]

    later(timedelta(hours=25))
    payments.flows.sweep_refunds()

    assert (outside.refunds(), rows("SELECT state FROM refund")) == ([100_000], [("succeeded",)])


def test_28_a_refund_that_fails_days_after_its_success_is_the_citizens_again(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work, later: Later
) -> None:
    bought = paid("pm_card_refundFail")
    bought.refund(AMOUNT_VND)
    work()
    assert rows("SELECT state FROM refund") == [("succeeded",)]

    later(timedelta(days=3))
    _hear(an, outside, work, "refund.failed", "charge.refund.updated")

    assert rows("SELECT state FROM refund") == [("failed",)]
    assert rows("SELECT kind FROM journal ORDER BY number")[-1] == ("refund_returned",)
    with transaction() as session:
        assert ledger.balance(session, ledger.CITIZEN_UNAPPLIED, citizen_id=an.id) == -AMOUNT_VND
    assert told(an, bought.id)["timeline"][-1]["step"] == "refund_failed"


def test_28_a_refund_that_fails_late_is_heard_of_by_its_movement_when_no_webhook_comes(
    paid: Callable[..., Paid], work: Work, later: Later
) -> None:
    paid("pm_card_refundFail").refund(AMOUNT_VND)
    work()
    assert rows("SELECT state FROM refund") == [("succeeded",)]

    later(timedelta(days=3))
    for _time in range(2):
        payments.flows.read_movements()

    assert rows("SELECT state, failure FROM refund") == [("failed", "expired_or_canceled_card")]
    assert payments.flows.compare_with_gateway() == 0


def test_29_two_equal_partial_refunds_that_are_both_meant_are_both_made(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work
) -> None:
    bought = paid()

    for _time in range(2):
        assert bought.refund(100_000).status_code == 201
        work()

    assert outside.refunds() == [100_000, 100_000]
    assert (_payable(), told(an, bought.id)["refunded_vnd"]) == (AMOUNT_VND - 200_000, 200_000)
    assert [message["kind"] for message in inbox(an)].count("bills_returned") == 2


def test_30_while_the_bank_examines_a_payment_nothing_is_given_back(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work
) -> None:
    bought = paid("pm_card_createDispute")
    _hear(an, outside, work, "charge.dispute.created")

    refused = refused_in_both(lambda headers: bought.refund(1_000, **headers), 409, "payment_disputed")

    assert refused["retryable"] is False
    assert bill_now(bought.bill).state is BillState.PAID
    with transaction() as session:
        assert ledger.balance(session, ledger.DISPUTED) == AMOUNT_VND


@pytest.mark.parametrize("outcome", ["lost", "won"])
def test_30_a_refund_that_waits_for_a_second_person_is_void_once_the_bank_has_the_money(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work, outcome: str
) -> None:
    bought = paid("pm_card_createDispute", amount_vnd=5_000_000)
    waiting = bought.refund(2_500_000).json
    _hear(an, outside, work, "charge.dispute.created")
    (dispute,) = rows("SELECT gateway_id FROM dispute")

    approved = bought.approver.post(f"/v1/payments/refunds/{waiting['id']}/approval")
    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome=outcome)
    _hear(an, outside, work, "charge.dispute.closed")

    assert (approved.status_code, approved.json["code"]) == (409, "refund_not_waiting")
    assert rows("SELECT state, failure FROM refund") == [("failed", "disputed")]
    assert (outside.refunds(), _payable()) == ([], 5_000_000 if outcome == "won" else 0)


def test_30_a_refund_that_fails_after_the_bank_took_the_money_frees_nothing(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work, later: Later, hasty: None
) -> None:
    bought = paid("pm_card_createDispute")
    outside.spoil("gateway", "cut", match={"path": "/refunds", "method": "POST"}, count=2)
    bought.refund(100_000)
    work()
    assert rows("SELECT state FROM refund") == [("unknown",)]
    _hear(an, outside, work, "charge.dispute.created")
    (dispute,) = rows("SELECT gateway_id FROM dispute")
    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome="lost")
    _hear(an, outside, work, "charge.dispute.closed")

    outside.mend()
    work()

    assert rows("SELECT state, failure FROM refund") == [("failed", "charge_disputed")]
    assert told(an, bought.id)["refunded_vnd"] == AMOUNT_VND
    assert bought.refund(1_000).json["code"] == "refund_too_large"


def test_30_what_a_provider_refused_while_the_bank_examined_it_goes_back_once_the_bank_is_done(
    an: Person, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"}, count=10_000)
    bill = owe(an, outside)
    pay(an, bill, card="pm_card_createDispute")
    work()
    _hear(an, outside, work, "charge.dispute.created")
    outside.mend()
    outside.paid_at_the_counter(POWER, bill.bill_no)
    work()
    assert rows("SELECT posting FROM payment_item") == [("rejected",)]
    assert rows("SELECT count(*) FROM refund") == [(0,)]

    outside.at_gateway(f"disputes/{rows('SELECT gateway_id FROM dispute')[0].gateway_id}/decide", outcome="won")
    _hear(an, outside, work, "charge.dispute.closed")

    assert outside.refunds() == [AMOUNT_VND]
    with transaction() as session:
        assert ledger.balance(session, ledger.CITIZEN_UNAPPLIED) == 0


def test_30_a_dispute_of_a_charge_without_an_intent_meets_no_payment_of_ours(
    an: Person, outside: Outside, work: Work, hasty: None
) -> None:
    outside.spoil("gateway", "cut", match={"path": "/payment_intents"}, count=4)
    pay(an, owe(an, outside))
    assert rows("SELECT intent_id FROM payment") == [(None,)]
    strange = Contested("dp_strange", "needs_response", 5_000, None, "fraudulent", None)

    with transaction() as session:
        operations.apply_dispute(session, strange)

    assert rows("SELECT count(*) FROM dispute") == [(0,)]


@pytest.mark.parametrize("outcome", ["lost", "won"])
def test_31_what_a_bank_takes_for_good_is_netted_from_the_provider_and_what_it_gives_back_is_not(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work, outcome: str
) -> None:
    bought = paid("pm_card_createDispute")
    _hear(an, outside, work, "charge.dispute.created")
    (dispute,) = rows("SELECT gateway_id FROM dispute")

    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome=outcome)
    _hear(an, outside, work, "charge.dispute.closed")

    assert rows("SELECT state FROM dispute") == [(outcome,)]
    assert _payable() == (AMOUNT_VND if outcome == "won" else 0)
    with transaction() as session:
        assert ledger.balance(session, ledger.DISPUTED) == 0
    assert told(an, bought.id)["timeline"][-1]["step"] == f"dispute_{outcome}"
    assert bought.refund(1_000).status_code == (201 if outcome == "won" else 409)


def test_31_a_dispute_lost_after_the_remittance_is_netted_from_the_next_one(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work, later: Later
) -> None:
    bought = paid("pm_card_createDispute")
    provider_id, commission = bought.bill.provider_id, 1_000
    with transaction() as session:
        terms = {"cut_off": "17:00", "commission_vnd": commission, "source": "contract"}
        operations.set_terms(session, provider_id, clock.today(), **terms)
    _remit(later, provider_id)
    assert _payable() == 0
    _hear(an, outside, work, "charge.dispute.created")
    (dispute,) = rows("SELECT gateway_id FROM dispute")

    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome="lost")
    _hear(an, outside, work, "charge.dispute.closed")

    # The provider has had the money: it owes it, until the next remittance takes it along.
    assert _payable() == -AMOUNT_VND
    next_bill = owe(an, outside, amount_vnd=900_000)
    pay(an, next_bill)
    work()
    assert _payable() == 900_000 - AMOUNT_VND
    _remit(later, provider_id)
    first, second = rows("SELECT clawed_back_vnd, payable_vnd FROM remittance ORDER BY number")
    assert tuple(first) == (0, AMOUNT_VND - commission)
    assert tuple(second) == (AMOUNT_VND, 900_000 - AMOUNT_VND - commission)
    with transaction() as session:
        assert ledger.sum_of_all(session) == 0
        assert -ledger.balance(session, ledger.BANK) == first.payable_vnd + second.payable_vnd
    assert _payable() == 0


def _remit(later: Later, provider_id: UUID) -> None:
    """The provider's day is closed, its remittance becomes final, and the bank shows that it was paid."""
    later(timedelta(days=2))
    services.utilities.flows.close_books()
    services.utilities.flows.close_books()
    (due,) = rows("SELECT reference, payable_vnd FROM remittance WHERE state = 'final' AND paid_line_id IS NULL")
    table = ["reference;booked_on;amount_vnd;purpose", f"{due.reference} out;2026-11-25;-{due.payable_vnd};lenh chi"]
    # The account held something before our books began; each statement opens where the one before has closed.
    before = rows("SELECT closing_vnd FROM bank_statement ORDER BY id DESC LIMIT 1")
    opening = before[0].closing_vnd if before else 10_000_000
    sums = [f"opening_vnd;{opening}", f"closing_vnd;{opening - due.payable_vnd}"]
    raw = "\n".join([*sums, *table]).encode()
    with transaction() as session:
        operations.take_in_statement(session, read_statement(raw))


def test_a_large_refund_waits_for_a_second_person_and_a_declined_one_is_undone(
    an: Person, paid: Callable[..., Paid], outside: Outside, work: Work
) -> None:
    bought = paid(amount_vnd=5_000_000)
    large = bought.refund(2_500_000).json
    work()
    assert (large["awaits_approval"], outside.refunds(), _payable()) == (True, [], 2_500_000)

    declined = bought.approver.post(f"/v1/payments/refunds/{large['id']}/refusal")
    assert (declined.json["state"], _payable()) == ("failed", 5_000_000)
    again = bought.refund(2_500_000).json
    approved = bought.approver.post(f"/v1/payments/refunds/{again['id']}/approval")
    work()

    assert approved.status_code == 200
    assert (outside.refunds(), _payable()) == ([2_500_000], 2_500_000)


def test_many_small_refunds_of_a_payment_wait_for_a_second_person_like_a_large_one(
    paid: Callable[..., Paid], outside: Outside, work: Work
) -> None:
    bought = paid(amount_vnd=5_000_000)

    waits = []
    for _time in range(2):
        waits.append(bought.refund(1_500_000).json["awaits_approval"])
        work()

    assert waits == [False, True]
    assert outside.refunds() == [1_500_000]
