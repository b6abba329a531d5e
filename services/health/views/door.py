"""What the doors of clinics share."""

from __future__ import annotations

from typing import Any

from kit.web import Blueprint
from services.health.operations import Window

blueprint = Blueprint(
    "health",
    __name__,
    url_prefix="/v1/health",
    description="Clinics: directory, free places, bookings, the waiting list, the door.",
)
FACILITY_ID = "019a0d00-0000-7000-8000-00000000f001"
SERVICE_ID = "019a0d00-0000-7000-8000-00000000e001"
SLOT_ID = "019a0d00-0000-7000-8000-00000000a001"
BOOKING_ID = "019a0d00-0000-7000-8000-00000000b001"
BOOKING: dict[str, Any] = {
    "id": BOOKING_ID,
    "hold_id": BOOKING_ID,
    "state": "booked",
    "offer": None,
    "member_id": None,
    "patient_name": "Nguyễn Văn An",
    "facility_id": FACILITY_ID,
    "facility": "Bệnh viện Nhi Thanh Hoá",
    "address": "Phường Hạc Thành",
    "phones": [],
    "service_id": SERVICE_ID,
    "service_vi": "Khám nhi tổng quát",
    "service_en": "General paediatrics",
    "practitioner": None,
    "slot_id": SLOT_ID,
    "starts_at": "2026-12-01T07:30:00.000+07:00",
    "ends_at": "2026-12-01T07:45:00.000+07:00",
    "hold_expires_at": None,
    "cancel_until_at": "2026-12-01T03:30:00.000+07:00",
    "moves_left": 2,
    "must_move": False,
    "reconfirm_by_at": None,
    "priority_group": None,
    "bring_vi": "Thẻ BHYT hoặc CCCD",
    "bring_en": "Health-insurance card or CCCD",
    "owed_vnd": None,
    "deposit_state": None,
    "payment_id": None,
}


def window_of(asked: dict[str, Any] | None) -> Window | None:
    """The window of a request."""
    return None if asked is None else Window(**asked)
