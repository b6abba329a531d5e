"""Who may call which operation. An operation without an entry here refuses to boot."""

from __future__ import annotations

from typing import Any

from auth.assurance import FRESH
from auth.guard import Role, Rule
from auth.models import Assurance
from auth.organisation_models import OrganisationKind, StaffRole

PUBLIC = Rule(frozenset(Role), open=True)
# Those who come to get a token: an expired one in the header must not stop them.
NEWCOMER = Rule(frozenset(Role), open=True, own_credentials=True)
CITIZEN = Rule(frozenset({Role.CITIZEN}))
# What would let a thief stay in, or see all there is: proved anew, and by more than a code to the phone.
STRONG = Rule(frozenset({Role.CITIZEN}), assurance=Assurance.PASSKEY, max_age=FRESH)


def _staff(kind: OrganisationKind | None, *roles: StaffRole, **more: Any) -> Rule:  # noqa: ANN401 - the fields of a rule
    """For members of organisations of a kind, or of any, in one of these roles."""
    kinds = frozenset(OrganisationKind) if kind is None else frozenset({kind})
    return Rule(frozenset(), staff=frozenset(roles), kinds=kinds, **more)


def _provider(scope: str) -> Rule:
    """For the system of a provider that was granted a scope, and for its clerks."""
    return Rule(
        frozenset({Role.PROVIDER}),
        scope=scope,
        staff=frozenset({StaffRole.CLERK}),
        kinds=frozenset({OrganisationKind.PROVIDER}),
    )


# Those who review apps of others, for the province.
REVIEWER = _staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR)
# Those who look after the members and systems of their own organisation; the province's, of any.
OPERATORS = _staff(None, StaffRole.OPERATOR)

FRONT_DESK = _staff(OrganisationKind.CLINIC, StaffRole.FRONT_DESK, StaffRole.CLERK)
SCHEDULES = _staff(OrganisationKind.CLINIC, StaffRole.CLERK, StaffRole.APPROVER)

# A company's system that was granted it, or an operator of the company.
WEBHOOKS = Rule(
    frozenset({Role.PROVIDER}),
    scope="webhooks:manage",
    staff=frozenset({StaffRole.OPERATOR}),
    kinds=frozenset({OrganisationKind.PROVIDER}),
)


def _by_mandate(scope: str, *, app: str | None = None) -> Rule:
    return Rule(frozenset({Role.CITIZEN}), act_for=scope, app=app)


def _by_app(scope: str) -> Rule:
    """The citizen, and an app of others that the citizen has allowed this scope; without an entry no app may."""
    return Rule(frozenset({Role.CITIZEN}), app=scope)


POLICY: dict[str, Rule] = {
    # auth
    "startPhoneSignIn": NEWCOMER,
    "answerPhoneChallenge": NEWCOMER,
    "refreshSession": NEWCOMER,
    "issueClientToken": NEWCOMER,
    "listSigningKeys": PUBLIC,
    "signOut": CITIZEN,
    "getMe": _by_app("profile:read"),
    "listSessions": CITIZEN,
    "getSession": CITIZEN,
    "renameSession": CITIZEN,
    "endSession": CITIZEN,
    "endAllSessions": CITIZEN,
    "startPasskeySignIn": NEWCOMER,
    "signInWithPasskey": NEWCOMER,
    "startPasskeyStepUp": CITIZEN,
    "stepUpWithPasskey": CITIZEN,
    "startIdentitySignIn": NEWCOMER,
    "finishIdentitySignIn": NEWCOMER,
    "startIdentityStepUp": CITIZEN,
    "finishIdentityStepUp": CITIZEN,
    "startPasskeyRegistration": CITIZEN,
    "registerPasskey": CITIZEN,
    "listPasskeys": CITIZEN,
    "getPasskey": CITIZEN,
    "removePasskey": STRONG,
    # organisations, their members and systems
    "listMyOrganisations": CITIZEN,
    "leaveOrganisation": CITIZEN,
    "listMyInvitations": CITIZEN,
    "acceptInvitation": CITIZEN,
    "declineInvitation": CITIZEN,
    "listOrganisations": _staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR),
    "createOrganisation": _staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR, max_age=FRESH),
    "suspendOrganisation": _staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR, max_age=FRESH),
    "resumeOrganisation": _staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR, max_age=FRESH),
    "getOrganisation": _staff(None, *StaffRole),
    "listMembers": OPERATORS,
    "listMemberEvents": OPERATORS,
    "listInvitations": OPERATORS,
    "listClients": OPERATORS,
    # What lets somebody in is proved anew; what shuts somebody out is not held up.
    "inviteMember": _staff(None, StaffRole.OPERATOR, max_age=FRESH),
    "changeMember": _staff(None, StaffRole.OPERATOR, max_age=FRESH),
    "createClient": _staff(None, StaffRole.OPERATOR, max_age=FRESH),
    "addClientCredential": _staff(None, StaffRole.OPERATOR, max_age=FRESH),
    "withdrawInvitation": OPERATORS,
    "removeMember": OPERATORS,
    "revokeClient": OPERATORS,
    "withdrawClientCredential": OPERATORS,
    # apps of others
    "getServerMetadata": PUBLIC,
    "issueAppTokens": NEWCOMER,
    "revokeAppToken": NEWCOMER,
    "registerApp": CITIZEN,
    "listOwnApps": CITIZEN,
    "getOwnApp": CITIZEN,
    "changeOwnApp": CITIZEN,
    "removeOwnApp": CITIZEN,
    "issueAppSecret": STRONG,
    "listAppsToReview": REVIEWER,
    "getAppToReview": REVIEWER,
    "reviewApp": REVIEWER,
    "listMyApps": CITIZEN,
    "withdrawApp": CITIZEN,
    # divisions
    "listAreas": PUBLIC,
    "listProvinces": PUBLIC,
    "listCommunes": PUBLIC,
    "getCommune": PUBLIC,
    "resolveDivision": PUBLIC,
    # utilities
    "listProviders": PUBLIC,
    "lookUpBills": CITIZEN,
    "linkAccount": CITIZEN,
    "listAccounts": _by_app("bills:read"),
    "getAccount": _by_app("bills:read"),
    "unlinkAccount": CITIZEN,
    "listBills": _by_mandate("bills:read", app="bills:read"),
    "getBill": _by_mandate("bills:read", app="bills:read"),
    "payBills": _by_mandate("bills:pay"),
    "putProviderBill": _provider("bills:write"),
    "closeProviderBill": _provider("bills:write"),
    "importBills": _provider("bills:write"),
    "getImport": _provider("bills:write"),
    "listProviderPayments": _provider("payments:read"),
    # health
    "searchFacilities": PUBLIC,
    "listFacilityFeatures": PUBLIC,
    "getFacility": PUBLIC,
    "searchServices": PUBLIC,
    "getAvailability": PUBLIC,
    "getQueue": PUBLIC,
    "listProofKeys": PUBLIC,
    "holdPlaces": _by_mandate("health:book"),
    "getHold": _by_mandate("health:book"),
    "extendHold": _by_mandate("health:book"),
    "confirmHold": _by_mandate("health:book"),
    "cancelHold": _by_mandate("health:book"),
    "payDeposit": CITIZEN,
    "listBookings": _by_mandate("health:book"),
    "getBooking": _by_mandate("health:book"),
    "moveBooking": _by_mandate("health:book"),
    "cancelBooking": _by_mandate("health:book"),
    "confirmAttendance": _by_mandate("health:book"),
    "addNoShowAppeal": CITIZEN,
    "getBookingProof": _by_mandate("health:book"),
    "getTurn": _by_mandate("health:book"),
    "getBookingCalendar": _by_mandate("health:book"),
    "listWaits": CITIZEN,
    "addWait": CITIZEN,
    "getWait": CITIZEN,
    "withdrawWait": CITIZEN,
    "listDeskBookings": _staff(OrganisationKind.CLINIC, StaffRole.FRONT_DESK, StaffRole.CLERK, shows_citizens=True),
    "startClinicDay": FRONT_DESK,
    "endClinicDay": FRONT_DESK,
    "addCheckIn": FRONT_DESK,
    "addWalkIn": FRONT_DESK,
    "startNextCall": FRONT_DESK,
    "markTicket": FRONT_DESK,
    "cancelBookingByClinic": FRONT_DESK,
    "resolveNoShowAppeal": FRONT_DESK,
    "listMoves": FRONT_DESK,
    "listDepositReturns": FRONT_DESK,
    "listScheduleRules": SCHEDULES,
    "addScheduleRule": SCHEDULES,
    "endScheduleRule": SCHEDULES,
    "addScheduleException": SCHEDULES,
    "addPlaces": SCHEDULES,
    # payments
    # It holds what a payment is confirmed with: an app sees the list alone.
    "getPayment": _by_mandate("bills:pay"),
    "listPayments": _by_app("payments:read"),
    "cancelPayment": CITIZEN,
    "receiveStripeWebhook": NEWCOMER,
    # webhooks
    "createWebhookEndpoint": WEBHOOKS,
    "listWebhookEndpoints": WEBHOOKS,
    "getWebhookEndpoint": WEBHOOKS,
    "changeWebhookEndpoint": WEBHOOKS,
    "removeWebhookEndpoint": WEBHOOKS,
    "rotateWebhookSecret": WEBHOOKS,
    "testWebhookEndpoint": WEBHOOKS,
    "listWebhookDeliveries": WEBHOOKS,
    "getWebhookDelivery": WEBHOOKS,
    "replayWebhookDelivery": WEBHOOKS,
    "listProviderEvents": _provider("payments:read"),
    "listDraws": PUBLIC,
    "getDraw": PUBLIC,
    "listDrawTickets": PUBLIC,
    "addDrawRequest": _by_mandate("health:book"),
    "listDrawRequests": _by_mandate("health:book"),
    "getDrawRequest": _by_mandate("health:book"),
    "withdrawDrawRequest": _by_mandate("health:book"),
    "addDraw": SCHEDULES,
    "cancelDraw": SCHEDULES,
    # clinics in FHIR
    "getFhirCapability": PUBLIC,
    "searchFhirOrganizations": PUBLIC,
    "getFhirOrganization": PUBLIC,
    "searchFhirLocations": PUBLIC,
    "getFhirLocation": PUBLIC,
    "searchFhirHealthcareServices": PUBLIC,
    "getFhirHealthcareService": PUBLIC,
    "searchFhirPractitioners": PUBLIC,
    "getFhirPractitioner": PUBLIC,
    "searchFhirPractitionerRoles": PUBLIC,
    "getFhirPractitionerRole": PUBLIC,
    "searchFhirSchedules": PUBLIC,
    "getFhirSchedule": PUBLIC,
    "searchFhirSlots": PUBLIC,
    "getFhirSlot": PUBLIC,
    "listFhirPlaces": PUBLIC,
    "searchFhirPlaces": PUBLIC,
    "getFhirFeed": PUBLIC,
    "listFhirFeedLocations": PUBLIC,
    "listFhirFeedSchedules": PUBLIC,
    "listFhirFeedSlots": PUBLIC,
    "searchFhirAppointments": _by_mandate("health:book"),
    "getFhirAppointment": _by_mandate("health:book"),
    "holdFhirPlace": _by_mandate("health:book"),
    "confirmFhirAppointment": _by_mandate("health:book"),
    # notifications
    "listMessages": CITIZEN,
    "getMessage": CITIZEN,
    "markMessage": CITIZEN,
    "registerDevice": CITIZEN,
    "listDevices": CITIZEN,
    "removeDevice": CITIZEN,
    # persons
    "getMyIdentity": _by_app("identity:read"),
    "changeMyIdentity": CITIZEN,
    "exportMyData": CITIZEN,
    "eraseMe": Rule(frozenset({Role.CITIZEN}), assurance=Assurance.PHONE, max_age=FRESH),
    "listMyDataRequests": CITIZEN,
    "listMyConsents": CITIZEN,
    "giveConsent": CITIZEN,
    "withdrawConsent": CITIZEN,
    "listAccessToMyData": CITIZEN,
    "listHousehold": CITIZEN,
    "addHouseholdMember": CITIZEN,
    "getHouseholdMember": CITIZEN,
    "changeHouseholdMember": CITIZEN,
    "removeHouseholdMember": CITIZEN,
    "listMandates": CITIZEN,
    "offerMandate": CITIZEN,
    "acceptMandate": CITIZEN,
    "getMandate": CITIZEN,
    "narrowMandate": CITIZEN,
    "revokeMandate": CITIZEN,
}
