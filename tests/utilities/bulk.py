"""Thousands of payments that were captured and posted, booked by a few statements as the flows would have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from kit.database import transaction
from services.utilities.models import Customer, Provider
from tests.factories import make_customer, make_provider

FEE_VND = 3_300
_MANY = 500


@dataclass(frozen=True)
class Paid:
    """One bill that was captured and posted at an instant."""

    bill_no: str
    amount_vnd: int
    at: datetime
    posted: bool = True
    at_gateway: bool = True


_ROWS = """jsonb_to_recordset(CAST(:rows AS jsonb))
  AS r (bill_no text, amount_vnd bigint, at timestamptz, posted boolean, at_gateway boolean)"""


def _id(kind: str) -> str:
    return f"CAST(md5('{kind}' || :provider || r.bill_no) AS uuid)"


def _journal(kind: str, subject: str, where: str = "") -> str:
    payee = "CAST(:provider AS uuid)" if kind == "posted" else "NULL"
    return (
        "INSERT INTO journal (id, created_at, kind, subject, payment_id, payee_id) "
        f"SELECT {_id(kind)}, r.at, '{kind}', {subject}, {_id('payment')}, {payee} FROM {_ROWS} {where}"
    )


def _legs(kind: str, debit: str, credit: str, amount: str, where: str = "") -> str:
    def leg(sign: int, account: str) -> str:
        payee = "CAST(:provider AS uuid)" if account == "2110" else "NULL"
        citizen = f"{_id('citizen')}" if account == "2120" else "NULL"
        return (
            f"SELECT CAST(md5('{kind}{sign}' || :provider || r.bill_no) AS uuid), r.at, {_id(kind)}, '{account}', "
            f"CAST({payee} AS uuid), CAST({citizen} AS uuid), {sign} * {amount} FROM {_ROWS} {where}"
        )

    columns = "(id, created_at, journal_id, account, payee_id, citizen_id, amount_vnd)"
    return f"INSERT INTO journal_entry {columns} {leg(1, debit)} UNION ALL {leg(-1, credit)}"


_STATEMENTS = (
    f"""
INSERT INTO bill (id, created_at, provider_id, customer_id, bill_no, period, amount_vnd, before_tax_vnd, vat_vnd,
  fee_vnd, usage, lines, issued_on, due_on, version, state, payment_id)
SELECT {_id("bill")}, r.at, CAST(:provider AS uuid), CAST(:customer AS uuid), r.bill_no, '2026-10', r.amount_vnd,
  r.amount_vnd, 0, 0, 0, '[]', '2026-11-01', '2026-11-30', '1', 'paid', {_id("payment")} FROM {_ROWS}
""",
    f"""
INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, capture_vnd, captured_vnd, refunded_vnd,
  disputed, state, state_since, settlement, intent_id, charge_id, version)
SELECT {_id("payment")}, r.at, {_id("citizen")}, {_id("citizen")}, r.amount_vnd, r.amount_vnd, r.amount_vnd, 0, false,
  'captured', r.at, 'unsettled', 'pi_' || md5(:provider || r.bill_no), 'ch_' || md5(:provider || r.bill_no), 1
FROM {_ROWS}
""",
    f"""
INSERT INTO payment_item (id, created_at, payment_id, payee_id, subject_id, amount_vnd, label_vi, label_en, live,
  taken, posting, posting_attempts, receipt_no, posted_at, refunded_vnd)
SELECT {_id("item")}, r.at, {_id("payment")}, CAST(:provider AS uuid), {_id("bill")}, r.amount_vnd, 'Điện', 'Power',
  true, true, CASE WHEN r.posted THEN 'posted' ELSE 'pending' END, 1, 'R-' || r.bill_no,
  CASE WHEN r.posted THEN r.at END, 0 FROM {_ROWS}
""",
    _journal("captured", f"CAST({_id('payment')} AS text)"),
    _legs("captured", "1110", "2120", "r.amount_vnd"),
    _journal("posted", f"CAST({_id('item')} AS text)", "WHERE r.posted"),
    _legs("posted", "2120", "2110", "r.amount_vnd", "WHERE r.posted"),
    f"""
INSERT INTO balance_transaction (id, type, category, source, amount_vnd, fee_vnd, net_vnd, made_at, available_at,
  ripened, explained, read_at)
SELECT 'txn_' || md5(:provider || r.bill_no), 'charge', 'charge', 'ch_' || md5(:provider || r.bill_no), r.amount_vnd,
  {FEE_VND}, r.amount_vnd - {FEE_VND}, r.at, r.at, true, true, r.at FROM {_ROWS} WHERE r.at_gateway
""",
    _journal("fee", "'txn_' || md5(:provider || r.bill_no)", "WHERE r.at_gateway"),
    _legs("fee", "5110", "1110", str(FEE_VND), "WHERE r.at_gateway"),
)


def company(slug: str) -> tuple[Provider, Customer]:
    """A company of the sample province and one household of it."""
    return make_provider(slug), make_customer(slug, code=f"HOUSE-{slug}")


def write(provider: Provider, customer: Customer, paid: Sequence[Paid]) -> None:
    """Book these payments as the flows would have."""
    rows = orjson.dumps([asdict(each) for each in paid]).decode()
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        values = {"provider": str(provider.id), "customer": str(customer.id), "rows": rows}
        for statement in _STATEMENTS:
            query = text(statement)
            session.execute(query, {name: values[name] for name in query.compile().params})
        # What a day of real life would have done meanwhile: the planner knows how many rows there are.
        if len(paid) > _MANY:
            session.execute(text("ANALYZE journal, journal_entry, payment, payment_item, bill, balance_transaction"))


def item_id(provider: Provider, bill_no: str) -> UUID:
    """The item that pays a bill."""
    return made("item", provider, bill_no)


def payment_id(provider: Provider, bill_no: str) -> UUID:
    """The payment that pays a bill."""
    return made("payment", provider, bill_no)


def charge_of(provider: Provider, bill_no: str) -> str:
    """What the gateway calls the charge that paid a bill; its movement is `txn_` and the rest."""
    return f"ch_{_digest(f'{provider.id}{bill_no}')}"


def made(kind: str, provider: Provider, bill_no: str) -> UUID:
    """The id of what `write` has made of a bill."""
    return UUID(_digest(f"{kind}{provider.id}{bill_no}"))


def _digest(text_: str) -> str:
    return hashlib.md5(text_.encode(), usedforsecurity=False).hexdigest()
