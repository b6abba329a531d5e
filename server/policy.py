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


def _guides(*roles: StaffRole) -> Rule:
    """For members of a tourism office."""
    return _staff(OrganisationKind.TOURISM_OFFICE, *roles)


# Those who look after the members and systems of their own organisation; the province's, of any.
OPERATORS = _staff(None, StaffRole.OPERATOR)

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


SCHOOL_EDITOR = _staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.EDITOR)
SCHOOL_APPROVER = _staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.APPROVER)
SCHOOL_OFFICE = _staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.EDITOR, StaffRole.APPROVER)

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
    # It takes money while the citizen is not there: proved anew. What stops it is not held up.
    "createAutomaticPayment": STRONG,
    "listAutomaticPayments": CITIZEN,
    "getAutomaticPayment": CITIZEN,
    "endAutomaticPayment": CITIZEN,
    "listPlannedPayments": CITIZEN,
    "getPlannedPayment": CITIZEN,
    "skipPlannedPayment": CITIZEN,
    "putProviderBill": _provider("bills:write"),
    "closeProviderBill": _provider("bills:write"),
    "importBills": _provider("bills:write"),
    "getImport": _provider("bills:write"),
    "listProviderPayments": _provider("payments:read"),
    # education
    "searchSchools": PUBLIC,
    "listSchoolSuggestions": PUBLIC,
    "listSchools": PUBLIC,
    "getSchool": PUBLIC,
    "listNearbySchools": PUBLIC,
    "getSchoolMap": PUBLIC,
    "getSchoolComparison": PUBLIC,
    "getSchoolSnapshot": PUBLIC,
    "getSchoolSnapshotFile": PUBLIC,
    "listSchoolChanges": PUBLIC,
    "listAdmissionRounds": PUBLIC,
    "getAdmissionRound": PUBLIC,
    "lookUpAdmissions": PUBLIC,
    "lookUpCatchment": PUBLIC,
    "getCatchmentZone": PUBLIC,
    "listOpenDays": PUBLIC,
    "listSavedSchools": CITIZEN,
    "addSavedSchool": CITIZEN,
    "getSavedSchool": CITIZEN,
    "removeSavedSchool": CITIZEN,
    "exportSchoolCalendar": CITIZEN,
    "listSchoolVisits": CITIZEN,
    "addSchoolVisit": CITIZEN,
    "getSchoolVisit": CITIZEN,
    "cancelSchoolVisit": CITIZEN,
    "addSchoolProposal": SCHOOL_EDITOR,
    "addRoundProposal": SCHOOL_EDITOR,
    "addOpenDayProposal": SCHOOL_EDITOR,
    "listSchoolProposals": SCHOOL_OFFICE,
    "getSchoolProposal": SCHOOL_OFFICE,
    "answerSchoolProposal": SCHOOL_APPROVER,
    "withdrawSchoolProposal": SCHOOL_EDITOR,
    "importSchools": SCHOOL_EDITOR,
    "importCatchmentZones": SCHOOL_EDITOR,
    "getSchoolImport": SCHOOL_OFFICE,
    "answerSchoolImport": SCHOOL_APPROVER,
    "exportSchools": SCHOOL_OFFICE,
    "listSchoolRevisions": SCHOOL_OFFICE,
    "lookUpDraftCatchment": SCHOOL_OFFICE,
    # tourism
    "listCategories": PUBLIC,
    "searchGuides": PUBLIC,
    "searchGuideFeatures": PUBLIC,
    "getGuide": PUBLIC,
    "getGuideLinkedData": PUBLIC,
    "getGuideMap": PUBLIC,
    "getMediaFile": PUBLIC,
    "exportItinerary": PUBLIC,
    "listGuideChanges": PUBLIC,
    "listPackKeys": PUBLIC,
    "listPacks": PUBLIC,
    "getPack": PUBLIC,
    "getPackContent": PUBLIC,
    "getPackUpdate": PUBLIC,
    "listAlerts": PUBLIC,
    "reportGuide": PUBLIC,
    # A visitor is a citizen, or a phone with a token of its own.
    "registerVisitor": PUBLIC,
    "linkVisitor": CITIZEN,
    "listFavourites": PUBLIC,
    "addFavourite": PUBLIC,
    "endFavourite": PUBLIC,
    "listPlans": PUBLIC,
    "addPlan": PUBLIC,
    "getPlan": PUBLIC,
    "changePlan": PUBLIC,
    "removePlan": PUBLIC,
    "addVisit": PUBLIC,
    "getPassport": PUBLIC,
    "listTicketOffer": PUBLIC,
    "payTickets": CITIZEN,
    "listTicketOrders": CITIZEN,
    "getTicketOrder": CITIZEN,
    "cancelTicketOrder": CITIZEN,
    "listDrafts": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "addDraft": _guides(StaffRole.EDITOR),
    "getDraft": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "changeDraft": _guides(StaffRole.EDITOR),
    "sendDraft": _guides(StaffRole.EDITOR),
    "answerDraft": _guides(StaffRole.APPROVER),
    "addDraftOfRevision": _guides(StaffRole.EDITOR),
    "getOwnGuide": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "removeGuide": _guides(StaffRole.APPROVER),
    "importGuides": _guides(StaffRole.EDITOR),
    "getGuideImport": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "listGuideReports": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "answerGuideReport": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "listStaleGuides": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "listBrokenLinks": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "addGuideMedia": _guides(StaffRole.EDITOR),
    "getGuideMedia": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "changeGuideMedia": _guides(StaffRole.APPROVER),
    "addPack": _guides(StaffRole.EDITOR, StaffRole.APPROVER),
    "giveAlert": _guides(StaffRole.APPROVER, StaffRole.OPERATOR),
    "endAlert": _guides(StaffRole.APPROVER, StaffRole.OPERATOR),
    "addTicketType": _guides(StaffRole.APPROVER),
    "addTicketDays": _guides(StaffRole.APPROVER),
    "listTicketRefunds": _guides(StaffRole.CLERK, StaffRole.APPROVER),
    "resumeTicketRefund": _guides(StaffRole.CLERK, StaffRole.APPROVER),
    "confirmTicket": _guides(StaffRole.FRONT_DESK),
    "sendGateScans": _guides(StaffRole.FRONT_DESK),
    "listGateTickets": _guides(StaffRole.FRONT_DESK),
    # payments
    # It holds what a payment is confirmed with: an app sees the list alone.
    "getPayment": _by_mandate("bills:pay"),
    "listPayments": _by_app("payments:read"),
    "cancelPayment": CITIZEN,
    "receiveStripeWebhook": NEWCOMER,
    "getPaymentProof": CITIZEN,
    "addCard": CITIZEN,
    "listCards": CITIZEN,
    "getCard": CITIZEN,
    "removeCard": CITIZEN,
    "listSignedRoots": PUBLIC,
    "askRefund": _staff(OrganisationKind.PROVIDER, StaffRole.CLERK, max_age=FRESH),
    "listRefunds": _staff(OrganisationKind.PROVIDER, StaffRole.CLERK, StaffRole.APPROVER),
    "getRefund": _staff(OrganisationKind.PROVIDER, StaffRole.CLERK, StaffRole.APPROVER),
    "approveRefund": _staff(OrganisationKind.PROVIDER, StaffRole.APPROVER, max_age=FRESH),
    "declineRefund": _staff(OrganisationKind.PROVIDER, StaffRole.APPROVER, StaffRole.CLERK),
    "listDiscrepancies": _staff(OrganisationKind.PROVINCE, StaffRole.CLERK, StaffRole.APPROVER),
    "proposeAdjustment": _staff(OrganisationKind.PROVINCE, StaffRole.CLERK, max_age=FRESH),
    "approveAdjustment": _staff(OrganisationKind.PROVINCE, StaffRole.APPROVER, max_age=FRESH),
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
