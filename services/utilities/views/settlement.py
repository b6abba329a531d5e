"""The doors of a provider's books: remittances, statements, and differences between its books and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from flask.views import MethodView

import payments.operations
from auth.guard import current_caller, current_provider
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key
from payments import proof
from payments.models import Remittance, Side, Statement, Way
from payments.operations import Actor, Discussed
from payments.schemas import (
    DISCREPANCY_EXAMPLE,
    NOTE_EXAMPLE,
    STEP_EXAMPLE,
    DiscrepancyPageSchema,
    DiscussedSchema,
    NewNoteSchema,
    OwnDiscrepancyQuery,
)
from payments.schemas.settling import REMITTANCE_EXAMPLE, RUN_EXAMPLE, RemittanceSchema
from services.utilities import flows, remittance, upload
from services.utilities.errors import (
    DayNotOver,
    DayTooOld,
    FileTooLarge,
    LayoutUnderReview,
    LayoutUnusable,
    NotInTest,
    ProviderNotAdmitted,
    StatementUnreadable,
)
from services.utilities.operations import settlement, trials
from services.utilities.settlement_schemas import (
    LAYOUT_EXAMPLE,
    STATEMENT_EXAMPLE,
    FileQuery,
    LayoutQuery,
    LayoutSchema,
    MatchRunPageSchema,
    RaisedSchema,
    RemittancePageSchema,
    StatementQuery,
    StatementSchema,
)
from services.utilities.views.bills import blueprint, writing_provider

_DISCUSSED = DISCREPANCY_EXAMPLE | {
    "kind": "MISSING_AT_PROVIDER",
    "way": "provider",
    "notes": [NOTE_EXAMPLE],
    "events": [STEP_EXAMPLE],
}
_EXAMPLES = {
    "json": {
        "schema": {"type": "object"},
        "example": {
            "provider": "pc-thanh-hoa",
            "business_day": "2026-11-20",
            "day_totals": {"lines": 1, "posted_vnd": 636768},
            "lines": [{"bill_no": "PC07-2026-10-000001", "amount_vnd": 636768, "kind": "posted", "line": 1}],
        },
    },
    "csv": {
        "schema": {"type": "string"},
        "example": "revision;line;kind;bill_no\r\n1;1;posted;PC07-2026-10-000001\r\n",
    },
}
_FILE = {
    "responses": {
        "200": {
            "description": "The file. `Signature` is ours over its SHA-256 (see `files` of the remittance).",
            "content": {
                media.partition(";")[0]: _EXAMPLES.get(kind, {"schema": {"type": "string", "format": "binary"}})
                for kind, media in remittance.MEDIA.items()
            },
        }
    }
}


def _actor() -> Actor:
    """The provider's system, or the member of its staff, that makes the current request."""
    staff = current_caller().staff
    if staff is None:
        return Actor(Side.PROVIDER)
    return Actor(Side.PROVIDER, staff.citizen_id, staff.organisation_name)


@blueprint.route("/provider-remittances")
class Remittances(MethodView):
    """What a provider is remitted."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, RemittancePageSchema, example={"items": [REMITTANCE_EXAMPLE]})
    @blueprint.doc(operationId="listRemittances")
    def get(self, asked: dict[str, Any]) -> Page:
        """List our remittances, the newest first (bảng kê chuyển tiền).

        For a provider's clerk or system. One for each business day by your own cut-off, and one more for each revision:
        a revision holds what came after the day was drafted, and says so. What is final never changes.
        """
        with transaction() as session:
            return payments.operations.list_remittances(session, current_provider(), **asked)


@blueprint.route("/provider-remittances/<uuid:remittance_id>")
class RemittanceById(MethodView):
    """One remittance."""

    @blueprint.response(200, RemittanceSchema, example=REMITTANCE_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getRemittance")
    def get(self, remittance_id: UUID) -> Remittance:
        """See one remittance: its sums, its state, the digests and signatures of its files.

        The sums are those this revision adds; the file declares those of the whole day, too.
        """
        with transaction() as session:
            return payments.operations.get_remittance(session, remittance_id, current_provider())


@blueprint.route("/provider-remittances/<uuid:remittance_id>/file")
class RemittanceFile(MethodView):
    """One remittance as a file."""

    @blueprint.arguments(FileQuery(), location="query")
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getRemittanceFile", **_FILE)
    def get(self, asked: dict[str, str], remittance_id: UUID) -> Response:
        """Download a remittance as JSON, CSV or XLSX (tải bảng kê).

        The same bytes whenever you ask: compare them with the digest in `getRemittance`, and keep them.
        """
        kind = asked["format"]
        with transaction() as session:
            found = payments.operations.get_remittance(session, remittance_id, current_provider())
            written = upload.keep(settlement.write_file(session, found, kind))
        # From disk, in pieces: neither a large day nor a slow line holds memory or a connection to the database.
        answer = Response(written.pieces, content_type=remittance.MEDIA[kind])
        answer.content_length = written.size
        answer.call_on_close(written.close)
        signed = (found.files or {})[kind]
        answer.headers["Signature"] = signed["signature"]
        answer.headers["Signature-Key-Id"] = proof.key_id(bytes.fromhex(signed["public_key"]))
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.reference}.{kind}"'
        return answer


@blueprint.route("/provider-statements")
class Statements(MethodView):
    """What a provider has booked."""

    @blueprint.idempotent
    @blueprint.arguments(StatementQuery(), location="query")
    @blueprint.response(202, StatementSchema, example=STATEMENT_EXAMPLE)
    @blueprint.raises(NotFound, FileTooLarge, StatementUnreadable, DayNotOver, DayTooOld, RequestInFlight)
    @blueprint.raises(ProviderNotAdmitted, NotInTest)
    @blueprint.doc(operationId="submitStatement", requestBody=upload.STATEMENT_DOCUMENTED)
    def post(self, asked: dict[str, Any]) -> tuple[Statement, dict[str, str]]:
        """Tell what you have posted on one of your business days (đối soát).

        For a provider's system or clerk. Every good line is kept, every bad one is named with its number; then the day
        is compared with our books and differences are opened or closed. The same lines again, renamed or in another
        order, change nothing; other lines for the same day are a new revision.
        """
        with upload.spool(request.mimetype, request.content_length, request.stream, upload.STATEMENTS) as sent:
            key = request_key({**asked, "format": sent.kind, "digest": sent.digest})
            raw = b"".join(sent.pieces())
        of = (Way(asked["way"]), asked["business_day"])
        with transaction() as session:
            layout = settlement.open_day(session, writing_provider(session), *of)
        told = flows.read_statement(current_provider(), *of, sent.kind, raw, layout)
        with transaction() as session:
            outcome = once(
                session, key, lambda: settlement.keep_statement(session, writing_provider(session), *of, told)
            )
        note(outcome)
        with transaction() as session:
            kept = payments.operations.get_statement(session, outcome.resource_id, current_provider())
        return kept, {"Location": url_for("utilities.StatementById", statement_id=kept.id)}


@blueprint.route("/provider-statements/<uuid:statement_id>")
class StatementById(MethodView):
    """One statement."""

    @blueprint.response(200, StatementSchema, example=STATEMENT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getStatement")
    def get(self, statement_id: UUID) -> Statement:
        """See what became of a statement: its counts, and the first thousand refused lines.

        `added` and `removed` say how it differs from the revision before.
        """
        with transaction() as session:
            return payments.operations.get_statement(session, statement_id, current_provider())


@blueprint.route("/provider-statement-layouts")
class StatementLayouts(MethodView):
    """Where a provider's files have what."""

    @blueprint.arguments(LayoutQuery(), location="query")
    @blueprint.response(200, LayoutSchema, example=LAYOUT_EXAMPLE)
    @blueprint.doc(operationId="getStatementLayout")
    def get(self, asked: dict[str, str]) -> Mapping[str, Any]:
        """See which headings we look for in your statements.

        The standard ones, until you have said others.
        """
        with transaction() as session:
            return {"columns": settlement.get_layout(session, current_provider(), Way(asked["way"]))}

    @blueprint.arguments(LayoutQuery(), location="query")
    @blueprint.arguments(LayoutSchema(), example=LAYOUT_EXAMPLE)
    @blueprint.response(200, LayoutSchema, example=LAYOUT_EXAMPLE)
    @blueprint.raises(NotFound, LayoutUnusable, LayoutUnderReview, ProviderNotAdmitted, NotInTest)
    @blueprint.doc(operationId="putStatementLayout")
    def put(self, query: dict[str, str], asked: dict[str, Any]) -> Mapping[str, Any]:
        """Try other headings of your statements (mẫu sao kê) while you are in testing.

        Holds for files that come from now on; those read before stay as they were read. A live provider proposes
        `statement_layout` or `advice_layout` with `proposeProviderChange`.
        """
        with transaction() as session:
            own = writing_provider(session)
            if not trials.is_in_test(session, own):
                raise LayoutUnderReview
            return {"columns": settlement.put_layout(session, own, Way(query["way"]), asked["columns"])}


@blueprint.route("/provider-match-runs")
class MatchRuns(MethodView):
    """Comparisons of a provider's books with ours."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, MatchRunPageSchema, example={"items": [RUN_EXAMPLE]})
    @blueprint.doc(operationId="listMatchRuns")
    def get(self, asked: dict[str, Any]) -> Page:
        """List comparisons of your books with ours, the newest first.

        `ours` and `theirs` are all lines of each side: matched, or in a difference.
        """
        with transaction() as session:
            return payments.operations.list_runs(session, payee_id=current_provider(), **asked)


@blueprint.route("/provider-discrepancies")
class OurDiscrepancies(MethodView):
    """Differences between a provider's books and ours."""

    @blueprint.arguments(OwnDiscrepancyQuery(), location="query")
    @blueprint.response(200, DiscrepancyPageSchema, example={"items": [DISCREPANCY_EXAMPLE]})
    @blueprint.doc(operationId="listOurDiscrepancies")
    def get(self, asked: dict[str, Any]) -> Page:
        """List differences between your books and ours (chênh lệch), the newest first.

        Those that are open, unless `state` asks for others. One closes by itself when the line that was missing
        arrives, however late.
        """
        asked["wanted"] = replace(asked["wanted"], payee_id=current_provider())
        with transaction() as session:
            return payments.operations.list_discrepancies(session, **asked)

    @blueprint.idempotent
    @blueprint.arguments(
        RaisedSchema(),
        example={"subject": "B-1", "business_day": "2026-11-20", "amount_vnd": 0, "body": "Chưa thấy trong bảng kê"},
    )
    @blueprint.response(201, DiscussedSchema, example=_DISCUSSED | {"kind": "RAISED_BY_PROVIDER"})
    @blueprint.raises(NotFound, ProviderNotAdmitted, NotInTest, RequestInFlight)
    @blueprint.doc(operationId="reportDiscrepancy")
    def post(self, asked: dict[str, Any]) -> Discussed:
        """Say that something differs (báo chênh lệch, for a provider's clerk or system).

        The province answers in the same place; the same subject again adds to what you have said.
        """
        day = asked.pop("business_day")
        with transaction() as session:
            outcome = once(
                session,
                request_key({**asked, "day": day}),
                lambda: payments.operations.raise_by_hand(
                    session, writing_provider(session), _actor(), day=day, **asked
                ),
            )
            told = payments.operations.get_discussed(session, outcome.resource_id, current_provider())
        note(outcome)
        return told


@blueprint.route("/provider-discrepancies/<uuid:discrepancy_id>")
class OurDiscrepancyById(MethodView):
    """One difference."""

    @blueprint.response(200, DiscussedSchema, example=_DISCUSSED)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOurDiscrepancy")
    def get(self, discrepancy_id: UUID) -> Discussed:
        """See one difference and what both sides have said of it.

        `details` says which line of which side it is about.
        """
        with transaction() as session:
            return payments.operations.get_discussed(session, discrepancy_id, current_provider())


@blueprint.route("/provider-discrepancies/<uuid:discrepancy_id>/notes")
class OurDiscrepancyNotes(MethodView):
    """What a provider says of a difference."""

    @blueprint.idempotent
    @blueprint.arguments(NewNoteSchema(), example={"body": NOTE_EXAMPLE["body"]})
    @blueprint.response(201, DiscussedSchema, example=_DISCUSSED)
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="answerDiscrepancy")
    def post(self, asked: dict[str, Any], discrepancy_id: UUID) -> Discussed:
        """Answer a difference (trả lời chênh lệch, for a provider's clerk or system).

        With the digest of a document, where one shows it.
        """
        actor = _actor()
        who = {"person_id": actor.person_id, "organisation": actor.organisation}
        said = {"payee_id": current_provider(), **who, **asked}
        with transaction() as session:
            outcome = once(
                session,
                request_key({**asked, "of": discrepancy_id}),
                lambda: payments.operations.answer(session, discrepancy_id, **said),
            )
            told = payments.operations.get_discussed(session, discrepancy_id, current_provider())
        note(outcome)
        return told
