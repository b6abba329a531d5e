"""The doors of an organisation's systems: registered, given a second credential, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import KeyNotUsable, SystemsNotOffered, TwoCredentials, UnknownScope
from auth.guard import require_grantable
from auth.organisation_models import ClientCredential, MachineClient
from auth.organisation_schemas import (
    AddedClientSchema,
    AddedCredentialSchema,
    ClientPageSchema,
    NewClientCredentialSchema,
    NewClientSchema,
)
from auth.views.door import blueprint, looked_after, told_etag
from auth.views.examples import CLIENT, KEY_CREDENTIAL, PUBLIC_KEY, SECRET
from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page, PageQuery
from kit.web import require_match


@blueprint.route("/v1/organisations/<uuid:organisation_id>/clients")
class Clients(MethodView):
    """Systems of an organisation."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, ClientPageSchema, example={"items": [CLIENT]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listClients")
    def get(self, asked: dict[str, Any], organisation_id: UUID) -> Page:
        """List the systems of the organisation (hệ thống kết nối), the newest first.

        `last_used_at` of a credential tells whether the old one of two is still in use.
        """
        with transaction() as session:
            found = operations.list_clients(session, looked_after(organisation_id), **asked)
            credentials = operations.list_credentials(session, [client.id for client in found.items])
        return replace(found, items=[_told(client, credentials[client.id]) for client in found.items])

    @blueprint.arguments(
        NewClientSchema(), example={"name": CLIENT["name"], "scopes": CLIENT["scopes"], "public_key": PUBLIC_KEY}
    )
    @blueprint.response(201, AddedClientSchema, example=CLIENT | {"client_secret": SECRET})
    @blueprint.raises(NotFound, SystemsNotOffered, UnknownScope, KeyNotUsable)
    @blueprint.doc(operationId="createClient")
    def post(self, asked: dict[str, Any], organisation_id: UUID) -> dict[str, Any]:
        """Register a system of the organisation (đăng ký hệ thống).

        With a `public_key` it signs its requests for tokens (private_key_jwt, RFC 7523); without one it gets a secret,
        told now and never again. Needs a proof of the last five minutes.
        """
        require_grantable(asked["scopes"])
        with transaction() as session:
            client = operations.create_client(
                session, organisation_id=looked_after(organisation_id), name=asked["name"], scopes=asked["scopes"]
            )
            credential, secret = operations.add_credential(session, client.id, **_wanted(asked))
        return _told(client, [credential]) | {"client_secret": secret}


@blueprint.route("/v1/organisations/<uuid:organisation_id>/clients/<uuid:client_id>")
class ClientById(MethodView):
    """One system."""

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="revokeClient")
    def delete(self, organisation_id: UUID, client_id: UUID) -> None:
        """Let a system call no more (thu hồi hệ thống).

        Needs If-Match. It gets no more tokens, and those it holds end within ten seconds.
        """
        with transaction() as session:
            client = operations.get_client(session, looked_after(organisation_id), client_id)
            require_match(client.id, client.version)
            operations.revoke_client(session, client.id)


@blueprint.route("/v1/organisations/<uuid:organisation_id>/clients/<uuid:client_id>/credentials")
class ClientCredentials(MethodView):
    """Ways of a system to show that it is itself."""

    @blueprint.arguments(NewClientCredentialSchema(), example={"public_key": PUBLIC_KEY})
    @blueprint.response(201, AddedCredentialSchema, example=KEY_CREDENTIAL | {"client_secret": None})
    @blueprint.raises(NotFound, TwoCredentials, KeyNotUsable)
    @blueprint.doc(operationId="addClientCredential")
    def post(self, asked: dict[str, Any], organisation_id: UUID, client_id: UUID) -> dict[str, Any]:
        """Give a system a second secret or key (thêm thông tin xác thực).

        To take the place of the first: both are good until one is withdrawn, so nothing stops meanwhile. A secret is
        told now and never again. Needs a proof of the last five minutes.
        """
        with transaction() as session:
            client = operations.get_client(session, looked_after(organisation_id), client_id)
            credential, secret = operations.add_credential(session, client.id, **_wanted(asked))
        return _told_credential(credential) | {"client_secret": secret}


@blueprint.route("/v1/organisations/<uuid:organisation_id>/clients/<uuid:client_id>/credentials/<uuid:credential_id>")
class ClientCredentialById(MethodView):
    """One way of a system to show that it is itself."""

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="withdrawClientCredential")
    def delete(self, organisation_id: UUID, client_id: UUID, credential_id: UUID) -> None:
        """Take a secret or key of a system back (thu hồi thông tin xác thực).

        Needs If-Match. It is refused at once, and tokens given for it end within ten seconds.
        """
        with transaction() as session:
            client = operations.get_client(session, looked_after(organisation_id), client_id)
            credential = operations.get_credential(session, client.id, credential_id)
            require_match(credential.id)
            operations.withdraw_credential(session, credential)


def _wanted(asked: dict[str, Any]) -> dict[str, Any]:
    return {"public_key": asked.get("public_key"), "expires_at": asked.get("expires_at")}


def _told(client: MachineClient, credentials: Sequence[ClientCredential]) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "scopes": client.scopes,
        "mode": client.mode,
        "created_at": client.created_at,
        "credentials": [_told_credential(credential) for credential in credentials],
        "etag": told_etag(client.id, client.version),
    }


def _told_credential(credential: ClientCredential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "kind": credential.kind,
        "key_id": (credential.public_jwk or {}).get("kid"),
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
        "last_used_at": credential.last_used_at,
        "etag": told_etag(credential.id),
    }
