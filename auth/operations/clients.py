"""Machine clients: systems of organisations that call with an id and one of at most two live credentials."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import assertions, tokens
from auth.assertions import Assertion
from auth.errors import InvalidClient, InvalidScope, SystemsNotOffered, TwoCredentials
from auth.operations.keys import issue_token
from auth.organisation_models import (
    MOST_CREDENTIALS,
    ClientAssertion,
    ClientCredential,
    CredentialKind,
    MachineClient,
    Mode,
    Organisation,
    OrganisationKind,
    OrganisationState,
)
from kit import clock
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page

_SECRET_BYTES = 32
_LIFE = timedelta(days=365)
_NOBODY = hashlib.sha256(b"").digest()  # what an unknown client's secret is compared with, so that it takes as long
# As what the systems of an organisation call; a kind that is not here has none.
ROLE_OF = {OrganisationKind.PROVIDER: "provider"}


@dataclass(frozen=True)
class ClientToken:
    """An access token for a machine; `expires_in` is in seconds, `scope` separates by spaces."""

    access_token: str
    expires_in: int
    scope: str


@dataclass(frozen=True)
class _Found:
    """A client that may get tokens, and whom it calls for."""

    client: MachineClient
    role: str
    provider_id: UUID | None


def create_client(
    session: Session,
    *,
    organisation_id: UUID,
    scopes: Iterable[str],
    name: str,
    client_id: UUID | None = None,
) -> MachineClient:
    """A machine client of an organisation, without a credential yet.

    While its organisation is in test it is for tests, and good for nothing after. With the `client_id` of an earlier
    client that client takes the new values, but a revoked one stays revoked. Raises SystemsNotOffered for a kind of
    organisation that has none, and NotFound for an unknown one.
    """
    query = select(Organisation.kind, Organisation.mode).where(Organisation.id == organisation_id)
    # Held until the commit: a key for tests must not be made while the organisation goes live.
    owner = session.execute(query.with_for_update(read=True)).one_or_none()
    if owner is None:
        raise NotFound
    if owner.kind not in ROLE_OF:
        raise SystemsNotOffered
    values = {"name": name, "organisation_id": organisation_id, "scopes": sorted(set(scopes))}
    return session.execute(
        insert(MachineClient)
        .values(id=client_id or new_id(), created_at=clock.now(), version=1, mode=owner.mode, **values)
        .on_conflict_do_update(index_elements=[MachineClient.id], set_=values)
        .returning(MachineClient),
        execution_options={"populate_existing": True},
    ).scalar_one()


def list_clients(session: Session, organisation_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of the live clients of an organisation, the newest first."""
    return page(
        session,
        _live_clients().where(MachineClient.organisation_id == organisation_id),
        by=[MachineClient.id],
        limit=limit,
        cursor=cursor,
        question=("clients", organisation_id),
    )


def get_client(session: Session, organisation_id: UUID, client_id: UUID) -> MachineClient:
    """A live client of an organisation; raises NotFound, also for another organisation's."""
    found = session.execute(
        _live_clients().where(MachineClient.id == client_id, MachineClient.organisation_id == organisation_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def revoke_client(session: Session, client_id: UUID) -> None:
    """Give this client no more tokens; those it holds end within ten seconds. Raises NotFound."""
    revoked = session.execute(
        update(MachineClient)
        .where(MachineClient.id == client_id)
        .values(revoked_at=clock.now(), version=MachineClient.version + 1)
        .returning(MachineClient.id)
    ).one_or_none()
    if revoked is None:
        raise NotFound


def list_credentials(session: Session, client_ids: Collection[UUID]) -> Mapping[UUID, Sequence[ClientCredential]]:
    """The live credentials of clients by client, the oldest first; the expired ones too, until they are withdrawn."""
    found: dict[UUID, list[ClientCredential]] = {client_id: [] for client_id in client_ids}
    rows = session.execute(
        select(ClientCredential)
        .where(ClientCredential.client_id.in_(found), ClientCredential.withdrawn_at.is_(None))
        .order_by(ClientCredential.id)
    ).scalars()
    for row in rows:
        found[row.client_id].append(row)
    return found


def get_credential(session: Session, client_id: UUID, credential_id: UUID) -> ClientCredential:
    """A credential of a client that is not withdrawn; raises NotFound."""
    found = session.execute(
        select(ClientCredential).where(
            ClientCredential.id == credential_id,
            ClientCredential.client_id == client_id,
            ClientCredential.withdrawn_at.is_(None),
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def add_secret(
    session: Session, client_id: UUID, *, expires_at: datetime | None, secret: str | None = None
) -> tuple[ClientCredential, str]:
    """A new secret for a client, which nobody can read again; raises TwoCredentials.

    Without `secret` one of 256 random bits is made; a given one must be as hard to guess.
    """
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    values = {"kind": CredentialKind.SECRET, "secret_hash": _hash(secret), "expires_at": expires_at}
    return _add_credential(session, client_id, values), secret


def keep_secret(session: Session, client_id: UUID, secret: str) -> None:
    """Give a client this secret, as hard to guess as a random one, unless it has or has had it: withdrawn stays so.

    For the sandbox, where it is known to all. Raises TwoCredentials.
    """
    had_it = select(ClientCredential.id).where(
        ClientCredential.client_id == client_id, ClientCredential.secret_hash == _hash(secret)
    )
    if session.execute(had_it).first() is None:
        add_secret(session, client_id, expires_at=None, secret=secret)


def add_key(
    session: Session, client_id: UUID, jwk: Mapping[str, Any], *, expires_at: datetime | None
) -> ClientCredential:
    """The public half of a key pair for a client, in the form `assertions.read_key` gives; raises TwoCredentials."""
    values = {"kind": CredentialKind.KEY, "public_jwk": dict(jwk), "expires_at": expires_at}
    return _add_credential(session, client_id, values)


def add_credential(
    session: Session, client_id: UUID, *, public_key: Mapping[str, Any] | None, expires_at: datetime | None
) -> tuple[ClientCredential, str | None]:
    """A second way for a client to show that it is itself: this public key (a JWK), or else a new secret, told here.

    It lasts a year unless told otherwise. Raises KeyNotUsable and TwoCredentials.
    """
    until = expires_at or clock.now() + _LIFE
    if public_key is not None:
        return add_key(session, client_id, assertions.read_key(public_key), expires_at=until), None
    return add_secret(session, client_id, expires_at=until)


def withdraw_credential(session: Session, credential: ClientCredential) -> None:
    """Take nothing of this credential any more; tokens given for it end within ten seconds.

    Raises PreconditionFailed when it was withdrawn meanwhile.
    """
    withdrawn = session.execute(
        update(ClientCredential)
        .where(ClientCredential.id == credential.id, ClientCredential.withdrawn_at.is_(None))
        .values(withdrawn_at=clock.now())
        .returning(ClientCredential.id)
    ).one_or_none()
    if withdrawn is None:
        raise PreconditionFailed


def issue_client_token(session: Session, client_id: str, secret: str, scope: str | None) -> ClientToken:
    """An access token for a client that knows a secret of it, with the scopes asked for, or all that it was granted.

    Raises InvalidClient, without telling an unknown client from a revoked one or a wrong secret, and InvalidScope.
    """
    found = _find_client(session, client_id)
    live = _list_usable(session, found, CredentialKind.SECRET)
    shown = _hash(secret)
    # Always as many comparisons, whoever asks.
    hashes = [credential.secret_hash or _NOBODY for credential in live]
    hashes += [_NOBODY] * (MOST_CREDENTIALS - len(hashes))
    matching = [hmac.compare_digest(shown, stored) for stored in hashes]
    credential = next((one for one, is_right in zip(live, matching, strict=False) if is_right), None)
    return _issue(session, found, credential, scope)


def issue_token_for_assertion(
    session: Session, assertion: str, client_id: str | None, scope: str | None
) -> ClientToken:
    """An access token for a client that has signed an assertion with a key of it (RFC 7523); each is good once.

    `client_id` may be named beside it, and must then be the same. Raises InvalidClient and InvalidScope.
    """
    claimed = assertions.read_client(assertion)
    found = _find_client(session, claimed) if client_id in {None, claimed} else None
    live = _list_usable(session, found, CredentialKind.KEY)
    for credential in live:
        read = assertions.verify(assertion, credential.public_jwk or {})
        if read is not None and _spend(session, credential.client_id, read):
            return _issue(session, found, credential, scope)
    raise InvalidClient


def forget_old_assertions(session: Session) -> None:
    """Remove the traces of assertions that have expired since: nobody could use them again."""
    session.execute(delete(ClientAssertion).where(ClientAssertion.expires_at < clock.now() - 2 * assertions.LONGEST))


def _issue(
    session: Session, found: _Found | None, credential: ClientCredential | None, scope: str | None
) -> ClientToken:
    if found is None or credential is None:
        raise InvalidClient
    granted = set(found.client.scopes)
    scopes = set(scope.split()) if scope else granted
    if not scopes <= granted:
        raise InvalidScope(granted=sorted(granted))
    # Tells when the old one of two is used no longer, and may be withdrawn.
    session.execute(
        update(ClientCredential).where(ClientCredential.id == credential.id).values(last_used_at=clock.now())
    )
    token = issue_token(
        session,
        role=found.role,
        subject=found.client.id,
        credential_id=credential.id,
        provider_id=found.provider_id,
        scopes=scopes,
        is_test=found.client.mode is Mode.TEST,
    )
    return ClientToken(token, int(tokens.LIFETIME.total_seconds()), " ".join(sorted(scopes)))


def _add_credential(session: Session, client_id: UUID, values: Mapping[str, Any]) -> ClientCredential:
    now = clock.now()
    mine = (ClientCredential.client_id == client_id, ClientCredential.withdrawn_at.is_(None))
    # What has expired takes up no place.
    session.execute(update(ClientCredential).where(*mine, ClientCredential.expires_at <= now).values(withdrawn_at=now))
    taken = set(session.execute(select(ClientCredential.place).where(*mine)).scalars())
    for place in sorted(set(range(1, MOST_CREDENTIALS + 1)) - taken):
        added = session.execute(
            insert(ClientCredential)
            .values(id=new_id(), created_at=now, client_id=client_id, place=place, **values)
            .on_conflict_do_nothing(
                index_elements=[ClientCredential.client_id, ClientCredential.place],
                index_where=ClientCredential.withdrawn_at.is_(None),
            )
            .returning(ClientCredential)
        ).scalar_one_or_none()
        if added is not None:
            return added
    raise TwoCredentials


def _spend(session: Session, client_id: UUID, read: Assertion) -> bool:
    """Whether this assertion has not been used before; of two at once one is first."""
    fresh = insert(ClientAssertion).values(client_id=client_id, jti_hash=_hash(read.jti), expires_at=read.expires_at)
    spent = session.execute(fresh.on_conflict_do_nothing().returning(ClientAssertion.client_id))
    return spent.one_or_none() is not None


def _find_client(session: Session, client_id: str | None) -> _Found | None:
    try:
        parsed = UUID(client_id or "")
    except ValueError:
        return None
    row = session.execute(
        select(MachineClient, Organisation.kind, Organisation.provider_id)
        .join(Organisation, Organisation.id == MachineClient.organisation_id)
        .where(
            MachineClient.id == parsed,
            MachineClient.revoked_at.is_(None),
            MachineClient.mode == Organisation.mode,
            Organisation.state == OrganisationState.ACTIVE,
        )
    ).one_or_none()
    return None if row is None else _Found(row.MachineClient, ROLE_OF[row.kind], row.provider_id)


def _list_usable(session: Session, found: _Found | None, kind: CredentialKind) -> Sequence[ClientCredential]:
    return (
        session.execute(
            select(ClientCredential)
            .where(
                ClientCredential.client_id == (found.client.id if found else None),
                ClientCredential.kind == kind,
                ClientCredential.withdrawn_at.is_(None),
                _is_current(),
            )
            .order_by(ClientCredential.id)
        )
        .scalars()
        .all()
    )


def _is_current() -> ColumnElement[bool]:
    return or_(ClientCredential.expires_at.is_(None), ClientCredential.expires_at > clock.now())


def _live_clients() -> Select[MachineClient]:
    return select(MachineClient).where(MachineClient.revoked_at.is_(None))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
