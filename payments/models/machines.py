"""The small machines of a payment: the states money, posting, settlement, refund and dispute pass through, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MoneyState(StrEnum):
    """Where the citizen's money is. UNKNOWN: the gateway's answer is not known yet; it never means failed."""

    CREATED = "created"
    AUTHORISING = "authorising"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    AUTHORISED = "authorised"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_M = MoneyState
ENDED = frozenset({_M.FAILED, _M.CANCELLED, _M.EXPIRED})
_BEFORE_HOLD = frozenset({_M.CREATED, _M.AUTHORISING, _M.REQUIRES_ACTION, _M.UNKNOWN})
# Legal moves: state -> the states it may be reached from. CAPTURED may follow an end: money that arrives late is booked
# all the same, and then applied or given back.
REACHED_FROM: Mapping[MoneyState, frozenset[MoneyState]] = {
    _M.CREATED: frozenset(),
    _M.AUTHORISING: frozenset({_M.CREATED, _M.REQUIRES_ACTION, _M.UNKNOWN}),
    _M.REQUIRES_ACTION: frozenset({_M.CREATED, _M.AUTHORISING, _M.UNKNOWN}),
    _M.UNKNOWN: frozenset({_M.CREATED, _M.AUTHORISING, _M.REQUIRES_ACTION, _M.AUTHORISED, _M.CAPTURING}),
    _M.AUTHORISED: _BEFORE_HOLD,
    _M.CAPTURING: frozenset({_M.AUTHORISED}),
    _M.CAPTURED: frozenset(_M) - {_M.CAPTURED},
    _M.FAILED: _BEFORE_HOLD,
    _M.CANCELLED: _BEFORE_HOLD | {_M.AUTHORISED, _M.CAPTURING},
    _M.EXPIRED: _BEFORE_HOLD | {_M.AUTHORISED, _M.CAPTURING},
}


class Posting(StrEnum):
    """Whether the payee has written the money to the debtor's account (gạch nợ).

    UNKNOWN: the payee was asked and its answer is not known. PARKED: it has been silent for a day; a person is told.
    """

    PENDING = "pending"
    UNKNOWN = "unknown"
    PARKED = "parked"
    POSTED = "posted"
    REJECTED = "rejected"
    NOT_TAKEN = "not_taken"


_P = Posting
POSTING_OPEN = frozenset({_P.PENDING, _P.UNKNOWN, _P.PARKED})
POSTING_FROM: Mapping[Posting, frozenset[Posting]] = {
    # Money that was taken after the payment had ended is applied after all.
    _P.PENDING: frozenset({_P.NOT_TAKEN}),
    _P.UNKNOWN: frozenset({_P.PENDING, _P.UNKNOWN}),
    _P.PARKED: frozenset({_P.PENDING, _P.UNKNOWN}),
    _P.POSTED: POSTING_OPEN,
    _P.REJECTED: POSTING_OPEN,
    _P.NOT_TAKEN: frozenset({_P.PENDING}),
}


class Settlement(StrEnum):
    """How far the money has come on its way from the gateway to the payee."""

    UNSETTLED = "unsettled"
    IN_PAYOUT = "in_payout"
    BANK_MATCHED = "bank_matched"
    REMITTED = "remitted"
    CONFIRMED = "confirmed"


_S = Settlement
SETTLED_FROM: Mapping[Settlement, frozenset[Settlement]] = {
    # Backwards only because a payout has failed.
    _S.UNSETTLED: frozenset({_S.IN_PAYOUT, _S.BANK_MATCHED}),
    _S.IN_PAYOUT: frozenset({_S.UNSETTLED}),
    _S.BANK_MATCHED: frozenset({_S.IN_PAYOUT}),
    _S.REMITTED: frozenset({_S.BANK_MATCHED}),
    _S.CONFIRMED: frozenset({_S.REMITTED}),
}


class RefundState(StrEnum):
    """What has become of a decision to give money back. UNKNOWN: the gateway's answer is not known yet."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_R = RefundState
# FAILED may follow SUCCEEDED: a card that has been closed sends the money back after days.
REFUND_FROM: Mapping[RefundState, frozenset[RefundState]] = {
    _R.REQUESTED: frozenset(),
    _R.SUBMITTED: frozenset({_R.REQUESTED, _R.UNKNOWN}),
    _R.UNKNOWN: frozenset({_R.SUBMITTED}),
    _R.SUCCEEDED: frozenset({_R.SUBMITTED, _R.UNKNOWN}),
    _R.FAILED: frozenset({_R.REQUESTED, _R.SUBMITTED, _R.UNKNOWN, _R.SUCCEEDED}),
}


class DisputeState(StrEnum):
    """What the citizen's bank says of a payment the citizen has called wrong."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


_D = DisputeState
DISPUTE_OPEN = frozenset({_D.NEEDS_RESPONSE, _D.UNDER_REVIEW})
DISPUTE_FROM: Mapping[DisputeState, frozenset[DisputeState]] = {
    _D.NEEDS_RESPONSE: frozenset({_D.UNDER_REVIEW}),
    _D.UNDER_REVIEW: frozenset({_D.NEEDS_RESPONSE}),
    _D.WON: DISPUTE_OPEN,
    _D.LOST: DISPUTE_OPEN,
}


class PayoutState(StrEnum):
    """What the gateway says of a transfer to our bank. A payout that was paid may still fail."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "canceled"


class DiscrepancyState(StrEnum):
    """How far a difference has been explained. AUTO_CLOSED: what was missing arrived late."""

    OPEN = "open"
    PROPOSED = "proposed"
    RESOLVED = "resolved"
    AUTO_CLOSED = "auto_closed"
