"""What the gateway says, in our words: the answers of payments/gateway.py, and its two ways to fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class OutcomeUnknown(Exception):
    """No answer, or none to rely on: whether the call had its effect has to be read from the gateway."""


class Refused(Exception):
    """The gateway understood and refused for good; the call had no effect. `reason` is a slug of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Intent:
    """A PaymentIntent, as far as we care. Amounts in đồng."""

    id: str
    status: str
    amount_vnd: int
    received_vnd: int
    currency: str
    payment_id: UUID | None
    client_secret: str | None
    redirect_url: str | None
    decline: str | None
    charge_id: str | None = None


@dataclass(frozen=True)
class Setup:
    """A SetupIntent: the wish to keep a card. `card_id` is ours; brand and the like are told once it is kept."""

    id: str
    status: str
    card_id: UUID | None
    method_id: str | None
    brand: str | None
    last4: str | None
    expires_month: int | None
    expires_year: int | None
    client_secret: str | None
    redirect_url: str | None
    decline: str | None


@dataclass(frozen=True)
class Kept:
    """A card that the gateway keeps, as it wants it named when it is to pay."""

    customer_id: str
    method_id: str


@dataclass(frozen=True)
class Returned:
    """A refund at the gateway; `refund_id` is ours. `status` is pending, succeeded, failed or canceled."""

    id: str
    status: str
    amount_vnd: int
    refund_id: UUID | None
    intent_id: str | None
    failure: str | None


@dataclass(frozen=True)
class Contested:
    """A dispute at the gateway. An inquiry (`warning_…`) has moved no money."""

    id: str
    status: str
    amount_vnd: int
    intent_id: str | None
    reason: str
    due_at: datetime | None


@dataclass(frozen=True)
class Movement:
    """One balance transaction: `net_vnd` is amount less fee."""

    id: str
    type: str
    category: str
    source: str | None
    amount_vnd: int
    fee_vnd: int
    net_vnd: int
    currency: str
    made_at: datetime
    available_at: datetime


@dataclass(frozen=True)
class Transfer:
    """A payout to our bank."""

    id: str
    status: str
    amount_vnd: int
    trace_id: str | None
    arrives_at: datetime


@dataclass(frozen=True)
class Notice:
    """A verified webhook event; `object_id` is what it speaks of, `intent_id` the intent behind that, if any.

    One that is `foreign` comes from the other mode (live, test) or another account than ours.
    """

    id: str
    type: str
    intent_id: str | None
    object_id: str | None
    foreign: bool
