"""Balances that nobody compares: the gateway's with ours while payments go on, and the bank's from file to file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import payments.flows
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.models import JournalKind
from tests.factories import owe
from tests.payments.fifty.test_faults_of_payouts import statement, take_in
from tests.payments.stories import pay, rows, sweep
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]
AT_GATEWAY = "what the gateway has of ours is what our books say"
AT_BANK = "what is at the bank is what its last statement says"
NO_GAP = "a statement of the bank opens where another has closed"


def _broken() -> set[str]:
    with transaction() as session:
        return {breach.promise for breach in operations.find_breaches(session)}


def _explain_all(account: str) -> None:
    """Two people of the province book every difference away."""
    for found in rows("SELECT id FROM discrepancy WHERE state = 'open'"):
        with transaction() as session:
            operations.propose(session, found.id, new_id(), account=account, explanation="Seen")
            operations.approve(session, found.id, new_id())


def test_a_balance_that_stays_different_for_a_quarter_of_an_hour_raises_an_alarm(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, owe(an, outside))
    work()
    payments.flows.seal_journal()
    outside.at_gateway("balance-transactions", amount=-5_000, type="climate_order_purchase")

    assert payments.flows.compare_with_gateway() == -5_000
    payments.flows.check_books()
    assert rows("SELECT promises FROM books_alarm WHERE open") == []
    later(timedelta(minutes=16))
    assert AT_GATEWAY not in _broken()
    for _time in range(2):
        payments.flows.compare_with_gateway()
        payments.flows.check_books()

    ((promises,),) = rows("SELECT promises FROM books_alarm WHERE open")
    assert AT_GATEWAY in promises
    _explain_all(ledger.LOSS)
    assert payments.flows.compare_with_gateway() == 0
    payments.flows.seal_journal()
    payments.flows.check_books()
    assert rows("SELECT promises FROM books_alarm WHERE open OR cleared_at IS NULL") == []


def test_another_difference_each_time_is_none_that_stays(outside: Outside, later: Later) -> None:
    for difference in (5_000, 6_000, 5_000, 0):
        with transaction() as session:
            operations.remember_difference(session, difference)
        assert AT_GATEWAY not in _broken()
        later(timedelta(minutes=16))

    assert rows("SELECT promises FROM books_alarm WHERE cleared_at IS NULL") == []


def test_money_whose_answer_was_lost_is_no_difference_yet(
    an: Person, outside: Outside, work: Work, later: Later, hasty: None
) -> None:
    outside.spoil("gateway", "timeout_after", match={"path": "/capture"}, count=3, seconds=1)
    outside.spoil("gateway", "timeout_before", match={"method": "GET", "path": "/payment_intents"}, count=99, seconds=1)
    pay(an, owe(an, outside))
    work()
    outside.mend()

    difference = payments.flows.compare_with_gateway()

    assert (difference or 0) > 0
    assert rows("SELECT promises FROM books_alarm") == []
    later(timedelta(minutes=2))
    sweep(work)


def test_nothing_is_concluded_while_the_books_move_and_the_gateway_is_asked_a_few_times_only(
    an: Person, outside: Outside, work: Work
) -> None:
    pay(an, owe(an, outside))
    work()
    payments.flows.read_movements()
    outside.spoil("gateway", "delay", match={"path": "/balance"}, count=100, seconds=0.2)
    is_over = Event()
    booked: list[int] = []

    def go_on() -> None:
        while not is_over.is_set() and len(booked) < 10_000:
            _move_at_gateway(1)
            booked.append(1)

    traffic = Thread(target=go_on)
    traffic.start()
    try:
        difference = payments.flows.compare_with_gateway()
    finally:
        is_over.set()
        traffic.join(30)
        _move_at_gateway(-len(booked))

    assert difference is None
    assert rows("SELECT promises FROM books_alarm") == []


def _move_at_gateway(amount_vnd: int) -> None:
    with transaction() as session:
        legs = ledger.move(ledger.GATEWAY_AVAILABLE, ledger.GATEWAY_FEE, amount_vnd)
        ledger.book(session, JournalKind.FEE, str(new_id()), legs)


def test_a_file_of_the_bank_that_never_came_is_missed_until_it_comes(outside: Outside) -> None:
    monday, tuesday, wednesday = (
        statement(("FT1", 1_000, "x"), opening=500).replace(b"2026-11-25", b"2026-11-23"),
        statement(("FT2", 2_000, "x"), opening=1_500).replace(b"2026-11-25", b"2026-11-24"),
        statement(("FT3", 3_000, "x"), opening=3_500),
    )
    take_in(monday)
    assert {AT_BANK, NO_GAP}.isdisjoint(_broken())

    take_in(wednesday)

    assert {AT_BANK, NO_GAP} <= _broken()
    take_in(tuesday)
    assert {AT_BANK, NO_GAP}.isdisjoint(_broken())
    _explain_all(ledger.FEE_INCOME)


def test_a_file_that_is_missed_is_missed_also_where_the_account_was_emptied_meanwhile(outside: Outside) -> None:
    take_in(statement(("FT1", 1_000, "x")).replace(b"2026-11-25", b"2026-11-23"))

    take_in(statement(("FT3", 3_000, "x")))

    assert AT_BANK in _broken()
    take_in(statement(("FT2", -1_000, "x"), opening=1_000).replace(b"2026-11-25", b"2026-11-24"))
    assert {AT_BANK, NO_GAP}.isdisjoint(_broken())
    _explain_all(ledger.FEE_INCOME)


def test_a_statement_that_tells_known_lines_again_is_no_gap(outside: Outside) -> None:
    def told(*lines: tuple[str, int, str]) -> None:
        take_in(statement(*lines, opening=500).replace(b"2026-11-25", b"2026-11-24", 1))

    told(("FT1", 1_000, "x"))

    for _time in range(2):
        told(("FT1", 1_000, "x"), ("FT2", 2_000, "x"))

    assert {AT_BANK, NO_GAP}.isdisjoint(_broken())
    _explain_all(ledger.FEE_INCOME)
