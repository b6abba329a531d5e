"""What is done for every provider is done for all others when it fails for one, and the failure is told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import NoResultFound

import payments.operations
import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.models import JournalKind
from services.utilities.errors import LayoutUnusable
from tests.factories import POWER, WATER, make_provider
from tests.payments.stories import rows
from tests.utilities.bulk import Paid, company, write

APPROVED = """
INSERT INTO provider_change
  (id, created_at, provider_id, wanted, valid_from, state, proposed_by, decided_by, decided_at)
VALUES (:id, now(), :of, CAST(:wanted AS jsonb), :since, 'approved', :id, :of, now()) RETURNING id
"""
CUT_OFF = datetime(2026, 11, 18, 17, tzinfo=clock.ZONE)


def test_books_that_cannot_be_closed_keep_no_other_books_open(clean: None) -> None:
    first_of_all = UUID(int=1)  # a payee that nobody knows
    provider, customer = company(POWER)
    clock.move(CUT_OFF - timedelta(hours=1) - clock.now())
    write(provider, customer, [Paid("B-1", 1_000, clock.now())])
    with transaction() as session:
        payments.operations.set_terms(session, first_of_all, date(2026, 1, 1), cut_off="17:00", source="test")
        legs = [
            ledger.Leg(ledger.PROVIDER_PAYABLE, 5, payee_id=first_of_all),
            ledger.Leg(ledger.DISPUTED, -5),
        ]
        ledger.book(session, JournalKind.DISPUTE_LOST, new_id(), legs)
    clock.move(timedelta())
    clock.move(CUT_OFF + timedelta(minutes=3) - clock.now())

    with pytest.raises(NoResultFound):
        services.utilities.flows.close_books()

    states = {row.payee_id: row.state for row in rows("SELECT payee_id, state FROM remittance")}
    assert states == {first_of_all: "draft", provider.id: "published"}


def test_a_change_that_cannot_hold_keeps_no_other_change_waiting(clean: None) -> None:
    wanted = {
        make_provider(POWER).id: '{"statement_layout": {"key": "a"}}',
        make_provider(WATER).id: '{"hotline": "1"}',
    }
    for days_ago, (provider_id, change) in zip((2, 1), wanted.items(), strict=True):
        since = clock.today() - timedelta(days=days_ago)
        rows(APPROVED, id=new_id(), of=provider_id, wanted=change, since=since)

    with pytest.raises(LayoutUnusable):
        services.utilities.flows.apply_changes()

    assert rows("SELECT hotline FROM provider WHERE slug = :slug", slug=WATER) == [("1",)]
    assert sorted(row.state for row in rows("SELECT state FROM provider_change")) == ["applied", "approved"]
