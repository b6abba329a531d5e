"""Giving places away: the only statements that count a slot up, and the rows that stand for the claim."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import DomainError
from services.health.errors import AlreadyBooked, HoldLimit, PatientBusy, PractitionerBusy
from services.health.models import Booking, BookingState, Offer, Slot, SlotState
from services.health.operations.directory import bookable_now
from services.health.operations.patients import Who, priority_of, seal
from services.health.operations.timeline import remember
from services.health.timetable import instant

Columns = Row[*tuple[Any, ...]]
_PLACE = (
    Slot.id, Slot.service_id, Slot.facility_id, Slot.practitioner_id, Slot.practitioner_no, Slot.day, Slot.starts_at,
    Slot.ends_at, Slot.closes_at, Slot.capacity, Slot.taken,
)  # fmt: skip
# What the database refuses, and what it means.
_MEANING: dict[str, type[DomainError]] = {
    "uq_booking_live_day": AlreadyBooked,
    "ex_booking_patient_busy": PatientBusy,
    "uq_booking_hold_account": HoldLimit,
    "uq_booking_hold_patient": HoldLimit,
    "ex_slot_practitioner_busy": PractitionerBusy,
}
_MOST_TRIED = 200


@dataclass(frozen=True)
class Window:
    """Any free place of a service on a day, between two Vietnamese clock times where given."""

    service_id: UUID
    day: date
    not_before: time | None = None
    not_after: time | None = None

    @property
    def is_whole_day(self) -> bool:
        """Whether any hour will do."""
        return self.not_before is None and self.not_after is None

    def holds(self) -> list[ColumnElement[bool]]:
        """The slots it means."""
        found = [Slot.service_id == self.service_id, Slot.day == self.day]
        if self.not_before is not None:
            found.append(Slot.starts_at >= instant(self.day, self.not_before))
        if self.not_after is not None:
            found.append(Slot.starts_at <= instant(self.day, self.not_after))
        return found


class _AllTaken(Exception):
    """Nothing is free that nobody is taking from right now."""


@contextmanager
def told_in_words() -> Iterator[None]:
    """Turn what a constraint of the database refuses into the refusal a citizen understands."""
    try:
        yield
    except IntegrityError as exc:
        name = exc.orig.diag.constraint_name if isinstance(exc.orig, psycopg.Error) else None
        if name not in _MEANING:
            raise
        raise _MEANING[name] from exc


def claim_slot(session: Session, slot_id: UUID) -> Columns | None:
    """One place of this slot, or None when none is left or none is given now. Raises PractitionerBusy."""
    row = session.execute(
        select(Slot.id, Slot.practitioner_no).where(Slot.id == slot_id, bookable_now(clock.now()))
    ).one_or_none()
    return None if row is None else _take(session, row, bookable_now(clock.now()))


def claim_several(session: Session, slot_id: UUID, count: int) -> list[Columns] | None:
    """`count` places of this slot, or None, and nothing is counted, when it has fewer. Raises PractitionerBusy."""
    taken = [row for row in (claim_slot(session, slot_id) for _one in range(count)) if row is not None]
    if len(taken) == count:
        return taken
    # Whoever asked may make places free and ask again: what was counted up for too few must not stand then.
    for _one in taken:
        give_back(session, slot_id)
    return None


def claim_any(session: Session, window: Window, *, wait: bool = True) -> Columns | None:
    """The earliest place in a window that nobody is taking right now; None when every place is someone's.

    Without `wait`, for those who have locked slots before, a place that somebody is about to give up is missed.

    Raises PractitionerBusy when only slots of a practitioner who is elsewhere are left.
    """
    wanted = (
        select(Slot.id, Slot.practitioner_no)
        .where(*window.holds(), bookable_now(clock.now()))
        .order_by(Slot.starts_at, Slot.id)
        .limit(1)
    )
    row = None
    # What is locked here, and turns out to be full by then, must not stay locked: who waits below while holding it may
    # wait in a circle.
    with suppress(_AllTaken), session.begin_nested():
        row = session.execute(wanted.with_for_update(skip_locked=True, key_share=True)).one_or_none()
        if row is None:
            raise _AllTaken
    if row is None and wait:
        # Those that were passed over are being taken, or given back, by others: wait for what becomes of them.
        row = session.execute(wanted.with_for_update(key_share=True)).one_or_none()
    return None if row is None else _take(session, row, bookable_now(clock.now()))


def claim_block(session: Session, window: Window, count: int) -> list[Columns] | None:
    """`count` places one after the other, of one practitioner or none: for a family. None when there is no such block.

    Slots that somebody else is taking from right now are passed over, so that two families never wait for each other.
    """
    # One instant for the look and for the claim: what is locked and free is taken, or nothing of a block is.
    free = bookable_now(clock.now())
    rows = session.execute(
        select(*_PLACE)
        .where(*window.holds(), free)
        .order_by(Slot.starts_at, Slot.id)
        .limit(_MOST_TRIED)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    for block in _blocks(rows, count):
        taken = [_take(session, row, free) for row in block]
        if all(taken):
            return [row for row in taken if row is not None]
    return None


def claim_from(session: Session, slot_ids: Sequence[UUID]) -> Columns | None:
    """A place of the first of these slots that has one, also before it is given to the public; for those we move."""
    for slot_id in slot_ids:
        now = clock.now()
        still = (Slot.state == SlotState.OPEN) & (Slot.taken < Slot.capacity) & (Slot.closes_at > now)
        row = session.execute(
            select(Slot.id, Slot.practitioner_no).where(Slot.id == slot_id, still).with_for_update(skip_locked=True)
        ).one_or_none()
        if row is not None and (taken := _take(session, row, still)) is not None:
            return taken
    return None


def lock_slots(session: Session, slot_ids: Collection[UUID], *, wait: bool = True) -> Sequence[UUID]:
    """Let nobody else change these slots until the transaction ends; always in the same order. Those that were locked.

    Who has locked slots before must not wait for others: without `wait` those that are somebody's are left out.
    """
    meant = select(Slot.id).where(Slot.id.in_(slot_ids)).order_by(Slot.id)
    return session.scalars(meant.with_for_update(key_share=True, skip_locked=not wait)).all()


def give_back(session: Session, slot_id: UUID) -> None:
    """Count a place as free again."""
    session.execute(update(Slot).where(Slot.id == slot_id).values(taken=Slot.taken - 1))


def write_claim(
    session: Session,
    place: Columns,
    who: Who,
    *,
    citizen_id: UUID,
    hold_id: UUID,
    number: int,
    expires_at: datetime,
    offer: Offer | None = None,
    waitlist_entry_id: UUID | None = None,
    replaces_id: UUID | None = None,
    sealed_as: bytes | None = None,
) -> UUID:
    """A held booking of a place that was claimed in this transaction; returns its id.

    Raises AlreadyBooked, PatientBusy, HoldLimit: then the transaction, or its savepoint, is to be undone.
    """
    booking_id = hold_id if number == 0 else new_id()
    now = clock.now()
    values = {
        "id": booking_id,
        "created_at": now,
        "hold_id": hold_id,
        "place": number,
        "citizen_id": citizen_id,
        "member_id": who.member_id,
        "patient_id": who.patient_id,
        "patient_no": who.patient_no,
        "patient_sealed": sealed_as if sealed_as is not None else seal(session, citizen_id, booking_id, who),
        "facility_id": place.facility_id,
        "service_id": place.service_id,
        "slot_id": place.id,
        "day": place.day,
        "starts_at": place.starts_at,
        "ends_at": place.ends_at,
        "state": BookingState.HELD,
        "state_since": now,
        "hold_expires_at": expires_at,
        "offer": offer,
        "waitlist_entry_id": waitlist_entry_id,
        "replaces_id": replaces_id,
        "priority_group": priority_of(who.age_on(place.day)),
    }
    with told_in_words():
        session.execute(insert(Booking).values(**values))
    remember(session, booking_id, "offered" if offer else "held", None if offer else citizen_id)
    return booking_id


def _take(session: Session, row: Columns, guard: ColumnElement[bool]) -> Columns | None:
    if row.practitioner_no is not None:
        # Two slots of one practitioner at once would wait for each other inside the constraint: one at a time.
        session.execute(select(func.pg_advisory_xact_lock(row.practitioner_no)))
    with told_in_words():
        return session.execute(
            update(Slot).where(Slot.id == row.id, guard).values(taken=Slot.taken + 1).returning(*_PLACE)
        ).one_or_none()


def _blocks(rows: Sequence[Columns], count: int) -> Iterator[list[Columns]]:
    """Runs of `count` free places in adjoining slots of the same practitioner."""
    by_practitioner: dict[UUID | None, list[Columns]] = {}
    for row in rows:
        by_practitioner.setdefault(row.practitioner_id, []).append(row)
    for own in by_practitioner.values():
        for first in range(len(own)):
            block: list[Columns] = []
            end = own[first].starts_at
            for row in own[first:]:
                if row.starts_at not in {end, own[first].starts_at}:
                    break
                block += [row] * min(row.capacity - row.taken, count - len(block))
                end = row.ends_at
                if len(block) == count:
                    yield block
                    break
