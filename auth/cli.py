"""Machine clients and signing keys, from the command line of an operator."""

from __future__ import annotations

from uuid import UUID

import click

from auth import operations
from auth.models import MachineRole
from kit.database import transaction


@click.group("auth")
def commands() -> None:
    """Machine clients and signing keys."""


@commands.command("create-client")
@click.option("--provider", required=True, type=click.UUID, help="Id of the provider the client acts for.")
@click.option("--scope", "scopes", required=True, multiple=True, help="A scope to grant; may be repeated.")
@click.option("--name", required=True, help="What the client is, for people.")
def create_client(provider: UUID, scopes: tuple[str, ...], name: str) -> None:
    """Register a provider's system; its secret is printed now and never again."""
    with transaction() as session:
        client, secret = operations.create_client(
            session, role=MachineRole.PROVIDER, provider_id=provider, scopes=scopes, name=name
        )
    click.echo(f"client_id={client.id}")
    click.echo(f"client_secret={secret}")


@commands.command("revoke-client")
@click.argument("client_id", type=click.UUID)
def revoke_client(client_id: UUID) -> None:
    """Give a machine client no more tokens."""
    with transaction() as session:
        operations.revoke_client(session, client_id)
    click.echo(f"revoked {client_id}")


@commands.command("retire-key")
@click.argument("kid")
def retire_key(kid: str) -> None:
    """Refuse all tokens signed with a key; replace SIGNING_KEY_FILE everywhere first."""
    with transaction() as session:
        operations.retire_signing_key(session, kid)
    click.echo(f"retired {kid}")
