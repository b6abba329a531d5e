"""Lines that come after days, or twice at once: what has met stays met, whichever day is looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.bank_file import read_statement
from payments.models import MatchRun, Remittance, RemittanceState, Way
from payments.operations import Row, ToldRows
from services.utilities.models import Customer, Provider
from services.utilities.operations import settlement
from tests.factories import POWER
from tests.payments.stories import rows
from tests.utilities.bulk import Paid, company, write

DAY = date(2026, 11, 6)
LATER = DAY + timedelta(days=12)
NOON = datetime(2026, 11, 6, 12, tzinfo=clock.ZONE)


@pytest.fixture
def power(clean: None) -> tuple[Provider, Customer]:
    return company(POWER)


def found() -> list[tuple[str, str, date]]:
    return [tuple(row) for row in rows("SELECT kind, state, business_day FROM discrepancy ORDER BY kind, id")]


def match_gateway(day: date) -> MatchRun:
    with transaction() as session:
        return operations.match_gateway(session, day, day)


def test_a_charge_that_our_books_learn_of_after_days_is_matched_once_and_for_all(power) -> None:
    provider, customer = power
    paid = [Paid("B-1", 500_000, NOON + timedelta(days=12)), Paid("B-2", 70_000, NOON + timedelta(days=6))]
    write(provider, customer, paid)
    with transaction() as session:
        session.execute(text("UPDATE balance_transaction SET made_at = :at WHERE amount_vnd = 500000"), {"at": NOON})
        session.execute(text("DELETE FROM balance_transaction WHERE amount_vnd = 70000"))

    runs = [match_gateway(day) for day in (DAY, DAY + timedelta(days=6), LATER, LATER, LATER)]

    # The other difference that stays open does not stand between the two.
    assert found() == [
        ("MISSING_AT_GATEWAY", "open", DAY + timedelta(days=6)),
        ("MISSING_IN_LEDGER", "auto_closed", DAY),
    ]
    assert [(run.opened, run.closed) for run in runs] == [(1, 0), (1, 0), (0, 1), (0, 0), (0, 0)]


@pytest.mark.parametrize("order", [(DAY, LATER), (LATER, DAY)], ids=["in their order", "the later day first"])
def test_a_bill_told_far_from_its_day_is_one_line_on_the_wrong_day_whichever_day_is_told_again(power, order) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    lines = {DAY: [], LATER: [Row(2, "B-1", 500_000)]}

    def tell(day: date) -> MatchRun:
        with transaction() as session:
            operations.take_in_rows(session, provider.id, Way.PROVIDER, day, ToldRows("csv", "", lines[day], []))
            return settlement.match_posted(session, provider.id, day, day)

    for day in order:
        tell(day)
    at_first = [row for row in found() if row[1] == "open"]
    again = [tell(day) for day in (LATER, DAY, LATER)]
    for each in rows("SELECT id FROM discrepancy WHERE state = 'open'"):
        with transaction() as session:
            operations.propose(session, each.id, new_id(), account=None, explanation="Ghi sai ngày")
            operations.approve(session, each.id, new_id())
    again += [tell(day) for day in (LATER, DAY)]

    assert at_first == [("WRONG_DAY", "open", LATER)]
    assert [(run.opened, run.closed) for run in again] == [(0, 0)] * 5
    assert {(kind, state) for kind, state, _day in found()} <= {
        ("WRONG_DAY", "resolved"), ("MISSING_AT_PROVIDER", "auto_closed"), ("UNKNOWN_AT_PROVIDER", "auto_closed"),
    }  # fmt: skip


@pytest.fixture
def remitted(power) -> Callable[[], list[MatchRun]]:
    """A remittance that became final on DAY; `remitted()` reads its provider's advices of some days, one after one."""
    provider, _customer = power
    with transaction() as session:
        session.add(
            Remittance(
                id=new_id(), created_at=NOON, payee_id=provider.id, business_day=DAY - timedelta(days=1), revision=1,
                number=1, reference="RM261105R1X00000000", state=RemittanceState.FINAL, opens_at=NOON,
                closes_at=NOON + timedelta(days=1), lines=1, posted_vnd=500_000, payable_vnd=500_000,
                published_at=NOON, final_at=NOON,
            )
        )  # fmt: skip

    def advise(*days: tuple[date, list[tuple[str, int]]]) -> list[MatchRun]:
        runs = []
        for day, told in days:
            lines = [Row(number, reference, vnd) for number, (reference, vnd) in enumerate(told, 2)]
            with transaction() as session:
                told_id = operations.take_in_rows(session, provider.id, Way.ADVICE, day, ToldRows("csv", "", lines, []))
                statement = operations.get_statement(session, told_id, provider.id)
                runs.append(settlement.compare_statement(session, statement))
        return runs

    return advise


ADVICE = ("RM261105R1X00000000", 500_000)


def test_an_advice_after_a_long_holiday_is_the_remittances_own(remitted) -> None:
    expected = DAY + timedelta(days=2)

    runs = remitted((expected, []), (LATER, [ADVICE]), (LATER, [ADVICE]), (expected, []))

    assert found() == [("REMITTANCE_NOT_ADVISED", "auto_closed", expected)]
    assert [(run.opened, run.closed, run.matched) for run in runs] == [(1, 0, 0), (0, 1, 1), (0, 0, 1), (0, 0, 1)]
    assert rows("SELECT confirmed_on FROM remittance") == [(LATER,)]


def test_an_advice_of_an_earlier_day_closes_what_a_later_day_has_missed(remitted) -> None:
    expected = DAY + timedelta(days=2)

    remitted((expected, []), (DAY - timedelta(days=1), [ADVICE]))

    assert found() == [("REMITTANCE_NOT_ADVISED", "auto_closed", expected)]


def test_a_remittance_that_is_advised_twice_within_weeks_is_advised_twice(remitted) -> None:
    remitted((DAY, [ADVICE]), (LATER, [ADVICE]))

    assert found() == [("DUPLICATE_ADVICE", "open", LATER)]


def test_two_comparisons_of_one_side_are_one_after_the_other(power) -> None:
    def compare_meanwhile() -> None:
        with transaction() as second:
            second.execute(text("SET LOCAL lock_timeout = '20ms'"))
            operations.match_gateway(second, DAY, DAY)

    with transaction() as first:
        operations.match_gateway(first, DAY, DAY)
        with pytest.raises(DBAPIError, match="lock timeout"):
            compare_meanwhile()
        with transaction() as other:
            settlement.match_posted(other, power[0].id, DAY, DAY)

    assert sorted(row.way for row in rows("SELECT way FROM match_run")) == ["gateway", "provider"]


@pytest.fixture
def published(power) -> Iterator[Callable[[datetime], None]]:
    """A remittance that is published; `published(when)` closes the books at another time."""
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    with transaction() as session:
        session.execute(text("UPDATE payment SET settlement = 'bank_matched'"))

    def close(when: datetime) -> None:
        clock.move(timedelta())
        clock.move(when - clock.now())
        services.utilities.flows.close_books()

    close(NOON + timedelta(hours=6))
    yield close
    clock.move(timedelta())


def pay(on: date) -> None:
    """The bank's statement tells of the transfer of the only remittance."""
    (due,) = rows("SELECT reference, payable_vnd FROM remittance")
    head = f"opening_vnd;{due.payable_vnd}\nclosing_vnd;0\nreference;booked_on;amount_vnd;purpose\n"
    raw = f"{head}FT1;{on};{-due.payable_vnd};chuyen tien {due.reference}"
    with transaction() as session:
        operations.take_in_statement(session, read_statement(raw.encode()))


def test_a_transfer_before_its_remittance_is_final_pays_it_once_it_is(published) -> None:
    pay(DAY)
    before = found()

    published(NOON + timedelta(days=2))
    for _time in range(2):
        with transaction() as session:
            operations.match_late(session)

    assert (before, found()) == ([("BANK_UNIDENTIFIED", "open", DAY)], [("BANK_UNIDENTIFIED", "auto_closed", DAY)])
    assert rows("SELECT settlement FROM payment") == [("remitted",)]
    with transaction() as session:
        accounts = (ledger.PROVIDER_PAYABLE, ledger.UNIDENTIFIED, ledger.BANK)
        assert [ledger.balance(session, account) for account in accounts] == [0, 0, -500_000]


def test_an_advice_before_our_own_banks_statement_confirms_the_payment_once_that_has_come(published) -> None:
    published(NOON + timedelta(days=2))
    (due,) = rows("SELECT payee_id, reference, payable_vnd FROM remittance")
    told = ToldRows("csv", "", [Row(2, due.reference, due.payable_vnd)], [])
    with transaction() as session:
        told_id = operations.take_in_rows(session, due.payee_id, Way.ADVICE, DAY, told)
        settlement.compare_statement(session, operations.get_statement(session, told_id, due.payee_id))

    pay(DAY + timedelta(days=2))

    assert rows("SELECT settlement FROM payment") == [("confirmed",)]
    assert found() == []
