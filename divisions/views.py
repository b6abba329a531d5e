"""The doors of provinces and communes: public, the same for everybody, kept for five minutes."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask.views import MethodView

from divisions import operations
from divisions.errors import UnknownArea, UnknownProvince
from divisions.schemas import (
    AreasSchema,
    CommunePageSchema,
    CommuneQuery,
    CommuneWithSourceSchema,
    OnQuery,
    ProvincesSchema,
    ResolutionSchema,
    ResolveQuery,
)
from kit.database import transaction
from kit.errors import MalformedRequest, NotFound
from kit.pages import Page
from kit.web import Blueprint, public

blueprint = Blueprint(
    "divisions",
    __name__,
    url_prefix="/v1/divisions",
    description="Provinces and communes by day, and what old ones became.",
)

_AGE_SECONDS = 300
_SOURCE = "thanglequoc/vietnamese-provinces-database 2026-07-25, MIT, © 2021 Thang Le Quoc"
_AREA = {
    "slug": "thanh-hoa",
    "name": "Thanh Hóa",
    "name_en": "Thanh Hoa",
    "province_code": "38",
    "former_province_codes": ["38"],
    "commune_count": 166,
}
_PROVINCE = {
    "code": "38",
    "name": "Thanh Hoá",
    "full_name": "Tỉnh Thanh Hoá",
    "name_en": "Thanh Hoa",
    "type": "province",
    "valid_from": "2025-07-01",
    "valid_to": None,
    "source": _SOURCE,
}
_COMMUNE = {
    "code": "14797",
    "name": "Hạc Thành",
    "full_name": "Phường Hạc Thành",
    "name_en": "Hac Thanh",
    "type": "ward",
    "valid_from": "2025-07-01",
    "valid_to": None,
    "province_code": "38",
    "province_name": "Thanh Hoá",
    "province_name_en": "Thanh Hoa",
}
_HAM_RONG = _COMMUNE | {
    "code": "14758",
    "name": "Hàm Rồng",
    "full_name": "Phường Hàm Rồng",
    "name_en": "Ham Rong",
}
_DONG_THO = {
    "likeness": "exact",
    "kind": "part",
    "changed_on": "2025-07-01",
    "old": {
        "code": "14758",
        "name": "Đông Thọ",
        "full_name": "Phường Đông Thọ",
        "type": "ward",
        "district": "Thành phố Thanh Hóa",
        "province_code": "38",
        "province_name": "Thanh Hóa",
    },
}
_RESOLUTION = {
    "candidates": [{"commune": _COMMUNE} | _DONG_THO, {"commune": _HAM_RONG} | _DONG_THO],
    "ask_street": True,
}


@blueprint.route("/areas")
class Areas(MethodView):
    """The places the product serves."""

    @blueprint.response(200, AreasSchema, example={"items": [_AREA]})
    @blueprint.doc(operationId="listAreas")
    def get(self) -> dict[str, Any]:
        """List the areas the service knows (khu vực phục vụ).

        An area keeps its slug for good; which province it lies in, and that province's code, change with reforms.
        """
        with transaction() as session:
            items = operations.list_areas(session)
        public(_AGE_SECONDS)
        return {"items": items}


@blueprint.route("/provinces")
class Provinces(MethodView):
    """Provinces of a day."""

    @blueprint.arguments(OnQuery(), location="query")
    @blueprint.response(200, ProvincesSchema, example={"items": [_PROVINCE]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listProvinces")
    def get(self, asked: dict[str, date]) -> dict[str, Any]:
        """List the provinces of a day (tỉnh, thành phố).

        In alphabetical order. 34 since 1 July 2025, 63 before; the list is empty for days nothing is known about.
        """
        with transaction() as session:
            items = operations.list_provinces(session, **asked)
        public(_AGE_SECONDS)
        return {"items": items}


@blueprint.route("/communes")
class Communes(MethodView):
    """Communes of a day."""

    @blueprint.arguments(CommuneQuery(), location="query")
    @blueprint.response(200, CommunePageSchema, example={"items": [_COMMUNE]})
    @blueprint.raises(MalformedRequest, UnknownArea, UnknownProvince)
    @blueprint.doc(operationId="listCommunes")
    def get(self, asked: dict[str, Any]) -> Page:
        """List or search the communes of a day (xã, phường, đặc khu).

        In Vietnamese alphabetical order. Communes are known from 1 July 2025 on; for older codes and names ask
        resolveDivision.
        """
        with transaction() as session:
            found = operations.list_communes(session, **asked)
        public(_AGE_SECONDS)
        return found


@blueprint.route(
    "/communes/<string(length=5):code>",
    parameters=[
        {
            "in": "path",
            "name": "code",
            "description": "Official code, five digits.",
            "schema": {"type": "string", "pattern": "^[0-9]{5}$"},
            "example": "14797",
        }
    ],
)
class OneCommune(MethodView):
    """One commune."""

    @blueprint.arguments(OnQuery(), location="query")
    @blueprint.response(200, CommuneWithSourceSchema, example=_COMMUNE | {"source": _SOURCE})
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="getCommune")
    def get(self, asked: dict[str, date], code: str) -> Any:  # noqa: ANN401 - a row of named columns
        """Read the commune that bears a code on a day.

        The same code may mean another commune on another day.
        """
        with transaction() as session:
            commune = operations.get_commune(session, code, **asked)
        public(_AGE_SECONDS)
        return commune


@blueprint.route("/resolve")
class Resolve(MethodView):
    """From what a citizen has to the communes of today."""

    @blueprint.arguments(ResolveQuery(), location="query")
    @blueprint.response(200, ResolutionSchema, example=_RESOLUTION)
    @blueprint.raises(MalformedRequest, UnknownArea)
    @blueprint.doc(operationId="resolveDivision")
    def get(self, asked: dict[str, Any]) -> operations.Resolution:
        """Find the communes of today behind an old code or name (tra cứu đơn vị cũ).

        Send `code` with `on`, or `text`. Best candidates come first, at most twenty; none when nothing fits. Where an
        old commune was divided, `ask_street` is true and each new commune that took a part of it is a candidate. With
        diacritics the text means what it says; without, every name that reads alike is a candidate.
        """
        with transaction() as session:
            found = operations.resolve(session, **asked)
        public(_AGE_SECONDS)
        return found
