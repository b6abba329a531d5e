"""The door: showing that one is who has booked, and drawing a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock, idempotency
from kit.database import new_id
from kit.errors import DomainError, NotFound
from kit.idempotency import Outcome, RequestKey
from services.health import proofs
from services.health.calling import RANK_STEP
from services.health.errors import BookingInOtherState, CheckInCodeLocked, CheckInCodeWrong, NotToday, ProofRefused
from services.health.models import (
    Booking,
    BookingState,
    LaneKind,
    PriorityGroup,
    QueueLane,
    QueueTicket,
    Service,
)
from services.health.operations.timeline import change_state, remember

MOST_MISSES = 5
LOCK = timedelta(minutes=10)
_HERE = (BookingState.CHECKED_IN, BookingState.CALLED, BookingState.IN_SERVICE, BookingState.SEEN)


@dataclass(frozen=True)
class NumberTold:
    """A number and its lane."""

    ticket: QueueTicket
    lane: LaneKind


@dataclass(frozen=True)
class Shown:
    """What came of showing a code. A miss is counted, so commit it before it is told: call `booking` after."""

    booking_id: UUID | None
    refusal: DomainError | None = None

    def booking(self) -> UUID:
        """The booking that was proved; raises what was wrong with the proof."""
        if self.booking_id is None:
            raise self.refusal or NotFound()
        return self.booking_id


def show_code(session: Session, facility_id: UUID, booking_id: UUID, code: str) -> Shown:
    """Compare the code a citizen says with that of the booking; after five wrong ones it is locked for ten minutes."""
    booking = _lock(session, facility_id, booking_id)
    now = clock.now()
    if booking.code_locked_until is not None and booking.code_locked_until > now:
        wait = int((booking.code_locked_until - now).total_seconds()) + 1
        return Shown(None, CheckInCodeLocked(retry_after=wait))
    if code == proofs.code_of(booking_id):
        booking.code_misses, booking.code_locked_until = 0, None
        session.flush()
        return Shown(booking_id)
    booking.code_misses += 1
    left = MOST_MISSES - booking.code_misses
    if left <= 0:
        booking.code_misses, booking.code_locked_until = 0, now + LOCK
        remember(session, booking_id, "code_locked", None)
    session.flush()
    return Shown(None, CheckInCodeWrong(tries_left=max(left, 0)))


def show_proof(session: Session, facility_id: UUID, text: str) -> Shown:
    """The booking of a signed QR text, when it is for this facility and not one from before a move."""
    try:
        proof = proofs.verify(text)
    except proofs.NotAProof:
        return Shown(None, ProofRefused())
    booking = session.execute(
        select(Booking.id, Booking.facility_id, Booking.starts_at).where(Booking.id == proof.booking_id)
    ).one_or_none()
    if booking is None or proof.facility_id != facility_id or booking.facility_id != facility_id:
        return Shown(None, ProofRefused())
    # Confirming raises the number as well, so what tells an outdated proof is its time.
    return Shown(booking.id) if booking.starts_at == proof.starts_at else Shown(None, ProofRefused())


def override_code(session: Session, facility_id: UUID, booking_id: UUID, *, reason: str, actor: UUID) -> Shown:
    """Staff vouch for a person who cannot show the code; who did and why is written down."""
    _lock(session, facility_id, booking_id)
    remember(session, booking_id, "code_overridden", actor, {"reason": reason})
    return Shown(booking_id)


def check_in(
    session: Session, facility_id: UUID, booking_id: UUID, *, group: PriorityGroup | None, actor: UUID
) -> QueueTicket:
    """Let the patient of a booking in and draw their number; a second time gives the same number.

    Numbers of a lane have no gaps and no doubles, whoever draws at the same time. Raises NotFound, NotToday,
    BookingInOtherState.
    """
    booking = session.execute(
        select(Booking.day, Booking.priority_group, Booking.service_id).where(
            Booking.id == booking_id, Booking.facility_id == facility_id
        )
    ).one_or_none()
    if booking is None:
        raise NotFound
    if booking.day != clock.today():
        raise NotToday(day=booking.day.isoformat())
    group = group or booking.priority_group
    arrived = change_state(
        session,
        BookingState.CHECKED_IN,
        Booking.id == booking_id,
        Booking.state == BookingState.BOOKED,
        actor=actor,
        priority_group=group,
        reconfirm_by=None,
    )
    if not arrived:
        ticket = session.scalar(select(QueueTicket).where(QueueTicket.booking_id == booking_id))
        state = session.scalar(select(Booking.state).where(Booking.id == booking_id))
        if ticket is None or state not in _HERE:
            raise BookingInOtherState(state=state)
        return ticket
    kind = LaneKind.PRIORITY if group else LaneKind.APPOINTMENT
    return draw_number(session, booking.service_id, booking.day, kind, group=group, booking_id=booking_id)


def add_walk_in(
    session: Session, request: RequestKey, facility_id: UUID, service_id: UUID, *, group: PriorityGroup | None
) -> Outcome:
    """A number for someone without an appointment, once per Idempotency-Key; nothing of the person is kept."""

    def add() -> UUID:
        known = select(Service.id).where(Service.id == service_id, Service.facility_id == facility_id)
        if session.scalar(known) is None:
            raise NotFound
        kind = LaneKind.PRIORITY if group else LaneKind.WALK_IN
        return draw_number(session, service_id, clock.today(), kind, group=group, booking_id=None).id

    return idempotency.once(session, request, add)


def draw_number(
    session: Session,
    service_id: UUID,
    day: date,
    kind: LaneKind,
    *,
    group: PriorityGroup | None,
    booking_id: UUID | None,
) -> QueueTicket:
    """The next number of a lane. The counter is undone with the transaction, so that no number is lost."""
    fresh = insert(QueueLane).values(
        id=new_id(), created_at=clock.now(), service_id=service_id, day=day, kind=kind, last_number=1
    )
    lane = session.execute(
        fresh.on_conflict_do_update(
            index_elements=[QueueLane.service_id, QueueLane.day, QueueLane.kind],
            set_={"last_number": QueueLane.last_number + 1},
        ).returning(QueueLane.id, QueueLane.last_number)
    ).one()
    ticket = QueueTicket(
        id=new_id(),
        created_at=clock.now(),
        lane_id=lane.id,
        service_id=service_id,
        day=day,
        number=lane.last_number,
        rank=lane.last_number * RANK_STEP,
        booking_id=booking_id,
        priority_group=group,
    )
    session.add(ticket)
    session.flush()
    return ticket


def tell_number(session: Session, ticket: QueueTicket) -> NumberTold:
    """A number with the lane it belongs to."""
    lane = session.execute(select(QueueLane.kind).where(QueueLane.id == ticket.lane_id)).scalar_one()
    return NumberTold(ticket, lane)


def get_ticket(session: Session, facility_id: UUID, ticket_id: UUID) -> QueueTicket:
    """A number drawn at the facility. Raises NotFound."""
    found = session.scalar(
        select(QueueTicket)
        .join(Service, Service.id == QueueTicket.service_id)
        .where(QueueTicket.id == ticket_id, Service.facility_id == facility_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found


def _lock(session: Session, facility_id: UUID, booking_id: UUID) -> Booking:
    booking = session.scalar(
        select(Booking)
        .where(Booking.id == booking_id, Booking.facility_id == facility_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if booking is None:
        raise NotFound
    return booking


def forgive_absence(session: Session, facility_id: UUID, booking_id: UUID, actor: UUID) -> None:
    """The clinic grants an appeal: the visit was not missed. Raises NotFound, BookingInOtherState."""
    booking = _lock(session, facility_id, booking_id)
    granted = change_state(
        session, BookingState.UNKNOWN, Booking.id == booking_id, Booking.state == BookingState.NO_SHOW, actor=actor
    )
    if not granted:
        raise BookingInOtherState(state=booking.state)
