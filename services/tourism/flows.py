"""What runs by itself: taking the money for tickets, publishing in time, packs by night, asking outside addresses."""

from __future__ import annotations

import payments.flows
from kit.database import transaction
from kit.events import TryLater
from payments.events import PaymentAuthorised
from payments.models import MoneyState
from services.tourism import links, operations

_ASK_AGAIN_SECONDS = 15


def capture_tickets(event: PaymentAuthorised) -> None:
    """The bank holds the money for tickets: take it while their places are held, let go of it when they are not.

    Raises TryLater while it cannot be let go of.
    """
    with transaction() as session:
        is_ours = operations.is_of_tickets(session, event.payment_id)
        is_held = is_ours and operations.can_capture(session, event.payment_id)
    if is_held:
        payments.flows.capture(event.payment_id)
    elif is_ours and not payments.flows.cancel(event.payment_id, MoneyState.CANCELLED, "places_released"):
        raise TryLater(_ASK_AGAIN_SECONDS)


def publish_due() -> None:
    """Publish what is scheduled for now, and the key that signs: it may be a new one."""
    with transaction() as session:
        operations.publish_key(session)
        operations.publish_due(session)


def refresh_hours() -> None:
    """Reckon ahead when guides open and close, until all are known for weeks to come."""
    while True:
        with transaction() as session:
            if not operations.refresh_changes(session):
                return


def build_packs() -> None:
    """Make the packs of all provinces and itineraries anew where something has changed."""
    with transaction() as session:
        scopes = operations.list_scopes(session)
    for scope in scopes:
        with transaction() as session:
            operations.build_pack(session, scope)


def check_links() -> None:
    """Ask outside addresses in guides whether they still answer, each once a week."""
    with transaction() as session:
        operations.forget_gone_links(session)
        due = operations.list_due_links(session)
    for guide_id, url in due:
        outcome = links.ask(url)
        with transaction() as session:
            operations.record_link(session, guide_id, url, outcome)
