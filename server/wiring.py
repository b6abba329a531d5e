"""The whole background flow on one screen: who listens to what, and what runs by the clock."""

from __future__ import annotations

import auth.listeners
import auth.operations
import notifications.flows
import notifications.listeners
import payments.flows
import persons.holdings
import services.tourism.flows
import services.tourism.listeners
import services.tourism.operations
import services.utilities.flows
import services.utilities.listeners
from auth.events import CitizensJoined, MemberInvited, PhoneChallengeStarted
from kit import events, idempotency
from kit.database import transaction
from kit.events import Event, Flow, Listener
from notifications.events import MessagePosted
from payments.events import (
    GatewayEventReceived,
    HoldUnwanted,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDoubtful,
    PaymentEnded,
)
from server.holdings import HOLDINGS
from services.utilities.events import BillsPaid, BillsReturned, ImportRequested

# A listener works inside one transaction; a flow talks to outsiders between transactions.
LISTENERS: dict[type[Event], list[Listener]] = {
    CitizensJoined: [auth.listeners.move_memberships, services.tourism.listeners.join_visitors],
    PaymentCaptured: [services.tourism.listeners.issue_tickets],
    PaymentEnded: [
        services.utilities.listeners.release_bills,
        services.tourism.listeners.release_places,
        notifications.listeners.tell_payment_ended,
    ],
    BillsPaid: [notifications.listeners.tell_bills_paid],
    BillsReturned: [notifications.listeners.tell_bills_returned],
}
FLOWS: dict[type[Event], list[Flow]] = {
    PhoneChallengeStarted: [notifications.flows.send_code],
    MemberInvited: [notifications.flows.send_invitation],
    GatewayEventReceived: [payments.flows.handle_gateway_event],
    PaymentDoubtful: [payments.flows.settle],
    HoldUnwanted: [payments.flows.release_hold],
    PaymentAuthorised: [services.utilities.flows.recheck_and_capture, services.tourism.flows.capture_tickets],
    PaymentCaptured: [services.utilities.flows.post_to_providers],
    ImportRequested: [services.utilities.flows.run_import],
    MessagePosted: [notifications.flows.push_message],
}


def sweep_payments() -> None:
    """Ask the gateway about every payment whose outcome has been open for too long."""
    payments.flows.sweep()


def sweep_postings() -> None:
    """Post again what no provider has confirmed."""
    services.utilities.flows.sweep_postings()


def publish_guides() -> None:
    """Publish guides whose time has come, and reckon ahead when they open."""
    services.tourism.flows.publish_due()
    services.tourism.flows.refresh_hours()


def build_packs() -> None:
    """Make offline packs anew where something has changed."""
    services.tourism.flows.build_packs()


def check_links() -> None:
    """Ask outside addresses in guides whether they still answer."""
    services.tourism.flows.check_links()


def tidy() -> None:
    """Forget what is past its time: idempotency keys, sign-in codes, sessions; let signing keys take their turn."""
    with transaction() as session:
        idempotency.forget_old_keys(session)
        auth.operations.forget_old_challenges(session)
        auth.operations.forget_old_sessions(session)
        auth.operations.forget_old_questions(session)
        auth.operations.forget_old_attempts(session)
        auth.operations.forget_old_assertions(session)
        auth.operations.forget_old_invitations(session)
        auth.operations.advance_signing_keys(session)
        services.tourism.operations.forget_idle_visitors(session)


PERIODIC = {
    "* * * * * */15": sweep_payments,
    "*/5 * * * *": sweep_postings,
    "17 * * * *": tidy,
    "* * * * *": publish_guides,
    "10 19 * * *": build_packs,  # at night in Vietnam
    "40 19 * * *": check_links,
}


def wire() -> None:
    """Register everything above with the queue; safe to call twice."""
    persons.holdings.declare(HOLDINGS)
    for event, listeners in LISTENERS.items():
        for listener in listeners:
            events.listen(event, listener)
    for event, flows in FLOWS.items():
        for flow in flows:
            events.follow(event, flow)
    for cron, work in PERIODIC.items():
        events.periodic(cron, work)
