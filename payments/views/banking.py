"""The province's desk of the bank: its files, the forms they are read by, every comparison and every remittance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.views import MethodView
from werkzeug.exceptions import UnsupportedMediaType

from auth.guard import current_staff
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key
from payments import flows, operations
from payments.bank_file import LARGEST_BYTES
from payments.errors import BankFormUnknown, BankFormUnusable, StatementRefused
from payments.models import BankForm, BankStatement, MatchRun, Remittance
from payments.schemas.settling import (
    BANK_STATEMENT_EXAMPLE,
    FORM_EXAMPLE,
    PAYEE_EXAMPLE,
    REMITTANCE_EXAMPLE,
    RUN_EXAMPLE,
    BankFileQuery,
    BankFormSchema,
    BankFormsSchema,
    BankStatementPageSchema,
    BankStatementSchema,
    NewBankFormSchema,
    PayeeRemittancePageSchema,
    PayeeRemittanceSchema,
    RemittancesQuery,
    RunsQuery,
    StaffRunPageSchema,
    StaffRunSchema,
)
from payments.views.doors import blueprint

_FORM = {"code": "vietcombank", "version": 1, "changed_at": "2026-11-20T18:00:00.000+07:00", "form": FORM_EXAMPLE}
_REMITTANCE = REMITTANCE_EXAMPLE | {"payee_id": PAYEE_EXAMPLE}
_RUN = RUN_EXAMPLE | {"way": "bank", "payee_id": None}
_CSV = """Số dư đầu kỳ,0
Ngày giao dịch,Số tham chiếu,Số tiền ghi nợ,Số tiền ghi có,Mô tả
20/11/2026,5092.1,,"209,802,440",STRIPE po_1
Số dư cuối kỳ,"209,802,440"
"""
_MEDIA = ("text/csv", "application/xml", "text/xml")
_DOCUMENTED = {
    "required": True,
    "description": "A statement of the province's account: camt.053 or camt.054 (XML), a bank's own CSV by a form, or "
    "CSV of ours: `opening_vnd;…`, `closing_vnd;…`, a heading `reference;booked_on;amount_vnd;purpose`, the movements. "
    "Up to 10 MB and 20,000 lines.",
    "content": {
        "text/csv": {"schema": {"type": "string", "minLength": 1}, "example": _CSV},
        "application/xml": {"schema": {"type": "string", "minLength": 1}, "example": "<Document>…</Document>"},
    },
}


@blueprint.route("/bank-statements")
class BankStatements(MethodView):
    """The bank's files."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, BankStatementPageSchema, example={"items": [BANK_STATEMENT_EXAMPLE]})
    @blueprint.doc(operationId="listBankStatements")
    def get(self, asked: dict[str, Any]) -> Page:
        """List the bank's files that were taken in (sao kê ngân hàng), the newest first.

        For the province's clerks and approvers. What a line says is not shown: it may name a person.
        """
        with transaction() as session:
            return operations.list_bank_statements(session, **asked)

    @blueprint.idempotent
    @blueprint.arguments(BankFileQuery(), location="query")
    @blueprint.response(201, BankStatementSchema, example=BANK_STATEMENT_EXAMPLE)
    @blueprint.raises(BankFormUnknown, StatementRefused, RequestInFlight)
    @blueprint.doc(operationId="submitBankStatement", requestBody=_DOCUMENTED)
    def post(self, asked: dict[str, Any]) -> tuple[BankStatement, dict[str, str]]:
        """Hand in a file of the bank and have it matched (nộp sao kê ngân hàng).

        For the province's clerks. Credits are matched with payouts and debits with remittances, to the đồng; the rest
        is booked as not identified and is a difference. A line that cannot be read is named and stops nothing; the
        same file again changes nothing.
        """
        if request.mimetype not in _MEDIA:
            raise UnsupportedMediaType
        raw = request.stream.read(LARGEST_BYTES + 1)
        digest = hashlib.sha256(raw).hexdigest()
        key = request_key({"form": asked["form"], "digest": digest})
        statement = flows.read_bank_file(raw, asked["form"])
        with transaction() as session:
            outcome = once(session, key, lambda: operations.receive_statement(session, statement))
            told = operations.get_bank_statement(session, outcome.resource_id)
        note(outcome)
        return told, {"Location": url_for("payments.BankStatementById", statement_id=told.id)}


@blueprint.route("/bank-statements/<uuid:statement_id>")
class BankStatementById(MethodView):
    """One file of the bank."""

    @blueprint.response(200, BankStatementSchema, example=BANK_STATEMENT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getBankStatement")
    def get(self, statement_id: UUID) -> BankStatement:
        """See what became of a file of the bank: its counts, and the lines that were refused.

        The first thousand of them, each with its number and a code.
        """
        with transaction() as session:
            return operations.get_bank_statement(session, statement_id)


@blueprint.route("/bank-forms")
class BankForms(MethodView):
    """How banks write their statements."""

    @blueprint.response(200, BankFormsSchema, example={"items": [_FORM]})
    @blueprint.doc(operationId="listBankForms")
    def get(self) -> Mapping[str, Any]:
        """List the forms of banks' statements (mẫu sao kê ngân hàng).

        All of them: a handful.
        """
        with transaction() as session:
            return {"items": operations.list_forms(session)}

    @blueprint.arguments(NewBankFormSchema(), example={"code": "vietcombank", "form": FORM_EXAMPLE})
    @blueprint.response(200, BankFormSchema, example=_FORM)
    @blueprint.raises(BankFormUnusable)
    @blueprint.doc(operationId="putBankForm")
    def put(self, asked: dict[str, Any]) -> BankForm:
        """Add the form of a bank's statements, or change it (thêm mẫu sao kê).

        For the province's approvers. Holds for files that come from now on; `reason` of a refusal says which part no
        file could be read by.
        """
        with transaction() as session:
            return operations.put_form(session, asked["code"], asked["form"], person_id=current_staff().citizen_id)


@blueprint.route("/match-runs")
class Runs(MethodView):
    """Comparisons of every way."""

    @blueprint.arguments(RunsQuery(), location="query")
    @blueprint.response(200, StaffRunPageSchema, example={"items": [_RUN]})
    @blueprint.doc(operationId="listAllMatchRuns")
    def get(self, asked: dict[str, Any]) -> Page:
        """List comparisons of our books with others' (các lần đối soát), the newest first.

        With the gateway's, the bank's and the providers'. `ours` and `theirs` are all lines of each side: matched, or
        in a difference.
        """
        with transaction() as session:
            return operations.list_all_runs(session, **asked)


@blueprint.route("/match-runs/<uuid:run_id>")
class RunById(MethodView):
    """One comparison."""

    @blueprint.response(200, StaffRunSchema, example=_RUN)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getMatchRun")
    def get(self, run_id: UUID) -> MatchRun:
        """See one comparison and what became of every line of it.

        For the province's clerks and approvers.
        """
        with transaction() as session:
            return operations.get_run(session, run_id)


@blueprint.route("/remittances")
class AllRemittances(MethodView):
    """What every provider is remitted."""

    @blueprint.arguments(RemittancesQuery(), location="query")
    @blueprint.response(200, PayeeRemittancePageSchema, example={"items": [_REMITTANCE]})
    @blueprint.doc(operationId="listAllRemittances")
    def get(self, asked: dict[str, Any]) -> Page:
        """List what providers are remitted (bảng kê chuyển tiền), the newest first.

        For the province's clerks and approvers, drafts among them: `reference` and `payable_vnd` are what the transfer
        carries.
        """
        with transaction() as session:
            return operations.list_all_remittances(session, **asked)


@blueprint.route("/remittances/<uuid:remittance_id>")
class AnyRemittance(MethodView):
    """One remittance of any provider."""

    @blueprint.response(200, PayeeRemittanceSchema, example=_REMITTANCE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAnyRemittance")
    def get(self, remittance_id: UUID) -> Remittance:
        """See one remittance of any provider: its sums and its state.

        For the province's clerks and approvers.
        """
        with transaction() as session:
            return operations.get_any_remittance(session, remittance_id)
