"""A power or water company that is down, slow or strange: nothing is taken on trust and nothing is posted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

import payments.operations
import services.utilities.flows
import services.utilities.providers
from kit.database import transaction
from kit.events import TryLater
from services.utilities.models import Bill, BillState
from tests.factories import AMOUNT_VND, POWER, WATER, bill_now, owe
from tests.payments.stories import answer_bank, events_of, inbox, journals, knock, pay, rows, steps, sweep, told
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def test_nothing_is_taken_while_the_company_cannot_be_asked(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/bills/check"})
    payment_id = pay(an, bill).json["id"]

    failures = work()
    later(timedelta(minutes=9))
    failures += work()
    still = told(an, payment_id)["state"]
    outside.mend()
    work()

    assert [type(failure) for failure in failures] == [TryLater, TryLater]
    assert (still, told(an, payment_id)["state"]) == ("authorised", "captured")


def test_a_hold_that_waits_too_long_for_the_company_is_let_go_of(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/bills/check"})
    payment_id = pay(an, bill).json["id"]
    work()

    later(timedelta(minutes=10, seconds=1))
    failures = work()

    ended = told(an, payment_id)
    assert (ended["state"], ended["reason"], failures) == ("cancelled", "provider_unreachable", [])
    assert (bill_now(bill).state, outside.intents()[0]["status"]) == (BillState.OPEN, "canceled")
    (message,) = inbox(an)
    assert (message["kind"], message["subject_id"]) == ("payment_ended", payment_id)


def test_waiting_for_the_company_does_not_pile_up_work(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/bills/check"})
    pay(an, bill)

    for _quarter in range(4 * 9):
        later(timedelta(seconds=15))
        sweep(work)

    assert rows("SELECT task_name FROM procrastinate_jobs") == [
        ("services.utilities.flows.recheck_and_capture:PaymentAuthorised",)
    ]


def test_the_time_at_the_bank_does_not_count_against_the_company(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    waiting = pay(an, bill, card="pm_card_threeDSecure2Required").json
    later(timedelta(minutes=14))
    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    knock(an, events_of(outside, "payment_intent.amount_capturable_updated")[0])
    outside.spoil("provider", "down", match={"path": "/bills/check"})
    failures = work()
    still = told(an, waiting["id"])["state"]
    outside.mend()

    work()

    assert ([type(failure) for failure in failures], still) == ([TryLater], "authorised")
    assert told(an, waiting["id"])["state"] == "captured"


def test_a_hold_is_let_go_of_later_when_the_gateway_is_down_as_well(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    outside.paid_at_the_counter(POWER, bill.bill_no)
    outside.spoil("gateway", "down", match={"path": "/cancel"})

    failures = work()
    outside.mend()
    work()

    assert [type(failure) for failure in failures] == [TryLater]
    ended = told(an, payment_id)
    assert (ended["state"], ended["reason"]) == ("cancelled", "bill_paid_elsewhere")


@pytest.mark.parametrize("fault", ["down", "cut", "error", "rate_limit"])
def test_money_that_is_taken_waits_for_the_company_and_is_posted_once(
    an: Person, bill: Bill, outside: Outside, work: Work, fault: str
) -> None:
    outside.spoil("provider", fault, match={"path": "/postings"}, count=3)
    payment_id = pay(an, bill).json["id"]

    failures = work()
    waiting = told(an, payment_id)
    outside.mend()
    work()

    assert [type(failure) for failure in failures] == [TryLater]
    assert (waiting["state"], waiting["items"][0]["posting"]) == ("captured", "unknown")
    assert waiting["timeline"][-1] == {
        "step": "posted",
        "title_vi": "Đơn vị cung cấp đã gạch nợ",
        "title_en": "The provider has posted it",
    }
    assert told(an, payment_id)["items"][0]["posting"] == "posted"
    assert len(outside.postings(POWER)) == 1
    assert len(journals(payment_id)) == 2
    assert len(inbox(an)) == 1


def test_a_posting_whose_answer_was_lost_is_found_again(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    outside.spoil("provider", "timeout_after", match={"path": "/postings"}, seconds=0.1)
    payment_id = pay(an, bill).json["id"]
    failures = work()

    failures += work()

    assert [type(failure) for failure in failures] == [TryLater]
    (posting,) = outside.postings(POWER)
    assert told(an, payment_id)["items"][0]["receipt_no"] == posting["receipt_no"]


def test_a_posting_that_everybody_forgot_is_taken_up_by_the_sweeper(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"})
    payment_id = pay(an, bill).json["id"]
    work()
    rows("DELETE FROM procrastinate_jobs RETURNING id")
    outside.mend()
    services.utilities.flows.sweep_postings()
    soon = told(an, payment_id)["items"][0]["posting"]

    later(timedelta(minutes=6))
    services.utilities.flows.sweep_postings()
    failures = work()

    assert (soon, failures) == ("unknown", [])
    assert told(an, payment_id)["items"][0]["posting"] == "posted"
    assert len(inbox(an)) == 1


def test_the_sweeper_takes_the_oldest_of_each_company_first_and_ends_in_time(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"}, count=100)
    paid = []
    for slug in (POWER, POWER, WATER, WATER):
        paid.append(UUID(pay(an, owe(an, outside, slug=slug)).json["id"]))
        work()
    rows("DELETE FROM procrastinate_jobs RETURNING id")
    for age, payment_id in zip((1, 4, 2, 3), paid, strict=True):
        rows("UPDATE payment SET state_since = state_since - :age WHERE id = :id RETURNING id",
             age=timedelta(minutes=age), id=payment_id)  # fmt: skip
    outside.mend()
    later(timedelta(minutes=6))

    with transaction() as session:
        waiting = list(payments.operations.list_unposted(session, older_than=timedelta(minutes=5)))
    services.utilities.flows.sweep_postings(longest_seconds=-1)
    cut_short = outside.postings(POWER) + outside.postings(WATER)
    services.utilities.flows.sweep_postings()

    assert waiting == [paid[place] for place in (1, 3, 2, 0)]
    assert cut_short == []
    assert rows("SELECT DISTINCT posting FROM payment_item") == [("posted",)]


def test_one_company_that_is_down_does_not_keep_the_other_from_posting(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    water = owe(an, outside, slug=WATER)
    outside.spoil("provider", "down", match={"path": "/postings", "slug": POWER})
    payment_id = pay(an, bill, water).json["id"]

    work()
    messages_before = inbox(an)
    outside.mend()
    work()

    assert len(outside.postings(WATER)) == 1
    # The citizen is told once, of everything.
    assert (messages_before, [message["kind"] for message in inbox(an)]) == ([], ["bills_paid"])
    assert steps(an, payment_id).count("posted") == 2


class Company:
    """A company that answers as it is told to."""

    def __init__(self) -> None:
        self.check: tuple[int, Any] = (200, {})
        self.posting: tuple[int, Any] = (201, {})
        self.query: tuple[int, Any] = (404, {"error": "unknown_posting"})
        self.calls: list[str] = []

    def app(self) -> Flask:
        app = Flask("company")

        def answer(told: tuple[int, Any]) -> Response:
            status, body = told
            self.calls.append(request.path)
            body = body(request.get_json()) if callable(body) else body
            made = Response(body) if isinstance(body, str) else jsonify(body)
            made.status_code = status
            return made

        app.add_url_rule("/bills/check", "check", lambda: answer(self.check), methods=["POST"])
        app.add_url_rule("/postings", "post", lambda: answer(self.posting), methods=["POST"])
        app.add_url_rule("/postings/query", "query", lambda: answer(self.query), methods=["POST"])
        return app


@pytest.fixture
def company(outside: Outside) -> Iterator[Company]:
    company = Company()
    server = make_server("127.0.0.1", 0, company.app(), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    services.utilities.providers.connect({POWER: {"url": url, "key": "k"}}, sandbox=outside.url)
    yield company
    server.shutdown()
    thread.join()
    server.server_close()


def _open(asked: dict[str, Any]) -> dict[str, Any]:
    return {"bill_no": asked["bill_no"], "amount_vnd": AMOUNT_VND, "status": "open"}


def _receipt(asked: dict[str, Any]) -> dict[str, Any]:
    told = {name: asked[name] for name in ("bill_no", "payment_ref", "amount_vnd")}
    return told | {"receipt_no": "R-1", "posted_at": "2026-11-21T09:30:02"}


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"error": "no such route"}),
        (404, {"error": "unknown_provider"}),
        (404, "<h1>Not found</h1>"),
        (200, "<h1>Sign in</h1>"),
        (302, {"status": "paid"}),
        (401, {"error": "wrong_key"}),
        (200, {}),
        (200, []),
        (200, lambda asked: _open(asked) | {"bill_no": "another"}),
        (200, lambda asked: _open(asked) | {"status": "closed"}),
        (200, lambda asked: _open(asked) | {"amount_vnd": 0}),
        (200, lambda asked: _open(asked) | {"amount_vnd": -1}),
        (200, lambda asked: _open(asked) | {"amount_vnd": 636_768.0}),
        (200, lambda asked: _open(asked) | {"amount_vnd": "636768"}),
        (200, lambda asked: _open(asked) | {"amount_vnd": 10**12}),
        (200, "[" * 100_000),
        (200, '"' + "x" * 1_000_001 + '"'),
    ],
)
def test_nothing_is_concluded_from_an_answer_that_is_none(
    an: Person, bill: Bill, work: Work, company: Company, answer: tuple[int, Any]
) -> None:
    company.check = answer
    payment_id = pay(an, bill).json["id"]

    failures = work()
    company.check, company.posting = (200, _open), (201, _receipt)
    work()

    assert [type(failure) for failure in failures] == [TryLater]
    assert told(an, payment_id)["items"][0]["posting"] == "posted"


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"error": "no such route"}),
        (404, "<h1>Not found</h1>"),
        (409, {"error": "maintenance"}),
        (409, {}),
        (201, lambda asked: _receipt(asked) | {"bill_no": "another"}),
        (201, lambda asked: _receipt(asked) | {"payment_ref": "another"}),
        (201, lambda asked: _receipt(asked) | {"amount_vnd": 1}),
        (201, lambda asked: _receipt(asked) | {"posted_at": "yesterday"}),
        (500, {"error": "already_paid"}),
    ],
)
def test_a_posting_is_neither_done_nor_refused_by_an_answer_that_is_none(
    an: Person, bill: Bill, work: Work, company: Company, answer: tuple[int, Any]
) -> None:
    company.check, company.posting = (200, _open), answer
    payment_id = pay(an, bill).json["id"]

    failures = work()
    waiting = told(an, payment_id)["items"][0]["posting"]
    company.posting = (201, _receipt)
    work()

    assert [type(failure) for failure in failures] == [TryLater]
    (item,) = told(an, payment_id)["items"]
    assert (waiting, item["posting"], item["receipt_no"]) == ("unknown", "posted", "R-1")
    # A time without an offset is the company's own, in Vietnam.
    assert item["posted_at"] == "2026-11-21T09:30:02.000+07:00"


def test_a_company_is_asked_what_it_has_posted_before_it_is_told_to_post_again(
    an: Person, bill: Bill, work: Work, company: Company
) -> None:
    company.check, company.posting = (200, _open), (500, {})
    payment_id = pay(an, bill).json["id"]
    work()
    # It had posted before it stumbled, and would do so again: not every company keeps count by our reference.
    company.query = (200, lambda asked: _receipt(asked | {"amount_vnd": AMOUNT_VND}))

    failures = work()

    assert failures == []
    assert company.calls == ["/bills/check", "/postings", "/postings/query"]
    assert told(an, payment_id)["items"][0]["receipt_no"] == "R-1"
