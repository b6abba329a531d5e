"""Keys of the vault and staff look-ups, from the command line of an operator."""

from __future__ import annotations

from collections.abc import Iterator

import click

from auth import phones
from kit.database import transaction
from kit.renewal import Renewal, Renewed, list_renewals
from persons import operations
from persons.guard import STATED
from persons.models import AccessPurpose, AccessRole, IdentityField


@click.group("persons")
def commands() -> None:
    """Personal data: keys, and who may be looked up why."""


@commands.command("rewrap-keys")
def rewrap_keys() -> None:
    """Seal all that VAULT_KEY seals with its first key; once that says `renewed 0`, the others may go.

    The keys of citizens, and the secrets of webhooks, providers, payments, invitations and codes. Each batch is
    committed by itself: after a crash begin again. Fails when there is something that no key of VAULT_KEY opens.
    """
    total, lost = 0, 0
    for each in list_renewals():
        for batch in _batches(each):
            total += batch.count
            lost += len(batch.lost)
            for row_id in batch.lost:
                click.echo(f"{each.name}: no key opens that of {row_id}", err=True)
    click.echo(f"renewed {total}")
    if lost:
        raise click.ClickException(f"{lost} cannot be opened: put the key that sealed them back into VAULT_KEY")


def _batches(renewal_of: Renewal) -> Iterator[Renewed]:
    after = None
    while True:
        with transaction() as session:
            batch = renewal_of.renew(session, after)
        yield batch
        if batch.after is None:
            return
        after = batch.after


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
