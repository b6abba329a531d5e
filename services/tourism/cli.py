"""`citizen tourism …`: what an operator does at the terminal."""

from __future__ import annotations

import click

from services.tourism import flows


@click.group("tourism")
def commands() -> None:
    """Guides for visitors."""


@commands.command("packs")
def packs() -> None:
    """Make all offline packs anew where something has changed."""
    flows.build_packs()
    click.echo("packs are up to date")


@commands.command("check-links")
def check_links() -> None:
    """Ask outside addresses in guides whether they still answer."""
    flows.check_links()
    click.echo("links were asked")
