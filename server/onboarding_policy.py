"""Who may call what while a company becomes a provider, changes its settings, and fetches its postings."""

from __future__ import annotations

from auth.assurance import FRESH
from auth.guard import Rule
from auth.organisation_models import OrganisationKind, StaffRole
from server.rules import CITIZEN, PROVIDER_STAFF, REVIEWER, STRONG, provider, staff

ONBOARDING: dict[str, Rule] = {
    "addProviderApplication": STRONG,
    "listOwnProviderApplications": CITIZEN,
    "getOwnProviderApplication": CITIZEN,
    "withdrawProviderApplication": CITIZEN,
    "listProvidersToReview": REVIEWER,
    "getProviderToReview": REVIEWER,
    "moveProvider": staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR, max_age=FRESH),
    "getOurOnboarding": provider("payments:read"),
    "listOurTerms": provider("payments:read"),
    "issuePostingCredentials": staff(OrganisationKind.PROVIDER, StaffRole.OPERATOR, max_age=FRESH),
    "listProviderPostings": provider("payments:read"),
    "answerProviderPostings": provider("settlement:write"),
    "listProviderTrials": provider("payments:read"),
    "addProviderTrial": provider("settlement:write"),
    "getProviderTrial": provider("payments:read"),
    "proposeProviderChange": staff(OrganisationKind.PROVIDER, StaffRole.CLERK, StaffRole.OPERATOR, max_age=FRESH),
    "listProviderChanges": PROVIDER_STAFF,
    "getProviderChange": PROVIDER_STAFF,
    "withdrawProviderChange": PROVIDER_STAFF,
    "listProviderChangesToReview": REVIEWER,
    "answerProviderChange": staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR, max_age=FRESH),
}
