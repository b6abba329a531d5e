"""Holding places: the choice of one, of any, of several for a family; more time; the yes; the no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from kit import clock, idempotency, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.events import emit
from kit.idempotency import Outcome, RequestKey
from services.health.errors import (
    AlreadyExtended,
    BookingInOtherState,
    DepositNeeded,
    HoldExpired,
    NotYetReleased,
    PlacesDrawn,
    PlaceTaken,
    ServiceClosed,
    TooManyBookings,
)
from services.health.events import BookingConfirmed
from services.health.models import LIVE, Booking, BookingState, Offer, Slot, SlotState
from services.health.operations import rush
from services.health.operations.deposits import list_owed
from services.health.operations.directory import bookable_now, get_service
from services.health.operations.drawn_days import find_pending
from services.health.operations.leaving import end_bookings, lapse
from services.health.operations.moves import close_task_of
from services.health.operations.patients import check_age, lock_patients, resolve_patients
from services.health.operations.reconfirming import reconfirm_by
from services.health.operations.reminders import plan_reminders
from services.health.operations.seats import (
    Columns,
    Window,
    claim_any,
    claim_block,
    claim_several,
    lock_slots,
    write_claim,
)
from services.health.operations.timeline import change_state
from services.health.operations.waitlist import count_waiting, record_placed, turn_of

HOLD = timedelta(minutes=5)
EXTENSION = timedelta(minutes=5)
MOST_FAMILY = 7  # the citizen and six people of the household
MOST_PER_ACCOUNT = 12
MOST_PER_PATIENT = 4
_ALTERNATIVES = 3
_ALTERNATIVE_DAYS = timedelta(days=14)
_WINDOW = ("opens_at", "closes_at")


@dataclass(frozen=True)
class Asked:
    """Places for these people (None is the citizen): in a slot of their choice, or anywhere in a window."""

    members: Sequence[UUID | None]
    slot_id: UUID | None = None
    window: Window | None = None


def hold_places(session: Session, request: RequestKey, citizen_id: UUID, asked: Asked) -> Outcome:
    """Hold a place for each of the people for five minutes, all or none, once per Idempotency-Key.

    Of any number of callers at once each place goes to one. Raises NotFound, PlaceTaken with the nearest free places,
    NotYetReleased, PlacesDrawn, HoldLimit, TooManyBookings, AlreadyBooked, PatientBusy, PractitionerBusy, NotEligible,
    BirthDateMissing, ServiceClosed. The outcome's id is the hold's.
    """
    return idempotency.once(session, request, lambda: _hold(session, citizen_id, asked))


def list_held(session: Session, citizen_id: UUID, hold_id: UUID) -> Sequence[Booking]:
    """The bookings of a hold in their order, whatever has become of them. Raises NotFound."""
    found = session.scalars(
        select(Booking)
        .where(Booking.hold_id == hold_id, Booking.citizen_id == citizen_id)
        .order_by(Booking.place)
        .execution_options(populate_existing=True)
    ).all()
    if not found:
        raise NotFound
    return found


def extend_hold(session: Session, citizen_id: UUID, hold_id: UUID) -> None:
    """Five minutes more, once. Raises NotFound, AlreadyExtended, HoldExpired, BookingInOtherState."""
    now = clock.now()
    extended = session.scalars(
        update(Booking)
        .where(*_mine(citizen_id, hold_id, now), Booking.offer.is_(None), Booking.is_extended.is_(False))
        .values(hold_expires_at=Booking.hold_expires_at + EXTENSION, is_extended=True, version=Booking.version + 1)
        .returning(Booking.id)
    ).all()
    if extended:
        return
    held = list_held(session, citizen_id, hold_id)
    check_still_held(session, held)
    raise AlreadyExtended


def confirm_hold(session: Session, request: RequestKey, citizen_id: UUID, hold_id: UUID) -> Outcome:
    """Make bookings of a hold, all of them, once per Idempotency-Key.

    Raises NotFound, HoldExpired with the nearest free places, BookingInOtherState, DepositNeeded.
    """

    def confirm() -> UUID:
        now = clock.now()
        held = list_held(session, citizen_id, hold_id)
        check_still_held(session, held)
        if owed := list_owed(session, [one.id for one in held]):
            raise DepositNeeded(amount_vnd=sum(owed.values()))
        if not book_held(session, *_mine(citizen_id, hold_id, now)):
            check_still_held(session, list_held(session, citizen_id, hold_id))
        return hold_id

    return idempotency.once(session, request, confirm)


def book_held(session: Session, *where: ColumnElement[bool]) -> list[Columns]:
    """Make bookings of these holds of one citizen, and of what is said and waited for along with them."""
    citizen_id = session.scalar(select(Booking.citizen_id).where(*where).limit(1))
    if citizen_id is None:
        return []
    booked = change_state(
        session,
        BookingState.BOOKED,
        *where,
        actor=citizen_id,
        sequence=Booking.sequence + 1,
        reconfirm_by=reconfirm_by(session, citizen_id, Booking.starts_at),
    )
    for row in booked:
        if row.offer is Offer.WAITLIST and row.waitlist_entry_id is not None:
            record_placed(session, row.waitlist_entry_id)
        if row.offer is Offer.MOVE:
            close_task_of(session, row.id, taken=True)
        plan_reminders(session, row.id, row.starts_at)
        emit(session, BookingConfirmed(row.id, citizen_id))
    return booked


def release_hold(session: Session, citizen_id: UUID, hold_id: UUID) -> None:
    """Let go of held places; harmless when they are gone already. Raises NotFound, BookingInOtherState when booked."""
    held = list_held(session, citizen_id, hold_id)
    lock_patients(session, {one.patient_id for one in held})
    lock_slots(session, {one.slot_id for one in held})
    end_bookings(
        session,
        BookingState.CANCELLED_BY_CITIZEN,
        Booking.hold_id == hold_id,
        Booking.citizen_id == citizen_id,
        Booking.state == BookingState.HELD,
        actor=citizen_id,
    )
    left = [one for one in list_held(session, citizen_id, hold_id) if one.state in LIVE]
    if left:
        raise BookingInOtherState(state=left[0].state)


def list_nearest(
    session: Session, service_id: UUID, near: datetime, *, but: UUID | None = None
) -> list[dict[str, Any]]:
    """The three free places of a service nearest to an instant, as members of a refusal."""
    now = clock.now()
    rows = session.execute(
        select(Slot.id, Slot.starts_at, Slot.ends_at)
        .where(
            Slot.service_id == service_id,
            Slot.day.between((near - _ALTERNATIVE_DAYS).date(), (near + _ALTERNATIVE_DAYS).date()),
            bookable_now(now),
            Slot.id.is_distinct_from(but),
        )
        .order_by(func.abs(func.extract("epoch", Slot.starts_at - near)), Slot.starts_at)
        .limit(_ALTERNATIVES)
    ).all()
    return [
        {
            "slot_id": str(row.id),
            "starts_at": clock.local(row.starts_at).isoformat(timespec="milliseconds"),
            "ends_at": clock.local(row.ends_at).isoformat(timespec="milliseconds"),
        }
        for row in rows
    ]


def _hold(session: Session, citizen_id: UUID, asked: Asked) -> UUID:
    service_id, day, near = _where(session, asked)
    if asked.window is not None and asked.window.is_whole_day and (told := rush.find_full(service_id, day)):
        raise _taken(citizen_id, service_id, day, told)
    service = get_service(session, service_id)
    if not service.is_open:
        raise ServiceClosed
    # Most who come when nothing is left are told so by one look, before anything is locked or written.
    if asked.window is not None and not _may_hold(session, asked.window):
        raise _nothing_left(session, citizen_id, asked, (service_id, day, near))
    # One hold of an account at a time; then its patients, then the slots: everybody locks in this order.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hold:{citizen_id}", 0))))
    people = resolve_patients(session, citizen_id, asked.members)
    for who in people:
        check_age(service, who, day)
    patients = [who.patient_id for who in people]
    whose = or_(Booking.citizen_id == citizen_id, Booking.patient_id.in_(patients))
    live = _list_live(session, whose)
    is_first = not _lapse_own(session, live, whose, asked)
    _check_caps(live if is_first else _list_live(session, whose), citizen_id, patients, len(people))
    places = _claim(session, asked, len(people), wait=is_first)
    if places is None:
        meant = (
            (Booking.service_id == service_id, Booking.day == day)
            if asked.window is not None
            else (Booking.slot_id == asked.slot_id,)
        )
        # Whoever asks for one slot has locked no other, and may wait for it.
        if lapse(session, *meant, wait=is_first and asked.window is None):
            places = _claim(session, asked, len(people), wait=False)
    if places is None:
        raise _nothing_left(session, citizen_id, asked, (service_id, day, near))
    rush.found(service_id, day)
    hold_id = new_id()
    expires_at = clock.now() + HOLD
    for number, (place, who) in enumerate(zip(places, people, strict=True)):
        write_claim(session, place, who, citizen_id=citizen_id, hold_id=hold_id, number=number, expires_at=expires_at)
    return hold_id


def _list_live(session: Session, whose: ColumnElement[bool]) -> Sequence[Columns]:
    """The live bookings of an account and of patients: a few dozen at most."""
    wanted = (Booking.citizen_id, Booking.patient_id, Booking.slot_id, Booking.state, Booking.hold_expires_at)
    return session.execute(select(*wanted, Booking.offer).where(whose, Booking.state.in_(LIVE))).all()


def _lapse_own(session: Session, live: Sequence[Columns], whose: ColumnElement[bool], asked: Asked) -> bool:
    """Give back what these people held for too long; True when that has locked slots, the one asked for among them."""
    now = clock.now()
    slots = {one.slot_id for one in live if one.state is BookingState.HELD and one.hold_expires_at <= now}
    if not slots:
        return False
    # All that will be needed in one order, so that two who do this never wait for each other.
    lock_slots(session, {*slots, *([asked.slot_id] if asked.slot_id else [])})
    lapse(session, whose, Booking.slot_id.in_(slots), wait=False)
    return True


def _may_hold(session: Session, window: Window) -> bool:
    """Whether a place of the window is free, or held by somebody whose time is over."""
    now = clock.now()
    free = select(Slot.id).where(*window.holds(), bookable_now(now)).exists()
    lapsed = (
        select(Booking.id)
        .where(
            Booking.service_id == window.service_id,
            Booking.day == window.day,
            Booking.state == BookingState.HELD,
            Booking.hold_expires_at <= now,
        )
        .exists()
    )
    return bool(session.scalar(select(or_(free, lapsed))))


def _where(session: Session, asked: Asked) -> tuple[UUID, date, datetime]:
    """Service, day and the instant that alternatives should be near to."""
    if asked.window is not None:
        noon = datetime.combine(asked.window.day, asked.window.not_before or datetime.min.time(), clock.ZONE)
        return asked.window.service_id, asked.window.day, noon
    slot = session.execute(
        select(Slot.service_id, Slot.day, Slot.starts_at).where(Slot.id == asked.slot_id)
    ).one_or_none()
    if slot is None:
        raise NotFound
    return slot.service_id, slot.day, slot.starts_at


def _claim(session: Session, asked: Asked, count: int, *, wait: bool) -> list[Columns] | None:
    if asked.window is None:
        if asked.slot_id is None:
            raise ValueError("neither a slot nor a window was asked for")
        return claim_several(session, asked.slot_id, count)
    if count == 1:
        row = claim_any(session, asked.window, wait=wait)
        return None if row is None else [row]
    return claim_block(session, asked.window, count)


def _nothing_left(
    session: Session, citizen_id: UUID, asked: Asked, meant_at: tuple[UUID, date, datetime]
) -> PlaceTaken | NotYetReleased | PlacesDrawn:
    service_id, day, near = meant_at
    now = clock.now()
    meant = [Slot.id == asked.slot_id] if asked.window is None else asked.window.holds()
    release_at = session.scalar(
        select(func.min(Slot.release_at)).where(*meant, Slot.state == SlotState.OPEN, Slot.release_at > now)
    )
    drawn = find_pending(session, service_id, day) if release_at is not None else None
    if drawn is not None:
        times: dict[str, Any] = {
            name: clock.local(getattr(drawn, name)).isoformat(timespec="seconds") for name in _WINDOW
        }
        return PlacesDrawn(draw_id=str(drawn.id), **times)
    if release_at is not None:
        return NotYetReleased(release_at=clock.local(release_at).isoformat(timespec="milliseconds"))
    told = {
        "alternatives": list_nearest(session, service_id, near, but=asked.slot_id),
        "position": count_waiting(session, service_id) + 1,
    }
    if asked.window is not None and asked.window.is_whole_day and len(asked.members) == 1:
        rush.remember_full(service_id, day, told)
    return _taken(citizen_id, service_id, day, told)


def _taken(citizen_id: UUID, service_id: UUID, day: date, told: Mapping[str, Any]) -> PlaceTaken:
    waitlist = {
        "service_id": str(service_id),
        "from_on": day.isoformat(),
        "to_on": day.isoformat(),
        "position": told["position"],
        "token": turn_of(citizen_id, service_id, clock.now()),
    }
    return PlaceTaken(alternatives=told["alternatives"], waitlist=waitlist)


def _check_caps(live: Sequence[Columns], citizen_id: UUID, patients: Sequence[UUID], count: int) -> None:
    """Raises TooManyBookings; the account and the patients are locked, so nobody counts at the same time."""
    chosen = [one for one in live if one.offer is None]
    mine = sum(one.citizen_id == citizen_id for one in chosen)
    if mine + count > MOST_PER_ACCOUNT:
        logs.logger.warning("booking_cap_account", count=mine)
        raise TooManyBookings(most=MOST_PER_ACCOUNT)
    theirs = Counter(one.patient_id for one in chosen)
    if any(theirs[patient] >= MOST_PER_PATIENT for patient in patients):
        logs.logger.warning("booking_cap_patient", count=MOST_PER_PATIENT)
        raise TooManyBookings(most=MOST_PER_PATIENT)


def _mine(citizen_id: UUID, hold_id: UUID, now: datetime) -> tuple[Any, ...]:
    return (
        Booking.hold_id == hold_id,
        Booking.citizen_id == citizen_id,
        Booking.state == BookingState.HELD,
        Booking.hold_expires_at > now,
    )


def check_still_held(session: Session, held: Sequence[Booking]) -> None:
    """Raises HoldExpired with the nearest free places, or BookingInOtherState, when the hold is none any more."""
    first = held[0]
    has_lapsed = first.state is BookingState.HELD and first.hold_expires_at <= clock.now()  # type: ignore[operator]
    if has_lapsed or first.state is BookingState.EXPIRED:
        raise HoldExpired(alternatives=list_nearest(session, first.service_id, first.starts_at))
    if first.state is not BookingState.HELD:
        raise BookingInOtherState(state=first.state)
