"""What has happened before a test begins: payments that ended, messages that were posted, phones that registered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import text, update

import payments.operations
from kit.database import transaction
from notifications import listeners
from payments.events import PaymentEnded
from payments.models import PaymentItem, Posting
from payments.operations import Claim
from services.utilities.events import BillsPaid, BillsReturned

POWER_BILL = ("Tiền điện 10/2026, Công ty Điện lực Bắc Ninh", "Electricity 10/2026, Bac Ninh Power Company")
WATER_BILL = ("Tiền nước 10/2026, Cấp nước Bắc Ninh", "Water 10/2026, Bac Ninh Water")
AMOUNT_VND = 1_235_000


class Person(Protocol):
    """A citizen with the app in hand, as the shared fixtures give one."""

    id: UUID

    def get(self, path: str, **more: Any) -> Any: ...
    def post(self, path: str, **more: Any) -> Any: ...
    def patch(self, path: str, **more: Any) -> Any: ...
    def delete(self, path: str, **more: Any) -> Any: ...


def make_payment(
    citizen_id: UUID, *, posted: tuple[tuple[str, str], ...] = (), other: tuple[tuple[str, str], ...] = ()
) -> UUID:
    """A payment whose `posted` bills the provider has recorded, at ten to midnight on 20/11/2026, and `other` not."""
    bills = [*posted, *other]
    claims = [
        Claim(subject_id=uuid4(), payee_id=uuid4(), amount_vnd=AMOUNT_VND, label_vi=vi, label_en=en) for vi, en in bills
    ]
    with transaction() as session:
        payment_id = payments.operations.open_payment(session, citizen_id, claims)
        session.execute(
            update(PaymentItem)
            .where(PaymentItem.payment_id == payment_id, PaymentItem.label_vi.in_([vi for vi, _en in posted]))
            .values(taken=True, posting=Posting.POSTED, posted_at=datetime(2026, 11, 20, 16, 50, tzinfo=UTC))
        )
    return payment_id


def tell_paid(citizen_id: UUID, payment_id: UUID | None = None) -> UUID:
    """The citizen is told of a payment with a power bill; returns the payment's id."""
    payment_id = payment_id or make_payment(citizen_id, posted=(POWER_BILL,))
    with transaction() as session:
        listeners.tell_bills_paid(session, BillsPaid(payment_id, citizen_id, AMOUNT_VND))
    return payment_id


def tell_ended(citizen_id: UUID, reason: str, state: str = "failed") -> UUID:
    """The citizen is told that a payment ended without taking money; returns its id."""
    payment_id = make_payment(citizen_id, other=(POWER_BILL,))
    with transaction() as session:
        listeners.tell_payment_ended(session, PaymentEnded(payment_id, citizen_id, state, reason))
    return payment_id


def tell_returned(citizen_id: UUID, reason: str) -> UUID:
    """The citizen is told that the water bill of a payment was refused; returns the payment's id."""
    payment_id = make_payment(citizen_id, posted=(POWER_BILL,), other=(WATER_BILL,))
    with transaction() as session:
        listeners.tell_bills_returned(session, BillsReturned(payment_id, citizen_id, AMOUNT_VND, reason))
    return payment_id


def register(person: Person, address: str, **more: str) -> dict[str, Any]:
    """A phone of a person registers; returns the device."""
    asked = {"address": address, "address_kind": "fid", "platform": "android", "language": "vi", **more}
    answer = person.post("/v1/devices", json=asked)
    assert answer.status_code == 201, answer.json
    device: dict[str, Any] = answer.json
    return device


def pushes_ordered() -> list[UUID]:
    """The messages that jobs wait to push."""
    query = "SELECT args->>'message_id' FROM procrastinate_jobs WHERE task_name LIKE '%push_message%' ORDER BY id"
    with transaction() as session:
        return [UUID(found) for found in session.execute(text(query)).scalars()]


def push_states() -> dict[str, tuple[str, int]]:
    """Of each phone's address: how far its push has come, and after how many attempts."""
    query = "SELECT address, state, attempts FROM push JOIN device ON device.id = device_id"
    with transaction() as session:
        return {row.address: (row.state, row.attempts) for row in session.execute(text(query))}
