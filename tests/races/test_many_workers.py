"""The same news told to many workers at once, and by many messengers: one effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

import payments.flows
import payments.gateway
import services.utilities.flows
from kit import clock
from kit.database import transaction
from kit.events import TryLater
from payments.events import PaymentAuthorised, PaymentCaptured, PaymentDoubtful
from payments.operations import apply_intent
from services.utilities.events import ImportRequested
from services.utilities.models import Bill, BillState
from tests.factories import AMOUNT_VND, POWER, WATER, bill_now, make_provider, owe
from tests.payments.stories import confirm_in_app, events_of, inbox, journals, knock, pay, rows, steps, sweep, told
from tests.people import Machine, Outside, Person, Work, all_at_once
from tests.utilities.files import counts, csv_of, send

HELD = "payment_intent.amount_capturable_updated"


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def _forget_jobs() -> None:
    rows("DELETE FROM procrastinate_jobs RETURNING id")


def test_a_capture_that_many_workers_begin_is_booked_once(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    payment_id = UUID(pay(an, bill).json["id"])

    all_at_once(8, lambda _number: services.utilities.flows.recheck_and_capture(PaymentAuthorised(payment_id)))
    failures = work()

    assert failures == []
    assert told(an, str(payment_id))["state"] == "captured"
    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]


def test_a_posting_that_many_workers_begin_is_posted_once(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    water = owe(an, outside, slug=WATER)
    payment_id = UUID(pay(an, bill, water).json["id"])
    services.utilities.flows.recheck_and_capture(PaymentAuthorised(payment_id))
    _forget_jobs()

    def post(_number: int) -> None:
        services.utilities.flows.post_to_providers(PaymentCaptured(payment_id, 1))

    all_at_once(8, post)
    failures = work()

    assert failures == []
    assert (len(outside.postings(POWER)), len(outside.postings(WATER))) == (1, 1)
    assert steps(an, str(payment_id)).count("posted") == 2
    assert len(journals(payment_id)) == 3
    assert [message["kind"] for message in inbox(an)] == ["bills_paid"]


def test_a_bill_that_is_gone_is_dropped_once_by_many_workers(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    gone = owe(an, outside)
    payment_id = UUID(pay(an, bill, gone).json["id"])
    outside.paid_at_the_counter(POWER, gone.bill_no)

    all_at_once(6, lambda _number: services.utilities.flows.recheck_and_capture(PaymentAuthorised(payment_id)))
    failures = work()

    assert failures == []
    assert told(an, str(payment_id))["captured_vnd"] == AMOUNT_VND
    assert (bill_now(bill).state, bill_now(gone).state) == (BillState.PAID, BillState.PAID_ELSEWHERE)


def test_worker_sweeper_webhook_and_the_answer_itself_lead_to_one_booking(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Callable[[timedelta], None]
) -> None:
    waiting = pay(an, bill, card=None).json
    payment_id = UUID(waiting["id"])
    confirm_in_app(outside, waiting["next_action"]["client_secret"])
    (event,) = events_of(outside, HELD)

    def answer() -> None:
        intent = payments.gateway.find_intent(payment_id, clock.now())
        assert intent is not None
        with transaction() as session:
            apply_intent(session, payment_id, intent)

    messengers: list[Callable[[], object]] = [
        lambda: knock(an.again(), event),
        lambda: payments.flows.settle(PaymentDoubtful(payment_id)),
        payments.flows.sweep,
        answer,
        work,
    ]
    all_at_once(20, lambda number: messengers[number % len(messengers)]())
    later(timedelta(seconds=40))
    failures = sweep(work)

    assert failures == []
    assert told(an.again(), waiting["id"])["state"] == "captured"
    assert steps(an, waiting["id"]).count("captured") == 1
    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]
    assert len(outside.postings(POWER)) == 1


def test_an_expiry_that_meets_a_confirmation_ends_one_way_or_the_other(
    an: Person, outside: Outside, work: Work, later: Callable[[timedelta], None]
) -> None:
    bills = [owe(an, outside) for _ in range(6)]
    waiting = [pay(an, bill, card=None).json for bill in bills]
    later(timedelta(minutes=31))

    def meet(number: int) -> None:
        if number == 0:
            payments.flows.sweep()
        else:
            confirm_in_app(outside, waiting[number - 1]["next_action"]["client_secret"])

    all_at_once(7, meet)
    for event in events_of(outside, HELD, "payment_intent.canceled"):
        assert knock(an, event).status_code == 200
    failures = sweep(work)

    assert failures == []
    states = dict(map(tuple, rows("SELECT id::text, state FROM payment")))
    intents = {intent["metadata"]["payment_id"]: intent["status"] for intent in outside.intents()}
    # Each ends as its intent did, and its bill is paid or open accordingly.
    assert {(states[p], intents[p]) for p in states} <= {("captured", "succeeded"), ("expired", "canceled")}
    assert (
        rows(
            "SELECT b.id FROM bill b LEFT JOIN payment p ON p.id = b.payment_id "
            "WHERE b.state <> CASE p.state WHEN 'captured' THEN 'paid' ELSE 'open' END"
        )
        == []
    )


def test_a_doubt_that_many_settle_is_settled_once(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    outside.spoil("gateway", "cut", match={"method": "POST"}, count=2)
    payment_id = UUID(pay(an, bill).json["id"])

    def settle(_number: int) -> str:
        try:
            payments.flows.settle(PaymentDoubtful(payment_id))
        except TryLater:
            return "later"
        return "settled"

    results = all_at_once(12, settle)
    failures = work()

    assert (set(results), failures) == ({"settled"}, [])
    assert steps(an, str(payment_id)).count("authorised") == 1
    assert len(journals(payment_id)) == 2


def test_a_file_that_many_workers_read_is_counted_once(clean: None, machine: Callable[..., Machine]) -> None:
    lines = [{"amount_vnd": "x" if place % 50 == 0 else "636768"} for place in range(1, 4001)]
    clerk = machine(make_provider().id)
    import_id = UUID(send(clerk, csv_of(*lines)).json["id"])

    all_at_once(4, lambda _number: services.utilities.flows.run_import(ImportRequested(import_id)))

    done = clerk.get(f"/v1/utilities/imports/{import_id}").json
    assert (done["state"], done["lines_read"], counts(done)) == ("done", 4001, (3920, 0, 0, 80))
    assert len({error["line"] for error in done["errors"]}) == len(done["errors"]) == 80
