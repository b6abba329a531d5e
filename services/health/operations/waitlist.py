"""The waiting list: a place that becomes free is held for one person at a time, in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from kit import clock, idempotency, sealed, vault
from kit.database import new_id
from kit.errors import NotFound
from kit.events import emit
from kit.idempotency import Outcome, RequestKey
from services.health.errors import (
    AlreadyBooked,
    AlreadyWaiting,
    BirthDateMissing,
    HoldLimit,
    NotEligible,
    PatientBusy,
    WaitOver,
)
from services.health.events import PlaceOffered
from services.health.models import DayPart, Offer, Slot, SlotState, WaitlistEntry, WaitState
from services.health.models.waiting import MOST_OFFERS
from services.health.operations.directory import get_service
from services.health.operations.patients import (
    check_age,
    lock_patient,
    resolve_patients,
    seal,
    seal_told,
    unseal,
)
from services.health.operations.seats import write_claim

OFFER = timedelta(minutes=15)
LATE_OFFER = timedelta(minutes=2)
_LATE = timedelta(hours=3)
_TURN_KEPT = timedelta(minutes=10)
_DRAWN_TURN_KEPT = timedelta(hours=24)
_MOST_ASKED = 10
_LONGEST_WAIT = timedelta(days=60)
NOON = 12
_LIVE = (WaitState.WAITING, WaitState.OFFERED)


def turn_of(citizen_id: UUID, service_id: UUID, at: datetime) -> str:
    """A token that keeps for ten minutes the turn somebody had when they found no place."""
    stamp = str(int(at.timestamp() * 1_000_000))
    return f"{stamp}.{_mac(citizen_id, service_id, stamp)}"


def turn_after_draw(citizen_id: UUID, service_id: UUID, at: datetime) -> str:
    """The same for somebody who has lost a draw, kept for a day: they need not stand ready to be told."""
    stamp = str(int(at.timestamp() * 1_000_000))
    return f"{stamp}.{_mac(citizen_id, service_id, stamp, 'draw')}"


def join(
    session: Session,
    request: RequestKey,
    citizen_id: UUID,
    *,
    service_id: UUID,
    member_id: UUID | None,
    from_on: date,
    to_on: date,
    part: DayPart,
    token: str | None,
) -> Outcome:
    """Wait for a place of a service on some days, once per Idempotency-Key.

    A token of `turn_of` keeps the turn. Raises NotFound, AlreadyWaiting, and NotEligible or BirthDateMissing for who
    has the age of the service on none of the days.
    """

    def enter() -> UUID:
        service = get_service(session, service_id)
        (who,) = resolve_patients(session, citizen_id, [member_id])
        until = min(to_on, from_on + _LONGEST_WAIT)
        check_age(service, who, from_on, until)
        entry_id = new_id()
        now = clock.now()
        entry = WaitlistEntry(
            id=entry_id,
            created_at=now,
            citizen_id=citizen_id,
            member_id=member_id,
            patient_id=who.patient_id,
            patient_no=who.patient_no,
            patient_sealed=seal(session, citizen_id, entry_id, who),
            service_id=service_id,
            from_on=from_on,
            to_on=until,
            part=part,
            queued_at=_turn(citizen_id, service_id, token, now),
        )
        waits = select(WaitlistEntry.id).where(
            WaitlistEntry.patient_id == who.patient_id,
            WaitlistEntry.service_id == service_id,
            WaitlistEntry.state.in_(_LIVE),
        )
        # The patient is locked, so nobody enters them meanwhile; the unique index would refuse it all the same.
        if session.scalar(waits) is not None:
            raise AlreadyWaiting
        session.add(entry)
        session.flush()
        return entry_id

    return idempotency.once(session, request, enter)


def get_entry(session: Session, citizen_id: UUID, entry_id: UUID) -> WaitlistEntry:
    """A wait of the citizen. Raises NotFound."""
    found = session.scalar(
        select(WaitlistEntry).where(WaitlistEntry.id == entry_id, WaitlistEntry.citizen_id == citizen_id)
    )
    if found is None:
        raise NotFound
    return found


def list_entries(session: Session, citizen_id: UUID) -> Sequence[WaitlistEntry]:
    """The citizen's waits, the newest fifty."""
    return session.scalars(
        select(WaitlistEntry).where(WaitlistEntry.citizen_id == citizen_id).order_by(WaitlistEntry.id.desc()).limit(50)
    ).all()


def position_of(session: Session, entry: WaitlistEntry) -> int | None:
    """How many are asked before this one, counted from 1; None when it does not wait."""
    if entry.state is not WaitState.WAITING:
        return None
    before = session.scalar(
        select(func.count()).where(
            WaitlistEntry.service_id == entry.service_id,
            WaitlistEntry.state == WaitState.WAITING,
            or_(
                WaitlistEntry.queued_at < entry.queued_at,
                (WaitlistEntry.queued_at == entry.queued_at) & (WaitlistEntry.id < entry.id),
            ),
        )
    )
    return (before or 0) + 1


def count_waiting(session: Session, service_id: UUID) -> int:
    """How many wait for a service."""
    waiting = (WaitlistEntry.service_id == service_id, WaitlistEntry.state == WaitState.WAITING)
    return session.scalar(select(func.count()).where(*waiting)) or 0


def withdraw(session: Session, citizen_id: UUID, entry_id: UUID) -> WaitlistEntry:
    """Wait no longer; an offer that is out runs on until it is let go of. Raises NotFound, WaitOver."""
    get_entry(session, citizen_id, entry_id)
    left = session.scalar(
        update(WaitlistEntry)
        .where(WaitlistEntry.id == entry_id, WaitlistEntry.state == WaitState.WAITING)
        .values(state=WaitState.WITHDRAWN, version=WaitlistEntry.version + 1)
        .returning(WaitlistEntry)
        .execution_options(populate_existing=True)
    )
    if left is None:
        raise WaitOver
    return left


def pass_on(session: Session, slot_id: UUID) -> bool:
    """Hold a place that somebody gives back for the first who waits for such a one; False when nobody does.

    The caller holds the slot's lock, and the place stays taken all the while: nobody sees it free in between.
    """
    now = clock.now()
    slot = session.execute(
        select(Slot).where(
            Slot.id == slot_id, Slot.state == SlotState.OPEN, Slot.release_at <= now, Slot.closes_at > now
        )
    ).scalar_one_or_none()
    if slot is None or slot.taken > slot.capacity:
        return False
    morning = clock.local(slot.starts_at).hour < NOON
    suits = [DayPart.ANY, DayPart.MORNING if morning else DayPart.AFTERNOON]
    entries = session.scalars(
        select(WaitlistEntry)
        .where(
            WaitlistEntry.service_id == slot.service_id,
            WaitlistEntry.state == WaitState.WAITING,
            WaitlistEntry.from_on <= slot.day,
            WaitlistEntry.to_on >= slot.day,
            WaitlistEntry.part.in_(suits),
            WaitlistEntry.last_slot_id.is_distinct_from(slot.id),
        )
        .order_by(WaitlistEntry.queued_at, WaitlistEntry.id)
        .limit(_MOST_ASKED)
        .with_for_update(skip_locked=True)
    ).all()
    return any(_offer(session, entry, slot, now) for entry in entries)


def record_miss(session: Session, entry_id: UUID) -> None:
    """An offer was let pass: the next one, or none any more after three."""
    entry = session.execute(
        select(WaitlistEntry).where(WaitlistEntry.id == entry_id).with_for_update()
    ).scalar_one_or_none()
    if entry is None or entry.state is not WaitState.OFFERED:
        return
    entry.missed += 1
    entry.version += 1
    entry.state = WaitState.EXHAUSTED if entry.offers >= MOST_OFFERS else WaitState.WAITING
    session.flush()


def record_placed(session: Session, entry_id: UUID) -> None:
    """An offer was taken: the wait is over."""
    session.execute(
        update(WaitlistEntry)
        .where(WaitlistEntry.id == entry_id)
        .values(state=WaitState.PLACED, version=WaitlistEntry.version + 1)
    )


def expire_waits(session: Session) -> int:
    """End waits whose last day is over; returns how many."""
    ended = session.execute(
        update(WaitlistEntry)
        .where(WaitlistEntry.state == WaitState.WAITING, WaitlistEntry.to_on < clock.today())
        .values(state=WaitState.EXPIRED, version=WaitlistEntry.version + 1)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def _offer(session: Session, entry: WaitlistEntry, slot: Any, now: datetime) -> bool:  # noqa: ANN401 - a Slot
    # Whoever books for this patient right now holds its lock and may want this very slot: never wait for them here.
    if not lock_patient(session, entry.patient_id, wait=False):
        return False
    key = sealed.find_key(session, entry.citizen_id)
    hold_id = new_id()
    told = unseal(key, entry.id, entry.patient_sealed)
    who = told.who(entry)
    try:
        check_age(get_service(session, entry.service_id), who, slot.day)
    except (BirthDateMissing, NotEligible):
        return False  # they have the age on another of the days they wait for
    length = LATE_OFFER if slot.starts_at - now < _LATE else OFFER
    try:
        with session.begin_nested():
            write_claim(
                session,
                slot,
                who,
                citizen_id=entry.citizen_id,
                hold_id=hold_id,
                number=0,
                expires_at=min(now + length, slot.closes_at),
                offer=Offer.WAITLIST,
                waitlist_entry_id=entry.id,
                sealed_as=seal_told(key, hold_id, told) if key is not None and entry.patient_sealed else None,
            )
    except (AlreadyBooked, PatientBusy, HoldLimit):
        return False  # they have another booking at that time: the next one is asked
    entry.state = WaitState.OFFERED
    entry.offers += 1
    entry.last_slot_id = slot.id
    entry.version += 1
    session.flush()
    emit(session, PlaceOffered(hold_id, entry.citizen_id, Offer.WAITLIST))
    return True


def _turn(citizen_id: UUID, service_id: UUID, token: str | None, now: datetime) -> datetime:
    """The instant a token stands for; now for none, an old one, or one that is not ours."""
    stamp, _, mac = (token or "").partition(".")
    if not stamp.isdigit():
        return now
    kept = {
        _mac(citizen_id, service_id, stamp): _TURN_KEPT,
        _mac(citizen_id, service_id, stamp, "draw"): _DRAWN_TURN_KEPT,
    }
    if mac not in kept:
        return now
    at = datetime.fromtimestamp(int(stamp) / 1_000_000, tz=now.tzinfo)
    return at if timedelta() <= now - at <= kept[mac] else now


def _mac(citizen_id: UUID, service_id: UUID, stamp: str, *after: str) -> str:
    return vault.blind_index("waitlist turn", "|".join((str(citizen_id), str(service_id), stamp, *after))).hex()
