"""The last millisecond of a day and the first of the next: here, at a provider's cut-off, at the gateway's midnight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text

import services.utilities.flows
from kit import clock
from kit.database import transaction
from payments import ledger, operations
from payments.bank_file import read_statement
from payments.models import MatchRun, Way
from payments.operations import Row, ToldRows
from services.utilities.models import Customer, Provider
from services.utilities.operations import settlement
from tests.factories import POWER, WATER
from tests.payments.stories import rows
from tests.utilities.bulk import Paid, company, write

LAST, NEXT = date(2026, 10, 31), date(2026, 11, 1)
# Bill -> when it was paid; all of them on the last day of a month but for the midnight that ends it.
INSTANTS = {
    "last of UTC": "2026-10-31T06:59:59.999+07:00",
    "first of UTC": "2026-10-31T07:00:00.000+07:00",
    "last before 17:00": "2026-10-31T16:59:59.999+07:00",
    "first at 17:00": "2026-10-31T17:00:00.000+07:00",
    "last of the day": "2026-10-31T23:59:59.999+07:00",
    "first of the day": "2026-11-01T00:00:00.000+07:00",
}
# The gateway's days are those of UTC: seven hours later than ours, whatever a provider's cut-off is.
OF_GATEWAY = {date(2026, 10, 30): 1, date(2026, 10, 31): 5, date(2026, 11, 1): 0}
AMOUNTS = {bill: 100_000 + number for number, bill in enumerate(INSTANTS)}


@pytest.fixture
def providers(clean: None) -> Iterator[dict[str, tuple[Provider, Customer]]]:
    """One whose day ends at 17:00, one whose day is the calendar's; each was paid at every instant."""
    found = {"17:00": company(POWER), "24:00": company(WATER)}
    with transaction() as session:
        for cut_off, (provider, _customer) in found.items():
            first = {"cut_off": cut_off, "source": "contract"}
            operations.set_terms(session, provider.id, date(2026, 10, 1), **first)
    for provider, customer in found.values():
        write(
            provider, customer, [Paid(bill, AMOUNTS[bill], datetime.fromisoformat(at)) for bill, at in INSTANTS.items()]
        )
    clock.move(datetime(2026, 11, 3, 10, tzinfo=clock.ZONE) - clock.now())
    yield found
    clock.move(timedelta())


DAYS = {
    "17:00": {
        LAST: {"last of UTC", "first of UTC", "last before 17:00"},
        NEXT: {"first at 17:00", "last of the day", "first of the day"},
    },
    "24:00": {LAST: set(INSTANTS) - {"first of the day"}, NEXT: {"first of the day"}},
}


def test_each_payment_is_in_one_remittance_and_all_matches_close_across_the_calendars(providers) -> None:
    services.utilities.flows.close_books()

    paid: dict[tuple[object, date], set[str]] = defaultdict(set)
    for row in rows(
        "SELECT r.payee_id, r.business_day, b.bill_no FROM remittance r "
        "JOIN remittance_line l ON l.remittance_id = r.id JOIN payment_item i ON i.id = l.item_id "
        "JOIN bill b ON b.id = i.subject_id"
    ):
        paid[row.payee_id, row.business_day].add(row.bill_no)
    assert paid == {
        (provider.id, day): bills
        for cut_off, (provider, _c) in providers.items()
        for day, bills in DAYS[cut_off].items()
    }
    assert rows("SELECT count(*), count(DISTINCT entry_id) FROM remittance_line") == [(12, 12)]
    assert rows("SELECT count(*), sum(lines) FROM remittance WHERE state = 'final'") == [(4, 12)]

    with transaction() as session:
        runs = [operations.match_gateway(session, day, day) for day in OF_GATEWAY]
        assert [_counts(run) for run in runs] == [(2 * n, 2 * n, 2 * n) for n in OF_GATEWAY.values()]
    told = {
        (provider.id, day): bills
        for cut_off, (provider, _c) in providers.items()
        for day, bills in DAYS[cut_off].items()
    }
    for (provider_id, day), bills in told.items():
        lines = [Row(number, bill, AMOUNTS[bill]) for number, bill in enumerate(sorted(bills), 2)]
        assert _counts(_tell(provider_id, Way.PROVIDER, day, lines)) == (len(bills),) * 3
    _pay_and_advise()

    assert rows("SELECT kind, subject FROM discrepancy") == []
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE) == 0


def test_a_movement_a_millisecond_after_its_payment_is_its_own_across_the_gateways_midnight(providers) -> None:
    with transaction() as session:
        session.execute(text("UPDATE balance_transaction SET made_at = made_at + interval '1 millisecond'"))
        runs = [operations.match_gateway(session, day, day) for day in OF_GATEWAY]

    # Both of its days have it as a pair; neither lacks it.
    assert [_counts(run) for run in runs] == [(2, 2, 2), (12, 12, 12), (0, 0, 0)]
    assert rows("SELECT kind, subject FROM discrepancy") == []


@pytest.mark.parametrize("cut_off", sorted(DAYS))
def test_a_bill_told_one_millisecond_off_is_on_the_wrong_day_and_nothing_else(providers, cut_off) -> None:
    provider, _customer = providers[cut_off]
    strays = {"first at 17:00", "first of the day"} & DAYS[cut_off][NEXT]
    files = {LAST: DAYS[cut_off][LAST] | strays, NEXT: DAYS[cut_off][NEXT] - strays}

    for day, bills in files.items():
        _tell(provider.id, Way.PROVIDER, day, [Row(n, bill, AMOUNTS[bill]) for n, bill in enumerate(sorted(bills), 2)])

    told = rows("SELECT kind, details ->> 'key' AS bill, business_day FROM discrepancy ORDER BY bill")
    assert [tuple(row) for row in told] == [("WRONG_DAY", bill, LAST) for bill in sorted(strays)]


def _counts(run: MatchRun) -> tuple[int, int, int]:
    return run.ours, run.theirs, run.matched


def _tell(provider_id: object, way: Way, day: date, lines: list[Row]) -> MatchRun:
    with transaction() as session:
        told_id = operations.take_in_rows(session, provider_id, way, day, ToldRows("csv", "", lines, []))
        return settlement.compare_statement(session, operations.get_statement(session, told_id, provider_id))


def _pay_and_advise() -> None:
    """Our bank pays each remittance, and its payee's bank advises it of that."""
    due = rows("SELECT payee_id, business_day, reference, payable_vnd FROM remittance ORDER BY reference")
    total = sum(row.payable_vnd for row in due)
    head = [f"opening_vnd;{total}", "closing_vnd;0", "reference;booked_on;amount_vnd;purpose"]
    body = [f"FT{n};2026-11-02;{-row.payable_vnd};chuyen tien {row.reference}" for n, row in enumerate(due)]
    with transaction() as session:
        operations.take_in_statement(session, read_statement("\n".join([*head, *body]).encode()))
    for row in due:
        _tell(row.payee_id, Way.ADVICE, row.business_day, [Row(2, row.reference, row.payable_vnd)])
    assert rows("SELECT count(paid_line_id), count(confirmed_on) FROM remittance") == [(len(due), len(due))]
