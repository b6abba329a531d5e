"""Where sealed personal values are kept: a wrapped key per person, a sealed value per person and field."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    TypeDecorator,
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from kit import clock, vault
from kit.database import Base
from kit.vault import DataKey, Unreadable, WrappedKey

NO_ROW = UUID(int=0)  # in whose place the values of a SealedText are sealed


class SealedText(TypeDecorator[str]):
    """A column of text that stands sealed in the table: for secrets of no person, such as those of the gateway.

    Sealed by the master key for one `purpose`, so a value of one kind opens in no column of another. `kit.renewal`
    finds it by this type, and seals it anew for another master key.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - SQLAlchemy's
        """The text as it is stored."""
        return None if value is None else vault.seal_briefly(self.purpose, NO_ROW, value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """The text again."""
        return None if value is None else vault.unseal_briefly(self.purpose, NO_ROW, value)


class SealedForRow(TypeDecorator[bytes]):
    """A column of what `seal_in` has sealed by the master key, each value for its own row: it opens in no other.

    `kit.renewal` finds it by this type, and seals it anew for another master key.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose


def seal_in(column: InstrumentedAttribute[Any], row_id: UUID, value: str) -> bytes:
    """A value as it may stand in a column of type SealedForRow, in the row of that id and no other."""
    return vault.seal_briefly(column.type.purpose, row_id, value)


def unseal_in(column: InstrumentedAttribute[Any], row_id: UUID, sealed: bytes) -> str:
    """What `seal_in` sealed for the same column and row. Raises Unreadable for anything else."""
    return vault.unseal_briefly(column.type.purpose, row_id, sealed)


class VaultKey(Base):
    """A person's key, wrapped by a master key. When this row goes, all that was sealed with it is noise."""

    __tablename__ = "vault_key"

    # No foreign key: persons belong to the rooms above.
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    master_id: Mapped[str] = mapped_column(index=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class VaultEntry(Base):
    """One sealed value, and how it was proved to be its owner's; `lookup` is its blind index, for one who is its only.

    What was only typed in has neither: it proves nothing, and finds nobody.
    """

    __tablename__ = "vault_entry"
    __table_args__ = (
        # A proved number has one owner, whatever races.
        Index("uq_vault_entry_lookup", "field", "lookup", unique=True, postgresql_where=text("lookup IS NOT NULL")),
        CheckConstraint("lookup IS NULL OR proved_by IS NOT NULL", name="lookup_is_proved"),
    )

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("vault_key.owner_id", ondelete="CASCADE"), primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    proved_by: Mapped[str | None]
    lookup: Mapped[bytes | None] = mapped_column(LargeBinary)
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)


def make_key(session: Session, owner_id: UUID) -> DataKey:
    """The key of a person, made when there is none yet; two callers at once get the same."""
    key = find_key(session, owner_id)
    if key is not None:
        return key
    fresh, wrapped = vault.new_key(owner_id)
    made = session.execute(
        insert(VaultKey)
        .values(owner_id=owner_id, master_id=wrapped.master_id, wrapped=wrapped.wrapped)
        .on_conflict_do_nothing()
        .returning(VaultKey.owner_id)
    ).one_or_none()
    return fresh if made else get_key(session, owner_id)


def find_key(session: Session, owner_id: UUID) -> DataKey | None:
    """The key of a person; None when there is none, or when it was destroyed."""
    row = session.execute(
        select(VaultKey.master_id, VaultKey.wrapped).where(VaultKey.owner_id == owner_id)
    ).one_or_none()
    return None if row is None else vault.unwrap(owner_id, WrappedKey(row.master_id, row.wrapped))


def find_keys(session: Session, owner_ids: Iterable[UUID]) -> dict[UUID, DataKey]:
    """The keys of several persons in one query; those who have none are left out."""
    rows = session.execute(
        select(VaultKey.owner_id, VaultKey.master_id, VaultKey.wrapped).where(VaultKey.owner_id.in_(list(owner_ids)))
    )
    return {row.owner_id: vault.unwrap(row.owner_id, WrappedKey(row.master_id, row.wrapped)) for row in rows}


def get_key(session: Session, owner_id: UUID) -> DataKey:
    """The key of a person. Raises Unreadable when there is none."""
    key = find_key(session, owner_id)
    if key is None:
        raise Unreadable("the key was destroyed, or never made")
    return key


def put(
    session: Session, owner_id: UUID, field: str, value: str, *, proved_by: str | None = None, alone: bool = False
) -> bool:
    """Keep a value of a person in place of the one before; `proved_by` says how we know that it is theirs.

    A value proved to be `alone` theirs (a phone number, a CCCD) is found by `find_owner` afterwards. False, and nothing
    is kept, when it is another person's already: of two callers at once one wins.
    """
    if alone and find_owner(session, field, value) not in {None, owner_id}:
        return False
    fresh = insert(VaultEntry).values(
        owner_id=owner_id,
        field=field,
        sealed=make_key(session, owner_id).seal(field, value),
        proved_by=proved_by,
        lookup=vault.blind_index(field, value) if alone else None,
        changed_at=clock.now(),
    )
    kept = {name: getattr(fresh.excluded, name) for name in ("sealed", "proved_by", "lookup", "changed_at")}
    try:
        with session.begin_nested():
            session.execute(
                fresh.on_conflict_do_update(index_elements=[VaultEntry.owner_id, VaultEntry.field], set_=kept)
            )
    except IntegrityError:
        if not alone:
            raise
        return False  # another owner proved the same value since we looked
    return True


def read(session: Session, owner_id: UUID, fields: Iterable[str] | None = None) -> dict[str, str]:
    """The values of a person by field, of all fields or those asked for; nothing once the key is destroyed.

    Raises Unreadable for a value that was altered or moved.
    """
    wanted = select(VaultEntry.field, VaultEntry.sealed).where(VaultEntry.owner_id == owner_id)
    if fields is not None:
        wanted = wanted.where(VaultEntry.field.in_(list(fields)))
    rows = session.execute(wanted).all()
    if not rows:
        return {}
    key = get_key(session, owner_id)
    return {row.field: key.unseal(row.field, row.sealed) for row in rows}


def read_each(session: Session, owner_ids: Collection[UUID], fields: Iterable[str]) -> dict[UUID, dict[str, str]]:
    """Some values of several persons, by person and field, in two statements; a person without any has none."""
    told: dict[UUID, dict[str, str]] = {owner_id: {} for owner_id in owner_ids}
    if not told:
        return told
    wrapped = session.execute(
        select(VaultKey.owner_id, VaultKey.master_id, VaultKey.wrapped).where(VaultKey.owner_id.in_(told))
    )
    keys = {row.owner_id: vault.unwrap(row.owner_id, WrappedKey(row.master_id, row.wrapped)) for row in wrapped}
    rows = session.execute(
        select(VaultEntry.owner_id, VaultEntry.field, VaultEntry.sealed).where(
            VaultEntry.owner_id.in_(told), VaultEntry.field.in_(list(fields))
        )
    )
    for row in rows:
        if row.owner_id in keys:  # a person may have come between the two statements
            told[row.owner_id][row.field] = keys[row.owner_id].unseal(row.field, row.sealed)
    return told


def list_proofs(session: Session, owner_id: UUID) -> dict[str, str | None]:
    """How each value of a person was proved, by field; None for one that was only typed in."""
    rows = session.execute(select(VaultEntry.field, VaultEntry.proved_by).where(VaultEntry.owner_id == owner_id))
    return {row.field: row.proved_by for row in rows}


def find_owner(session: Session, field: str, value: str) -> UUID | None:
    """Who has proved that this value is theirs alone."""
    return session.scalar(
        select(VaultEntry.owner_id).where(
            VaultEntry.field == field, VaultEntry.lookup == vault.blind_index(field, value)
        )
    )


def hand_over(session: Session, from_id: UUID, to_id: UUID) -> None:
    """Give the values of one person to another, as whom they go on; doing it again changes nothing.

    Where both have one, the proved one stays, and of two proved ones the receiver's. The giver's key stays: rooms may
    have sealed rows of their own with it.
    """
    given = session.execute(
        select(VaultEntry.field, VaultEntry.sealed, VaultEntry.proved_by, VaultEntry.lookup)
        .where(VaultEntry.owner_id == from_id)
        .with_for_update()
    ).all()
    if not given:
        return
    key = get_key(session, from_id)
    own = list_proofs(session, to_id)
    session.execute(delete(VaultEntry).where(VaultEntry.owner_id == from_id))
    for row in given:
        if row.field in own and (own[row.field] is not None or row.proved_by is None):
            continue
        value = key.unseal(row.field, row.sealed)
        put(session, to_id, row.field, value, proved_by=row.proved_by, alone=row.lookup is not None)


def remove(session: Session, owner_id: UUID, fields: Iterable[str]) -> None:
    """Forget some values of a person."""
    session.execute(delete(VaultEntry).where(VaultEntry.owner_id == owner_id, VaultEntry.field.in_(list(fields))))


def destroy(session: Session, owner_id: UUID) -> None:
    """Destroy a person's key, and with it whatever was sealed by it, here and in any table."""
    session.execute(delete(VaultKey).where(VaultKey.owner_id == owner_id))
