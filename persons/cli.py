"""Keys of the vault and staff look-ups, from the command line of an operator."""

from __future__ import annotations

import click

from auth import phones
from kit.database import transaction
from persons import operations
from persons.guard import STATED
from persons.models import AccessPurpose, AccessRole, IdentityField


@click.group("persons")
def commands() -> None:
    """Personal data: keys, and who may be looked up why."""


@commands.command("rewrap-keys")
def rewrap_keys() -> None:
    """Wrap every citizen's key with the first key of VAULT_KEY; afterwards the others may go."""
    done = 0
    while True:
        with transaction() as session:
            batch = operations.rewrap_keys(session)
        done += batch
        if batch == 0:
            break
    click.echo(f"rewrapped {done} keys")


@commands.command("find")
@click.option(
    "--purpose",
    required=True,
    type=click.Choice([purpose.value for purpose in sorted(STATED)]),
    help="Why; the citizen will see it.",
)
@click.option("--organisation", required=True, help="For whom you look; the citizen will see it.")
def find(purpose: str, organisation: str) -> None:
    """Find the citizen who has proved a phone number. The look is shown to them."""
    phone = click.prompt("Phone", hide_input=True)  # asked for, so that it stands in no history of a shell
    with transaction() as session:
        citizen_id = operations.find_citizen(session, IdentityField.PHONE, phones.parse(phone))
        if citizen_id is not None:
            operations.record_access(
                session,
                citizen_id,
                role=AccessRole.OPERATOR,
                purpose=AccessPurpose(purpose),
                operation="persons find",
                fields=[IdentityField.PHONE],
                organisation=organisation,
            )
    click.echo(str(citizen_id) if citizen_id else "no citizen has proved this number")
