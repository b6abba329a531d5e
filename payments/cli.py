"""`citizen payments …`: what an operator asks of the books at the terminal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from kit.database import transaction
from payments import flows, operations, proof
from payments.bank_file import read_statement
from payments.camt_file import read_camt
from payments.errors import StatementRefused


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
def import_bank(file: Path) -> None:
    """Take in a statement of the bank and match its credits with payouts. Repeating it changes nothing."""
    raw = file.read_bytes()
    try:
        statement = read_camt(raw) if raw.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") else read_statement(raw)
    except StatementRefused as refusal:
        with transaction() as session:
            operations.open_discrepancy(session, "FILE_REJECTED", 0, subject=hashlib.sha256(raw).hexdigest())
        where = f", line {refusal.members['line']}" if "line" in refusal.members else ""
        raise click.ClickException(f"{file.name} was refused: {refusal.members['reason']}{where}") from refusal
    with transaction() as session:
        taken = operations.take_in_statement(session, statement)
    click.echo(f"{file.name}: {len(statement.lines)} lines" if taken else f"{file.name}: known")
