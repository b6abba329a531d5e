"""The doors of webhooks: a company's addresses, its log of events, and what became of each delivery."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth.guard import current_provider
from kit.database import transaction
from kit.errors import InvalidRequest, MalformedRequest, NotFound, PreconditionFailed, PreconditionRequired
from kit.pages import Page, PageQuery
from kit.web import Blueprint, etag_of, language, require_match, tag
from webhooks import operations, signing
from webhooks.errors import EndpointDisabled, LogBegunAnew, TooManyEndpoints, WebhookAddressRefused
from webhooks.models import EndpointState, EventKind, WebhookEndpoint
from webhooks.schemas import (
    DeliveryPageSchema,
    DeliveryQuery,
    EndpointChangeSchema,
    EndpointPageSchema,
    EndpointSchema,
    EndpointWithSecretSchema,
    EventPageSchema,
    NewEndpointSchema,
    OneDeliverySchema,
    SecretSchema,
)

blueprint = Blueprint(
    "webhooks", __name__, url_prefix="/v1/webhooks", description="Webhooks to companies, and the log behind them."
)
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag of what you read; it stands in `etag` too.",
    "example": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
_NEW = {"url": "https://hooks.pc-thanh-hoa.vn/citizen", "kinds": ["payment.captured", "payment.posted"]}
_ENDPOINT = {
    "id": "019a0c1e-4444-7c00-8000-00000000000e",
    **_NEW,
    "state": "active",
    "reason": None,
    "public_key": "whpk_0wTC0ZHHJDxTzqFVW2j2o3GWj6b1t5mNn1b4pGmJmYA=",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
_SECRET = {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
_EVENT = {
    "id": "019a0c1e-5555-7c00-8000-00000000000f",
    "kind": "payment.posted",
    "subject_id": "019a0c1e-2222-7c00-8000-00000000000c",
    "data": {"payment_id": "019a0c1e-2222-7c00-8000-00000000000c", "amount_vnd": 636768},
    "happened_at": "2026-11-21T09:00:00.000+07:00",
}
_DELIVERY = {
    "id": "019a0c1e-6666-7c00-8000-0000000000a0",
    "event_id": _EVENT["id"],
    "kind": "payment.posted",
    "state": "due",
    "attempts": 1,
    "next_at": "2026-11-21T09:00:05.000+07:00",
    "delivered_at": None,
    "created_at": "2026-11-21T09:00:00.000+07:00",
}
_ONE_DELIVERY = _DELIVERY | {
    "log": [{"status": 503, "error": None, "took_ms": 41, "created_at": "2026-11-21T09:00:00.000+07:00"}]
}


@blueprint.route("/endpoints")
class Endpoints(MethodView):
    """Addresses that are called."""

    @blueprint.arguments(NewEndpointSchema(), example=_NEW)
    @blueprint.response(201, EndpointWithSecretSchema, example=_ENDPOINT | _SECRET)
    @blueprint.raises(InvalidRequest, WebhookAddressRefused, TooManyEndpoints)
    @blueprint.doc(operationId="createWebhookEndpoint")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have an address called when something happens (webhook).

        Each call is a POST as Standard Webhooks describes it: `webhook-id`, `webhook-timestamp` and `webhook-signature`
        with `v1` (HMAC-SHA256 by the secret) and `v1a` (Ed25519 by the public key) over id, timestamp and body, joined
        by dots. The body is {"type", "timestamp", "data"}, `data` as in listProviderEvents, and thin: ask for what it
        speaks of. Answer 2xx within 15 s; anything else is tried again, ten times over about 75 hours, and 410 disables
        the address. Calls may come twice and in any order: go by the id.
        """
        kinds = [EventKind(kind) for kind in asked["kinds"]]
        with transaction() as session:
            made = operations.create_endpoint(session, current_provider(), url=asked["url"], kinds=kinds)
        tag(made.endpoint.id, made.endpoint.version)
        return _shown(made.endpoint) | {"secret": made.secret}

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, EndpointPageSchema, example={"items": [_ENDPOINT]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listWebhookEndpoints")
    def get(self, asked: dict[str, Any]) -> Page:
        """List the company's addresses.

        The newest first; secrets are never shown again.
        """
        with transaction() as session:
            found = operations.list_endpoints(session, current_provider(), **asked)
        return replace(found, items=[_shown(endpoint) for endpoint in found.items])


@blueprint.route("/endpoints/<uuid:endpoint_id>")
class OneEndpoint(MethodView):
    """One address."""

    @blueprint.response(200, EndpointSchema, example=_ENDPOINT)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getWebhookEndpoint")
    def get(self, endpoint_id: UUID) -> dict[str, Any]:
        """See one address.

        `reason` says why it is disabled, if it is. The ETag of the answer is needed to change or remove it.
        """
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
        tag(endpoint.id, endpoint.version)
        return _shown(endpoint)

    @blueprint.arguments(EndpointChangeSchema(), example={"state": "active"})
    @blueprint.response(200, EndpointSchema, example=_ENDPOINT)
    @blueprint.raises(NotFound, InvalidRequest, WebhookAddressRefused, PreconditionRequired, PreconditionFailed)
    @blueprint.doc(operationId="changeWebhookEndpoint", parameters=[_IF_MATCH])
    def patch(self, asked: dict[str, Any], endpoint_id: UUID) -> dict[str, Any]:
        """Change an address, what it hears, or whether it is called.

        What happens while it is disabled is not sent later; it stands in the log of events. A delivery that should have
        been tried again meanwhile has failed: send it with replayWebhookDelivery.
        """
        changes = dict(asked)
        if "state" in changes:
            changes["state"] = EndpointState(changes["state"])
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
            require_match(endpoint.id, endpoint.version)
            endpoint = operations.change_endpoint(session, endpoint, changes)
        tag(endpoint.id, endpoint.version)
        return _shown(endpoint)

    @blueprint.response(204)
    @blueprint.raises(NotFound, PreconditionRequired, PreconditionFailed)
    @blueprint.doc(operationId="removeWebhookEndpoint", parameters=[_IF_MATCH])
    def delete(self, endpoint_id: UUID) -> None:
        """Forget an address and its deliveries.

        Nothing is sent to it any more, what waits for another attempt neither.
        """
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
            require_match(endpoint.id, endpoint.version)
            operations.remove_endpoint(session, endpoint)


@blueprint.route("/endpoints/<uuid:endpoint_id>/secret")
class EndpointSecret(MethodView):
    """The secret of an address."""

    @blueprint.response(200, SecretSchema, example=_SECRET)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="rotateWebhookSecret")
    def post(self, endpoint_id: UUID) -> dict[str, str]:
        """Get a new secret.

        For 24 hours more the one before signs as well: every call then has two `v1` signatures, one of which is enough.
        """
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
            return {"secret": operations.rotate_secret(session, endpoint)}


@blueprint.route("/endpoints/<uuid:endpoint_id>/tests")
class EndpointTests(MethodView):
    """Calls that say nothing but that it works."""

    @blueprint.response(202, OneDeliverySchema, example=_ONE_DELIVERY | {"kind": "endpoint.tested", "log": []})
    @blueprint.raises(NotFound, EndpointDisabled)
    @blueprint.doc(operationId="testWebhookEndpoint")
    def post(self, endpoint_id: UUID) -> dict[str, Any]:
        """Send an address a test event.

        Follow it with getWebhookDelivery.
        """
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
            delivery = operations.send_test(session, endpoint)
            return operations.get_delivery(session, current_provider(), delivery.id)


@blueprint.route("/endpoints/<uuid:endpoint_id>/deliveries")
class Deliveries(MethodView):
    """What an address was told."""

    @blueprint.arguments(DeliveryQuery(), location="query")
    @blueprint.response(200, DeliveryPageSchema, example={"items": [_DELIVERY]})
    @blueprint.raises(NotFound, MalformedRequest)
    @blueprint.doc(operationId="listWebhookDeliveries")
    def get(self, asked: dict[str, Any], endpoint_id: UUID) -> Page:
        """List what an address was told, or is to be told.

        The newest first; kept for ninety days.
        """
        with transaction() as session:
            endpoint = operations.get_endpoint(session, current_provider(), endpoint_id)
            return operations.list_deliveries(session, endpoint, **asked)


@blueprint.route("/deliveries/<uuid:delivery_id>")
class OneDelivery(MethodView):
    """One delivery."""

    @blueprint.response(200, OneDeliverySchema, example=_ONE_DELIVERY)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getWebhookDelivery")
    def get(self, delivery_id: UUID) -> dict[str, Any]:
        """See one delivery with every attempt.

        `log` has the status of each answer, or why none came.
        """
        with transaction() as session:
            return operations.get_delivery(session, current_provider(), delivery_id)


@blueprint.route("/deliveries/<uuid:delivery_id>/replay")
class Replay(MethodView):
    """A delivery once more."""

    @blueprint.response(202, OneDeliverySchema, example=_ONE_DELIVERY)
    @blueprint.raises(NotFound, EndpointDisabled)
    @blueprint.doc(operationId="replayWebhookDelivery")
    def post(self, delivery_id: UUID) -> dict[str, Any]:
        """Tell an event once more (gửi lại).

        Under the same `webhook-id`, with all attempts anew, also when it was delivered.
        """
        with transaction() as session:
            operations.replay(session, current_provider(), delivery_id)
            return operations.get_delivery(session, current_provider(), delivery_id)


@blueprint.route("/events")
class Events(MethodView):
    """The log."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, EventPageSchema, example={"items": [_EVENT], "next": "eyJhIjoxfQ.c2ln"})
    @blueprint.raises(MalformedRequest, LogBegunAnew)
    @blueprint.doc(operationId="listProviderEvents")
    def get(self, asked: dict[str, Any]) -> Page:
        """Read the log of events.

        The oldest first, each once, kept for ninety days. Every page has `next`, the last one too: keep it, and ask
        again from there for what has happened since. Whoever reads the log needs no webhooks to miss nothing. An event
        shows once nothing that began before it can still come, mostly within a second.
        """
        with transaction() as session:
            return operations.list_events(session, current_provider(), **asked)


def _shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    fields = ("id", "url", "kinds", "state", "reason", "created_at")
    etag = f'"{etag_of(endpoint.id, endpoint.version, told_in=language())}"'
    return {name: getattr(endpoint, name) for name in fields} | {"public_key": signing.public_key(), "etag": etag}
