"""The doors for files of the school office: tables of schools, catchment zones, and the whole directory."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from flask.views import MethodView
from werkzeug.exceptions import UnsupportedMediaType

from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import Outcome
from kit.parsing import read_body
from kit.web import note, request_key
from services.education import tables, zone_file
from services.education.errors import (
    FactsNotValid,
    FileUnreadable,
    OwnProposal,
    ProposalDecided,
    ProposalOutdated,
    UnknownCommune,
)
from services.education.models import SchoolImport
from services.education.operations import importing, office
from services.education.schemas import examples
from services.education.schemas.office import (
    DecidedSchema,
    DecisionSchema,
    ExportQuery,
    SchoolImportSchema,
    WhyQuery,
)
from services.education.school_file import COLUMNS
from services.education.views.door import blueprint
from services.education.views.office import editor_now

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_KINDS = {"text/csv": tables.CSV, _XLSX: tables.XLSX}
_ZONE_KINDS = {"application/geo+json": zone_file.GEOJSON, "application/json": zone_file.GEOJSON, **_KINDS}
_TEXT = {"type": "string", "minLength": 1}
_WORKBOOK = {"schema": {"type": "string", "format": "binary"}}
_SCHOOL_FILE = {
    "required": True,
    "description": f"Up to 8 MB and 2,000 lines. An absent column changes nothing. Columns: {', '.join(COLUMNS)}.",
    "content": {
        "text/csv": {
            "schema": _TEXT,
            "example": (
                "name,levels,commune_code,source,source_on\r\n"
                "Trường Tiểu học Kim Đồng,primary,14797,Ví dụ,2026-06-01\r\n"
            ),
        },
        _XLSX: _WORKBOOK,
    },
}
_ZONE_FILE = {
    "required": True,
    "description": (
        "GeoJSON FeatureCollection of polygons, or a table of street ranges and communes. Properties or columns: school"
        " (id or ministry code), level, school_year, source, source_on, name, priority; in a table also commune_code,"
        " street, number_from, number_to, parity."
    ),
    "content": {
        "text/csv": {
            "schema": _TEXT,
            "example": (
                "school,level,school_year,commune_code,street,number_from,number_to,parity,source,source_on\r\n"
                f"{examples.SCHOOL_ID},primary,2026,14797,Lê Lợi,1,99,odd,Ví dụ,2026-05-15\r\n"
            ),
        },
        _XLSX: _WORKBOOK,
        "application/geo+json": {"schema": {"type": "object"}},
    },
}


@blueprint.route("/office/imports")
class SchoolImports(MethodView):
    """Tables of schools."""

    @blueprint.idempotent
    @blueprint.arguments(WhyQuery(), location="query")
    @blueprint.response(201, SchoolImportSchema, example=examples.IMPORT)
    @blueprint.raises(FileUnreadable, RequestInFlight)
    @blueprint.doc(operationId="importSchools", requestBody=_SCHOOL_FILE)
    def post(self, asked: dict[str, str]) -> tuple[SchoolImport, dict[str, str]]:
        """Send a table of schools, CSV or XLSX (nhập danh sách trường).

        Every good line that changes something becomes a proposal, every bad one is reported with its number. What
        `exportSchools` gives can be changed and sent back.
        """
        kind, content = _file(_KINDS)
        with transaction() as session:
            key = request_key({**asked, "kind": kind, "digest": hashlib.sha256(content).hexdigest()})
            outcome = importing.import_schools(
                session, key, editor_now(session), content=content, kind=kind, why=asked["why"]
            )
        return _imported(outcome)


@blueprint.route("/office/zone-imports")
class ZoneImports(MethodView):
    """Files of catchment zones."""

    @blueprint.idempotent
    @blueprint.arguments(WhyQuery(), location="query")
    @blueprint.response(201, SchoolImportSchema, example=examples.IMPORT | {"what": "zones", "format": "geojson"})
    @blueprint.raises(FileUnreadable, RequestInFlight)
    @blueprint.doc(operationId="importCatchmentZones", requestBody=_ZONE_FILE)
    def post(self, asked: dict[str, str]) -> tuple[SchoolImport, dict[str, str]]:
        """Send catchment zones, GeoJSON or a table of street ranges (nhập khu vực tuyển sinh).

        All good zones become one proposal. Approved, they take the place of those the same schools had for the same
        level, year and kind; until then only the office sees them, in `lookUpDraftCatchment`.
        """
        kind, content = _file(_ZONE_KINDS)
        with transaction() as session:
            key = request_key({**asked, "kind": kind, "digest": hashlib.sha256(content).hexdigest()})
            outcome = importing.import_zones(
                session, key, editor_now(session), content=content, kind=kind, why=asked["why"]
            )
        return _imported(outcome)


@blueprint.route("/office/imports/<uuid:import_id>")
class SchoolImportById(MethodView):
    """One file."""

    @blueprint.response(200, SchoolImportSchema, example=examples.IMPORT)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSchoolImport")
    def get(self, import_id: UUID) -> SchoolImport:
        """See what became of a file's lines.

        Counts, and the first thousand errors by line. The proposals: `listSchoolProposals?import_id=`.
        """
        with transaction() as session:
            return office.get_import(session, editor_now(session), import_id)


@blueprint.route("/office/imports/<uuid:import_id>/decisions")
class ImportDecisions(MethodView):
    """Deciding a whole file."""

    @blueprint.arguments(DecisionSchema(), example={"approve": True, "note": "Đã đối chiếu"})
    @blueprint.response(200, DecidedSchema, example={"decided": 14, "left": 0})
    @blueprint.raises(NotFound, OwnProposal, ProposalDecided, ProposalOutdated, FactsNotValid, UnknownCommune)
    @blueprint.doc(operationId="answerSchoolImport")
    def post(self, asked: dict[str, Any], import_id: UUID) -> dict[str, int]:
        """Approve or refuse what is still open of a colleague's file (duyệt cả tệp).

        Two hundred at once, together or not at all: ask again until none is left. Asked once too often, it decides
        nothing.
        """
        with transaction() as session:
            editor = editor_now(session)
            found = office.get_import(session, editor, import_id)
            decided, left = importing.decide_import(session, found, editor, **asked)
        return {"decided": decided, "left": left}


@blueprint.route("/office/directory")
class Directory(MethodView):
    """The directory as one file."""

    @blueprint.arguments(ExportQuery(), location="query")
    @blueprint.response(200, content_type="text/csv", description="The table of `importSchools`, CSV or XLSX.")
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="exportSchools")
    def get(self, asked: dict[str, Any]) -> Response:
        """Take the whole directory along (xuất danh sách trường).

        Closed schools too. Cells that a spreadsheet would take for a formula begin with an apostrophe.
        """
        with transaction() as session:
            rows = list(office.export_schools(session, asked["province"]))
        if asked["kind"] == tables.XLSX:
            return _download(tables.write_xlsx(COLUMNS, rows), _XLSX, "schools.xlsx")
        return _download(b"".join(tables.write_csv(COLUMNS, rows)), "text/csv; charset=utf-8", "schools.csv")


def _imported(outcome: Outcome) -> tuple[SchoolImport, dict[str, str]]:
    note(outcome)
    with transaction() as session:
        found = office.get_import(session, editor_now(session), outcome.resource_id)
    return found, {"Location": url_for("education.SchoolImportById", import_id=found.id)}


def _file(kinds: dict[str, str]) -> tuple[str, bytes]:
    if request.mimetype not in kinds:
        raise UnsupportedMediaType
    return kinds[request.mimetype], read_body(request, tables.LARGEST_BYTES)


def _download(content: bytes, kind: str, name: str) -> Response:
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
