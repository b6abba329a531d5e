"""The journal: balanced at every commit, never changed, whoever writes."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.models import Journal, JournalEntry, JournalKind
from payments.operations import personal
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import journals, pay, rows
from tests.people import Outside, Person, Work


@pytest.fixture
def captured(an: Person, outside: Outside, work: Work) -> UUID:
    payment_id = pay(an, owe(an, outside)).json["id"]
    work()
    return UUID(payment_id)


def _book(payment_id: UUID, *amounts: int) -> None:
    journal_id = new_id()
    with transaction() as session:
        session.execute(
            insert(Journal).values(
                id=journal_id,
                created_at=clock.now(),
                payment_id=payment_id,
                kind=JournalKind.POSTED,
                subject=str(journal_id),
            )
        )
        for amount in amounts:
            session.execute(
                insert(JournalEntry).values(
                    id=new_id(), created_at=clock.now(), journal_id=journal_id, account="1110", amount_vnd=amount
                )
            )


@pytest.mark.parametrize("amounts", [(), (1,), (1, -2), (5, -4), (1, 1, -3), (99_999_999_999, -99_999_999_998)])
def test_a_journal_that_does_not_balance_is_refused_at_commit(captured: UUID, amounts: tuple[int, ...]) -> None:
    before = rows("SELECT count(*) FROM journal_entry")

    with pytest.raises(IntegrityError, match="two entries or more that sum to zero"):
        _book(captured, *amounts)

    assert rows("SELECT count(*) FROM journal_entry") == before


def test_an_entry_of_nothing_is_refused(captured: UUID) -> None:
    with pytest.raises(IntegrityError, match="ck_journal_entry_amount"):
        _book(captured, 1, -1, 0)

    assert len(journals(captured)) == 2


def test_a_leg_that_is_added_to_an_old_journal_is_refused(captured: UUID) -> None:
    (journal,) = rows("SELECT id FROM journal WHERE kind = 'captured'")

    with pytest.raises(IntegrityError, match="sum to zero"), transaction() as session:
        session.execute(
            insert(JournalEntry).values(
                id=new_id(), created_at=clock.now(), journal_id=journal.id, account="2120", amount_vnd=-1
            )
        )

    assert journals(captured)[0][1] == {"1110": AMOUNT_VND, "2120": -AMOUNT_VND}


@pytest.mark.parametrize("table", ["journal", "journal_entry"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET id = id WHERE false"],
)
def test_the_journal_is_never_changed(captured: UUID, table: str, statement: str) -> None:
    before = rows("SELECT * FROM journal_entry ORDER BY id")

    with pytest.raises(DatabaseError, match="permission denied"), transaction() as session:
        session.execute(text(statement.format(table)))
    # Who gives himself the right is stopped by the trigger.
    grant = "GRANT UPDATE, DELETE, TRUNCATE ON journal, journal_entry TO CURRENT_USER; "
    with pytest.raises(DatabaseError, match="journals are never changed"), transaction() as session:
        session.execute(text(grant + statement.format(table)))

    assert rows("SELECT * FROM journal_entry ORDER BY id") == before


def test_an_entry_that_is_booked_twice_stands_there_once(an: Person, captured: UUID) -> None:
    legs = ledger.move(ledger.GATEWAY_PENDING, ledger.CITIZEN_UNAPPLIED, AMOUNT_VND, citizen_id=an.id)

    with transaction() as session:
        booked = ledger.book(session, JournalKind.CAPTURED, captured, legs, payment_id=captured)

    assert not booked
    assert [kind for kind, _legs in journals(captured)] == ["captured", "posted"]


def test_balances_tell_whose_money_it_is(an: Person, captured: UUID) -> None:
    (payee,) = rows("SELECT payee_id FROM payment_item")

    with transaction() as session:
        balances = {
            "pending": ledger.balance(session, ledger.GATEWAY_PENDING),
            "an": ledger.balance(session, ledger.CITIZEN_UNAPPLIED, citizen_id=an.id),
            "payee": ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=payee.payee_id),
            "nobody": ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=captured),
        }
        total = ledger.sum_of_all(session)

    assert balances == {"pending": AMOUNT_VND, "an": 0, "payee": -AMOUNT_VND, "nobody": 0}
    assert total == 0


def test_two_captured_journals_of_one_payment_cannot_exist(captured: UUID) -> None:
    with pytest.raises(IntegrityError, match="uq_journal_once"), transaction() as session:
        session.execute(
            insert(Journal).values(
                id=new_id(),
                created_at=clock.now(),
                payment_id=captured,
                kind=JournalKind.CAPTURED,
                subject=str(captured),
            )
        )

    assert rows("SELECT count(*) FROM journal WHERE kind = 'captured'") == [(1,)]


def test_an_entry_that_the_chart_does_not_draw_is_refused() -> None:
    legs = ledger.move(ledger.BANK, ledger.CITIZEN_UNAPPLIED, 1)

    with pytest.raises(ValueError, match="captured does not move money from"), transaction() as session:
        ledger.book(session, JournalKind.CAPTURED, "nothing", legs)


def test_money_on_its_way_when_two_citizens_turn_out_to_be_one_is_booked_under_whom_it_began(
    an: Person, binh: Person, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"}, count=10)
    pay(an, owe(an, outside))
    work()
    with transaction() as session:
        personal.join_citizens(session, kept_id=binh.id, joined_id=an.id)
    outside.mend()

    work()

    assert rows("SELECT citizen_id FROM payment") == [(binh.id,)]
    with transaction() as session:
        assert [ledger.balance(session, "2120", citizen_id=whose.id) for whose in (an, binh)] == [0, 0]
