"""Every operation asked by everybody: what the guard answers is what server/policy.py says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auth import guard, operations
from auth.app_models import Review
from auth.app_scopes import SCOPES as APP_SCOPES
from auth.assurance import Proof
from auth.guard import Role, Rule
from auth.models import Assurance, Citizen, Language
from auth.operations import apps, authorizations, grants
from auth.operations.grants import AppTokens
from auth.operations.personal import erase_citizen
from kit import clock, sealed
from kit.database import transaction
from kit.quotas import Quotas
from kit.web import Api
from server.policy import POLICY
from tests.auth.app_stories import BACK, TOLD, challenge_of
from tests.auth.test_forged_tokens import STRANGER, claims, header, sign
from tests.people import make_organisation

VERIFIER, SCOPES_OF_APPS = "v" * 43, frozenset(APP_SCOPES)
HOUR, STALE = timedelta(hours=1), timedelta(minutes=6)
ADMITTED, NOBODY, NOT_ALLOWED, NOT_ENOUGH = (
    "admitted", "not_signed_in", "not_allowed", "insufficient_user_authentication",
)  # fmt: skip
DENIED = {NOBODY, NOT_ALLOWED, NOT_ENOUGH}


@dataclass(frozen=True)
class Actor:
    """Someone who calls: how to get a token, and what is true of it."""

    token: Callable[[], str | None]
    role: Role = Role.ANONYMOUS
    is_good: bool = True  # whether the token is one that still holds
    level: Assurance | None = None
    age: timedelta = timedelta()
    scopes: frozenset[str] = field(default_factory=frozenset)  # of machines, and of apps what citizens allow
    lasts: bool = False  # whether nothing that is asked ends the token


def citizen(level: Assurance, age: timedelta = timedelta()) -> str:
    """A token of a citizen in a session of its own, on the given proof of so long ago."""
    with transaction() as session:
        citizen_id = operations.welcome_citizen(session, "+84912345678", Language.VI)
        proof = Proof(level, clock.now() - age, clock.now() - timedelta(days=30))
        return operations.start_session(session, citizen_id, None, proof).access_token


def machine(*scopes: str) -> str:
    organisation_id = make_organisation("provider")
    with transaction() as session:
        client = operations.create_client(session, organisation_id=organisation_id, scopes=scopes, name="Tests")
        _, secret = operations.add_secret(session, client.id, expires_at=None)
        return operations.issue_client_token(session, str(client.id), secret, None).access_token


def signed_for(role: Role, **more: str) -> str:
    """A good token of a role that no door gives yet."""
    with transaction() as session:
        return operations.issue_token(session, role=role, subject=uuid4(), **more)


def app_of_others(*scopes: str, allowed: frozenset[str] = frozenset()) -> tuple[str, UUID, UUID]:
    """A token of an app of others for these scopes, or for fewer than were allowed; its citizen and the app."""
    with transaction() as session:
        owner = Citizen(language=Language.VI)
        session.add(owner)
        session.flush()
        citizen_id = operations.welcome_citizen(session, "+84912345678", Language.VI)
        app = apps.register_app(session, owner.id, TOLD | {"scopes": sorted(SCOPES_OF_APPS)})
        apps.review_app(session, app, Review.APPROVE, reason=None, reviewer_id=None)
        asked, _ = authorizations.open_authorization(
            session, app, redirect_uri=BACK, scopes=allowed or scopes, state=None,
            code_challenge=challenge_of(VERIFIER), language=Language.VI,
        )  # fmt: skip
        asked.request.citizen_id, asked.request.proved_at = citizen_id, clock.now()
        session.flush()
        code = authorizations.allow(session, asked).parameters["code"]
        given = grants.redeem_code(session, app, code, redirect_uri=None, code_verifier=VERIFIER)
        assert isinstance(given, AppTokens)
        narrowed = grants.refresh_grant(session, app, given.refresh_token, " ".join(scopes))
        assert isinstance(narrowed, AppTokens)
        return narrowed.access_token, citizen_id, app.id


def app_that_was_withdrawn() -> str:
    token, citizen_id, app_id = app_of_others(*SCOPES_OF_APPS)
    with transaction() as session:
        grants.withdraw_app(session, citizen_id, app_id)
    return token


def app_that_is_suspended() -> str:
    token, _, app_id = app_of_others(*SCOPES_OF_APPS)
    with transaction() as session:
        apps.review_app(session, apps.get_app(session, app_id), Review.SUSPEND, reason="…", reviewer_id=None)
    return token


def app_of_a_citizen_who_was_erased() -> str:
    token, citizen_id, _ = app_of_others(*SCOPES_OF_APPS)
    with transaction() as session:
        erase_citizen(session, citizen_id)
        sealed.destroy(session, citizen_id)
    return token


def app_whose_token_has_expired() -> str:
    clock.move(-timedelta(minutes=5, seconds=1))
    try:
        return app_of_others(*SCOPES_OF_APPS)[0]
    finally:
        clock.move(timedelta())


def ended() -> str:
    """A token whose session its citizen has ended."""
    token = citizen(Assurance.IDENTITY)
    said = jwt.decode(token, options={"verify_signature": False})
    with transaction() as session:
        operations.end_session(session, UUID(said["sid"]), UUID(said["sub"]))
    guard._revoked._read_at = None  # as if five seconds had passed
    return token


def revoked() -> str:
    """A token of a machine client that was revoked."""
    token = machine("bills:write", "payments:read")
    said = jwt.decode(token, options={"verify_signature": False})
    with transaction() as session:
        operations.revoke_client(session, UUID(said["sub"]))
    guard._revoked._read_at = None
    return token


def expired() -> str:
    clock.move(-timedelta(minutes=5, seconds=1))
    try:
        return citizen(Assurance.IDENTITY)
    finally:
        clock.move(timedelta())


def app(token: Callable[[], str], *scopes: str, is_good: bool = True) -> Actor:
    return Actor(token, Role.DEVELOPER, is_good=is_good, scopes=frozenset(scopes), lasts=True)


P, K, N = Assurance.PHONE, Assurance.PASSKEY, Assurance.IDENTITY
SCOPES, BILLS = frozenset({"bills:write", "payments:read", "webhooks:manage"}), frozenset({"bills:write"})
ACTORS = {
    "nobody": Actor(lambda: None),
    "a citizen by phone": Actor(lambda: citizen(P), Role.CITIZEN, level=P),
    "a citizen by phone an hour ago": Actor(lambda: citizen(P, HOUR), Role.CITIZEN, level=P, age=HOUR),
    "a citizen by passkey": Actor(lambda: citizen(K), Role.CITIZEN, level=K),
    "a citizen by passkey six minutes ago": Actor(lambda: citizen(K, STALE), Role.CITIZEN, level=K, age=STALE),
    "a citizen by national identity": Actor(lambda: citizen(N), Role.CITIZEN, level=N),
    "a citizen by identity six minutes ago": Actor(lambda: citizen(N, STALE), Role.CITIZEN, level=N, age=STALE),
    "a citizen who has ended the session": Actor(ended, Role.CITIZEN, is_good=False, level=N),
    "a citizen whose token has expired": Actor(expired, Role.CITIZEN, is_good=False, level=N),
    "a provider with every scope": Actor(lambda: machine(*SCOPES), Role.PROVIDER, scopes=SCOPES),
    "a provider that may send bills": Actor(lambda: machine(*BILLS), Role.PROVIDER, scopes=BILLS),
    "a provider without a scope": Actor(machine, Role.PROVIDER),
    "a provider whose client was revoked": Actor(revoked, Role.PROVIDER, is_good=False, scopes=SCOPES),
    **{
        f"an app that may {scope}": app(lambda scope=scope: app_of_others(scope, allowed=SCOPES_OF_APPS)[0], scope)
        for scope in sorted(SCOPES_OF_APPS)
    },
    "an app that may do all": app(lambda: app_of_others(*SCOPES_OF_APPS)[0], *SCOPES_OF_APPS),
    "an app that was withdrawn": app(app_that_was_withdrawn, is_good=False),
    "an app that is suspended": app(app_that_is_suspended, is_good=False),
    "an app of a citizen who is gone": app(app_of_a_citizen_who_was_erased, is_good=False),
    "an app whose token has expired": app(app_whose_token_has_expired, is_good=False),
    "an app nobody has allowed": app(lambda: signed_for(Role.DEVELOPER), is_good=False),
    "a stranger with a key of their own": Actor(lambda: sign(header(), claims(), STRANGER), is_good=False),
    "garbage": Actor(lambda: "garbage", is_good=False),
}  # fmt: skip


def expected(rule: Rule, actor: Actor, *, has_token: bool) -> str:
    """What a rule of the policy says to an actor, in the words of the architecture and not of the guard's code."""
    is_refused_anywhere = has_token and not actor.is_good
    if rule.own_credentials or (rule.open and not is_refused_anywhere):
        return ADMITTED
    if is_refused_anywhere or actor.role is Role.ANONYMOUS:
        return NOBODY
    if actor.role is Role.DEVELOPER:
        return ADMITTED if rule.app in actor.scopes else NOT_ALLOWED
    if actor.role not in rule.roles or (
        actor.role is not Role.CITIZEN and rule.scope is not None and rule.scope not in actor.scopes
    ):
        return NOT_ALLOWED
    if actor.level is None or rule.assurance is None:
        return ADMITTED
    order = list(Assurance)
    is_fresh = rule.max_age is None or actor.age <= rule.max_age
    return ADMITTED if is_fresh and order.index(actor.level) >= order.index(rule.assurance) else NOT_ENOUGH


def requests_of(app: Flask, **known: UUID) -> Iterator[tuple[str, str, str]]:
    """(operationId, method, path) of every operation, with ids that belong to nobody, but for those that are known."""
    operations_by_place = app.extensions["api"].operations
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            operation = operations_by_place.get((rule.endpoint, method))
            if operation is not None:
                values = {
                    name: known.get(name, uuid4())
                    if type(rule._converters[name]).__name__ == "UUIDConverter"
                    else "00001"
                    for name in rule.arguments
                }
                yield operation, method, adapter.build(rule.endpoint, values, method=method)


def ask(http: FlaskClient, method: str, path: str, token: str | None, **more: str):
    headers = {"Idempotency-Key": str(uuid4())} | ({"Authorization": f"Bearer {token}"} if token else {})
    return http.open(path, method=method, headers=headers | more)


def verdict(answer: TestResponse) -> str:
    """Whether the guard has let a request through, or in which words it has not."""
    said = (answer.get_json(silent=True) or {}) if answer.status_code >= 400 else {}
    code = said.get("code")
    if said.get("resourceType") == "OperationOutcome":
        code = said["issue"][0]["details"]["coding"][0]["code"]
    return code if code in DENIED else ADMITTED


@pytest.fixture(autouse=True)
def later():
    """Here the clock is the machine's."""
    clock.move(timedelta())
    yield
    clock.move(timedelta())


@pytest.mark.parametrize("actor", ACTORS.values(), ids=ACTORS.keys())
def test_everybody_may_do_what_the_policy_says_and_nothing_else(app, client, actor):
    http = client()
    wrong = {}
    token = actor.token()

    for operation, method, path in requests_of(app):
        answer = ask(http, method, path, token)
        got = verdict(answer)
        wanted = expected(POLICY[operation], actor, has_token=token is not None)
        if got != wanted or answer.status_code >= 500:
            wrong[operation] = (wanted, got, answer.status_code)
        if answer.status_code < 400 and method != "GET" and not actor.lasts:
            token = actor.token()  # what was done may have ended the one before

    assert wrong == {}


def test_every_operation_has_an_entry_and_every_entry_an_operation(app):
    assert {operation for operation, _, _ in requests_of(app)} == set(POLICY)


def install(api: Api, policy: Mapping[str, Rule]) -> None:
    guard.install(
        Flask("another"), api, policy, Quotas(1),
        may_act=lambda *_: False, state_purpose=lambda: None, app_looks=lambda _: None,
    )  # fmt: skip


def test_an_operation_without_an_entry_refuses_to_boot(app):
    api = app.extensions["api"]
    without = {name: rule for name, rule in POLICY.items() if name != "payBills"}

    with pytest.raises(LookupError, match="payBills"):
        install(api, without)


@pytest.mark.parametrize(
    "rule", [Rule(frozenset(), app="bills:pay"), replace(POLICY["removePasskey"], app="bills:read")]
)
def test_an_app_may_neither_be_given_what_nobody_is_asked_for_nor_have_to_step_up(app, rule):
    api, policy = app.extensions["api"], {**POLICY, "payBills": rule}

    with pytest.raises(LookupError, match="payBills"):
        install(api, policy)


def test_no_scope_of_an_app_opens_what_pays_or_proves():
    opened = {operation for operation, rule in POLICY.items() if rule.app}

    assert opened == {
        "getMe", "getMyIdentity", "listAccounts", "getAccount", "listBills", "getBill", "listPayments"
    }  # fmt: skip
    assert {rule.app for rule in POLICY.values()} - {None} == SCOPES_OF_APPS


def test_each_refusal_has_its_status_and_says_how_to_go_on(client):
    http = client()
    passkey = f"/v1/me/passkeys/{uuid4()}"

    nobody = ask(http, "GET", "/v1/me", None)
    not_allowed = ask(http, "GET", "/v1/me", machine())
    not_enough = ask(http, "DELETE", passkey, citizen(P))

    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="citizen"')
    assert (not_allowed.status_code, "WWW-Authenticate" in not_allowed.headers) == (403, False)
    assert not_enough.status_code == 401
    assert (not_enough.json["acr_values"], not_enough.json["max_age"]) == ("passkey identity", 300)
    assert not_enough.json["next_action"] == "step_up"
    assert not_enough.headers["WWW-Authenticate"] == (
        'Bearer realm="citizen", error="insufficient_user_authentication", acr_values="passkey identity", max_age="300"'
    )
