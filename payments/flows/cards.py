"""Conversations with the gateway about cards that it keeps for citizens."""

from __future__ import annotations

from uuid import UUID

from kit import clock, logs
from kit.database import transaction
from kit.errors import ServiceUnavailable
from kit.events import TryLater
from kit.failpoints import reach
from payments import gateway, gateway_cards, operations
from payments.errors import CardNotKept
from payments.events import CardRemoved
from payments.models import CardState, SavedCard

_ASK_AGAIN_SECONDS = 15


def add_card(card_id: UUID, citizen_id: UUID, *, payment_method: str | None, return_url: str) -> SavedCard:
    """Have the gateway keep a card, and tell how far that has come. Safe to repeat: it is kept once.

    Raises CardNotKept when the bank says no, and ServiceUnavailable when the gateway is silent: then the same request
    goes on where this one was.
    """
    with transaction() as session:
        card = operations.get_card(session, card_id, citizen_id)
    if card.state is CardState.ADDING and card.setup_id is None:
        reach("card: wish committed, gateway not asked")
        try:
            _ask(card, payment_method=payment_method, return_url=return_url)
        except gateway.OutcomeUnknown as exc:
            raise ServiceUnavailable(retry_after=_ASK_AGAIN_SECONDS) from exc
        except gateway.Refused as refusal:
            with transaction() as session:
                operations.fail_card(session, card_id, refusal.reason)
        with transaction() as session:
            card = operations.get_card(session, card_id, citizen_id)
    if card.state is CardState.FAILED:
        raise CardNotKept(reason=card.reason or "card_declined")
    return card


def _ask(card: SavedCard, *, payment_method: str | None, return_url: str) -> None:
    customer_id = card.customer_id
    if customer_id is None:
        customer_id = gateway_cards.create_customer(card.id)
        with transaction() as session:
            operations.note_customer(session, card.id, customer_id)
    told = gateway_cards.create_setup(card.id, customer_id, payment_method=payment_method, return_url=return_url)
    reach("card: gateway has answered, answer not committed")
    with transaction() as session:
        operations.apply_setup(session, card.id, told)


def fetch_setup(setup_id: str) -> None:
    """Read a setup anew and bring its card to it. Raises Refused for an id that is none, OutcomeUnknown."""
    told = gateway_cards.retrieve_setup(setup_id)
    if told.card_id is None:
        return
    with transaction() as session:
        operations.apply_setup(session, told.card_id, told)


def forget_card(event: CardRemoved) -> None:
    """Have the gateway forget a card that was removed here; raises TryLater while it does not answer."""
    with transaction() as session:
        customer_id = operations.find_customer(session, event.card_id)
    if customer_id is None:
        return
    try:
        gateway_cards.forget(customer_id)
    except gateway.OutcomeUnknown as exc:
        raise TryLater(_ASK_AGAIN_SECONDS) from exc
    except gateway.Refused:
        logs.logger.info("card_forgotten_before", card_id=str(event.card_id))


def sweep_cards() -> None:
    """Ask about cards that somebody began to add: the webhook may be lost. After a day nobody will finish it."""
    with transaction() as session:
        unfinished = operations.list_unfinished(session)
    for card in unfinished:
        try:
            if card.setup_id is not None:
                fetch_setup(card.setup_id)
        except gateway.Refused:
            logs.logger.warning("setup_unknown_to_gateway", card_id=str(card.id))
        except gateway.OutcomeUnknown:
            logs.logger.info("card_still_unknown", card_id=str(card.id))
            continue
        if clock.now() - card.created_at > operations.GIVEN_UP_AFTER:
            with transaction() as session:
                operations.fail_card(session, card.id, "never_finished")
