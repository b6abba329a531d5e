"""What bills hold about a citizen: the customer codes they linked and looked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from kit import clock, export
from services.utilities.models import Account, Customer, Lookup, Provider

TABLES = frozenset({"account", "lookup"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Linked accounts, with the code the citizen typed in, and when bills were looked up."""
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
    return {"accounts": export.rows(session, accounts), "lookups": export.rows(session, lookups)}


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Cut every link between the citizen and a household's code; the provider's own records stay the provider's."""
    session.execute(delete(Account).where(Account.citizen_id == citizen_id))
    session.execute(delete(Lookup).where(Lookup.citizen_id == citizen_id))


def join_citizens(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen's links and look-ups go on as another's; an account that both have linked is linked once.

    Again changes nothing. Should the other link the same account at this very moment, the database refuses this one,
    and the second try finds it linked.
    """
    linked = select(Account.customer_id).where(Account.citizen_id == kept_id, Account.unlinked_at.is_(None))
    theirs = Account.citizen_id == joined_id
    session.execute(
        update(Account)
        .where(theirs, Account.unlinked_at.is_(None), Account.customer_id.in_(linked))
        .values(unlinked_at=clock.now(), version=Account.version + 1)
    )
    session.execute(update(Account).where(theirs).values(citizen_id=kept_id))
    session.execute(update(Lookup).where(Lookup.citizen_id == joined_id).values(citizen_id=kept_id))
