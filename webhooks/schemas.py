"""What goes in and out of the doors of webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Count, Instant, Line
from kit.pages import PageQuery, page_schema
from webhooks.models import DeliveryState, EndpointState, EventKind

_URL = {"description": "https, a public domain name, port 443.", "example": "https://hooks.pc.vn/citizen"}
_KINDS = {"description": "What to be told of.", "example": ["payment.posted"]}
_KIND = {"description": "What happened.", "example": "payment.posted"}
# Sent on request only, so there is nothing to subscribe to.
_SUBSCRIBABLE = sorted(kind.value for kind in EventKind if kind is not EventKind.ENDPOINT_TESTED)


def _once_each(kinds: list[str]) -> None:
    if len(set(kinds)) != len(kinds):
        raise ma.ValidationError("each kind once")


_KIND_RULES: list[Callable[[Any], Any]] = [ma.validate.Length(min=1, max=len(_SUBSCRIBABLE)), _once_each]


class NewEndpointSchema(ma.Schema):
    """An address to call."""

    url = Line(2000, required=True, metadata=_URL)
    kinds = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(_SUBSCRIBABLE)),
        required=True,
        validate=_KIND_RULES,
        metadata=_KINDS,
    )


class EndpointChangeSchema(ma.Schema):
    """What to change; what is left out stays."""

    url = Line(2000, metadata=_URL)
    kinds = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(_SUBSCRIBABLE)), validate=_KIND_RULES, metadata=_KINDS
    )
    state = Choice(EndpointState, metadata={"description": "Whether it is called.", "example": "active"})


class EndpointSchema(ma.Schema):
    """An address that is called."""

    id = ma.fields.UUID(required=True)
    url = ma.fields.String(required=True)
    kinds = ma.fields.List(ma.fields.String(), required=True)
    state = Choice(EndpointState, required=True)
    reason = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it is disabled: disabled_by_company, gone (it answered 410) or address_refused."},
    )
    public_key = ma.fields.String(
        required=True, metadata={"description": "Checks `v1a` signatures (Ed25519), as Standard Webhooks writes it."}
    )
    created_at = Instant(required=True)
    etag = ma.fields.String(required=True)


class EndpointWithSecretSchema(EndpointSchema):
    """An address, and the secret of its signatures."""

    secret = ma.fields.String(
        required=True, metadata={"description": "Checks `v1` signatures (HMAC-SHA256). Told now and never again."}
    )


class SecretSchema(ma.Schema):
    """A secret, told this once."""

    secret = ma.fields.String(required=True)


class EventSchema(ma.Schema):
    """Something that happened to a company's bills."""

    id = ma.fields.UUID(required=True, metadata={"description": "The same as `webhook-id`: go by it to act once."})
    kind = Choice(EventKind, required=True, metadata=_KIND)
    subject_id = ma.fields.UUID(
        required=True,
        metadata={"description": "The payment, the remittance, the first step in the log of differences, or a test."},
    )
    data = ma.fields.Dict(
        required=True,
        metadata={
            "description": "The same as `data` of the webhook. payment.*: payment_id, amount_vnd (what of it is "
            "yours). discrepancy.*: discrepancy_ids (a hundred at most), count. remittance.*: remittance_id, "
            "business_day, revision, payable_vnd. endpoint.tested: endpoint_id."
        },
    )
    happened_at = Instant(required=True)


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state = Choice(DeliveryState, load_default=None, metadata={"description": "Only those.", "example": "failed"})


class DeliverySchema(ma.Schema):
    """One event on its way to one address."""

    id = ma.fields.UUID(required=True)
    event_id = ma.fields.UUID(required=True)
    kind = Choice(EventKind, required=True, metadata=_KIND)
    state = Choice(DeliveryState, required=True)
    attempts = Count(required=True)
    next_at = Instant(required=True, allow_none=True, metadata={"description": "When it is tried again."})
    delivered_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)


class AttemptSchema(ma.Schema):
    """One call, and what came of it."""

    status = Count(required=True, allow_none=True, metadata={"description": "The status of the answer, if one came."})
    error = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why none came: timeout, tls, connection, malformed_answer, or why it was not called."
        },
    )
    took_ms = Count(required=True)
    created_at = Instant(required=True)


class OneDeliverySchema(DeliverySchema):
    """A delivery with every attempt."""

    log = ma.fields.List(ma.fields.Nested(AttemptSchema), required=True)


EndpointPageSchema = page_schema(EndpointSchema)
EventPageSchema = page_schema(EventSchema)
DeliveryPageSchema = page_schema(DeliverySchema)
