"""Disputes as the gateway has them: fetched when a webhook speaks of one, and when none does."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kit import logs
from kit.database import transaction
from payments import gateway, operations
from payments.gateway import Movement

_MOST_AT_ONCE = 100


def fetch_dispute(gateway_id: str) -> None:
    """Bring a dispute to what the gateway says of it now. Raises Refused, OutcomeUnknown."""
    dispute = gateway.retrieve_dispute(gateway_id)
    with transaction() as session:
        operations.apply_dispute(session, dispute)


def hear_of_disputes(movements: Sequence[Movement]) -> None:
    """Money was taken for a dispute, or came back, although no webhook has said so: the dispute is asked about.

    Raises OutcomeUnknown while the gateway does not answer.
    """
    with transaction() as session:
        unheard = operations.list_unheard_disputes(session, movements)
    for gateway_id in unheard:
        _fetch(gateway_id)


def sweep_disputes() -> None:
    """Ask how open disputes stand: of one that is lost no money moves any more, and its last webhook may be lost too.

    In any order and a hundred at most, so that no single one can keep others waiting for ever.
    """
    with transaction() as session:
        still_open = list(operations.list_open_disputes(session))
    random.shuffle(still_open)
    try:
        for gateway_id in still_open[:_MOST_AT_ONCE]:
            _fetch(gateway_id)
    except gateway.OutcomeUnknown:
        logs.logger.warning("disputes_unread")


def _fetch(gateway_id: str) -> None:
    try:
        fetch_dispute(gateway_id)
    except gateway.Refused:
        # Money has moved for something the gateway does not know: it stays a difference that a person looks at.
        logs.logger.warning("dispute_of_nothing")
