"""Machine clients, apps of others and signing keys, from the command line of an operator."""

from __future__ import annotations

from uuid import UUID

import click

from auth import keyring, operations
from auth.app_errors import ReviewOutOfTurn
from auth.app_models import NEED_A_REASON, AppState, Review
from auth.models import MachineRole
from auth.operations import apps
from kit.database import transaction
from kit.errors import NotFound, PreconditionFailed
from kit.pages import MAX_LIMIT


@click.group("auth")
def commands() -> None:
    """Machine clients, apps of others and signing keys."""


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


@commands.command("list-apps")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AppState]),
    default=AppState.SUBMITTED.value,
    show_default=True,
    help="Only apps in this state.",
)
def list_apps(state: str) -> None:
    """Show the newest apps of others: who answers for each, where it leads, and what it asks citizens for."""
    with transaction() as session:
        found = apps.list_apps(session, state=AppState(state), limit=MAX_LIMIT, cursor=None)
    for app in found.items:
        click.echo(f"{app.id} {app.state} version {app.version}: {app.name_vi} / {app.name_en}")
        click.echo(f"  {app.owner_name}, {app.homepage}, {'confidential' if app.is_confidential else 'public'}")
        click.echo(f"  asks for {' '.join(app.scopes)}; leads to {' '.join(app.redirect_uris)}")
        if app.reason:
            click.echo(f"  {app.reason}")


@commands.command("review-app")
@click.argument("app_id", type=click.UUID)
@click.argument("decision", type=click.Choice([review.value for review in Review]))
@click.option("--version", required=True, type=int, help="The version that was looked at, as list-apps tells it.")
@click.option("--reason", help="For its owner; needed to refuse or suspend.")
def review_app(app_id: UUID, decision: str, version: int, reason: str | None) -> None:
    """Decide about an app of others; what it may do begins or ends at once."""
    if Review(decision) in NEED_A_REASON and not reason:
        raise click.UsageError("--reason is needed")
    try:
        with transaction() as session:
            seen = apps.get_app(session, app_id, version=version)
            decided = apps.review_app(session, seen, Review(decision), reason=reason, reviewer_id=None)
    except (NotFound, PreconditionFailed, ReviewOutOfTurn) as exc:
        raise click.ClickException(" ".join(exc.text("en"))) from exc
    click.echo(f"{decided.id} {decided.state}")


@commands.command("list-keys")
def list_keys() -> None:
    """Show every signing key and what it is: published, active, retiring or withdrawn."""
    with transaction() as session:
        keys = operations.list_key_states(session)
    for key in keys:
        click.echo(f"{key.kid} {key.state} since {key.state_since.isoformat(timespec='seconds')}")


@commands.command("rotate-keys")
def rotate_keys() -> None:
    """Publish a new signing key; it signs a day later. Copy its file to every machine until then."""
    try:
        with transaction() as session:
            kid = operations.rotate_signing_keys(session)
    except keyring.NoKeyFolder as exc:
        raise click.ClickException("SIGNING_KEYS_DIR is not set: a new key has nowhere to go") from exc
    click.echo(f"published {kid}: copy {kid}.pem into SIGNING_KEYS_DIR of every machine within 24 hours")


@commands.command("withdraw-key")
@click.argument("kid")
def withdraw_key(kid: str) -> None:
    """Refuse all tokens signed with a key, everywhere within ten seconds: for a key that may have been seen."""
    with transaction() as session:
        heir = operations.withdraw_signing_key(session, kid)
    click.echo(f"withdrawn {kid}")
    if heir:
        click.echo(f"{heir} signs now: copy {heir}.pem into SIGNING_KEYS_DIR of every machine")
