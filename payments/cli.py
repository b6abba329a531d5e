"""`citizen payments …`: what an operator asks of the books at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kit.database import transaction
from payments import flows, operations, proof
from payments.errors import BankFormUnknown, BankFormUnusable, StatementRefused


@click.group("payments")
def commands() -> None:
    """Money: the ledger, its seals, the bank."""


@commands.command("check")
@click.option("--gateway/--no-gateway", default=True, show_default=True, help="Compare with the gateway's balance too.")
def check(*, gateway: bool) -> None:
    """See that everything holds that must hold of our books; fail where it does not, and say what breaks it."""
    difference = flows.compare_with_gateway() if gateway else 0
    flows.seal_journal()
    with transaction() as session:
        breaches = operations.find_breaches(session)
    for breach in breaches:
        click.echo(f"BROKEN  {breach.promise}: {', '.join(breach.found)}", err=True)
    if difference is None:
        click.echo("UNKNOWN the gateway does not answer, or our books did not stand still meanwhile", err=True)
    elif difference:
        click.echo(f"BROKEN  the gateway has {difference:+,} đ against our books", err=True)
    if breaches or difference is None or difference:
        raise click.ClickException("the books are not in order")
    click.echo(f"{len(operations.PROMISES)} promises hold")


@commands.command("verify")
@click.option("--key", help="The public key to trust, 64 hex digits; our own where none is given.")
def verify(key: str | None) -> None:
    """Compute every seal and every signed root anew, and name each journal that was altered."""
    try:
        public = bytes.fromhex(key) if key else proof.public_key()
    except ValueError as exc:
        raise click.BadParameter("not hex", param_hint="--key") from exc
    with transaction() as session:
        flaws = list(operations.verify(session, public_key=public))
    for flaw in flaws:
        click.echo(
            f"ALTERED chain {flaw.chain} position {flaw.position} journal {flaw.journal_id}: {flaw.what}", err=True
        )
    if flaws:
        raise click.ClickException("the books were altered")
    click.echo("every seal is as it was made")


@commands.command("public-key")
def public_key() -> None:
    """Print the public key that verifies the signed roots: for providers, who keep it outside of our database."""
    click.echo(proof.public_key().hex())


@commands.command("import-bank")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--form", help="The code of the bank's form, for its own CSV; see define-banks.")
def import_bank(file: Path, form: str | None) -> None:
    """Take in a statement of the bank (camt.053, camt.054 or CSV) and match it. Repeating it changes nothing."""
    raw = file.read_bytes()
    try:
        statement = flows.read_bank_file(raw, form)
    except BankFormUnknown as unknown:
        raise click.BadParameter(f"there is no form {form}", param_hint="--form") from unknown
    except StatementRefused as refusal:
        where = f", line {refusal.members['line']}" if "line" in refusal.members else ""
        raise click.ClickException(f"{file.name} was refused: {refusal.members['reason']}{where}") from refusal
    with transaction() as session:
        statement_id = operations.take_in_statement(session, statement)
        told = None if statement_id is None else operations.get_bank_statement(session, statement_id)
    if told is None:
        click.echo(f"{file.name}: known")
        return
    for error in told.errors:
        click.echo(f"  line {error['line']}: {error['code']} ({error['field']})", err=True)
    refused = f", {told.refused} refused" if told.refused else ""
    click.echo(f"{file.name}: {told.read} lines{refused}")


@commands.command("define-banks")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def define_banks(file: Path) -> None:
    """Add or change the forms of banks' statements from a JSON object of code -> form (see sample/banks.json)."""
    forms = json.loads(file.read_text("utf-8"))
    with transaction() as session:
        for code, body in forms.items():
            try:
                operations.put_form(session, code, body, person_id=None)
            except BankFormUnusable as refusal:
                raise click.ClickException(f"{code}: {refusal.members['reason']}") from refusal
    click.echo(f"{len(forms)} forms")
