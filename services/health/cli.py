"""`citizen health …`: what an operator of the province does at the terminal."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import click

from kit.database import transaction
from services.health import flows, operations
from services.health.facility_file import UnreadableFacilities, read
from services.health.timetable import usual_holidays

_SHOWN = 20


@click.group("health")
def commands() -> None:
    """Clinics."""


@commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_facilities(file: Path) -> None:
    """Read a list of facilities; reading it again changes nothing. What could not be placed in a commune is named."""
    try:
        lines = list(read(file.read_bytes(), name=file.name))
    except UnreadableFacilities as exc:
        raise click.ClickException(str(exc)) from exc
    with (
        click.progressbar(lines, label=file.name, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar,
        transaction() as session,
    ):
        told = operations.import_facilities(session, bar)
    counts = told.counts
    click.echo(
        f"{file.name}: {counts['read']} read, {counts['new']} new, {counts['changed']} changed, "
        f"{counts['unchanged']} unchanged, {counts['repeated']} repeated, {counts['refused']} refused, "
        f"{counts['unplaced']} not placed"
    )
    for line in told.refused[:_SHOWN]:
        click.echo(f"  refused: line {line.line}: {line.reason}")
    for number, name, reason in told.unplaced[:_SHOWN]:
        click.echo(f"  not placed: line {number}: {name}: {reason}")
    if len(told.unplaced) > _SHOWN:
        click.echo(f"  not placed: and {len(told.unplaced) - _SHOWN} more")


@commands.command("define")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def define(folder: Path) -> None:
    """Add services and holidays from FOLDER/clinic_services.json and FOLDER/holidays.csv, and make their places."""
    with transaction() as session:
        made = operations.save_services(session, json.loads((folder / "clinic_services.json").read_text("utf-8")))
        with (folder / "holidays.csv").open(encoding="utf-8-sig", newline="") as content:
            days = operations.save_holidays(session, csv.DictReader(content))
    flows.write_schedules()
    click.echo(f"{made['services']} services, {days} holidays")


@commands.command("holidays")
@click.argument("year", type=click.IntRange(1990, 2100))
def holidays(year: int) -> None:
    """Write the public holidays of YEAR; days the government swaps are typed in with `define`."""
    with transaction() as session:
        count = operations.save_holidays(session, usual_holidays(year))
    flows.write_schedules()
    click.echo(f"{count} holidays")


@commands.command("check")
def check() -> None:
    """Compare every counter of taken places with the bookings that keep one."""
    with transaction() as session:
        drift = operations.count_drift(session)
    if drift:
        raise click.ClickException(f"{drift} slots count what is not there")
    click.echo("every counter is right")
