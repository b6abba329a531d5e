"""The identity vault of a citizen: what they are called and numbered by, sealed, shown masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit import sealed
from persons.errors import ValueProved
from persons.models import IdentityField

_NATIONAL_IDENTITY = "national_identity"


@dataclass(frozen=True)
class Identity:
    """A citizen's own values by field, how each was proved, and a version that changes with any of them."""

    citizen_id: UUID
    values: Mapping[str, str]
    proofs: Mapping[str, str | None]
    version: tuple[object, ...]


def get_identity(session: Session, citizen_id: UUID) -> Identity:
    """What the vault keeps of a citizen, in clear: show it masked to anybody, its owner too."""
    changed = session.execute(
        select(func.count(), func.max(sealed.VaultEntry.changed_at)).where(sealed.VaultEntry.owner_id == citizen_id)
    ).one()
    return Identity(
        citizen_id=citizen_id,
        values=sealed.read(session, citizen_id, list(IdentityField)),
        proofs=sealed.list_proofs(session, citizen_id),
        version=(citizen_id, *changed),
    )


def change_identity(session: Session, identity: Identity, values: Mapping[str, str | None]) -> Identity:
    """Type in values, or take them out with None. They prove nothing and find nobody.

    Raises ValueProved for a field that national identity has proved: a typed-in value never takes its place.
    """
    for field in values:
        if identity.proofs.get(field) == _NATIONAL_IDENTITY and values[field] != identity.values.get(field):
            raise ValueProved(field=field)
    for field, value in values.items():
        if identity.values.get(field) == value:
            continue
        if value is None:
            sealed.remove(session, identity.citizen_id, [field])
        else:
            sealed.put(session, identity.citizen_id, field, value)
    return get_identity(session, identity.citizen_id)


def find_citizen(session: Session, field: IdentityField, value: str) -> UUID | None:
    """The citizen who has proved that this number is theirs; a typed-in one finds nobody."""
    return sealed.find_owner(session, field, value)
