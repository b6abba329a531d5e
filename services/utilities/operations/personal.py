"""What bills hold about a citizen: the customer codes they linked and looked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from kit import clock, export
from services.utilities.models import Account, AutomaticPayment, Bill, Customer, Lookup, PlannedPayment, Provider
from services.utilities.onboarding_models import ChangeState, ProviderChange
from services.utilities.operations.endings import end_automatic

TABLES = frozenset({"account", "lookup", "automatic_payment"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Linked accounts, with the code the citizen typed in, when bills were looked up, and what pays itself."""
    accounts = (
        select(
            Account.id,
            Account.created_at,
            Account.unlinked_at,
            Provider.slug.label("provider"),
            Customer.code.label("customer_code"),
        )
        .join(Customer, Customer.id == Account.customer_id)
        .join(Provider, Provider.id == Customer.provider_id)
        .where(Account.citizen_id == citizen_id)
        .order_by(Account.id)
    )
    lookups = (
        select(Lookup.created_at, Lookup.customer_id.is_not(None).label("found"))
        .where(Lookup.citizen_id == citizen_id)
        .order_by(Lookup.id)
    )
    wishes = (
        select(
            AutomaticPayment.id,
            AutomaticPayment.created_at,
            AutomaticPayment.ended_at,
            AutomaticPayment.account_id,
            AutomaticPayment.ceiling_vnd,
            AutomaticPayment.days_before,
        )
        .where(AutomaticPayment.citizen_id == citizen_id)
        .order_by(AutomaticPayment.id)
    )
    planned = (
        select(
            PlannedPayment.id,
            PlannedPayment.automatic_id,
            Bill.bill_no,
            PlannedPayment.amount_vnd,
            PlannedPayment.pay_at,
            PlannedPayment.state,
            PlannedPayment.reason,
            PlannedPayment.payment_id,
        )
        .join(AutomaticPayment, AutomaticPayment.id == PlannedPayment.automatic_id)
        .join(Bill, Bill.id == PlannedPayment.bill_id)
        .where(AutomaticPayment.citizen_id == citizen_id)
        .order_by(PlannedPayment.id)
    )
    applied = (
        select(Provider.id, Provider.created_at, Provider.slug, Provider.name_vi, Provider.stage)
        .where(Provider.applied_by == citizen_id)
        .order_by(Provider.id)
    )
    told = {"accounts": accounts, "lookups": lookups, "automatic_payments": wishes, "planned_payments": planned}
    told["provider_applications"] = applied
    return {name: export.rows(session, query) for name, query in told.items()}


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Cut every link between the citizen and a household's code; the provider's own records stay the provider's."""
    session.execute(delete(AutomaticPayment).where(AutomaticPayment.citizen_id == citizen_id))
    session.execute(delete(Account).where(Account.citizen_id == citizen_id))
    session.execute(delete(Lookup).where(Lookup.citizen_id == citizen_id))
    session.execute(update(Provider).where(Provider.applied_by == citizen_id).values(applied_by=None))


def join_citizens(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen's links and look-ups go on as another's; an account that both have linked is linked once.

    Again changes nothing. Should the other link the same account at this very moment, the database refuses this one,
    and the second try finds it linked.
    """
    linked = select(Account.customer_id).where(Account.citizen_id == kept_id, Account.unlinked_at.is_(None))
    theirs = Account.citizen_id == joined_id
    # Of an account that both have, the kept one's own wish goes on, and no other.
    twice = select(Account.id).where(theirs, Account.unlinked_at.is_(None), Account.customer_id.in_(linked))
    end_automatic(session, AutomaticPayment.account_id.in_(twice))
    session.execute(update(AutomaticPayment).where(AutomaticPayment.citizen_id == joined_id).values(citizen_id=kept_id))
    session.execute(
        update(Account)
        .where(theirs, Account.unlinked_at.is_(None), Account.customer_id.in_(linked))
        .values(unlinked_at=clock.now(), version=Account.version + 1)
    )
    session.execute(update(Account).where(theirs).values(citizen_id=kept_id))
    session.execute(update(Lookup).where(Lookup.citizen_id == joined_id).values(citizen_id=kept_id))
    # Who applied or proposed stays one person, who may not agree to it under another id.
    session.execute(update(Provider).where(Provider.applied_by == joined_id).values(applied_by=kept_id))
    mine = (ProviderChange.proposed_by == joined_id, ProviderChange.state == ChangeState.PROPOSED)
    session.execute(update(ProviderChange).where(*mine).values(proposed_by=kept_id))
