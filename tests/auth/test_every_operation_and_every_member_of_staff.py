"""Every operation asked by members of every kind of organisation: the answer is what server/policy.py says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from auth import operations
from auth.guard import Role, Rule
from auth.models import Assurance
from auth.organisation_models import OrganisationKind, OrganisationState, StaffRole
from kit import clock
from kit.database import transaction
from server.policy import POLICY
from tests.auth.test_every_operation_and_every_caller import (
    ADMITTED,
    NOBODY,
    NOT_ALLOWED,
    NOT_ENOUGH,
    SCOPES,
    ask,
    expired,
    machine,
    requests_of,
    verdict,
)
from tests.people import StaffMember, make_organisation

SHIFT, STALE = timedelta(hours=12), timedelta(minutes=6)
P, K, N = Assurance.PHONE, Assurance.PASSKEY, Assurance.IDENTITY


@dataclass(frozen=True)
class Member:
    """Somebody who works, or worked, for an organisation, and what is true of them."""

    kind: str
    roles: tuple[str, ...]
    level: Assurance = K
    age: timedelta = timedelta()
    then: Callable[[StaffMember], None] = lambda _who: None  # what happens before they ask
    is_staff: bool = True  # whether they still work for the organisation they name

    def arrive(self, http: FlaskClient) -> StaffMember:
        who = StaffMember(http, self.kind, *self.roles, level=self.level, age=self.age)
        self.then(who)
        return who


def remove(who: StaffMember) -> None:
    with transaction() as session:
        member = operations.get_own_membership(session, who.id, who.organisation_id)
        operations.end_membership(session, member, actor_id=None)


def suspend(who: StaffMember) -> None:
    with transaction() as session:
        found = operations.get_organisation(session, who.organisation_id)
        operations.set_state(session, found, OrganisationState.SUSPENDED)


def name_a_foreign_one(who: StaffMember) -> None:
    who.organisation_id = make_organisation(OrganisationKind.PROVIDER)


def name_nobody(who: StaffMember) -> None:
    who.organisation_id = uuid4()


MEMBERS = {
    f"{role} of a {kind}": Member(kind, (role,))
    for kind, role in product(OrganisationKind, (StaffRole.CLERK, StaffRole.EDITOR, StaffRole.OPERATOR))
} | {
    "front desk of a clinic": Member("clinic", ("front_desk",)),
    "approver of a school office": Member("school_office", ("approver",)),
    "everything at a provider": Member("provider", tuple(StaffRole)),
    "a provider's all by phone": Member("provider", tuple(StaffRole), level=P),
    "a province's all by phone": Member("province", tuple(StaffRole), level=P),
    "a provider's all by passkey six minutes ago": Member("provider", tuple(StaffRole), age=STALE),
    "a province's all by passkey six minutes ago": Member("province", tuple(StaffRole), age=STALE),
    "a provider's all by identity": Member("provider", tuple(StaffRole), level=N),
    "a provider's all by identity yesterday": Member("provider", tuple(StaffRole), level=N, age=2 * SHIFT),
    "a removed clerk": Member("provider", ("clerk",), then=remove, is_staff=False),
    "a clerk of a suspended provider": Member("provider", ("clerk",), then=suspend, is_staff=False),
    "an operator who names a foreign provider": Member(
        "provider", ("operator", "clerk"), then=name_a_foreign_one, is_staff=False
    ),
    "a province's operator who names nobody": Member("province", ("operator",), then=name_nobody, is_staff=False),
}  # fmt: skip


def expected(rule: Rule, member: Member) -> str:
    """What a rule says to a member of staff, in the words of the architecture and not of the guard's code."""
    if rule.open or rule.own_credentials:
        return ADMITTED
    if not member.is_staff or member.kind not in rule.kinds or not rule.staff & set(member.roles):
        return NOT_ALLOWED
    order = list(Assurance)
    wanted = max(order.index(K), order.index(rule.assurance or P))
    is_enough = order.index(member.level) >= wanted and member.age <= (rule.max_age or SHIFT)
    return ADMITTED if is_enough else NOT_ENOUGH


@pytest.fixture(autouse=True)
def later():
    """Here the clock is the machine's."""
    clock.move(timedelta())
    yield
    clock.move(timedelta())


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS.keys())
def test_staff_may_do_what_the_policy_says_and_nothing_else(app, client, member):
    who = member.arrive(client())
    header = {"For-Organisation": str(who.organisation_id)}
    wrong = {}

    for operation, method, path in requests_of(app, organisation_id=who.organisation_id):
        answer = ask(who.http, method, path, who.token, **header)
        got, wanted = verdict(answer), expected(POLICY[operation], member)
        if got != wanted or answer.status_code >= 500:
            wrong[operation] = (wanted, got, answer.status_code)

    assert wrong == {}


STRANGERS = {
    "nobody": (lambda: None, NOBODY),
    "a token that has expired": (expired, NOBODY),
    "garbage": (lambda: "garbage", NOBODY),
    "a provider's system": (lambda: machine(*SCOPES), NOT_ALLOWED),
}


@pytest.mark.parametrize(("token", "wanted"), STRANGERS.values(), ids=STRANGERS.keys())
def test_who_is_no_citizen_is_nobodys_staff(app, client, token, wanted):
    http, shown = client(), token()
    header = {"For-Organisation": str(make_organisation("provider"))}

    got = {
        operation: verdict(ask(http, method, path, shown, **header))
        for operation, method, path in requests_of(app)
        if not POLICY[operation].open
    }

    assert got == dict.fromkeys(got, wanted)


def test_every_rule_for_staff_names_roles_and_no_role_of_a_token():
    for_staff = {name: rule for name, rule in POLICY.items() if rule.staff}

    assert for_staff
    assert all(rule.kinds and Role.STAFF not in rule.roles and not rule.open for rule in for_staff.values())
    assert all(rule.staff for rule in POLICY.values() if rule.shows_citizens)
