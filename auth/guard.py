"""The guard before every operation: who calls, and whether the policy lets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from flask import Flask, Response, g, request

from auth import operations, tokens
from kit.database import transaction
from kit.errors import NotAllowed, NotSignedIn, TooManyRequests
from kit.quotas import Quota, Quotas
from kit.web import Api


class Role(StrEnum):
    """Who may call; the words of the API document."""

    ANONYMOUS = "anonymous"
    CITIZEN = "citizen"
    PROVIDER = "provider"
    CLINIC = "clinic"
    EDITOR = "editor"
    OPERATOR = "operator"
    DEVELOPER = "developer"


@dataclass(frozen=True)
class Rule:
    """Who may call an operation: any of `roles`, and a machine also needs `scope`.

    `open` operations take anybody, with or without a token; a token that is there is still checked, unless the
    operation takes `own_credentials`.
    """

    roles: frozenset[Role]
    scope: str | None = None
    open: bool = False
    own_credentials: bool = False


@dataclass(frozen=True)
class Caller:
    """The one who asks: `subject` is the citizen's or the machine client's id."""

    role: Role
    subject: UUID | None = None
    provider_id: UUID | None = None
    session_id: UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    assurance: str | None = None

    @property
    def key(self) -> str:
        """What idempotency keys, cursors and quotas are bound to."""
        return f"{self.role}:{self.subject}" if self.subject else "anonymous"


ANYBODY = Caller(Role.ANONYMOUS)


def install(app: Flask, api: Api, policy: Mapping[str, Rule], quotas: Quotas) -> None:
    """Put the guard before every operation of `api`; raises LookupError for an operation without a rule."""
    unruled = sorted(set(api.operations.values()) - set(policy))
    if unruled:
        raise LookupError(f"operations without an entry in server/policy.py: {', '.join(unruled)}")

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
        _admit(g.caller, rule)

    @app.after_request
    def tell_quota(response: Response) -> Response:
        quota: Quota | None = g.get("quota")
        if quota is not None:
            response.headers["RateLimit-Policy"] = f'"caller";q={quota.limit};w={quota.window_seconds}'
            response.headers["RateLimit"] = f'"caller";r={quota.remaining};t={quota.reset_seconds}'
        return response


def current_caller() -> Caller:
    """Who makes the current request."""
    caller: Caller = g.caller
    return caller


def current_citizen() -> UUID:
    """The citizen who makes the current request."""
    return _subject(lambda caller: caller.subject, Role.CITIZEN)


def current_provider() -> UUID:
    """The provider whose system or clerk makes the current request."""
    return _subject(lambda caller: caller.provider_id, Role.PROVIDER)


def _subject(of: Callable[[Caller], UUID | None], role: Role) -> UUID:
    caller = current_caller()
    subject = of(caller)
    if caller.role is not role or subject is None:
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
    return Caller(
        role=Role(claims.role),
        subject=claims.subject,
        provider_id=claims.provider_id,
        session_id=claims.session_id,
        scopes=claims.scopes,
        assurance=claims.assurance,
    )


def _find_key(kid: str) -> tokens.Jwk | None:
    with transaction() as session:
        return operations.find_signing_key(session, kid)


def _admit(caller: Caller, rule: Rule) -> None:
    if rule.open or caller.role in rule.roles:
        if rule.scope and caller.role is not Role.CITIZEN and rule.scope not in caller.scopes:
            raise NotAllowed(scope=rule.scope)
        return
    if caller.role is Role.ANONYMOUS:
        raise NotSignedIn
    raise NotAllowed
