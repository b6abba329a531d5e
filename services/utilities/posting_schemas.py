"""What goes in and out of the doors of postings: fetched and answered, and those that are trials."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import marshmallow as ma

from kit import clock
from kit.fields import Choice, Count, Instant, Line, Vnd
from kit.pages import page_schema
from services.utilities.onboarding_models import TrialState
from services.utilities.operations.pulling import Outcome
from services.utilities.providers import REASONS

MOST_ANSWERS = 200
_AHEAD = timedelta(minutes=5)  # how far a clock of theirs may run before ours
_FIRST_YEAR = 2020
_ID = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60"


def _has_been(instant: datetime) -> None:
    # One at the beginning of time cannot be read again in every zone.
    if instant.year < _FIRST_YEAR or instant > clock.now() + _AHEAD:
        raise ma.ValidationError("Must be less than now.")


class PostingToFetchSchema(ma.Schema):
    """A payment that is to be posted (gạch nợ)."""

    id = ma.fields.UUID(required=True, metadata={"description": "Our id of the posting: answer by it."})
    key = ma.fields.String(
        required=True,
        metadata={"description": "The same for the same posting for ever: keep it beside yours, and post it once."},
    )
    payment_id = ma.fields.UUID(required=True, metadata={"description": "The `payment_ref` of a posting by call."})
    bill_no = ma.fields.String(required=True)
    customer_code = ma.fields.String(required=True)
    period = ma.fields.String(required=True)
    amount_vnd = Vnd(required=True)
    captured_at = Instant(required=True)
    due_at = Instant(required=True, metadata={"description": "When a person is told that it was not answered."})


class PostingAnswerSchema(ma.Schema):
    """What you have made of one posting: a receipt number, or why it cannot be posted."""

    id = ma.fields.UUID(required=True)
    receipt_no = Line(100, load_default=None, metadata={"description": "Your own number; the citizen sees it."})
    posted_at = Instant(
        load_default=None, validate=_has_been, metadata={"description": "When; now where it is left out."}
    )
    refusal = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(sorted(REASONS)),
        metadata={"description": "Ends the matter: the money goes back to the citizen."},
    )

    @ma.validates_schema
    def _one_of_two(self, told: dict[str, Any], **_options: object) -> None:
        if (told.get("receipt_no") is None) == (told.get("refusal") is None):
            raise ma.ValidationError("Must be one of: receipt_no, refusal.", "receipt_no")


def _once_each(answers: list[dict[str, Any]]) -> None:
    if len({answer["id"] for answer in answers}) != len(answers):
        raise ma.ValidationError("Must be one of: each posting once.")


class PostingAnswersSchema(ma.Schema):
    """Answers to any part of the postings you have fetched."""

    items = ma.fields.List(
        ma.fields.Nested(PostingAnswerSchema),
        required=True,
        validate=[ma.validate.Length(min=1, max=MOST_ANSWERS), _once_each],
    )


class AnsweredPostingSchema(ma.Schema):
    """How a posting stands after your answer."""

    id = ma.fields.UUID(required=True, attribute="posting_id")
    outcome = Choice(
        Outcome,
        required=True,
        metadata={
            "description": "posted or rejected, also when that was told before; conflict: another answer stands and a "
            "difference is open; unknown: no posting of yours."
        },
    )
    receipt_no = ma.fields.String(required=True, allow_none=True, metadata={"description": "The number that stands."})
    reason = ma.fields.String(required=True, allow_none=True, metadata={"description": "The refusal that stands."})
    discrepancy_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "Of a conflict: see `getOurDiscrepancy`."}
    )


class AnsweredPostingsSchema(ma.Schema):
    """One outcome for each answer, in their order."""

    items = ma.fields.List(ma.fields.Nested(AnsweredPostingSchema), required=True)


class NewTrialSchema(ma.Schema):
    """A test bill that is to be posted as if it had been paid."""

    bill_no = Line(60, required=True)


class TrialSchema(ma.Schema):
    """A posting that is a trial: nobody has paid."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    bill_no = ma.fields.String(required=True)
    amount_vnd = Vnd(required=True)
    state = Choice(TrialState, required=True)
    receipt_no = ma.fields.String(required=True, allow_none=True)
    reason = ma.fields.String(required=True, allow_none=True)
    posted_at = Instant(required=True, allow_none=True)
    attempts = Count(required=True, metadata={"description": "How often your system was called."})


PostingToFetchPageSchema = page_schema(PostingToFetchSchema)
TrialPageSchema = page_schema(TrialSchema)

POSTING_EXAMPLE = {
    "id": _ID,
    "key": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f/PC07-2026-10-000001",
    "payment_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "bill_no": "PC07-2026-10-000001",
    "customer_code": "PA07TH0000001",
    "period": "2026-10",
    "amount_vnd": 636768,
    "captured_at": "2026-11-21T09:30:01.600+07:00",
    "due_at": "2026-11-22T09:30:01.600+07:00",
}
ANSWERED_EXAMPLE = {
    "id": _ID,
    "outcome": "posted",
    "receipt_no": "PC07-R-000123",
    "reason": None,
    "discrepancy_id": None,
}
TRIAL_EXAMPLE = {
    "id": _ID,
    "created_at": "2026-11-21T09:30:01.600+07:00",
    "bill_no": "TEST-000001",
    "amount_vnd": 636768,
    "state": "posted",
    "receipt_no": "R-000001",
    "reason": None,
    "posted_at": "2026-11-21T09:30:02.500+07:00",
    "attempts": 1,
}
