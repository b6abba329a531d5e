"""Organisations, machine clients, apps of others and signing keys, from the command line of an operator."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click
from sqlalchemy.orm import Session

from auth import keyring, operations, phones
from auth.app_errors import ReviewOutOfTurn
from auth.app_models import NEED_A_REASON, AppState, Review
from auth.operations import apps
from auth.organisation_models import Organisation, OrganisationKind, StaffRole
from kit import clock
from kit.database import transaction
from kit.errors import NotFound, PreconditionFailed
from kit.pages import MAX_LIMIT


@click.group("auth")
def commands() -> None:
    """Organisations, machine clients, apps of others and signing keys."""


@commands.command("create-organisation")
@click.argument("slug")
@click.option(
    "--kind", required=True, type=click.Choice([kind.value for kind in OrganisationKind if kind != "provider"])
)
@click.option("--name-vi", required=True, help="What citizens know it by.")
@click.option("--name-en", required=True)
def create_organisation(slug: str, kind: str, name_vi: str, name_en: str) -> None:
    """Create an organisation without members, the province's own too; invite its first operator next.

    One that stands for a provider comes with `citizen utilities define`.
    """
    with transaction() as session:
        made = operations.create_organisation(
            session, kind=OrganisationKind(kind), slug=slug, name_vi=name_vi, name_en=name_en
        )
    click.echo(f"organisation_id={made.id}")


@commands.command("invite")
@click.argument("slug")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice([role.value for role in StaffRole]),
    help="May be repeated.",
)
def invite(slug: str, roles: tuple[str, ...]) -> None:
    """Invite somebody to work for an organisation: its first operator; later ones are invited by operators."""
    phone = click.prompt("Phone", hide_input=True)  # asked for, so that it stands in no history of a shell
    with transaction() as session:
        invited = operations.invite_member(
            session,
            _find(session, slug).id,
            phones.parse(phone),
            [StaffRole(role) for role in roles],
            actor_id=None,
        )
    click.echo(
        f"invited {operations.masked_phone_of(invited)} until {invited.expires_at.isoformat(timespec='minutes')}"
    )


@commands.command("create-client")
@click.option("--provider", required=True, help="Slug of the provider the client acts for, for example pc-thanh-hoa.")
@click.option("--scope", "scopes", required=True, multiple=True, help="A scope to grant; may be repeated.")
@click.option("--name", required=True, help="What the client is, for people.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 730), help="How long the secret lasts.")
def create_client(provider: str, scopes: tuple[str, ...], name: str, days: int) -> None:
    """Register a provider's system; its secret is printed now and never again."""
    with transaction() as session:
        organisation = _find(session, provider)
        client = operations.create_client(session, organisation_id=organisation.id, scopes=scopes, name=name)
        _, secret = operations.add_secret(session, client.id, expires_at=clock.now() + timedelta(days=days))
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


# One thumbprint in sixty-four begins with a dash, and is no option.
@commands.command("withdraw-key", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
def withdraw_key(kid: str) -> None:
    """Refuse all tokens signed with a key, everywhere within ten seconds: for a key that may have been seen."""
    with transaction() as session:
        heir = operations.withdraw_signing_key(session, kid)
    click.echo(f"withdrawn {kid}")
    if heir:
        click.echo(f"{heir} signs now: copy {heir}.pem into SIGNING_KEYS_DIR of every machine")


def _find(session: Session, slug: str) -> Organisation:
    try:
        return operations.get_organisation_by_slug(session, slug)
    except NotFound as unknown:
        raise click.BadParameter(f"there is no organisation {slug}") from unknown
