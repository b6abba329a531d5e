"""The guard before every operation: who calls, and whether the policy lets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from flask import Flask, Response, g, request

from auth import assurance, operations, tokens
from auth.app_scopes import SCOPES
from auth.assurance import Proof
from auth.errors import UnknownScope
from auth.keyring import Jwk
from auth.models import Assurance
from auth.operations import Staff, grants
from auth.organisation_models import OrganisationKind, StaffRole
from auth.revocations import Revoked
from kit.database import transaction
from kit.errors import NotAllowed, NotFound, NotSignedIn, TooManyRequests
from kit.quotas import Quota, Quotas
from kit.web import Api

ACT_FOR = "Act-For"  # the id of the citizen the caller acts for
FOR_ORGANISATION = "For-Organisation"  # the id of the organisation the caller works for


class Role(StrEnum):
    """Who may call; the words of the API document."""

    ANONYMOUS = "anonymous"
    CITIZEN = "citizen"
    STAFF = "staff"  # a citizen who says for which organisation they act; never the role of a token
    PROVIDER = "provider"
    DEVELOPER = "developer"


@dataclass(frozen=True)
class Rule:
    """Who may call an operation: any of `roles`, and a machine also needs `scope`.

    A citizen also needs to have proved who they are by `assurance` or better, at most `max_age` ago.
    `open` operations take anybody, with or without a token; a token that is there is still checked, unless the
    operation takes `own_credentials`. `act_for` is the scope of a mandate by which a citizen may do it for another.
    `app` is the scope by which an app of others may do it for a citizen who has allowed it; without one no app may.

    `staff` are the roles of members of organisations of `kinds`, one of which is enough; they call with the header
    For-Organisation and a passkey or national identity of the last twelve hours, or what `assurance` and `max_age` want
    beyond that. What `shows_citizens` to staff needs a stated purpose, and has to be written down by its view.
    """

    roles: frozenset[Role]
    scope: str | None = None
    open: bool = False
    own_credentials: bool = False
    assurance: Assurance | None = None
    max_age: timedelta | None = None
    act_for: str | None = None
    app: str | None = None
    staff: frozenset[StaffRole] = frozenset()
    kinds: frozenset[OrganisationKind] = frozenset(OrganisationKind)
    shows_citizens: bool = False


@dataclass(frozen=True)
class Caller:
    """The one who asks: `subject` is the citizen's, the machine client's or the app's id."""

    role: Role
    subject: UUID | None = None
    provider_id: UUID | None = None
    session_id: UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    is_test: bool = False  # a system whose organisation is still trying its systems
    proof: Proof | None = None  # of citizens only
    acts_for: UUID | None = None  # the citizen who gave the caller a mandate for this operation, or allowed the app
    staff: Staff | None = None  # of members of staff only: for whom, and as what
    # Of apps of others only: the consent they call by, what its citizen is called towards them, their own name.
    grant_id: UUID | None = None
    alias: UUID | None = None
    app_name: str | None = None

    @property
    def assurance(self) -> Assurance | None:
        """How surely a citizen is known."""
        return self.proof.level if self.proof else None

    @property
    def key(self) -> str:
        """What idempotency keys, cursors and quotas are bound to."""
        if self.alias:
            return f"{self.role}:{self.subject} for {self.alias}"
        if self.acts_for:
            return f"{self.role}:{self.subject} for {self.acts_for}"
        if self.staff:
            return f"{self.role}:{self.subject} of {self.staff.organisation_id}"
        return f"{self.role}:{self.subject}" if self.subject else "anonymous"


ANYBODY = Caller(Role.ANONYMOUS)
# Whether an agent may act for a principal now: (agent, principal, scope of the mandate, operation).
MayAct = Callable[[UUID, UUID, str, str], bool]
_grantable: set[str] = set()  # the scopes a system can be granted: those the policy asks for


@dataclass(frozen=True)
class AppLook:
    """An app of others that is about to be shown something of a citizen, by a scope they have allowed."""

    citizen_id: UUID
    app_id: UUID
    app_name: str
    scope: str
    operation: str


def install(
    app: Flask,
    api: Api,
    policy: Mapping[str, Rule],
    quotas: Quotas,
    *,
    may_act: MayAct,
    state_purpose: Callable[[], object],
    app_looks: Callable[[AppLook], None],
) -> None:
    """Put the guard before every operation of `api`; raises LookupError for an operation without a rule.

    `may_act` is asked, and writes down for the principal, when the header Act-For names somebody. `state_purpose`
    raises when staff ask for citizens' data and do not say why. `app_looks` writes down for the citizen what an app is
    about to see.
    """
    _check(policy, api)

    _grantable.update(rule.scope for rule in policy.values() if rule.scope and Role.PROVIDER in rule.roles)

    @app.before_request
    def admit() -> None:
        g.caller_key = ANYBODY.key
        operation = api.operation()
        if operation is None:
            return
        g.operation_id = operation
        rule = policy[operation]
        try:
            g.caller = _identify(rule)
        except NotSignedIn:
            _spend(quotas, f"address:{request.remote_addr}")
            raise
        g.caller_key = g.caller.key
        _spend(quotas, g.caller_key if g.caller.subject else f"address:{request.remote_addr}")
        g.caller = _on_behalf(g.caller, rule)
        if FOR_ORGANISATION in request.headers and not rule.open:
            g.caller = _appoint(g.caller, rule)
            g.caller_key = g.caller.key
            if rule.shows_citizens:
                state_purpose()
        else:
            _admit(g.caller, rule)
        if g.caller.app_name and rule.app and not rule.open:
            app_looks(AppLook(g.caller.acts_for, g.caller.subject, g.caller.app_name, rule.app, operation))
        if ACT_FOR in request.headers and not rule.open:
            g.caller = _stand_in(g.caller, rule, operation, may_act)
            g.caller_key = g.caller.key

    @app.after_request
    def tell_quota(response: Response) -> Response:
        quota: Quota | None = g.get("quota")
        if quota is not None:
            response.headers["RateLimit-Policy"] = f'"caller";q={quota.limit};w={quota.window_seconds}'
            response.headers["RateLimit"] = f'"caller";r={quota.remaining};t={quota.reset_seconds}'
        return response


def _check(policy: Mapping[str, Rule], api: Api) -> None:
    unruled = sorted(set(api.operations.values()) - set(policy))
    if unruled:
        raise LookupError(f"operations without an entry in server/policy.py: {', '.join(unruled)}")
    for operation, rule in policy.items():
        if rule.app is not None and (rule.app not in SCOPES or rule.assurance is not None):
            raise LookupError(f"{operation}: no citizen is asked for {rule.app}, or an app would have to step up")


def current_caller() -> Caller:
    """Who makes the current request."""
    caller: Caller = g.caller
    return caller


def current_citizen() -> UUID:
    """The citizen whose things the current request is about: who makes it, or whom they act for by mandate.

    When an app of others makes it, the citizen who has allowed it.
    """
    if current_caller().role is Role.DEVELOPER:
        return _subject(lambda caller: caller.acts_for, Role.DEVELOPER)
    return _subject(lambda caller: caller.acts_for or caller.subject, Role.CITIZEN)


def current_provider() -> UUID:
    """The provider whose system or member of staff makes the current request."""
    return _subject(lambda caller: caller.provider_id, Role.PROVIDER, Role.STAFF)


def current_staff() -> Staff:
    """Who makes the current request for which organisation, in all their roles there; raises NotAllowed for others."""
    staff = current_caller().staff
    if staff is None:
        raise NotAllowed
    return staff


def current_proof() -> Proof:
    """How and when the citizen who makes the current request has proved who they are."""
    proof = current_caller().proof
    if proof is None:
        raise NotAllowed
    return proof


def current_session() -> UUID:
    """The session the citizen makes the current request in; raises NotSignedIn for a token without one."""
    session_id = current_caller().session_id
    if session_id is None:
        raise NotSignedIn("no session")
    return session_id


def require_grantable(scopes: Iterable[str]) -> None:
    """Raises UnknownScope unless every one of these is what an operation asks of a system."""
    if not _grantable.issuperset(scopes):
        raise UnknownScope(scopes=sorted(_grantable))


def _appoint(caller: Caller, rule: Rule) -> Caller:
    """The caller as a member of staff of the organisation they name, when they are one now and have proved it well."""
    if caller.role is Role.ANONYMOUS:
        raise NotSignedIn
    if not rule.staff or caller.role is not Role.CITIZEN or caller.subject is None:
        raise NotAllowed  # never done for the caller instead: that is not what they asked
    staff = _find_staff(caller.subject, request.headers[FOR_ORGANISATION])
    # Strangers, former members and those in other roles hear the same.
    if staff is None or staff.kind not in rule.kinds or rule.staff.isdisjoint(staff.roles):
        raise NotAllowed
    assurance.require_of_staff(caller.proof, rule.assurance, rule.max_age)
    return replace(caller, role=Role.STAFF, staff=staff, provider_id=staff.provider_id)


def _find_staff(citizen_id: UUID, organisation: str) -> Staff | None:
    try:
        organisation_id = UUID(organisation)
    except ValueError:
        return None
    # Asked at every request, so that rights end with the membership and not some seconds later.
    with transaction() as session:
        return operations.find_staff(session, citizen_id, organisation_id)


def _stand_in(caller: Caller, rule: Rule, operation: str, may_act: MayAct) -> Caller:
    if rule.act_for is None or caller.role is not Role.CITIZEN or caller.subject is None:
        raise NotAllowed  # never done for the caller instead: that is not what they asked
    try:
        principal = UUID(request.headers[ACT_FOR])
    except ValueError:
        raise NotFound from None
    if not may_act(caller.subject, principal, rule.act_for, operation):
        raise NotFound
    return replace(caller, acts_for=principal)


def _subject(of: Callable[[Caller], UUID | None], *roles: Role) -> UUID:
    caller = current_caller()
    subject = of(caller)
    if caller.role not in roles or subject is None:
        raise NotAllowed
    return subject


def _spend(quotas: Quotas, caller: str) -> None:
    g.quota = quotas.spend(caller)
    if g.quota.exceeded:
        raise TooManyRequests(retry_after=g.quota.reset_seconds)


def _identify(rule: Rule) -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme or rule.own_credentials:
        return ANYBODY
    if scheme.lower() != "bearer":
        raise NotSignedIn("a bearer token is expected")
    claims = tokens.verify(token.strip(), _find_key)
    if _revoked.holds(claims.kid, str(claims.session_id), str(claims.subject), str(claims.credential_id)):
        raise NotSignedIn("ended")
    if (claims.role == Role.DEVELOPER) is (claims.client_id is None):
        raise NotSignedIn("malformed")  # an app's token, and no other, names its app
    if claims.is_test and not _is_in_test(claims.provider_id):
        raise NotSignedIn("ended")
    if claims.client_id is not None:
        return Caller(
            role=Role.DEVELOPER,
            subject=claims.client_id,
            scopes=claims.scopes,
            grant_id=claims.session_id,
            alias=claims.subject,
        )
    return Caller(
        role=Role(claims.role),
        subject=claims.subject,
        provider_id=claims.provider_id,
        session_id=claims.session_id,
        scopes=claims.scopes,
        is_test=claims.is_test,
        proof=_proof(claims),
    )


def _is_in_test(provider_id: UUID | None) -> bool:
    """Asked at every request with a test key: it touches nothing from the moment its provider is live."""
    with transaction() as session:
        return provider_id is not None and operations.is_in_test(session, provider_id)


def _proof(claims: tokens.Claims) -> Proof | None:
    if claims.assurance is None or claims.authenticated_at is None:
        return None
    return Proof(claims.assurance, claims.authenticated_at, claims.known_since or claims.authenticated_at)


def _on_behalf(caller: Caller, rule: Rule) -> Caller:
    """An app of others, with the citizen who has allowed it: asked anew each time. Anybody else as they are."""
    if caller.role is not Role.DEVELOPER:
        return caller
    if caller.grant_id is None or caller.subject is None or caller.alias is None:
        raise NotSignedIn("malformed")
    with transaction() as session:
        grant = grants.find_live_grant(session, caller.grant_id, caller.subject, caller.alias)
    if grant is None:
        raise NotSignedIn("ended")
    # Before anything is shown or written down: an app has its citizen, and neither a mandate nor an office.
    if not rule.open and (ACT_FOR in request.headers or FOR_ORGANISATION in request.headers):
        raise NotAllowed
    return replace(caller, acts_for=grant.citizen_id, app_name=grant.app_name, scopes=caller.scopes & grant.scopes)


def _find_key(kid: str) -> Jwk | None:
    with transaction() as session:
        return operations.find_signing_key(session, kid)


_revoked = Revoked()


def _admit(caller: Caller, rule: Rule) -> None:
    if caller.role is Role.DEVELOPER:
        _admit_app(caller, rule)
        return
    if rule.open or caller.role in rule.roles:
        if rule.assurance and caller.role is Role.CITIZEN:
            assurance.require(caller.proof, rule.assurance, rule.max_age)
        if rule.scope and caller.role is not Role.CITIZEN and rule.scope not in caller.scopes:
            raise NotAllowed(scope=rule.scope)
        return
    if caller.role is Role.ANONYMOUS:
        raise NotSignedIn
    if rule.staff and caller.role is Role.CITIZEN:
        raise NotAllowed(header=FOR_ORGANISATION)
    raise NotAllowed


def _admit_app(app: Caller, rule: Rule) -> None:
    if rule.open or (rule.app is not None and rule.app in app.scopes):
        return
    refusal = NotAllowed(scope=rule.app) if rule.app else NotAllowed()
    if rule.app:
        refusal.headers["WWW-Authenticate"] = f'Bearer realm="citizen", error="insufficient_scope", scope="{rule.app}"'
    raise refusal
