"""What bills hold about a citizen: the customer codes they linked and looked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from kit import export
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
