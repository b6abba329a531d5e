"""`citizen utilities …`: what a provider's clerk or an operator does at the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from kit.database import transaction
from kit.pages import MAX_LIMIT
from services.utilities import flows, operations
from services.utilities.bill_file import CSV, NDJSON
from services.utilities.errors import ProviderNotReady, ProviderUnknown
from services.utilities.models import ImportState
from services.utilities.onboarding_models import NEED_A_REASON, ProviderStage
from services.utilities.operations import onboarding

_PIECE = 1_000_000


@click.group("utilities")
def commands() -> None:
    """Power and water bills."""


@commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--provider", required=True, help="The provider's slug, for example pc-thanh-hoa.")
def import_bills(file: Path, provider: str) -> None:
    """Read a file of bills (CSV, or NDJSON by its ending .ndjson or .jsonl). Repeating it changes nothing."""
    kind = NDJSON if file.suffix in {".ndjson", ".jsonl"} else CSV
    size = file.stat().st_size
    with transaction() as session:
        try:
            provider_id = operations.get_provider(session, provider).id
        except ProviderUnknown as unknown:
            raise click.BadParameter(f"there is no provider {provider}", param_hint="--provider") from unknown
        import_id = operations.start_local(session, provider_id, kind, size)
    # The bar follows bytes read from the file; it draws nothing where there is no terminal.
    with click.progressbar(length=size, label=file.name) as bar:
        flows.read_file(import_id, provider_id, kind, _pieces(file, bar.update))
    with transaction() as session:
        told = operations.get_import(session, import_id, provider_id)
    done = told.found
    for error in told.errors:
        click.echo(f"  line {error.line}: {error.code}{f' ({error.field})' if error.field else ''}", err=True)
    click.echo(
        f"{file.name}: {done.created} new, {done.changed} changed, {done.unchanged} unchanged, {done.refused} refused"
    )
    if done.state is ImportState.FAILED:
        raise click.ClickException(f"{file.name} cannot be read: {done.reason}")


@commands.command("define")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def define(folder: Path) -> None:
    """Add or change providers and tariffs from FOLDER/providers.json and FOLDER/tariffs.json."""
    with transaction() as session:
        providers = operations.save_providers(session, json.loads((folder / "providers.json").read_text("utf-8")))
        tariffs = operations.save_tariffs(session, json.loads((folder / "tariffs.json").read_text("utf-8")))
    click.echo(f"{providers} providers, {tariffs} tariffs")


@commands.command("providers")
@click.option("--stage", type=click.Choice([stage.value for stage in ProviderStage]), help="Only those in one stage.")
def list_providers(stage: str | None) -> None:
    """List companies with the stage each is in, the newest first, and what those in testing have still to show."""
    with transaction() as session:
        for provider in onboarding.list_all(session, stage=stage, limit=MAX_LIMIT, cursor=None).items:
            line = f"{provider.slug}  {provider.stage}  {provider.name_vi}"
            if provider.stage is ProviderStage.TESTING:
                shown = onboarding.checklist(session, provider.id)
                line += f"  missing: {', '.join(name for name, holds in shown.items() if not holds) or 'nothing'}"
            click.echo(line)


@commands.command("move")
@click.argument("slug")
@click.argument("stage", type=click.Choice([stage.value for stage in ProviderStage]))
@click.option("--reason", help="Needed to suspend, reject or close.")
def move(slug: str, stage: str, reason: str | None) -> None:
    """Move a company to another stage, as the province."""
    to = ProviderStage(stage)
    if to in NEED_A_REASON and not reason:
        raise click.BadParameter(f"{stage} needs a reason", param_hint="--reason")
    with transaction() as session:
        try:
            found = operations.get_provider(session, slug)
            moved = onboarding.move(session, found.id, to, actor_id=None, reason=reason)
        except ProviderNotReady as refusal:
            missing = ", ".join(refusal.members["missing"])
            raise click.ClickException(f"{slug} has still to show: {missing}") from refusal
    click.echo(f"{moved.provider.slug} is {moved.provider.stage}")


def _pieces(file: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            yield piece
            progress(len(piece))
