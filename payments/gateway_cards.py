"""Cards that the gateway keeps for citizens: a customer of its own for each, which says nothing of whose it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from payments.gateway import client, our_id, reason_of, translated
from payments.gateway_answers import Setup

_EXPANDED = ["payment_method"]


def create_customer(card_id: UUID) -> str:
    """A customer for one card; the same card id always leads to the same. Raises OutcomeUnknown."""
    wanted: Any = {"metadata": {"card_id": str(card_id)}}
    with translated():
        return client().v1.customers.create(wanted, {"idempotency_key": f"customer:{card_id}"}).id


def create_setup(card_id: UUID, customer_id: str, *, payment_method: str | None, return_url: str) -> Setup:
    """Ask the citizen's bank to let the gateway keep a card, for payments made while the citizen is not there.

    With a payment method it is asked at once; without one the app does it with the client secret. The same card id
    always leads to the same answer. Raises Refused when the bank says no, OutcomeUnknown.
    """
    wanted: Any = {
        "customer": customer_id,
        "usage": "off_session",
        "payment_method_types": ["card"],
        "metadata": {"card_id": str(card_id)},
        "expand": _EXPANDED,
    }
    if payment_method is not None:
        wanted |= {"payment_method": payment_method, "confirm": True, "return_url": return_url}
    options: Any = {"idempotency_key": f"setup:{card_id}"}
    with translated():
        return _read(client().v1.setup_intents.create(wanted, options).to_dict())


def retrieve_setup(setup_id: str) -> Setup:
    """A setup as it is now. Raises Refused for an id that is none, OutcomeUnknown."""
    wanted: Any = {"expand": _EXPANDED}
    with translated():
        return _read(client().v1.setup_intents.retrieve(setup_id, wanted).to_dict())


def forget(customer_id: str) -> None:
    """Delete a card's customer and with it the card: it pays nothing any more. Raises Refused, OutcomeUnknown."""
    with translated():
        client().v1.customers.delete(customer_id)


def _read(body: dict[str, Any]) -> Setup:
    method = body.get("payment_method")
    card = (method.get("card") or {}) if isinstance(method, dict) else {}
    failure = body.get("last_setup_error") or {}
    action = (body.get("next_action") or {}).get("redirect_to_url") or {}
    return Setup(
        id=body["id"],
        status=body["status"],
        card_id=our_id((body.get("metadata") or {}).get("card_id")),
        method_id=method["id"] if isinstance(method, dict) else method,
        brand=card.get("brand"),
        last4=card.get("last4"),
        expires_month=card.get("exp_month"),
        expires_year=card.get("exp_year"),
        client_secret=body.get("client_secret"),
        redirect_url=action.get("url"),
        decline=reason_of(failure.get("decline_code") or failure.get("code")) if failure else None,
    )
