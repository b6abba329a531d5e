"""The whole background flow on one screen: who listens to what, and what runs by the clock."""

from __future__ import annotations

import auth.listeners
import auth.operations
import auth.operations.authorizations
import auth.operations.grants
import notifications.flows
import notifications.listeners
import payments.flows
import payments.listeners
import persons.holdings
import persons.listeners
import services.health.flows
import services.health.listeners
import services.utilities.flows
import services.utilities.listeners
import webhooks.flows
import webhooks.listeners
import webhooks.operations
from auth.events import (
    AppAllowed,
    CitizensJoined,
    DeviceSignedIn,
    MemberInvited,
    PasskeyAdded,
    PhoneChallengeStarted,
    SessionEndedByReuse,
)
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
    RefundRequested,
)
from persons.events import MandateAccepted, MandateRevoked
from server.holdings import HOLDINGS
from services.health.events import (
    BookingCancelledByClinic,
    DrawLost,
    OfferMissed,
    PlaceOffered,
    PlacesWithdrawn,
    ReminderDue,
)
from services.utilities.events import BillsPaid, BillsReturned, ImportRequested
from webhooks.events import DeliveryDue

# A listener works inside one transaction; a flow talks to outsiders between transactions.
LISTENERS: dict[type[Event], list[Listener]] = {
    PaymentEnded: [
        services.utilities.listeners.release_bills,
        services.health.listeners.end_deposit,
        notifications.listeners.tell_payment_ended,
    ],
    DeviceSignedIn: [notifications.listeners.tell_new_device],
    SessionEndedByReuse: [notifications.listeners.tell_session_closed],
    PasskeyAdded: [notifications.listeners.tell_passkey_added],
    AppAllowed: [notifications.listeners.tell_app_allowed],
    MandateAccepted: [notifications.listeners.tell_mandate_accepted],
    MandateRevoked: [notifications.listeners.tell_mandate_revoked],
    # Every room with rows of citizens.
    CitizensJoined: [
        auth.listeners.move_memberships,
        auth.listeners.move_apps,
        persons.listeners.follow_citizen,
        payments.listeners.follow_citizen,
        services.utilities.listeners.follow_citizen,
        services.health.listeners.follow_citizen,
        notifications.listeners.follow_citizen,
    ],
    PaymentCaptured: [webhooks.listeners.log_captured, services.health.listeners.book_paid],
    BillsPaid: [notifications.listeners.tell_bills_paid, webhooks.listeners.log_posted],
    BillsReturned: [notifications.listeners.tell_bills_returned, webhooks.listeners.log_returned],
    ReminderDue: [notifications.listeners.tell_reminder],
    PlaceOffered: [notifications.listeners.tell_place_offered],
    DrawLost: [notifications.listeners.tell_draw_lost],
    OfferMissed: [notifications.listeners.tell_offer_missed],
    BookingCancelledByClinic: [notifications.listeners.tell_visit_cancelled],
}
FLOWS: dict[type[Event], list[Flow]] = {
    PhoneChallengeStarted: [notifications.flows.send_code],
    MemberInvited: [notifications.flows.send_invitation],
    GatewayEventReceived: [payments.flows.handle_gateway_event],
    PaymentDoubtful: [payments.flows.settle],
    HoldUnwanted: [payments.flows.release_hold],
    RefundRequested: [payments.flows.give_back],
    PaymentAuthorised: [services.utilities.flows.recheck_and_capture, services.health.flows.take_deposit],
    PaymentCaptured: [services.utilities.flows.post_to_providers],
    PlacesWithdrawn: [services.health.flows.move_people],
    ImportRequested: [services.utilities.flows.run_import],
    MessagePosted: [notifications.flows.push_message],
    DeliveryDue: [webhooks.flows.deliver],
}


def sweep_payments() -> None:
    """Ask the gateway about every payment whose outcome has been open for too long."""
    payments.flows.sweep()
    payments.flows.sweep_refunds()


def sweep_postings() -> None:
    """Post again what no provider has confirmed."""
    services.utilities.flows.sweep_postings()


def sweep_holds() -> None:
    """Give back places that were held for too long."""
    services.health.flows.sweep_holds()


def run_draws() -> None:
    """Draw the lots of clinics' days whose ten minutes are over."""
    services.health.flows.run_draws()


def remind() -> None:
    """Say what is due before visits."""
    services.health.flows.remind()


def close_days() -> None:
    """After the last visit of a day write down who did not come; move those for whom no place was found before."""
    services.health.flows.close_days()
    services.health.flows.move_all()


def write_schedules() -> None:
    """Make the places of clinics up to their horizons, every night."""
    services.health.flows.write_schedules()


def tidy() -> None:
    """Forget what is past its time: idempotency keys, sign-in codes, sessions; let signing keys take their turn."""
    with transaction() as session:
        idempotency.forget_old_keys(session)
        auth.operations.forget_old_challenges(session)
        auth.operations.forget_old_sessions(session)
        auth.operations.forget_old_questions(session)
        auth.operations.forget_old_attempts(session)
        auth.operations.repeat_joins(session)
        auth.operations.forget_old_assertions(session)
        auth.operations.forget_old_invitations(session)
        auth.operations.authorizations.forget_old_authorizations(session)
        auth.operations.grants.forget_old_grants(session)
        auth.operations.advance_signing_keys(session)
        webhooks.operations.forget_old_events(session)


PERIODIC = {
    "* * * * * */15": sweep_payments,
    "*/5 * * * *": sweep_postings,
    "* * * * * */10": sweep_holds,
    "* * * * * */5": run_draws,
    "* * * * * */30": remind,
    "*/10 * * * *": close_days,
    "23 19 * * *": write_schedules,  # 02:23 in Vietnam
    "17 * * * *": tidy,
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
