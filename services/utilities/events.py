"""What happened to bills."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class BillsPaid(Event):
    """Every captured bill of a payment has been posted by its provider."""

    payment_id: UUID
    citizen_id: UUID
    amount_vnd: int


@dataclass(frozen=True)
class BillsReturned(Event):
    """A provider refused bills after the money was taken: `amount_vnd` is the citizen's and is to be given back."""

    payment_id: UUID
    citizen_id: UUID
    amount_vnd: int
    reason: str


@dataclass(frozen=True)
class AutomaticPaymentAnnounced(Event):
    """A bill will be paid by itself, in 48 hours at the earliest; the citizen may skip it until then."""

    planned_id: UUID
    citizen_id: UUID


@dataclass(frozen=True)
class AutomaticPaymentLeft(Event):
    """A bill was not paid by itself, and is the citizen's to pay. `reason` is a stable slug."""

    planned_id: UUID
    citizen_id: UUID
    reason: str


@dataclass(frozen=True)
class ImportRequested(Event):
    """A provider uploaded a file of bills; it is stored and not yet read."""

    import_id: UUID


@dataclass(frozen=True)
class StatementReceived(Event):
    """A provider told of a day; its lines are stored and not yet compared with our books."""

    statement_id: UUID
    provider_id: UUID


@dataclass(frozen=True)
class TrialPostingDue(Event):
    """A provider in testing has asked to be called for a test bill."""

    trial_id: UUID
