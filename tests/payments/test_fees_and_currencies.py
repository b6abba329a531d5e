"""What the gateway says of fees and currencies: a difference where it is not what was booked, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit import clock
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.gateway import Movement
from payments.models import MatchRun
from tests.factories import POWER
from tests.payments.stories import rows
from tests.utilities.bulk import FEE_VND, Paid, company, write

NOON = datetime(2026, 11, 18, 12, tzinfo=clock.ZONE)


@pytest.fixture
def books(clean: None) -> None:
    """A payment whose charge the gateway has told of, with its fee; nobody has sealed it."""
    provider, customer = company(POWER)
    write(provider, customer, [Paid("B-1", 500_000, NOON)])


def charge(books: None) -> Movement:
    (row,) = rows("SELECT * FROM balance_transaction")
    sums = {"amount_vnd": row.amount_vnd, "fee_vnd": row.fee_vnd, "net_vnd": row.net_vnd}
    return Movement(
        row.id, row.type, row.category, row.source, **sums, currency="vnd", made_at=row.made_at, available_at=NOON
    )


def match() -> MatchRun:
    day = NOON.astimezone(UTC).date()
    with transaction() as session:
        return operations.match_gateway(session, day, day)


def tell(*movements: Movement) -> int:
    with transaction() as session:
        return operations.take_in(session, movements)


def differences() -> list[tuple[object, ...]]:
    return [tuple(row) for row in rows("SELECT kind, amount_vnd, state FROM discrepancy ORDER BY kind, id")]


def test_a_fee_that_is_told_anew_is_a_difference_until_it_is_what_was_booked(books: None) -> None:
    told = charge(books)
    assert (tell(told), match().matched, differences()) == (0, 1, [])

    for more in (100, 250):
        dearer = replace(told, fee_vnd=FEE_VND + more, net_vnd=told.amount_vnd - FEE_VND - more)
        assert tell(dearer) == 0
        match()
        assert differences() == [("FEE_MISMATCH", -more, "open")]
    tell(told)

    assert (match().closed, differences()) == (1, [("FEE_MISMATCH", -250, "auto_closed")])


def test_two_people_book_a_fee_that_was_told_anew_once(books: None) -> None:
    told = charge(books)
    tell(replace(told, fee_vnd=FEE_VND + 100, net_vnd=told.net_vnd - 100))
    match()
    (found,) = rows("SELECT id FROM discrepancy")

    with transaction() as session:
        operations.propose(session, found.id, new_id(), account=ledger.GATEWAY_FEE, explanation="Phí đã tăng")
        operations.approve(session, found.id, new_id())
    match()

    assert differences() == [("FEE_MISMATCH", -100, "resolved")]
    with transaction() as session:
        assert ledger.balance(session, ledger.GATEWAY_FEE) == FEE_VND + 100
        assert operations.balance_at_gateway(session) == told.net_vnd - 100


def test_a_movement_whose_fee_and_net_do_not_add_up_is_kept_by_its_net(books: None) -> None:
    told = charge(books)

    tell(replace(told, fee_vnd=1))
    match()

    assert differences() == [("FEE_MISMATCH", 0, "open")]
    assert rows("SELECT fee_vnd, net_vnd FROM balance_transaction") == [(FEE_VND, told.net_vnd)]


def test_what_is_not_in_dong_is_a_difference_of_its_own_and_no_sum(books: None) -> None:
    later = NOON + timedelta(hours=1)
    foreign = Movement("txn_usd", "charge", "charge", "ch_usd", 1_250, 50, 1_200, "usd", later, later)
    before = rows("SELECT sum(net_vnd) FROM balance_transaction")

    assert [tell(foreign), tell(foreign)] == [1, 0]
    match()
    with transaction() as session:
        operations.ripen(session)

    assert differences() == [("CURRENCY", 0, "open")]
    assert rows("SELECT details ->> 'currency' FROM discrepancy") == [("usd",)]
    assert rows("SELECT sum(net_vnd) FROM balance_transaction") == before
    (found,) = rows("SELECT id FROM discrepancy")
    with transaction() as session:
        operations.propose(session, found.id, new_id(), account=None, explanation="Khách trả bằng đô la, đã trả lại")
        operations.approve(session, found.id, new_id())
    match()
    assert differences() == [("CURRENCY", 0, "resolved")]


def test_more_unexplained_movements_than_one_batch_do_not_hide_the_next(books: None, monkeypatch) -> None:
    monkeypatch.setattr("payments.operations.settling._BATCH", 3)
    strange = [
        Movement(f"txn_{n}", "climate_order_purchase", "other", None, -5, 0, -5, "vnd", NOON, NOON) for n in range(8)
    ]

    tell(*strange)
    with transaction() as session:
        left = operations.explain(session)

    assert (left, {row[0] for row in differences()}, len(differences())) == (8, {"UNKNOWN_TYPE"}, 8)
