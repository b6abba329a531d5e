"""The whole background flow on one screen: who listens to what, and what runs by the clock."""

from __future__ import annotations

import auth.listeners
import auth.operations
import auth.operations.authorizations
import auth.operations.grants
import notifications.flows
import notifications.listeners
import notifications.school_listeners
import notifications.ticket_listeners
import notifications.visit_listeners
import payments.flows
import payments.listeners
import persons.holdings
import persons.listeners
import services.education.flows
import services.education.listeners
import services.health.flows
import services.health.listeners
import services.tourism.flows
import services.tourism.listeners
import services.tourism.operations
import services.utilities.flows
import services.utilities.listeners
import services.utilities.operations.onboarding
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
    BooksBroken,
    CardRemoved,
    DifferencesMoved,
    DifferencesOverdue,
    GatewayEventReceived,
    HoldUnwanted,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDoubtful,
    PaymentEnded,
    PaymentRefunded,
    RefundFailed,
    RefundRequested,
    RemittanceFinal,
    RemittancePublished,
)
from persons.events import MandateAccepted, MandateRevoked
from server.holdings import HOLDINGS
from services.education.events import OpenDayCancelled, RoundChanged, RoundDue, SavedSchoolGone
from services.health.events import (
    BookingCancelledByClinic,
    DrawLost,
    OfferMissed,
    PlaceOffered,
    PlacesWithdrawn,
    ReminderDue,
)
from services.tourism.events import TicketRefundDue, TicketsIssued
from services.utilities.events import (
    AutomaticPaymentAnnounced,
    AutomaticPaymentLeft,
    BillsPaid,
    BillsReturned,
    ImportRequested,
    StatementReceived,
    TrialPostingDue,
)
from webhooks.events import DeliveryDue

# A listener works inside one transaction; a flow talks to outsiders between transactions.
LISTENERS: dict[type[Event], list[Listener]] = {
    PaymentEnded: [
        services.utilities.listeners.release_bills,
        services.utilities.listeners.leave_planned,
        services.tourism.listeners.release_places,
        services.health.listeners.end_deposit,
        notifications.listeners.tell_payment_ended,
    ],
    CardRemoved: [services.utilities.listeners.end_with_card],
    AutomaticPaymentAnnounced: [notifications.listeners.tell_automatic_announced],
    AutomaticPaymentLeft: [notifications.listeners.tell_automatic_left],
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
        services.education.listeners.join_lists,
        services.tourism.listeners.follow_citizen,
        services.health.listeners.follow_citizen,
        notifications.listeners.follow_citizen,
    ],
    PaymentCaptured: [
        services.tourism.listeners.issue_tickets,
        services.health.listeners.book_paid,
        webhooks.listeners.log_captured,
    ],
    PaymentRefunded: [services.tourism.listeners.complete_refund, notifications.listeners.tell_refunded],
    RefundFailed: [services.tourism.listeners.reopen_refund],
    TicketsIssued: [notifications.ticket_listeners.tell_tickets_ready],
    TicketRefundDue: [notifications.ticket_listeners.tell_tickets_returned],
    BillsPaid: [notifications.listeners.tell_bills_paid, webhooks.listeners.log_posted],
    BillsReturned: [notifications.listeners.tell_bills_returned, webhooks.listeners.log_returned],
    RoundChanged: [services.education.listeners.remind_of_change],
    RoundDue: [notifications.school_listeners.tell_round_due],
    SavedSchoolGone: [notifications.school_listeners.tell_school_gone],
    OpenDayCancelled: [notifications.school_listeners.tell_open_day_cancelled],
    ReminderDue: [notifications.visit_listeners.tell_reminder],
    PlaceOffered: [notifications.visit_listeners.tell_place_offered],
    DrawLost: [notifications.visit_listeners.tell_draw_lost],
    OfferMissed: [notifications.visit_listeners.tell_offer_missed],
    BookingCancelledByClinic: [notifications.visit_listeners.tell_visit_cancelled],
    DifferencesMoved: [webhooks.listeners.log_differences],
    RemittancePublished: [webhooks.listeners.log_remittance_published],
    RemittanceFinal: [webhooks.listeners.log_remittance_final],
}
FLOWS: dict[type[Event], list[Flow]] = {
    PhoneChallengeStarted: [notifications.flows.send_code],
    MemberInvited: [notifications.flows.send_invitation],
    GatewayEventReceived: [payments.flows.handle_gateway_event],
    PaymentDoubtful: [payments.flows.settle],
    HoldUnwanted: [payments.flows.release_hold],
    RefundRequested: [payments.flows.give_back],
    PaymentAuthorised: [
        services.utilities.flows.recheck_and_capture,
        services.tourism.flows.capture_tickets,
        services.health.flows.take_deposit,
    ],
    PaymentCaptured: [services.utilities.flows.post_to_providers],
    PlacesWithdrawn: [services.health.flows.move_people],
    ImportRequested: [services.utilities.flows.run_import],
    StatementReceived: [services.utilities.flows.compare_statement],
    TrialPostingDue: [services.utilities.flows.post_trial],
    BooksBroken: [notifications.flows.alarm_operator],
    CardRemoved: [payments.flows.forget_card],
    MessagePosted: [notifications.flows.push_message],
    DeliveryDue: [webhooks.flows.deliver],
    DifferencesOverdue: [notifications.flows.remind_operator],
}


def sweep_payments() -> None:
    """Ask the gateway about every payment and refund whose outcome has been open for too long."""
    payments.flows.sweep()
    payments.flows.sweep_refunds()


def sweep_postings() -> None:
    """Post again what no provider has confirmed."""
    services.utilities.flows.sweep_postings()


def compare_with_gateway() -> None:
    """Read what moved at the gateway, and see whether it has of ours what our books say."""
    payments.flows.compare_with_gateway()


def remind_of_schools() -> None:
    """Tell parents what comes up for the schools they saved."""
    services.education.flows.remind()


def refresh_school_snapshots() -> None:
    """Write down anew the provinces whose schools have changed much."""
    services.education.flows.refresh_snapshots()


def tidy_schools() -> None:
    """Drop old tombstones of schools, and count the words of the search anew."""
    services.education.flows.tidy()


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
        services.tourism.operations.forget_idle_visitors(session)


PERIODIC = {
    "* * * * * */15": sweep_payments,
    "* * * * * */5": payments.flows.seal_journal,
    "*/5 * * * *": sweep_postings,
    "*/15 * * * *": services.utilities.flows.plan_payments,
    "* * * * * 30": services.utilities.flows.pay_planned,
    "*/10 * * * *": compare_with_gateway,
    "* * * * *": payments.flows.check_books,
    "*/2 * * * *": payments.flows.sweep_cards,
    "7 * * * *": payments.flows.sign_yesterday,
    "3-59/5 * * * *": services.utilities.flows.close_books,
    "27 * * * *": payments.flows.match_movements,
    "47 * * * *": payments.flows.sweep_disputes,
    "37 * * * *": services.utilities.flows.compare_with_providers,
    "*/5 * * * * 50": services.utilities.flows.apply_changes,
    "* * * * * */10": sweep_holds,
    "* * * * * 2-59/5": run_draws,
    "* * * * * */30": remind,
    "*/10 * * * * 20": close_days,
    "23 19 * * *": write_schedules,  # 02:23 in Vietnam
    "17 * * * *": tidy,
    "*/5 * * * * 20": remind_of_schools,
    "*/10 * * * * 40": refresh_school_snapshots,
    "41 2 * * *": tidy_schools,
    "* * * * * 10": publish_guides,
    "10 19 * * *": build_packs,  # at night in Vietnam
    "40 19 * * *": check_links,
    "5 1-10 * * *": payments.flows.remind_of_differences,  # hours of work in Vietnam
}


def wire() -> None:
    """Register everything above with the queue; safe to call twice."""
    persons.holdings.declare(HOLDINGS)
    services.utilities.operations.onboarding.declare_check("webhook_delivered", webhooks.operations.list_heard)
    for event, listeners in LISTENERS.items():
        for listener in listeners:
            events.listen(event, listener)
    for event, flows in FLOWS.items():
        for flow in flows:
            events.follow(event, flow)
    for cron, work in PERIODIC.items():
        events.periodic(cron, work)
