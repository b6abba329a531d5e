"""The doors of packs: what there is, the signed manifest, the file in parts, the way from an older pack."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from kit.database import transaction
from kit.errors import MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.web import note, public, request_key
from services.tourism import operations
from services.tourism.models import Pack
from services.tourism.operations import Scope
from services.tourism.schemas.examples import MANIFEST_EXAMPLE, PACK_EXAMPLE, PACK_KEY_EXAMPLE
from services.tourism.schemas.packs import (
    PackKeysSchema,
    PackOrderSchema,
    PackQuery,
    PacksSchema,
    PackSummarySchema,
    PackUpdateSchema,
    SignedPackSchema,
)
from services.tourism.views.door import AGE_SECONDS, blueprint
from services.tourism.views.formats import BYTES, RANGE

_ZIP = "application/zip"
_FOR_GOOD = "public, max-age=31536000, immutable"


@blueprint.route("/pack-keys")
class PackKeys(MethodView):
    """What packs and tickets are checked with."""

    @blueprint.response(200, PackKeysSchema, example={"keys": [PACK_KEY_EXAMPLE]})
    @blueprint.doc(operationId="listPackKeys")
    def get(self) -> dict[str, Any]:
        """List the keys that sign packs and tickets (khóa công khai).

        Ed25519. Old keys stay here: what they have signed remains good.
        """
        with transaction() as session:
            keys = operations.list_keys(session)
        public()
        return {"keys": keys}


@blueprint.route("/packs")
class Packs(MethodView):
    """Packs there are."""

    @blueprint.arguments(PackQuery(), location="query")
    @blueprint.response(200, PacksSchema, example={"items": [PACK_EXAMPLE]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listPacks")
    def get(self, asked: dict[str, Any]) -> dict[str, Any]:
        """List offline packs (gói dùng ngoại tuyến).

        The newest of each province and itinerary, or of the one that is named, with its size.
        """
        with transaction() as session:
            items = operations.list_packs(session, _scope(asked))
        public(AGE_SECONDS)
        return {"items": items}

    @blueprint.idempotent
    @blueprint.arguments(PackOrderSchema(), example={"commune_code": "14359"})
    @blueprint.response(201, PackSummarySchema, example=PACK_EXAMPLE | {"scope": "commune:14359"})
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addPack")
    def post(self, asked: dict[str, Any]) -> Pack:
        """Make a pack now (tạo gói).

        Packs of provinces and itineraries are made every night; this makes one at once, also of a commune. Where
        nothing has changed it is the pack that is there.
        """
        key = request_key(asked)
        scope = _scope(asked) or Scope("", "")
        with transaction() as session:
            outcome = once(session, key, lambda: operations.build_pack(session, scope))
        note(outcome)
        with transaction() as session:
            return operations.get_pack(session, outcome.resource_id)


@blueprint.route("/packs/<uuid:pack_id>")
class PackById(MethodView):
    """A pack's manifest."""

    @blueprint.response(200, SignedPackSchema, example=MANIFEST_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPack")
    def get(self, pack_id: UUID) -> dict[str, Any]:
        """Read the signed manifest of a pack (danh mục gói).

        Check the signature with the key of `kid` before anything else, then the file against `bytes` and `sha256`.
        """
        with transaction() as session:
            pack = operations.get_pack(session, pack_id)
        public()
        return {"manifest": pack.manifest, "signature": pack.signature}


@blueprint.route("/packs/<uuid:pack_id>/content")
class PackContent(MethodView):
    """A pack's file."""

    @blueprint.response(200, BYTES, content_type=_ZIP)
    @blueprint.alt_response(206, schema=BYTES, content_type=_ZIP, description="The part that was asked for.")
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPackContent", parameters=[RANGE])
    def get(self, pack_id: UUID) -> Response:
        """Load a pack, whole or in parts (tải gói).

        A ZIP archive. When the line is cut, go on with `Range` from where it stopped, and with the ETag in `If-Range`.
        """
        with transaction() as session:
            pack = operations.get_pack(session, pack_id)
            start, end = _asked_range(pack)
            content = b"" if start >= end else operations.read_bytes(session, pack, start, end)
        whole = pack.bytes_total
        headers = {"Accept-Ranges": "bytes", "Cache-Control": _FOR_GOOD}
        if start >= end:
            raise RequestedRangeNotSatisfiable(length=whole)
        answer = Response(content, 200 if end - start == whole else 206, headers, content_type=_ZIP)
        answer.set_etag(pack.sha256)
        if answer.status_code == 206:  # noqa: PLR2004 - a part
            answer.headers["Content-Range"] = f"bytes {start}-{end - 1}/{whole}"
        return answer


@blueprint.route("/packs/<uuid:pack_id>/update")
class PackUpdate(MethodView):
    """From an older pack to the newest."""

    @blueprint.response(200, PackUpdateSchema, example={"pack": PACK_EXAMPLE})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPackUpdate")
    def get(self, pack_id: UUID) -> dict[str, Any]:
        """Ask what a phone with this pack has to fetch (cập nhật gói).

        A delta where there is one, else the newest pack whole; null when there is nothing new. After a delta, take away
        the files its manifest names in `removed`.
        """
        with transaction() as session:
            found = operations.find_update(session, pack_id)
        public(AGE_SECONDS)
        return {"pack": found}


def _scope(asked: dict[str, Any]) -> Scope | None:
    for name, kind in (("province_code", "province"), ("commune_code", "commune"), ("itinerary_id", "itinerary")):
        if asked[name] is not None:
            return Scope(kind, str(asked[name]))
    return None


def _asked_range(pack: Pack) -> tuple[int, int]:
    """From where to before where, by Range and If-Range; the whole file where neither says otherwise."""
    whole = pack.bytes_total
    asked = request.range
    condition = request.if_range
    is_other = request.headers.get("If-Range") is not None and condition.etag != pack.sha256
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or is_other:
        return 0, whole
    return asked.range_for_length(whole) or (whole, whole)
