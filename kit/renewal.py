"""Another master key: everything that an older one seals is sealed anew, table by table and batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, LargeBinary, func, select, type_coerce, update
from sqlalchemy.orm import Session

from kit import vault
from kit.database import Base
from kit.sealed import NO_ROW, SealedForRow, SealedText, VaultKey
from kit.vault import Unreadable, WrappedKey

BATCH = 500


@dataclass(frozen=True)
class Renewed:
    """What one batch came to: how many were sealed anew, and the rows that none of the master keys opens.

    The next batch begins behind `after`; None when there is none.
    """

    count: int
    lost: Sequence[UUID]
    after: UUID | None


@dataclass(frozen=True)
class Renewal:
    """One column that a master key seals, as `table.column`, and how a batch of it is sealed anew."""

    name: str
    renew: Callable[[Session, UUID | None], Renewed]


def list_renewals() -> list[Renewal]:
    """Everything that has to be renewed before an older master key may go: the keys of persons, and sealed columns.

    Of all tables whose models have been imported. Beginning again goes on where it ended, or was interrupted: what is
    sealed by the present key is passed over.
    """
    columns = [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, SealedText | SealedForRow)
    ]
    return [Renewal("vault_key.wrapped", _wrap), *(_renewal_of(column) for column in columns)]


def _wrap(session: Session, after: UUID | None) -> Renewed:
    query = select(VaultKey.owner_id, VaultKey.master_id, VaultKey.wrapped).where(
        VaultKey.master_id != vault.current_master_id()
    )
    if after is not None:
        query = query.where(VaultKey.owner_id > after)
    rows = session.execute(query.order_by(VaultKey.owner_id).limit(BATCH).with_for_update()).all()
    lost = []
    for row in rows:
        try:
            fresh = vault.wrap(vault.unwrap(row.owner_id, WrappedKey(row.master_id, row.wrapped)))
        except Unreadable:
            lost.append(row.owner_id)
            continue
        session.execute(
            update(VaultKey)
            .where(VaultKey.owner_id == row.owner_id)
            .values(master_id=fresh.master_id, wrapped=fresh.wrapped)
        )
    return _told([row.owner_id for row in rows], lost)


def _renewal_of(column: Column[Any]) -> Renewal:
    def renew(session: Session, after: UUID | None) -> Renewed:
        return _seal_anew(session, column, after)

    return Renewal(f"{column.table.name}.{column.name}", renew)


def _seal_anew(session: Session, column: Column[Any], after: UUID | None) -> Renewed:
    (key,) = column.table.primary_key
    kind = column.type
    if not isinstance(kind, SealedText | SealedForRow):
        raise TypeError(f"{column} is not sealed")
    mark = vault.current_mark()
    stored = type_coerce(column, LargeBinary)
    query = select(key, stored).where(column.is_not(None), func.substring(stored, 1, len(mark)) != mark)
    if after is not None:
        query = query.where(key > after)
    rows = session.execute(query.order_by(key).limit(BATCH)).all()
    lost = []
    for row_id, before in rows:
        is_for_row = isinstance(kind, SealedForRow)
        try:
            value = vault.unseal_briefly(kind.purpose, row_id if is_for_row else NO_ROW, before)
        except Unreadable:
            lost.append(row_id)
            continue
        fresh = vault.seal_briefly(kind.purpose, row_id, value) if is_for_row else value
        # Who has written another value meanwhile has sealed it by the present key.
        session.execute(update(column.table).where(key == row_id, stored == before).values({column: fresh}))
    return _told([row[0] for row in rows], lost)


def _told(looked_at: Sequence[UUID], lost: Sequence[UUID]) -> Renewed:
    return Renewed(len(looked_at) - len(lost), lost, looked_at[-1] if len(looked_at) == BATCH else None)
