"""Books for reports: two providers with every kind of entry, at the edges of days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import payments.operations
from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.ledger import Leg
from payments.models import JournalKind, Way
from services.utilities.models import Provider
from tests.factories import POWER, WATER
from tests.payments.stories import rows
from tests.utilities.bulk import Paid, company, payment_id, write

FIRST, LAST = date(2026, 10, 30), date(2026, 11, 20)
NOBODYS = """
WITH made AS (
  INSERT INTO journal (id, created_at, kind, subject, discrepancy_id)
  VALUES (:id, :at, 'adjustment', CAST(:id AS text), :discrepancy) RETURNING id)
INSERT INTO journal_entry (id, created_at, journal_id, account, amount_vnd)
SELECT gen_random_uuid(), :at, made.id, account, vnd
FROM made, (VALUES ('2110', -900), ('1910', 900)) AS leg (account, vnd)
RETURNING id
"""


def local(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=clock.ZONE)


INSTANTS = (
    local(30, 9, month=10),
    local(31, 16, 59, month=10) + timedelta(seconds=59, milliseconds=999),
    local(31, 17, month=10),
    local(31, 23, 59, month=10) + timedelta(seconds=59, milliseconds=999),
    local(1, 0),
    local(1, 7),  # midnight in UTC
    local(10, 7) - timedelta(milliseconds=1),
    local(10, 16, 59),
    local(10, 17),
    local(10, 20),
    local(12, 18, 30),  # after the old cut-off, before the new one
    local(20, 12),
)


def book(kind: JournalKind, legs: list[Leg], at: datetime, **more: object) -> None:
    """Something that moves a provider's account, at a time."""
    clock.move(timedelta())
    clock.move(at - clock.now())
    with transaction() as session:
        ledger.book(session, kind, new_id(), legs, **more)
    clock.move(timedelta())


def make_books() -> list[Provider]:
    """Two providers with other cut-offs; refunds, a lost dispute, an adjustment, remittances with commission."""
    made = [company(POWER), company(WATER)]
    with transaction() as session:
        # From a day on the first one closes later.
        payments.operations.set_terms(session, made[0][0].id, date(2026, 11, 11), cut_off="19:00", source="contract")
    for place, (provider, customer) in enumerate(made):
        paid = [Paid(f"B-{place}-{n}", 100_000 + 1_000 * n + place, at) for n, at in enumerate(INSTANTS)]
        write(provider, customer, paid)
        of, payee = payment_id(provider, f"B-{place}-0"), provider.id
        citizen = rows("SELECT citizen_id FROM payment WHERE id = :id", id=of)[0].citizen_id

        def debit(vnd: int, payee=payee) -> Leg:
            return Leg(ledger.PROVIDER_PAYABLE, vnd, payee_id=payee)

        back = [debit(30_000), Leg(ledger.CITIZEN_UNAPPLIED, -30_000, citizen_id=citizen)]
        book(JournalKind.REVERSED, back, local(1, 6, 59), payment_id=of)
        book(JournalKind.DISPUTE_LOST, [debit(20_000), Leg(ledger.DISPUTED, -20_000)], local(10, 17), payment_id=of)
        paid_out = [debit(150_000), Leg(ledger.BANK, -149_000), Leg(ledger.FEE_INCOME, -1_000)]
        book(JournalKind.REMITTED, paid_out, local(11, 9))
        book(JournalKind.REMITTED, [debit(700), Leg(ledger.FEE_INCOME, -700)], local(12, 9))
        with transaction() as session:
            found = payments.operations.open_discrepancy(
                session, "AMOUNT_UNDER", -1_500, subject=f"{payee} B", way=Way.PROVIDER, payee_id=payee, day=FIRST
            )
        adjusted = [debit(1_500), Leg(ledger.UNIDENTIFIED, -1_500)]
        book(JournalKind.ADJUSTMENT, adjusted, local(12, 0), discrepancy_id=found)
    # An adjustment of the account without a provider, as one could be booked before: it must not be lost.
    rows(NOBODYS, id=new_id(), at=local(12, 1), discrepancy=found)
    return [provider for provider, _customer in made]
