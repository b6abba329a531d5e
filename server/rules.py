"""The rules the policy is written in: who somebody has to be to be let in."""

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


def staff(kind: OrganisationKind | None, *roles: StaffRole, **more: Any) -> Rule:  # noqa: ANN401 - the fields of a rule
    """For members of organisations of a kind, or of any, in one of these roles."""
    kinds = frozenset(OrganisationKind) if kind is None else frozenset({kind})
    return Rule(frozenset(), staff=frozenset(roles), kinds=kinds, **more)


def provider(scope: str) -> Rule:
    """For the system of a provider that was granted a scope, and for its clerks."""
    return Rule(
        frozenset({Role.PROVIDER}),
        scope=scope,
        staff=frozenset({StaffRole.CLERK}),
        kinds=frozenset({OrganisationKind.PROVIDER}),
    )


# Those who review apps of others, for the province.
REVIEWER = staff(OrganisationKind.PROVINCE, StaffRole.OPERATOR)


def guides(*roles: StaffRole) -> Rule:
    """For members of a tourism office."""
    return staff(OrganisationKind.TOURISM_OFFICE, *roles)


# Those who warn visitors: an office of its own guides, the province's operator of everybody's.
ALERTS = Rule(
    frozenset(),
    staff=frozenset({StaffRole.APPROVER, StaffRole.OPERATOR}),
    kinds=frozenset({OrganisationKind.TOURISM_OFFICE, OrganisationKind.PROVINCE}),
)

# Those who look after the members and systems of their own organisation; the province's, of any.
OPERATORS = staff(None, StaffRole.OPERATOR)

FRONT_DESK = staff(OrganisationKind.CLINIC, StaffRole.FRONT_DESK, StaffRole.CLERK)
SCHEDULES = staff(OrganisationKind.CLINIC, StaffRole.CLERK, StaffRole.APPROVER)

# A company's system that was granted it, or an operator of the company.
WEBHOOKS = Rule(
    frozenset({Role.PROVIDER}),
    scope="webhooks:manage",
    staff=frozenset({StaffRole.OPERATOR}),
    kinds=frozenset({OrganisationKind.PROVIDER}),
)


def by_mandate(scope: str, *, app: str | None = None) -> Rule:
    """The citizen, and whoever holds their mandate for this scope."""
    return Rule(frozenset({Role.CITIZEN}), act_for=scope, app=app)


def by_app(scope: str) -> Rule:
    """The citizen, and an app of others that the citizen has allowed this scope; without an entry no app may."""
    return Rule(frozenset({Role.CITIZEN}), app=scope)


SCHOOL_EDITOR = staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.EDITOR)
SCHOOL_APPROVER = staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.APPROVER)
SCHOOL_OFFICE = staff(OrganisationKind.SCHOOL_OFFICE, StaffRole.EDITOR, StaffRole.APPROVER)
