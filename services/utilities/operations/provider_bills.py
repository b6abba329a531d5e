"""Single bills as a provider sends, withdraws or settles them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session, contains_eager

from kit import clock
from kit.errors import InvalidRequest, NotFound
from kit.parsing import Flaw
from services.utilities.bill_file import LineRefused, read_record
from services.utilities.errors import BillAlreadyPaid, BillBeingPaid
from services.utilities.models import Bill, BillState
from services.utilities.operations.directory import find_rules
from services.utilities.operations.imports import SAVE_BILLS, SAVE_CUSTOMERS, bill_values, customer_values

_CLOSED = (BillState.WITHDRAWN, BillState.PAID_ELSEWHERE)


def put_bill(session: Session, provider_id: UUID, record: Mapping[str, Any]) -> Bill:
    """Add a bill or change it; one that was withdrawn or paid elsewhere is owed again.

    Raises InvalidRequest for what a file's line would be refused for, BillBeingPaid, and BillAlreadyPaid.
    """
    try:
        row = read_record(record, find_rules(session, provider_id))
    except LineRefused as refused:
        vi, en = f"Giá trị này không dùng được: {refused.code}.", f"This value cannot be used: {refused.code}."
        raise InvalidRequest(errors=[Flaw(f"/{refused.field or ''}", refused.code, vi, en)]) from refused
    # Whoever pays it meanwhile waits, or has gone on before us: then the state says so.
    session.execute(
        update(Bill)
        .where(Bill.provider_id == provider_id, Bill.bill_no == row.bill_no, Bill.state.in_(_CLOSED))
        .values(state=BillState.OPEN, payment_id=None)
    )
    values = {"provider_id": provider_id, "now": clock.now()}
    session.execute(SAVE_CUSTOMERS, {**values, "rows": orjson.dumps([customer_values(row)]).decode()})
    session.execute(SAVE_BILLS, {**values, "rows": orjson.dumps([bill_values(row)]).decode()})
    bill = get_provider_bill(session, provider_id, row.bill_no)
    if bill.state is not BillState.OPEN and bill.version != row.version:
        raise _why_not(bill)
    return bill


def close_bill(session: Session, provider_id: UUID, bill_no: str, state: BillState) -> Bill:
    """Have a bill withdrawn, or paid elsewhere: nobody can pay it here any more. Doing it twice changes nothing.

    Raises NotFound, BillBeingPaid while its money is held or on its way, and BillAlreadyPaid.
    """
    session.execute(
        update(Bill)
        .where(Bill.provider_id == provider_id, Bill.bill_no == bill_no, Bill.state.in_([BillState.OPEN, *_CLOSED]))
        .values(state=state)
    )
    bill = get_provider_bill(session, provider_id, bill_no)
    if bill.state is not state:
        raise _why_not(bill)
    return bill


def get_provider_bill(session: Session, provider_id: UUID, bill_no: str) -> Bill:
    """A provider's own bill by its number; raises NotFound."""
    found = session.scalar(
        select(Bill)
        .join(Bill.provider)
        .where(Bill.provider_id == provider_id, Bill.bill_no == bill_no)
        .options(contains_eager(Bill.provider))
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found


def _why_not(bill: Bill) -> BillBeingPaid | BillAlreadyPaid:
    if bill.state is BillState.PAYING:
        return BillBeingPaid(bill_id=bill.id, payment_id=bill.payment_id)
    return BillAlreadyPaid(bill_id=bill.id)
