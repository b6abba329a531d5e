"""What we read of a provider's own ledger: kept for its day, asked for again, and named where nobody can read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from werkzeug.serving import make_server

import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments.models import Way
from payments.operations import Row, ToldRows
from services.utilities import providers
from services.utilities.operations import settlement
from tests.factories import POWER, WATER, make_provider
from tests.payments.stories import rows
from tests.people import Outside, Work
from tests.utilities.bulk import Paid, company, write

DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=clock.ZONE)
Answers = Callable[[str], Any]


class Ledger:
    """A power company that tells of its days, and answers postings, as it is told to; a water company has no bills."""

    def __init__(self) -> None:
        self.of_day: Answers = lambda _day: ledger_of()
        self.receipt: Any = {}
        self.asked: list[str] = []

    def app(self) -> Flask:
        app = Flask("ledger")

        @app.get("/<slug>/statements/<day>")
        def statement(slug: str, day: str) -> Response:
            if slug == WATER:
                return jsonify(ledger_of())
            self.asked.append(day)
            told = self.of_day(day)
            return Response(status=503) if told is None else jsonify(told)

        @app.post(f"/{POWER}/postings")
        def posting() -> Response:
            return jsonify(self.receipt)

        return app


@pytest.fixture
def ledger(outside: Outside, clean: None) -> Iterator[Ledger]:
    ledger = Ledger()
    server = make_server("127.0.0.1", 0, ledger.app(), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    known = {slug: {"url": f"{url}/{slug}", "key": "k"} for slug in (POWER, WATER)}
    providers.connect(known, sandbox=outside.url)
    yield ledger
    providers.connect({}, sandbox=outside.url)
    server.shutdown()
    thread.join()
    server.server_close()


def line(bill_no: object, amount_vnd: object = 5, at: object = NOON.isoformat()) -> dict[str, Any]:
    return {"payment_ref": "x", "bill_no": bill_no, "amount_vnd": amount_vnd, "receipt_no": "R", "posted_at": at}


def ledger_of(*lines: dict[str, Any], off: int = 0) -> dict[str, Any]:
    total = sum(each["amount_vnd"] for each in lines if isinstance(each["amount_vnd"], int))
    return {"items": list(lines), "count": len(lines), "sum_vnd": total + off}


def told() -> list[tuple[Any, ...]]:
    query = "SELECT p.slug, s.business_day, s.format, s.accepted FROM statement s JOIN provider p ON p.id = s.payee_id"
    return [tuple(row) for row in rows(f"{query} WHERE s.current ORDER BY 1, 2")]


def test_a_ledger_that_nobody_can_read_is_a_difference_and_keeps_no_other_provider_waiting(
    ledger: Ledger, work: Work
) -> None:
    provider, customer = company(POWER)
    make_provider(WATER)
    write(provider, customer, [Paid("B-1", 5, NOON)])
    broken: dict[str, list[Any]] = {
        "sums_differ": [ledger_of(line("B-1"), off=1)],
        "not_understood": [
            ledger_of(line("B\0")), ledger_of(line("\ud800")), ledger_of(line(["B-1"])), ledger_of(line("B-1", 0)),
            ledger_of(line("B-1", 10**12)), ledger_of(line("B-1", at="0001-01-01T00:00:00+14:00")), {}, [],
        ],
    }  # fmt: skip

    for reason, answers in broken.items():
        for answer in answers:
            ledger.of_day = lambda _day, answer=answer: answer
            with pytest.raises(providers.StatementBroken) as refused:
                providers.read_statement(POWER, DAY)
            assert refused.value.reason == reason, answer
            services.utilities.flows.compare_with_providers(DAY)
    found = rows("SELECT kind, state FROM discrepancy")
    before = told()
    ledger.of_day = lambda _day: ledger_of(line("B-1")) if _day == str(DAY) else ledger_of()
    services.utilities.flows.compare_with_providers(DAY)
    assert work() == []

    assert found == [("FILE_REJECTED", "open")]
    assert before == [(WATER, DAY, "pull", 0)]
    assert told() == [(WATER, DAY, "pull", 0), (POWER, DAY, "pull", 1)]
    assert rows("SELECT state FROM discrepancy") == [("auto_closed",)]
    assert rows("SELECT matched FROM match_run WHERE theirs > 0") == [(1,)]


def test_days_on_which_a_provider_was_silent_are_asked_for_when_it_answers_again(ledger: Ledger) -> None:
    make_provider(POWER)
    days = [DAY + timedelta(days=n) for n in range(-1, 3)]
    services.utilities.flows.compare_with_providers(days[1])
    ledger.of_day = lambda _day: None
    services.utilities.flows.compare_with_providers(days[2])
    ledger.asked.clear()
    services.utilities.flows.compare_with_providers(days[3])
    while_silent, ledger.asked[:] = set(ledger.asked), []

    ledger.of_day = lambda _day: ledger_of()
    services.utilities.flows.compare_with_providers(days[3])

    # It is silent, and so it is asked once; before the first day that it has told of it is not asked at all.
    assert len(while_silent) == 1
    assert [(slug, day) for slug, day, _format, _lines in told()] == [(POWER, day) for day in days[1:]]


def test_what_a_provider_sends_while_it_is_being_read_counts(ledger: Ledger) -> None:
    provider = make_provider(POWER)

    def send_meanwhile(_day: str) -> dict[str, Any]:
        with transaction() as session:
            sent = ToldRows("csv", str(new_id()), [Row(2, "B-1", 7)], [])
            settlement.keep_statement(session, provider.id, Way.PROVIDER, DAY, sent)
        return ledger_of(line("B-1"))

    ledger.of_day = send_meanwhile

    services.utilities.flows.compare_with_providers(DAY)

    assert told() == [(POWER, DAY, "csv", 1)]


def test_a_receipt_that_cannot_be_kept_is_no_answer(ledger: Ledger) -> None:
    make_provider(POWER)
    of = (POWER, new_id(), "B-1", 5)
    good = {
        "payment_ref": str(of[1]),
        "bill_no": "B-1",
        "amount_vnd": 5,
        "receipt_no": " R-1 ",
        "posted_at": "2026-11-18",
    }
    wrong = [{"receipt_no": each} for each in ("R\0", "\ud800", None, ["R"], 1.5)]
    wrong += [{"posted_at": each} for each in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5, "x")]

    for each in wrong:
        ledger.receipt = good | each
        with pytest.raises(providers.ProviderUnreachable):
            providers.post(*of, clock.now())
    ledger.receipt = good

    assert providers.post(*of, clock.now()) == providers.Receipt("R-1", datetime(2026, 11, 18, tzinfo=clock.ZONE))
