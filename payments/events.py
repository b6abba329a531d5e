"""What happened to a payment."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class GatewayEventReceived(Event):
    """The gateway told us of something; the event is stored and not yet handled."""

    event_id: str


@dataclass(frozen=True)
class PaymentDoubtful(Event):
    """A call to the gateway ended without an answer we can rely on: the truth has to be read there."""

    payment_id: UUID


@dataclass(frozen=True)
class PaymentAuthorised(Event):
    """The gateway holds the money; nothing has been taken yet."""

    payment_id: UUID


@dataclass(frozen=True)
class HoldUnwanted(Event):
    """The gateway holds money for a payment that has ended: it is to be let go of."""

    payment_id: UUID
    intent_id: str


@dataclass(frozen=True)
class PaymentCaptured(Event):
    """The money was taken and is booked as the citizen's until the payee has posted it.

    `late` says that the payment had ended before: the money is applied if its claims are still owed, else given back.
    """

    payment_id: UUID
    amount_vnd: int
    late: bool = False


@dataclass(frozen=True)
class PaymentEnded(Event):
    """The payment ended without taking money. `state` is failed, cancelled or expired; `reason` a stable slug."""

    payment_id: UUID
    citizen_id: UUID
    state: str
    reason: str


@dataclass(frozen=True)
class RefundRequested(Event):
    """Money is reserved to be given back; the gateway has not been asked yet."""

    refund_id: UUID


@dataclass(frozen=True)
class PaymentRefunded(Event):
    """The gateway has given money back to the citizen's card."""

    payment_id: UUID
    citizen_id: UUID
    refund_id: UUID
    amount_vnd: int
    by_clerk: bool


@dataclass(frozen=True)
class RefundFailed(Event):
    """The gateway would not give money back, or the citizen's bank has sent it back: it is where it was before."""

    payment_id: UUID
    citizen_id: UUID
    refund_id: UUID
    amount_vnd: int


@dataclass(frozen=True)
class CardRemoved(Event):
    """A card pays nothing here any more, or was never accepted; the gateway has not been told yet to forget it."""

    card_id: UUID


@dataclass(frozen=True)
class BooksBroken(Event):
    """Something that must hold of our books does not: `promises` names what, separated by semicolons."""

    alarm_id: UUID
    promises: str


@dataclass(frozen=True)
class DifferencesMoved(Event):
    """Differences of a payee were opened, answered or settled; `written_by` is the transaction that wrote the steps."""

    payee_id: UUID
    written_by: int


@dataclass(frozen=True)
class DifferencesOverdue(Event):
    """So many differences are still open after their day, and nobody was reminded of them today."""

    reminder_id: UUID
    count: int
    oldest_days: int


@dataclass(frozen=True)
class RemittancePublished(Event):
    """A payee can read a remittance: of a business day, or a revision of one."""

    remittance_id: UUID
    payee_id: UUID


@dataclass(frozen=True)
class RemittanceFinal(Event):
    """A remittance will never change any more."""

    remittance_id: UUID
    payee_id: UUID
