"""Who may call which operation. An operation without an entry here refuses to boot."""

from __future__ import annotations

from auth.assurance import FRESH
from auth.guard import Role, Rule
from auth.models import Assurance

PUBLIC = Rule(frozenset(Role), open=True)
# Those who come to get a token: an expired one in the header must not stop them.
NEWCOMER = Rule(frozenset(Role), open=True, own_credentials=True)
CITIZEN = Rule(frozenset({Role.CITIZEN}))
# Staff at the front desk of a facility; which one, the room finds out itself.
CLINIC = Rule(frozenset({Role.CLINIC}))
# What would let a thief stay in, or see all there is: proved anew, and by more than a code to the phone.
STRONG = Rule(frozenset({Role.CITIZEN}), assurance=Assurance.PASSKEY, max_age=FRESH)


def _provider(scope: str) -> Rule:
    return Rule(frozenset({Role.PROVIDER}), scope=scope)


def _by_mandate(scope: str) -> Rule:
    return Rule(frozenset({Role.CITIZEN}), act_for=scope)


POLICY: dict[str, Rule] = {
    # auth
    "startPhoneSignIn": NEWCOMER,
    "answerPhoneChallenge": NEWCOMER,
    "refreshSession": NEWCOMER,
    "issueClientToken": NEWCOMER,
    "listSigningKeys": PUBLIC,
    "signOut": CITIZEN,
    "getMe": CITIZEN,
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
    "listAccounts": CITIZEN,
    "getAccount": CITIZEN,
    "unlinkAccount": CITIZEN,
    "listBills": _by_mandate("bills:read"),
    "getBill": _by_mandate("bills:read"),
    "payBills": _by_mandate("bills:pay"),
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
    "listDeskBookings": CLINIC,
    "startClinicDay": CLINIC,
    "endClinicDay": CLINIC,
    "addCheckIn": CLINIC,
    "addWalkIn": CLINIC,
    "startNextCall": CLINIC,
    "markTicket": CLINIC,
    "cancelBookingByClinic": CLINIC,
    "resolveNoShowAppeal": CLINIC,
    "listMoves": CLINIC,
    "listScheduleRules": CLINIC,
    "addScheduleRule": CLINIC,
    "endScheduleRule": CLINIC,
    "addScheduleException": CLINIC,
    "addPlaces": CLINIC,
    # payments
    "getPayment": _by_mandate("bills:pay"),
    "listPayments": CITIZEN,
    "cancelPayment": CITIZEN,
    "receiveStripeWebhook": NEWCOMER,
    # notifications
    "listMessages": CITIZEN,
    "getMessage": CITIZEN,
    "markMessage": CITIZEN,
    "registerDevice": CITIZEN,
    "listDevices": CITIZEN,
    "removeDevice": CITIZEN,
    # persons
    "getMyIdentity": CITIZEN,
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
