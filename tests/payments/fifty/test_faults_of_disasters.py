"""Fault 48: the books of yesterday come back from a backup, and the gateway's and providers' truth makes them whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

import payments.flows
import services.utilities.flows
from kit import database
from kit.database import transaction
from payments import ledger, operations
from tests.conftest import _GUARDED
from tests.factories import AMOUNT_VND, POWER, owe
from tests.payments.stories import at_gateway, business_day_now, check_both_sides, pay, rows, sweep
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]
_QUEUE = ("procrastinate_events", "procrastinate_periodic_defers", "procrastinate_jobs")
# What was booked about what, to whom, and where every payment and bill stands: no id that a second try makes anew.
_TRUTH = (
    """SELECT j.kind, j.subject, e.account, e.payee_id, e.citizen_id, e.amount_vnd
       FROM journal j JOIN journal_entry e ON e.journal_id = j.id ORDER BY 1, 2, 3, 6""",
    "SELECT id, state, captured_vnd, charge_id FROM payment ORDER BY id",
    "SELECT id, posting, receipt_no, posted_at FROM payment_item ORDER BY id",
    "SELECT id, state, payment_id FROM bill ORDER BY id",
)


def _tables() -> list[str]:
    return [table.name for table in database.Base.metadata.sorted_tables]


@pytest.fixture
def backup(an: Person) -> Iterator[Callable[[], Callable[[], None]]]:
    """`restore = backup()` keeps every row of every table; `restore()` puts them back in place of what is there."""

    def keep() -> Callable[[], None]:
        with transaction() as session:
            session.execute(text("CREATE SCHEMA kept"))
            for table in (*_tables(), *_QUEUE):
                session.execute(text(f'CREATE TABLE kept."{table}" AS TABLE public."{table}"'))
        return _restore

    yield keep
    with transaction() as session:
        session.execute(text("DROP SCHEMA IF EXISTS kept CASCADE"))


def _restore() -> None:
    with transaction() as session:
        for table in _GUARDED:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            session.execute(text(f"GRANT UPDATE, DELETE ON {table} TO CURRENT_USER"))
        for table in (*_QUEUE, *reversed(_tables())):
            session.execute(text(f'DELETE FROM public."{table}"'))
        for table in (*_tables(), *reversed(_QUEUE)):
            session.execute(text(f'INSERT INTO public."{table}" OVERRIDING SYSTEM VALUE SELECT * FROM kept."{table}"'))
        for table in _GUARDED:
            session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
            session.execute(text(f"REVOKE UPDATE, DELETE ON {table} FROM CURRENT_USER"))
        session.execute(text("GRANT UPDATE (number) ON journal TO CURRENT_USER"))


def _hash() -> str:
    found = [[[str(cell) for cell in row] for row in rows(query)] for query in _TRUTH]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def test_48_after_yesterdays_backup_the_gateway_and_the_provider_rebuild_the_same_books(
    an: Person, outside: Outside, work: Work, later: Later, backup: Callable[[], Callable[[], None]]
) -> None:
    done = owe(an, outside)
    pay(an, done)
    work()
    held = [owe(an, outside) for _bill in range(3)]
    for bill in held:
        assert pay(an, bill).status_code == 201
    restore = backup()
    # The day after: everything held is taken and posted, and its fees are read.
    work()
    later(timedelta(minutes=20))
    check_both_sides()
    day_after = _hash()

    restore()
    assert _hash() != day_after
    for _round in range(2):
        later(timedelta(minutes=20))
        sweep(work)
        services.utilities.flows.sweep_postings()
        work()
    payments.flows.read_movements()

    assert _hash() == day_after
    assert len(at_gateway(outside, "charges")["data"]) == len(outside.postings(POWER)) == 4


def test_48_what_was_paid_after_the_backup_is_not_forgotten_either(
    an: Person, outside: Outside, work: Work, later: Later, backup: Callable[[], Callable[[], None]]
) -> None:
    bill = owe(an, outside)
    restore = backup()
    pay(an, bill)
    work()

    restore()
    later(timedelta(minutes=20))
    payments.flows.read_movements()

    # Nobody here knows of it any more; the gateway's balance does, and two people have to say what it is.
    (found,) = rows("SELECT id, kind, amount_vnd FROM discrepancy")
    assert (found.kind, found.amount_vnd) == ("MISSING_IN_LEDGER", AMOUNT_VND - (AMOUNT_VND * 29 + 500) // 1000)
    services.utilities.flows.compare_with_providers(business_day_now())
    work()
    assert {row.kind for row in rows("SELECT kind FROM discrepancy")} == {"MISSING_IN_LEDGER", "UNKNOWN_AT_PROVIDER"}
    for difference in rows("SELECT id FROM discrepancy"):
        with transaction() as session:
            operations.propose(
                session, difference.id, an.id, account=ledger.UNIDENTIFIED, explanation="Trả sau bản sao lưu"
            )
            operations.approve(session, difference.id, difference.id)
