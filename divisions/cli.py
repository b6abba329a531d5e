"""Provinces and communes, from the command line of an operator."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from divisions import operations
from divisions.files import UnreadableFile, read
from divisions.lines import Batch, Counts, Refusal
from kit import clock
from kit.database import transaction

_SHOWN = 20


@click.group("divisions")
def commands() -> None:
    """Provinces, communes and what became of old ones."""


@commands.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day a snapshot of all units holds for. By default the one in its name, else today.",
)
def import_files(files: tuple[Path, ...], as_of: datetime | None) -> None:
    """Load official tables of units and changes; each is recognised by what stands in it.

    All files are stored together or not at all. Running it again changes nothing. Lines that make no sense are left
    out and named.
    """
    day = as_of.date() if as_of else clock.today()
    batches = []
    for path in files:
        try:
            batches.append((path, read(path, day)))
        except UnreadableFile as exc:
            raise click.ClickException(str(exc)) from exc
    # Units first: a change is checked against the communes it leads to.
    batches.sort(key=lambda given: bool(given[1].changes))
    with transaction() as session:
        counted = [
            (path, batch, operations.import_batch(session, batch, _progress(path, batch))) for path, batch in batches
        ]
    for path, batch, counts in counted:
        _tell(path, batch, counts)


def _progress(path: Path, batch: Batch) -> operations.Tick:
    """A bar on a terminal; silence in a pipe."""
    lines = len(batch.units) + len(batch.changes) + len(batch.areas)
    return click.progressbar(length=lines, label=path.name, file=sys.stderr, hidden=not sys.stderr.isatty()).update


def _tell(path: Path, batch: Batch, counts: Counts) -> None:
    click.echo(f"{path.name}: {batch.title}")
    click.echo(
        f"  {counts.read} read, {counts.new} new, {counts.changed} changed, {counts.ended} ended, "
        f"{len(counts.mended)} mended, {len(counts.refused)} refused"
    )
    _list("mended", counts.mended)
    _list("refused", counts.refused)


def _list(what: str, lines: list[Refusal]) -> None:
    for line in lines[:_SHOWN]:
        click.echo(f"  {what}: {line.where}: {line.reason}")
    if len(lines) > _SHOWN:
        click.echo(f"  {what}: and {len(lines) - _SHOWN} more")
