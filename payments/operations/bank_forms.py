"""The forms of banks' statements, and which files have been taken in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from payments.bank_layout import BankLayout
from payments.errors import BankFormUnknown, BankFormUnusable
from payments.models import BankForm, BankStatement, MatchRun, Remittance, RemittanceState, Way
from payments.operations.discrepancies import open_discrepancy


def put_form(session: Session, code: str, body: Mapping[str, Any], *, person_id: UUID | None) -> BankForm:
    """Say how a bank writes its statements; holds for files that come from now on. Raises BankFormUnusable."""
    try:
        BankLayout.from_json(body)
    except ValueError as exc:
        raise BankFormUnusable(reason=str(exc)) from exc
    values = {"body": dict(body), "changed_at": clock.now(), "changed_by": person_id}
    return session.scalars(
        insert(BankForm)
        .values(code=code, version=1, **values)
        .on_conflict_do_update(index_elements=[BankForm.code], set_={**values, "version": BankForm.version + 1})
        .returning(BankForm),
        execution_options={"populate_existing": True},
    ).one()


def list_forms(session: Session) -> Sequence[BankForm]:
    """Every form, by its code."""
    return session.scalars(select(BankForm).order_by(BankForm.code)).all()


def find_layout(session: Session, code: str) -> BankLayout:
    """The form of this code, to read a file by. Raises BankFormUnknown."""
    found = session.get(BankForm, code)
    if found is None:
        raise BankFormUnknown
    return BankLayout.from_json(found.body)


def note_rejected_file(session: Session, file_hash: str, reason: str) -> None:
    """A file of the bank was refused as a whole: nothing of it was kept, and two people see why, once."""
    told: dict[str, Any] = {"way": Way.BANK, "day": clock.today(), "details": {"reason": reason}}
    open_discrepancy(session, "FILE_REJECTED", 0, subject=file_hash, **told)


def list_bank_statements(session: Session, *, limit: int, cursor: str | None) -> Page:
    """The bank's files that were taken in, the newest first."""
    return page(
        session, select(BankStatement), by=[BankStatement.id], limit=limit, cursor=cursor, question="bank statements"
    )


def get_bank_statement(session: Session, statement_id: UUID) -> BankStatement:
    """One file of the bank. Raises NotFound."""
    found = session.get(BankStatement, statement_id)
    if found is None:
        raise NotFound
    return found


def list_all_runs(
    session: Session, *, way: Way | None, payee_id: UUID | None, since: date | None, limit: int, cursor: str | None
) -> Page:
    """Comparisons of every way, the newest first; of one way, payee, or with days from one on, where asked for."""
    query = select(MatchRun)
    if way is not None:
        query = query.where(MatchRun.way == way)
    if payee_id is not None:
        query = query.where(MatchRun.payee_id == payee_id)
    if since is not None:
        query = query.where(MatchRun.last_day >= since)
    question = ("all runs", way, payee_id, since and since.isoformat())
    return page(session, query, by=[MatchRun.id], limit=limit, cursor=cursor, question=question)


def get_run(session: Session, run_id: UUID) -> MatchRun:
    """One comparison. Raises NotFound."""
    found = session.get(MatchRun, run_id)
    if found is None:
        raise NotFound
    return found


def list_all_remittances(
    session: Session, *, payee_id: UUID | None, state: RemittanceState | None, limit: int, cursor: str | None
) -> Page:
    """Remittances of every payee, drafts among them, the newest first; of one payee or state where asked for."""
    query = select(Remittance)
    if payee_id is not None:
        query = query.where(Remittance.payee_id == payee_id)
    if state is not None:
        query = query.where(Remittance.state == state)
    question = ("all remittances", payee_id, state)
    return page(session, query, by=[Remittance.id], limit=limit, cursor=cursor, question=question)


def get_any_remittance(session: Session, remittance_id: UUID) -> Remittance:
    """One remittance of any payee. Raises NotFound."""
    found = session.get(Remittance, remittance_id)
    if found is None:
        raise NotFound
    return found
