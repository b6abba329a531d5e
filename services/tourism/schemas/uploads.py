"""Uploaded files: guides as CSV or GeoJSON, and pictures, recordings and films by what their first bytes say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from werkzeug.exceptions import UnsupportedMediaType

from kit.parsing import read_json
from kit.text import clean
from services.tourism import guide_file
from services.tourism.errors import GuideFileUnreadable, MediaUnreadable
from services.tourism.guide_file import CSV, GEOJSON, Line
from services.tourism.models import MediaKind
from services.tourism.operations import Read
from services.tourism.schemas.content import GuideContentSchema, plain_content

LARGEST_MEDIA_BYTES = 10_000_000
_FORMATS = {"text/csv": CSV, "application/geo+json": GEOJSON}
_CSV_EXAMPLE = (
    "slug,title_vi,summary_vi,category,source,licence,lat,lon\r\n"
    "chua-keo,Chùa Keo,Ngôi chùa gỗ thế kỷ 17.,pagoda,Ban quản lý di tích,CC-BY-4.0,20.3586,106.2868\r\n"
)
_GEOJSON_EXAMPLE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [106.2868, 20.3586]},
            "properties": {
                "slug": "chua-keo",
                "title_vi": "Chùa Keo",
                "summary_vi": "Ngôi chùa gỗ thế kỷ 17.",
                "category": "pagoda",
                "source": "Ban quản lý di tích",
                "licence": "CC-BY-4.0",
            },
        }
    ],
}
GUIDE_FILES = {
    "required": True,
    "description": f"Needed: {', '.join(guide_file.NEEDED)}. Also read: {', '.join(guide_file.OPTIONAL)}.",
    "content": {
        "text/csv": {"schema": {"type": "string", "minLength": 1}, "example": _CSV_EXAMPLE},
        "application/geo+json": {
            "schema": {"type": "object", "additionalProperties": True},
            "example": _GEOJSON_EXAMPLE,
        },
    },
}
# Type -> (kind, where its mark stands, the mark).
_MARKS: dict[str, tuple[MediaKind, int, tuple[bytes, ...]]] = {
    "image/jpeg": (MediaKind.IMAGE, 0, (b"\xff\xd8\xff",)),
    "image/png": (MediaKind.IMAGE, 0, (b"\x89PNG\r\n\x1a\n",)),
    "image/webp": (MediaKind.IMAGE, 8, (b"WEBP",)),
    "audio/mpeg": (MediaKind.AUDIO, 0, (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    "audio/mp4": (MediaKind.AUDIO, 4, (b"ftyp",)),
    "audio/ogg": (MediaKind.AUDIO, 0, (b"OggS",)),
    "video/mp4": (MediaKind.VIDEO, 4, (b"ftyp",)),
}
MEDIA_FILE = {
    "required": True,
    "description": "The file itself, up to ten megabytes.",
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _MARKS},
}


@dataclass(frozen=True)
class GuideFile:
    """A file of guides that was read: its lines checked one by one, and the hash that tells it from another."""

    kind: str
    digest: str
    lines: Iterable[Read]


def read_guide_file(media_type: str, raw: bytes) -> GuideFile:
    """The guides of a request's body. Raises GuideFileUnreadable, and 415 for a type that is not read."""
    kind = _FORMATS.get(media_type)
    if kind is None:
        raise UnsupportedMediaType
    try:
        found = list(guide_file.read_csv(raw) if kind == CSV else guide_file.read_geojson(read_json(raw)))
    except guide_file.FileRefused as refusal:
        raise GuideFileUnreadable(reason=refusal.reason) from refusal
    return GuideFile(kind, hashlib.sha256(raw).hexdigest(), list(_checked(found)))


def kind_of_media(media_type: str, content: bytes) -> MediaKind:
    """What an uploaded file is. Raises MediaUnreadable for bytes of another type, and 415 for a type not taken."""
    known = _MARKS.get(media_type)
    if known is None:
        raise UnsupportedMediaType
    kind, start, marks = known
    if not any(content[start : start + len(mark)] == mark for mark in marks):
        raise MediaUnreadable
    return kind


def _checked(lines: Iterable[Line]) -> Iterator[Read]:
    schema = GuideContentSchema()
    for line in lines:
        try:
            loaded = schema.load(_cleaned(line.content))
        except ma.ValidationError as exc:
            yield Read(line.number, None, dict(_flat(exc.normalized_messages(), "")))  # type: ignore[no-untyped-call]
        else:
            yield Read(line.number, plain_content(loaded), {})


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        # What PostgreSQL cannot store is no text.
        return clean(value).replace("\0", "")
    if isinstance(value, dict):
        return {name: _cleaned(inner) for name, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _flat(messages: Any, place: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - marshmallow's nested messages
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flat(inner, place if name == "_schema" else f"{place}/{name}")
        return
    yield place, " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
