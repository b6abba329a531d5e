"""The doors of reports: what the books say, for the province's staff and for a provider of itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any

from flask import Response
from flask.views import MethodView

from auth.guard import current_provider
from kit import clock
from kit.database import transaction
from services.utilities import report_file
from services.utilities.operations.reports import write_report
from services.utilities.report_schemas import (
    AgeingQuery,
    ApprovalQuery,
    DaysQuery,
    FormatQuery,
    OwnTurnoverQuery,
    SpanQuery,
    TurnoverQuery,
    gather,
)
from services.utilities.views.bills import blueprint

_IN_MEMORY = 2_000_000
_PIECE = 64 * 1024
_HEAD = {
    "first": "2026-11-01",
    "last": "2026-11-30",
    "by": "month",
    "basis": "business",
    "provider": None,
    "zone": "Asia/Ho_Chi_Minh",
    "as_of": "2026-12-01T09:00:00.000+07:00",
}
_PAYEE = {"provider": "pc-thanh-hoa", "payee_id": "019a0b00-0000-7000-8000-000000000001"}
_MOVED = {
    "entries": 335, "posted": 331, "posted_vnd": 210770208, "returned": 1, "returned_vnd": 636768,
    "clawed_back_vnd": 0, "adjusted_vnd": -1000, "remitted_vnd": 209802440, "commission_vnd": 331000,
}  # fmt: skip
_EXAMPLES: dict[str, dict[str, Any]] = {
    "turnover": {
        **_MOVED,
        **_PAYEE,
        "period": "2026-11",
        "opens_at": "2026-10-31T17:00:00.000+07:00",
        "closes_at": "2026-11-30T17:00:00.000+07:00",
        "opening_vnd": 0,
        "closing_vnd": -1000,
    },
    "accounts": {
        "period": "2026-11",
        "account": "2110",
        "entries": 335,
        "debit_vnd": 210771208,
        "credit_vnd": 210770208,
    },
    "ageing": {
        **_PAYEE,
        "way": "provider",
        "kind": "AMOUNT_UNDER",
        "age": "4-7",
        "open": 2,
        "amount_vnd": -2000,
        "absolute_vnd": 2000,
        "overdue": 2,
        "oldest_at": "2026-11-24T18:00:05.000+07:00",
    },
    "approvals": {
        **_PAYEE,
        "decided_at": "2026-11-25T10:00:00.000+07:00",
        "what": "adjustment",
        "decision": "approved",
        "subject_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e80",
        "reason": "AMOUNT_UNDER",
        "account": "2910",
        "amount_vnd": -1000,
        "booked_vnd": 1000,
        "asked_by": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4f01",
        "decided_by": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4f02",
        "organisation": "UBND tỉnh Thanh Hóa",
    },
}


def _file(name: str) -> dict[str, Any]:
    row = _EXAMPLES[name]
    body = {"report": name, **_HEAD, "rows": [row], "totals": {"rows": 1}}
    head, cells = (";".join(str(cell) for cell in cells) for cells in (row, row.values()))
    contents = {
        "application/json": {"schema": {"type": "object"}, "example": body},
        "text/csv": {"schema": {"type": "string"}, "example": f"{head}\r\n{cells}\r\n"},
        report_file.MEDIA[report_file.XLSX]: {"schema": {"type": "string", "format": "binary"}},
    }
    return {
        "responses": {"200": {"description": "The report; `totals` are the sums of its rows.", "content": contents}}
    }


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    with content:
        while piece := content.read(_PIECE):
            yield piece


def _answer(name: str, asked: dict[str, Any]) -> Response:
    """The report as a file: read in one moment and kept on disk, so that no slow reader holds the books."""
    wanted, kind = gather(asked, clock.today()), asked["format"]
    with ExitStack() as held:
        spool = held.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
        with transaction() as session:
            write_report(session, name, wanted, kind, spool)
        spool.seek(0)
        answer = Response(_pieces(spool), content_type=report_file.MEDIA[kind])
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}-{wanted.first}-{wanted.last}.{kind}"'
        answer.call_on_close(held.pop_all().close)  # also of an answer whose body nobody reads
    return answer


def _own(name: str, asked: dict[str, Any]) -> Response:
    return _answer(name, {**asked, "payee_id": current_provider(), "for_payee": True})


@blueprint.route("/reports/turnover")
class TurnoverReport(MethodView):
    """What moved on the accounts of providers."""

    @blueprint.arguments(TurnoverQuery(), location="query")
    @blueprint.doc(operationId="getTurnoverReport", **_file("turnover"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See what moved for each provider by day, by month or in all (báo cáo doanh số).

        For the province's clerks and approvers: posted, returned, clawed back, adjusted, remitted and our commission.
        Every sum is one of the ledger, and each entry is in one row. JSON, CSV or XLSX.
        """
        return _answer("turnover", asked)


@blueprint.route("/reports/accounts")
class AccountReport(MethodView):
    """What moved on the accounts of the ledger."""

    @blueprint.arguments(SpanQuery(), location="query")
    @blueprint.doc(operationId="getAccountReport", **_file("accounts"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See debits and credits of every account of the ledger (bảng cân đối phát sinh).

        By day, by month or in all, of Vietnam's calendar. Debits and credits of any row of days are equal in sum.
        """
        return _answer("accounts", asked)


@blueprint.route("/reports/ageing")
class AgeingReport(MethodView):
    """How old open differences are."""

    @blueprint.arguments(AgeingQuery(), location="query")
    @blueprint.doc(operationId="getAgeingReport", **_file("ageing"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See how old open differences are (tuổi chênh lệch).

        By provider, comparison, class and age in days, with how many are past their day.
        """
        return _answer("ageing", asked)


@blueprint.route("/reports/approvals")
class ApprovalReport(MethodView):
    """Who approved what."""

    @blueprint.arguments(ApprovalQuery(), location="query")
    @blueprint.doc(operationId="getApprovalReport", **_file("approvals"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See who asked for and who decided whatever takes two people (báo cáo phê duyệt).

        Differences that were settled or declined, and refunds above the limit, with what the ledger booked for each.
        """
        return _answer("approvals", asked)


@blueprint.route("/provider-reports/turnover")
class OurTurnoverReport(MethodView):
    """What moved on a provider's account."""

    @blueprint.arguments(OwnTurnoverQuery(), location="query")
    @blueprint.doc(operationId="getOurTurnoverReport", **_file("turnover"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See what moved on our account (báo cáo doanh số, for a provider).

        By day, by month or in all, and by your own business days unless you ask for the calendar's. What was posted,
        returned, clawed back and adjusted on a business day is what its remittance and the revisions of it say; what
        was remitted stands where it was booked.
        """
        return _own("turnover", asked)


@blueprint.route("/provider-reports/ageing")
class OurAgeingReport(MethodView):
    """How old a provider's open differences are."""

    @blueprint.arguments(FormatQuery(), location="query")
    @blueprint.doc(operationId="getOurAgeingReport", **_file("ageing"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See how old our open differences are (tuổi chênh lệch, for a provider).

        By comparison, class and age in days, with how many are past their day.
        """
        return _own("ageing", asked)


@blueprint.route("/provider-reports/approvals")
class OurApprovalReport(MethodView):
    """What was decided by two."""

    @blueprint.arguments(DaysQuery(), location="query")
    @blueprint.doc(operationId="getOurApprovalReport", **_file("approvals"))
    def get(self, asked: dict[str, Any]) -> Response:
        """See what two people have decided about our money (báo cáo phê duyệt, for a provider).

        Of the province the organisation is named, of your own staff also who.
        """
        return _own("approvals", asked)
