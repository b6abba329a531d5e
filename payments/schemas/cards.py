"""Cards that are kept, as their citizen reads them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Instant
from payments.gateway import publishable_key
from payments.models import CardState, SavedCard
from payments.schemas.payment import NextActionSchema

CARD_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e80",
    "created_at": "2026-11-21T09:30:00.000+07:00",
    "state": "kept",
    "brand": "visa",
    "last4": "4242",
    "expires_month": 12,
    "expires_year": 2034,
}


class AddCardSchema(ma.Schema):
    """A card to keep."""

    payment_method = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^pm_[A-Za-z0-9_]{1,200}$"),
        metadata={
            "description": "The gateway's id of a card, made by its SDK in the app. Without it the answer holds a "
            "`client_secret` with which the app asks the citizen's bank itself."
        },
    )


class SavedCardSchema(ma.Schema):
    """A card that is kept, or on its way there."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    state = Choice(CardState, required=True, metadata={"description": "Only a `kept` card can pay."})
    reason = ma.fields.String(metadata={"description": "Why it was not kept, a stable slug."})
    brand = ma.fields.String(metadata={"description": "visa, mastercard, …"})
    last4 = ma.fields.String(metadata={"description": "The last four digits."})
    expires_month = ma.fields.Integer()
    expires_year = ma.fields.Integer()
    next_action = ma.fields.Nested(NextActionSchema)

    @ma.pre_dump
    def _told(self, card: SavedCard, **_options: object) -> dict[str, Any]:
        names = [name for name in self.fields if name != "next_action"]
        told = {name: value for name in names if (value := getattr(card, name)) is not None}
        if card.state is CardState.ADDING and card.redirect_url:
            told["next_action"] = {"redirect_url": card.redirect_url}
        elif card.state is CardState.ADDING and card.client_secret:
            told["next_action"] = {"client_secret": card.client_secret, "publishable_key": publishable_key()}
        return told


class SavedCardsSchema(ma.Schema):
    """All cards of a citizen."""

    items = ma.fields.List(ma.fields.Nested(SavedCardSchema), required=True)
