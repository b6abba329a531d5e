"""The doors of kept cards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight, ServiceUnavailable
from kit.idempotency import once
from kit.web import note, request_key, require_match, tag
from payments import flows, operations
from payments.errors import CardNotKept, TooManyCards
from payments.models import SavedCard
from payments.schemas import CARD_EXAMPLE, AddCardSchema, SavedCardSchema, SavedCardsSchema
from payments.views.doors import blueprint


@blueprint.route("/cards")
class Cards(MethodView):
    """Cards that the gateway keeps for a citizen."""

    @blueprint.response(200, SavedCardsSchema, example={"items": [CARD_EXAMPLE]})
    @blueprint.doc(operationId="listCards")
    def get(self) -> dict[str, Any]:
        """List my cards (thẻ đã lưu).

        Those that can pay, and those that wait for the citizen's bank; ten at most.
        """
        with transaction() as session:
            return {"items": operations.list_cards(session, current_citizen())}

    @blueprint.idempotent
    @blueprint.arguments(AddCardSchema(), example={"payment_method": "pm_card_visa"})
    @blueprint.response(201, SavedCardSchema, example=CARD_EXAMPLE)
    @blueprint.raises(CardNotKept, TooManyCards, RequestInFlight, ServiceUnavailable)
    @blueprint.doc(operationId="addCard")
    def post(self, asked: dict[str, Any]) -> tuple[SavedCard, dict[str, str]]:
        """Keep a card for later payments (lưu thẻ).

        The number goes from the app to the gateway and never through here. While the state is `adding` the citizen has
        to confirm: open `next_action.redirect_url`, or let the gateway's SDK use `client_secret`; then read the card
        until it is `kept`. On 503 send the same request again: it goes on where the first one was.
        """
        with transaction() as session:
            outcome = once(session, request_key(asked), lambda: operations.start_card(session, current_citizen()))
        note(outcome)
        card = flows.add_card(
            outcome.resource_id,
            current_citizen(),
            payment_method=asked["payment_method"],
            return_url=url_for("site.paid", _external=True),
        )
        tag(card.id, card.version)
        return card, {"Location": url_for("payments.CardById", card_id=card.id)}


@blueprint.route("/cards/<uuid:card_id>")
class CardById(MethodView):
    """One card."""

    @blueprint.response(200, SavedCardSchema, example=CARD_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getCard")
    def get(self, card_id: UUID) -> SavedCard:
        """See one card and how far it has come.

        The ETag of the answer is needed to remove it.
        """
        with transaction() as session:
            card = operations.get_card(session, card_id, current_citizen())
        tag(card.id, card.version)
        return card

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="removeCard")
    def delete(self, card_id: UUID) -> None:
        """Remove a card (xóa thẻ).

        It pays nothing from now on, and automatic payments by it end. Payments made stay in the history.
        """
        with transaction() as session:
            card = operations.get_card(session, card_id, current_citizen())
            require_match(card.id, card.version)
            operations.remove_card(session, card)
