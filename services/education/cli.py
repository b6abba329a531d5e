"""`citizen education …`: what an operator does at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import click

import auth.operations
from kit.database import transaction
from services.education import tables
from services.education.operations import importing, office, seeding, syncing, writing

_SHOWN = 20


@click.group("education")
def commands() -> None:
    """Schools, admissions, catchments."""


@commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--why", required=True, help="Kept with every school the file brings.")
def import_schools(file: Path, why: str) -> None:
    """Load schools from a table (CSV, or XLSX by its ending). Schools that are known already are left as they are."""
    kind = tables.XLSX if file.suffix == ".xlsx" else tables.CSV
    with transaction() as session:
        made, errors = importing.load_schools(session, file.read_bytes(), kind, why)
        writing.recount_words(session)
        writing.analyse(session)
    for error in errors[:_SHOWN]:
        click.echo(f"  line {error['line']}: {error['code']} ({error['column']})", err=True)
    if len(errors) > _SHOWN:
        click.echo(f"  and {len(errors) - _SHOWN} more", err=True)
    click.echo(f"{file.name}: {made} new, {len(errors)} refused")


@commands.command("admissions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_admissions(file: Path) -> None:
    """Load rounds, open days and zones from a JSON file as in sample/admissions.json; what is there already is left."""
    with transaction() as session:
        counted = seeding.load_admissions(session, json.loads(file.read_text("utf-8")))
    click.echo(f"{file.name}: {', '.join(f'{count} {what}' for what, count in counted.items())}")


@commands.command("entrust")
@click.argument("slug")
@click.argument("province")
def entrust(slug: str, province: str) -> None:
    """Let the organisation SLUG look after the schools of PROVINCE (two digits)."""
    with transaction() as session:
        organisation = auth.operations.get_organisation_by_slug(session, slug)
        office.entrust_province(session, organisation.id, province)
    click.echo(f"{slug} looks after the schools of province {province}")


@commands.command("redraw")
def redraw() -> None:
    """Draw search words and entries anew from the facts: after communes were renamed."""
    with transaction() as session:
        count = writing.redraw(session)
        writing.recount_words(session)
        writing.analyse(session)
    click.echo(f"{count} schools")


@commands.command("snapshot")
@click.argument("province")
def snapshot(province: str) -> None:
    """Write the snapshot of PROVINCE (two digits) down now."""
    with transaction() as session:
        syncing.make_snapshot(session, province)
        found = syncing.get_snapshot(session, province)
    click.echo(f"{province}: {found.schools} schools, seq {found.seq}, sha256 {found.sha256}")
