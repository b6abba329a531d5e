"""Faults 18 to 25: bills that change hands, and providers that change their minds or say nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from requests import HTTPError
from sqlalchemy import text

import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.models import Way
from payments.operations import Row, ToldRows
from services.utilities.models import Bill, BillState
from services.utilities.operations import settlement
from services.utilities.providers import Posted
from tests.factories import AMOUNT_VND, POWER, bill_now, owe
from tests.payments.stories import business_day_now, inbox, journals, pay, rows, told
from tests.people import Outside, Person, Work, all_at_once

Later = Callable[[timedelta], None]


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def _unapplied(person: Person) -> int:
    with transaction() as session:
        return -ledger.balance(session, ledger.CITIZEN_UNAPPLIED, citizen_id=person.id)


def test_18_a_bill_that_changes_before_the_capture_is_let_go_of(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    outside.has_bill(POWER, bill_no=bill.bill_no, amount_vnd=AMOUNT_VND + 1)

    work()

    assert (told(an, payment_id)["state"], outside.intents()[0]["status"]) == ("cancelled", "canceled")
    assert journals(payment_id) == []


def test_19_a_bill_paid_at_the_counter_before_the_capture_costs_nothing(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    outside.paid_at_the_counter(POWER, bill.bill_no)

    work()

    assert (told(an, payment_id)["reason"], journals(payment_id)) == ("bill_paid_elsewhere", [])


def test_20_a_bill_paid_at_the_counter_after_the_capture_is_given_back_by_itself(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"})
    payment_id = pay(an, bill).json["id"]
    work()
    assert _unapplied(an) == AMOUNT_VND
    outside.mend()
    outside.paid_at_the_counter(POWER, bill.bill_no)

    work()

    assert (_unapplied(an), outside.refunds()) == (0, [AMOUNT_VND])
    assert told(an, payment_id)["timeline"][-1]["step"] == "refunded"
    assert [message["kind"] for message in inbox(an)] == ["bills_returned"]


def test_21_of_our_posting_and_a_banks_at_the_same_instant_one_counts_and_the_other_money_goes_back(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    pay(an, bill)

    def act(number: int) -> None:
        if number:
            # The counter may be told that it is paid.
            with suppress(HTTPError):
                outside.paid_at_the_counter(POWER, bill.bill_no)
        else:
            work()

    all_at_once(2, act)
    work()

    (payment,) = rows("SELECT state, captured_vnd - refunded_vnd AS kept FROM payment")
    ours = [posting for posting in outside.postings(POWER) if posting["bill_no"] == bill.bill_no]
    assert payment.kept == (AMOUNT_VND if ours and bill_now(bill).state is BillState.PAID else 0)
    assert _unapplied(an) == 0


def test_22_a_posting_whose_answer_was_lost_is_looked_for_and_not_made_again(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "cut", match={"path": "/postings"}, count=1)
    pay(an, bill)
    work()

    work()

    assert rows("SELECT posting, posting_attempts FROM payment_item") == [("posted", 2)]
    assert len(outside.postings(POWER)) == 1


def test_23_a_provider_that_answers_for_another_bill_is_named_and_asked_what_it_has_done(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "other_bill", match={"path": "/postings"}, count=1)
    payment_id = pay(an, bill).json["id"]
    work()
    differences = "SELECT kind, subject, amount_vnd, state FROM discrepancy"
    subject = f"{bill.provider_id} {bill.bill_no}"
    assert rows(differences) == [("UNKNOWN_AT_PROVIDER", subject, AMOUNT_VND, "open")]
    assert (told(an, payment_id)["items"][0]["posting"], _unapplied(an)) == ("unknown", AMOUNT_VND)

    work()

    # Its own books say that it was our bill after all: posted once, and nothing is left to explain.
    assert rows(differences) == [("UNKNOWN_AT_PROVIDER", subject, AMOUNT_VND, "auto_closed")]
    assert (told(an, payment_id)["items"][0]["posting"], len(outside.postings(POWER))) == ("posted", 1)


def test_24_a_provider_that_is_down_for_two_days_loses_nothing_and_a_person_is_told(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"}, count=10_000)
    payment_id = pay(an, bill).json["id"]
    work()

    later(timedelta(hours=48))
    services.utilities.flows.sweep_postings()

    parked = told(an, payment_id)
    assert (parked["state"], parked["items"][0]["posting"], _unapplied(an)) == ("captured", "parked", AMOUNT_VND)
    assert "parked" in [step["step"] for step in parked["timeline"]]
    outside.mend()
    services.utilities.flows.sweep_postings()
    assert (told(an, payment_id)["items"][0]["posting"], _unapplied(an)) == ("posted", 0)


def test_25_a_provider_that_posts_twice_is_found_out_by_its_own_books(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    good = owe(an, outside)
    outside.spoil("provider", "posts_twice", match={"path": "/postings"}, count=1)
    payment_id = pay(an, bill).json["id"]
    work()
    pay(an, good)
    work()

    for _time in range(2):
        services.utilities.flows.compare_with_providers(business_day_now())
        work()

    (found,) = rows("SELECT id, kind, subject, amount_vnd FROM discrepancy")
    assert (found.kind, found.subject) == ("DUPLICATE_POSTING", f"{bill.provider_id} {bill.bill_no}")
    assert (found.amount_vnd, told(an, payment_id)["items"][0]["posting"]) == (AMOUNT_VND, "posted")
    with transaction() as session:
        assert -ledger.balance(session, ledger.PROVIDER_PAYABLE) == 2 * AMOUNT_VND
        operations.propose(session, found.id, new_id(), account=ledger.SUSPENSE, explanation="Gạch nợ hai lần")
        operations.approve(session, found.id, new_id())
    assert rows("SELECT count(*) FROM journal WHERE kind = 'adjustment'") == [(0,)]


def test_what_a_provider_has_and_we_have_not_is_named_and_the_other_way_round(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    pay(an, bill)
    work()
    day = business_day_now()
    strange = Posted("somebody else's", "B-1", 5_000, "R-1", clock.now())

    with transaction() as session:
        (pull,) = settlement.list_pulls(session, day)
        settlement.keep_pulled(session, pull, day, [strange])
    work()

    assert {tuple(row) for row in rows("SELECT kind, amount_vnd FROM discrepancy")} == {
        ("MISSING_AT_PROVIDER", -AMOUNT_VND),
        ("UNKNOWN_AT_PROVIDER", 5_000),
    }
    services.utilities.flows.compare_with_providers(day)
    work()
    assert {row.state for row in rows("SELECT state FROM discrepancy")} == {"auto_closed"}
    assert [tuple(row) for row in rows("SELECT revision, current FROM statement ORDER BY 1")] == [(1, False), (2, True)]


def test_a_bill_that_is_found_wrong_while_posting_and_in_the_statement_is_one_difference(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "other_bill", match={"path": "/postings"}, count=1)
    pay(an, bill)
    work()
    found = rows("SELECT id, kind, subject FROM discrepancy")

    services.utilities.flows.compare_with_providers(business_day_now())
    with transaction() as session:
        (statement_id,) = session.scalars(text("SELECT id FROM statement"))
        statement = operations.get_statement(session, statement_id, bill.provider_id)
        run = settlement.compare_statement(session, statement)

    assert (run.theirs, run.theirs_open, run.opened) == (1, 1, 0)
    assert [row.subject for row in found] == [f"{bill.provider_id} {bill.bill_no}"]
    assert rows("SELECT id, kind, subject FROM discrepancy") == found


def test_what_a_provider_has_sent_itself_is_not_read_again(an: Person, bill: Bill, work: Work) -> None:
    pay(an, bill)
    work()
    day = business_day_now()
    told = ToldRows("csv", "0" * 64, [Row(2, bill.bill_no, AMOUNT_VND)], [])

    with transaction() as session:
        settlement.keep_statement(session, bill.provider_id, Way.PROVIDER, day, told)
    services.utilities.flows.compare_with_providers(day)
    work()

    assert [tuple(row) for row in rows("SELECT format, revision FROM statement")] == [("csv", 1)]
    assert rows("SELECT kind FROM discrepancy") == []
