"""Bookings after the hold: reading, moving, cancelling, appeals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from kit import clock, idempotency, sealed
from kit.errors import NotFound
from kit.events import emit
from kit.idempotency import Outcome, RequestKey
from kit.pages import Page, page
from services.health.errors import BookingInOtherState, DepositNeeded, MovesUsedUp, NothingToAppeal, PlaceTaken, TooLate
from services.health.events import BookingCancelledByClinic, BookingConfirmed, PlacesWithdrawn
from services.health.models import (
    BLOCKING,
    LIVE,
    Booking,
    BookingState,
    Deposit,
    Facility,
    MoveCause,
    Offer,
    Practitioner,
    Service,
    Slot,
)
from services.health.operations.deposits import list_owed, list_states
from services.health.operations.directory import bookable_now, get_service, list_phones
from services.health.operations.holds import list_nearest
from services.health.operations.leaving import end_bookings, release
from services.health.operations.moves import close_task_for, close_task_of, displaced, is_displaced, open_tasks
from services.health.operations.patients import Told, check_age, lock_patient, unseal
from services.health.operations.reconfirming import reconfirm_by
from services.health.operations.reminders import plan_reminders
from services.health.operations.seats import Columns, Window, claim_slot, lock_slots, told_in_words
from services.health.operations.timeline import remember
from services.health.operations.waitlist import record_placed

MOST_MOVES = 2
_TRIES = 5
_MOVABLE = (BookingState.HELD, BookingState.BOOKED)


@dataclass(frozen=True)
class BookingTold:
    """A booking with where and what it is for, and whom, as its citizen reads it."""

    booking: Booking
    facility: Facility
    service: Service
    practitioner: Practitioner | None
    patient: Told
    is_displaced: bool
    deposit: Deposit | None
    owed_vnd: int | None


def get_booking(session: Session, citizen_id: UUID, booking_id: UUID) -> Booking:
    """A booking of the citizen as it is now. Raises NotFound."""
    found = session.scalar(
        select(Booking)
        .where(Booking.id == booking_id, Booking.citizen_id == citizen_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found


def list_bookings(session: Session, citizen_id: UUID, *, live: bool | None, limit: int, cursor: str | None) -> Page:
    """A page of the citizen's bookings, the newest first, as `BookingTold`."""
    wanted = select(Booking).where(Booking.citizen_id == citizen_id)
    if live is not None:
        wanted = wanted.where(Booking.state.in_(LIVE) if live else Booking.state.not_in(LIVE))
    found = page(session, wanted, by=[Booking.id], limit=limit, cursor=cursor, question=("bookings", citizen_id, live))
    return Page(tell(session, found.items), found.next)


def tell(session: Session, bookings: Sequence[Booking]) -> list[BookingTold]:
    """Bookings of one citizen with what stands around them, in a few queries however many there are."""
    if not bookings:
        return []
    around = {
        row.Booking.id: row for row in session.execute(_around().where(Booking.id.in_([one.id for one in bookings])))
    }
    is_sealed = any(one.patient_sealed for one in bookings)
    key = sealed.find_key(session, bookings[0].citizen_id) if is_sealed else None
    asking = [one.id for one in bookings if around[one.id].Service.deposit_vnd]
    owed = list_owed(session, asking) if asking else {}
    paid = list_states(session, asking) if asking else {}
    return [
        BookingTold(
            booking=one,
            facility=around[one.id].Facility,
            service=around[one.id].Service,
            practitioner=around[one.id].Practitioner,
            patient=unseal(key, one.id, one.patient_sealed),
            is_displaced=one.state in LIVE and around[one.id].is_displaced,
            deposit=paid.get(one.id),
            owed_vnd=owed.get(one.id),
        )
        for one in bookings
    ]


def get_visit(session: Session, booking_id: UUID) -> Columns:
    """What a message says of a booking: whose, where, when, and until when it is held. Raises NotFound."""
    row = session.execute(
        select(Booking.citizen_id, Facility.name.label("place"), Booking.starts_at, Booking.hold_expires_at)
        .join(Facility, Facility.id == Booking.facility_id)
        .where(Booking.id == booking_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def move_booking(
    session: Session,
    request: RequestKey,
    citizen_id: UUID,
    booking_id: UUID,
    *,
    slot_id: UUID | None,
    window: Window | None,
) -> Outcome:
    """Move a booking to another place of its service; the old one is kept until the new one is won.

    Once per Idempotency-Key, in one transaction; the booking keeps its id. Raises NotFound, PlaceTaken with the nearest
    free places, BookingInOtherState, TooLate, MovesUsedUp, AlreadyBooked, PatientBusy, PractitionerBusy, DepositNeeded,
    NotEligible, BirthDateMissing.
    """

    def move() -> UUID:
        booking = get_booking(session, citizen_id, booking_id)
        lock_patient(session, booking.patient_id, wait=True)
        displaced = is_displaced(session, booking_id)
        _check_movable(session, booking, displaced=displaced)
        # Picking another place instead of an offered one books it at once: not before its deposit is paid.
        if booking.offer is not None and (owed := list_owed(session, [booking_id])):
            raise DepositNeeded(amount_vnd=sum(owed.values()))
        targets = _targets(session, booking, slot_id, window)
        # All that may be needed at once and in one order, so that those who swap never wait for each other.
        lock_slots(session, [booking.slot_id, *targets])
        for target in targets:
            place = claim_slot(session, target)
            if place is None:
                continue
            _check_patient(session, booking, place.day)
            _rewrite(session, booking, place, citizen_id, counts=not displaced and booking.offer is not Offer.MOVE)
            close_task_for(session, booking_id)
            return booking_id
        raise PlaceTaken(alternatives=list_nearest(session, booking.service_id, booking.starts_at, but=booking.slot_id))

    return idempotency.once(session, request, move)


def cancel_booking(session: Session, request: RequestKey, citizen_id: UUID, booking_id: UUID) -> Outcome:
    """Give a place back, free of charge until the service's cut-off, once per Idempotency-Key.

    Raises NotFound, BookingInOtherState, TooLate with the clinic's numbers.
    """

    def cancel() -> UUID:
        booking = get_booking(session, citizen_id, booking_id)
        if booking.state not in _MOVABLE:
            raise BookingInOtherState(state=booking.state)
        if not is_displaced(session, booking_id):
            _check_in_time(session, booking)
        _end(session, booking, BookingState.CANCELLED_BY_CITIZEN, citizen_id, None)
        close_task_for(session, booking_id)
        return booking_id

    return idempotency.once(session, request, cancel)


def cancel_by_clinic(
    session: Session, request: RequestKey, facility_id: UUID, booking_id: UUID, *, reason: str, actor: UUID
) -> Outcome:
    """The clinic cannot keep an appointment: its person is to get the nearest other place before anybody else.

    Works until the visit begins, also after the cut-off. Raises NotFound, BookingInOtherState.
    """

    def cancel() -> UUID:
        booking = session.scalar(select(Booking).where(Booking.id == booking_id, Booking.facility_id == facility_id))
        if booking is None:
            raise NotFound
        _end(session, booking, BookingState.CANCELLED_BY_CLINIC, actor, reason)
        emit(session, BookingCancelledByClinic(booking_id, booking.citizen_id))
        open_tasks(session, [booking_id], MoveCause.CLINIC, reason)
        emit(session, PlacesWithdrawn(booking.service_id))
        return booking_id

    return idempotency.once(session, request, cancel)


def reconfirm(session: Session, citizen_id: UUID, booking_id: UUID) -> Booking:
    """Say on the day that one will come. Raises NotFound, BookingInOtherState."""
    get_booking(session, citizen_id, booking_id)
    said = session.scalar(
        update(Booking)
        .where(Booking.id == booking_id, Booking.citizen_id == citizen_id, Booking.state == BookingState.BOOKED)
        .values(reconfirm_by=None, version=Booking.version + 1)
        .returning(Booking)
        .execution_options(populate_existing=True)
    )
    if said is None:
        raise BookingInOtherState(state=get_booking(session, citizen_id, booking_id).state)
    remember(session, booking_id, "reconfirmed", citizen_id)
    return said


def appeal_no_show(session: Session, citizen_id: UUID, booking_id: UUID, text: str) -> Booking:
    """Say that one was there, or why not; while it stands the miss does not count. Raises NotFound, NothingToAppeal."""
    booking = get_booking(session, citizen_id, booking_id)
    appealed = session.scalar(
        update(Booking)
        .where(Booking.id == booking_id, Booking.state == BookingState.NO_SHOW, Booking.appealed_at.is_(None))
        .values(appealed_at=clock.now(), appeal=text, version=Booking.version + 1)
        .returning(Booking)
        .execution_options(populate_existing=True)
    )
    if appealed is None:
        raise NothingToAppeal(state=booking.state)
    remember(session, booking_id, "appealed", citizen_id)
    return appealed


def _around() -> Select[*tuple[Any, ...]]:
    return (
        select(Booking, Facility, Service, Practitioner, displaced().label("is_displaced"))
        .join(Facility, Facility.id == Booking.facility_id)
        .join(Service, Service.id == Booking.service_id)
        .join(Slot, Slot.id == Booking.slot_id)
        .outerjoin(Practitioner, Practitioner.id == Slot.practitioner_id)
    )


def _check_movable(session: Session, booking: Booking, *, displaced: bool) -> None:
    lapsed = booking.state is BookingState.HELD and booking.hold_expires_at <= clock.now()  # type: ignore[operator]
    if booking.state not in _MOVABLE or lapsed:
        raise BookingInOtherState(state=booking.state)
    if displaced:
        return
    _check_in_time(session, booking)
    if booking.moves >= MOST_MOVES:
        raise MovesUsedUp


def _check_in_time(session: Session, booking: Booking) -> None:
    if booking.state is BookingState.HELD:
        return
    minutes = session.scalar(select(Service.cancel_minutes).where(Service.id == booking.service_id)) or 0
    if clock.now() > booking.starts_at - timedelta(minutes=minutes):
        raise TooLate(phones=list_phones(session, booking.facility_id))


def _check_patient(session: Session, booking: Booking, day: date) -> None:
    """The rule of who may book holds on the new day, too: a birthday may lie between."""
    told = unseal(sealed.find_key(session, booking.citizen_id), booking.id, booking.patient_sealed)
    check_age(get_service(session, booking.service_id), told.who(booking), day)


def _targets(session: Session, booking: Booking, slot_id: UUID | None, window: Window | None) -> Sequence[UUID]:
    """The slots to try, of the booking's own service only."""
    meant = [Slot.id == slot_id] if window is None else window.holds()
    found = session.scalars(
        select(Slot.id)
        .where(*meant, Slot.service_id == booking.service_id, Slot.id != booking.slot_id, bookable_now(clock.now()))
        .order_by(Slot.starts_at, Slot.id)
        .limit(1 if window is None else _TRIES)
    ).all()
    if window is None and not found:
        known = select(Slot.id).where(Slot.id == slot_id, Slot.service_id == booking.service_id)
        if session.scalar(known) is None:
            raise NotFound
    return found


def _rewrite(session: Session, booking: Booking, place: Any, citizen_id: UUID, *, counts: bool) -> None:  # noqa: ANN401
    old_slot, service_id = booking.slot_id, booking.service_id
    is_offer = booking.offer is not None and booking.state is BookingState.HELD
    # Whoever picks another place instead of one that was offered has picked: it is theirs.
    state = BookingState.BOOKED if is_offer else booking.state
    # What was asked for by an hour before the old time is asked for by an hour before the new one.
    again_by = reconfirm_by(session, citizen_id, place.starts_at) if state is BookingState.BOOKED else None
    with told_in_words():
        moved = session.scalar(
            update(Booking)
            .where(
                Booking.id == booking.id,
                Booking.slot_id == old_slot,
                Booking.state == booking.state,
                Booking.version == booking.version,
            )
            .values(
                slot_id=place.id,
                day=place.day,
                starts_at=place.starts_at,
                ends_at=place.ends_at,
                state=state,
                reconfirm_by=again_by,
                moves=Booking.moves + (1 if counts and not is_offer else 0),
                sequence=Booking.sequence + 1,
                version=Booking.version + 1,
            )
            .returning(Booking.state)
        )
    if moved is None:
        raise BookingInOtherState(state=booking.state)
    if is_offer and booking.waitlist_entry_id is not None:
        record_placed(session, booking.waitlist_entry_id)
    if is_offer:
        close_task_of(session, booking.id, taken=True)
    remember(session, booking.id, "moved", citizen_id, {"from": str(old_slot), "to": str(place.id)})
    release(session, old_slot, service_id)
    if moved is BookingState.BOOKED:
        plan_reminders(session, booking.id, place.starts_at)
    if is_offer:
        emit(session, BookingConfirmed(booking.id, citizen_id))


def _end(session: Session, booking: Booking, state: BookingState, actor: UUID, reason: str | None) -> None:
    """End a booking wherever it has moved to meanwhile. Raises BookingInOtherState when it cannot be ended any more."""
    lock_patient(session, booking.patient_id, wait=True)
    slot_id = booking.slot_id
    for _try in range(_TRIES):
        lock_slots(session, [slot_id])
        detail = {"reason": reason} if reason else None
        ended = end_bookings(
            session, state, Booking.id == booking.id, Booking.slot_id == slot_id, actor=actor, detail=detail
        )
        if ended:
            return
        now = session.execute(select(Booking.slot_id, Booking.state).where(Booking.id == booking.id)).one()
        if now.slot_id == slot_id:
            raise BookingInOtherState(state=now.state)
        slot_id = now.slot_id
    raise BookingInOtherState(state=booking.state)


def count_drift(session: Session) -> int:
    """Slots whose counter is not the number of bookings that keep a place in them; always 0."""
    kept = (
        select(func.count())
        .where(Booking.slot_id == Slot.id, Booking.state.in_(BLOCKING))
        .correlate(Slot)
        .scalar_subquery()
    )
    return session.scalar(select(func.count()).select_from(Slot).where(Slot.taken != kept)) or 0


def list_unconfirmed(session: Session) -> Sequence[UUID]:
    """Bookings of people who were to say once more that they will come, and have not."""
    return session.scalars(
        select(Booking.id).where(Booking.state == BookingState.BOOKED, Booking.reconfirm_by <= clock.now()).limit(200)
    ).all()


def free_unconfirmed(session: Session, booking_id: UUID) -> bool:
    """Give the place of such a booking to somebody else; False when its person has spoken meanwhile."""
    known = session.execute(select(Booking.slot_id, Booking.patient_id).where(Booking.id == booking_id)).one_or_none()
    if known is None:
        return False
    slot_id = known.slot_id
    lock_patient(session, known.patient_id, wait=True)
    lock_slots(session, [slot_id])
    ended = end_bookings(
        session,
        BookingState.CANCELLED_BY_CITIZEN,
        Booking.id == booking_id,
        Booking.slot_id == slot_id,
        Booking.reconfirm_by <= clock.now(),
        actor=None,
        detail={"reason": "not_reconfirmed"},
    )
    return bool(ended)
