"""What clinics hold of a citizen, bookings, waits, requests in draws: told, let go of, joined when two are one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from kit import clock, export, sealed, vault
from services.health.models import (
    LIVE,
    Booking,
    BookingState,
    Draw,
    DrawRequest,
    Facility,
    PatientKey,
    Service,
    WaitlistEntry,
)
from services.health.operations.leaving import end_bookings
from services.health.operations.patients import lock_patients, seal_told, unseal
from services.health.operations.seats import lock_slots

TABLES = frozenset({"booking", "draw_request", "waitlist_entry"})


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Bookings with the patient as told at the time, waits, and requests in draws."""
    key = sealed.find_key(session, citizen_id)
    bookings = [
        {
            "id": str(row.Booking.id),
            "facility": row.facility,
            "service": row.service,
            "state": row.Booking.state.value,
            "starts_at": export.plain(row.Booking.starts_at),
            "created_at": export.plain(row.Booking.created_at),
            "patient": {
                name: export.plain(value)
                for name, value in vars(unseal(key, row.Booking.id, row.Booking.patient_sealed)).items()
            },
            "appeal": row.Booking.appeal,
        }
        for row in session.execute(
            select(Booking, Facility.name.label("facility"), Service.name_vi.label("service"))
            .join(Facility, Facility.id == Booking.facility_id)
            .join(Service, Service.id == Booking.service_id)
            .where(Booking.citizen_id == citizen_id)
            .order_by(Booking.id)
        )
    ]
    waits = (
        select(
            WaitlistEntry.id,
            WaitlistEntry.service_id,
            WaitlistEntry.from_on,
            WaitlistEntry.to_on,
            WaitlistEntry.state,
            WaitlistEntry.created_at,
        )
        .where(WaitlistEntry.citizen_id == citizen_id)
        .order_by(WaitlistEntry.id)
    )
    drawn = (
        select(
            DrawRequest.id,
            Draw.service_id,
            Draw.day,
            DrawRequest.ticket,
            DrawRequest.rank,
            DrawRequest.state,
            DrawRequest.created_at,
        )
        .join(Draw, Draw.id == DrawRequest.draw_id)
        .where(DrawRequest.citizen_id == citizen_id)
        .order_by(DrawRequest.id)
    )
    return {
        "bookings": bookings,
        "waits": export.rows(session, waits),
        "draw_requests": export.rows(session, drawn),
    }


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Give coming places back and forget whom they were for; past visits keep an id that leads to nobody."""
    _leave(session, citizen_id, Booking.state.in_([BookingState.HELD, BookingState.BOOKED]))
    patients = select(Booking.patient_id).where(Booking.citizen_id == citizen_id)
    others = select(Booking.patient_id).where(Booking.citizen_id != citizen_id)
    own = vault.blind_index("patient", f"citizen:{citizen_id}")
    session.execute(
        delete(PatientKey).where(
            or_(PatientKey.key == own, PatientKey.patient_id.in_(patients) & PatientKey.patient_id.not_in(others))
        )
    )
    session.execute(
        update(Booking).where(Booking.citizen_id == citizen_id).values(patient_sealed=None, member_id=None, appeal=None)
    )
    session.execute(delete(WaitlistEntry).where(WaitlistEntry.citizen_id == citizen_id))
    # The ticket stays in the published list of a draw that is over, and leads to nobody.
    session.execute(delete(DrawRequest).where(DrawRequest.citizen_id == citizen_id))


def join_citizens(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    """What was the one's is the other's from now on; holds are let go of, because the other may have one as well."""
    _leave(session, joined_id, Booking.state == BookingState.HELD)
    old = sealed.find_key(session, joined_id)
    for table in (Booking, WaitlistEntry, DrawRequest):
        rows = session.execute(
            select(table.id, table.patient_sealed).where(table.citizen_id == joined_id).order_by(table.id)
        ).all()
        for row in rows:
            resealed = None
            if old is not None and row.patient_sealed:
                told = unseal(old, row.id, row.patient_sealed)
                # Made only for what there is to seal: one who was erased has no key, and is not to get one.
                resealed = seal_told(sealed.make_key(session, kept_id), row.id, told)
            session.execute(update(table).where(table.id == row.id).values(citizen_id=kept_id, patient_sealed=resealed))
    keys = {who: vault.blind_index("patient", f"citizen:{who}") for who in (kept_id, joined_id)}
    known = session.scalar(select(PatientKey.key).where(PatientKey.key == keys[kept_id]))
    if known is None:
        session.execute(update(PatientKey).where(PatientKey.key == keys[joined_id]).values(key=keys[kept_id]))


def _leave(session: Session, citizen_id: UUID, which: Any) -> None:  # noqa: ANN401 - a condition
    leaving = session.execute(
        select(Booking.slot_id, Booking.patient_id).where(
            Booking.citizen_id == citizen_id, which, Booking.state.in_(LIVE), Booking.starts_at > clock.now()
        )
    ).all()
    slots = {row.slot_id for row in leaving}
    if slots:
        lock_patients(session, {row.patient_id for row in leaving})
        lock_slots(session, slots)
        end_bookings(
            session,
            BookingState.CANCELLED_BY_CITIZEN,
            Booking.citizen_id == citizen_id,
            Booking.slot_id.in_(slots),
            which,
            actor=None,
        )
