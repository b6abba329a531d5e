"""Packs for phones: what goes into one, when a new number is made, and which deltas lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from services.tourism import archives, cards, opening, signing
from services.tourism.archives import Archive
from services.tourism.models import Guide, GuideBlob, GuideKind, GuideStop, Pack, PackKey, PackPart
from services.tourism.operations.drawing import draw, gpx_of
from services.tourism.operations.publishing import content_version
from services.tourism.operations.reading import Whole, covers_any, is_of_the_province, read_wholes
from services.tourism.operations.upkeep import alerts_of_area

BUDGET_BYTES = 20_000_000
_MOST_DELTAS = 4
_DELTAS_FOR = timedelta(days=75)  # older phones load the pack anew
_KEPT_NUMBERS = 2  # a phone that has begun with a pack can go on after the next one is there
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/svg+xml": "svg",
            "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/ogg": "ogg", "video/mp4": "mp4"}  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """What a pack is of: "province" 37, "commune" 14359, or "itinerary" with the guide's id."""

    kind: str
    code: str

    def __str__(self) -> str:
        """As it is stored: kind:code."""
        return f"{self.kind}:{self.code}"


def publish_key(session: Session) -> None:
    """Put the public half of the present key where it stays for good: old packs and tickets remain checkable."""
    jwk = signing.public_jwk()
    session.execute(
        insert_or_skip(PackKey).values(kid=jwk["kid"], public_jwk=jwk, created_at=clock.now()).on_conflict_do_nothing()
    )


def list_keys(session: Session) -> list[dict[str, Any]]:
    """Every public key that signs or has signed, the newest first; the present one also before its first use."""
    stored = list(session.execute(select(PackKey.public_jwk).order_by(PackKey.created_at.desc())).scalars())
    present = signing.public_jwk()
    return stored if any(jwk["kid"] == present["kid"] for jwk in stored) else [present, *stored]


def list_scopes(session: Session) -> list[Scope]:
    """Every province that has guides, and every itinerary."""
    provinces = session.execute(
        select(Guide.province_code)
        .where(Guide.withdrawn_at.is_(None), Guide.province_code.is_not(None))
        .distinct()
        .order_by(Guide.province_code)
    ).scalars()
    itineraries = session.execute(
        select(Guide.id).where(Guide.kind == GuideKind.ITINERARY, Guide.withdrawn_at.is_(None)).order_by(Guide.id)
    ).scalars()
    return [Scope("province", str(code)) for code in provinces] + [Scope("itinerary", str(one)) for one in itineraries]


def build_pack(session: Session, scope: Scope, budget: int = BUDGET_BYTES) -> UUID:
    """The newest pack of a scope as it is now, with deltas from the packs before it; returns its id.

    Where nothing has changed it is the pack that is there. Raises NotFound for a scope without guides.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"pack {scope}", 0))))
    files, left_out = _files_of(session, scope, budget)
    known = {path: archives.digest(content) for path, content in files.items()}
    before = session.execute(
        select(Pack)
        .where(Pack.scope == str(scope), Pack.base_id.is_(None))
        .order_by(Pack.number.desc())
        .limit(_MOST_DELTAS)
    ).scalars().all()  # fmt: skip
    if before and before[0].files == known:
        return before[0].id
    publish_key(session)
    number = before[0].number + 1 if before else 1
    version = content_version(session)
    made = _store(session, scope, number, archives.pack(files), known, None, [], left_out, version)
    for base in before:
        if base.created_at > clock.now() - _DELTAS_FOR:
            changed, removed = archives.difference(base.files, files)
            _store(session, scope, number, archives.pack(changed), known, base.id, removed, left_out, version)
    _forget_old_parts(session, scope, number)
    return made


def get_pack(session: Session, pack_id: UUID) -> Pack:
    """A pack or a delta with its signed manifest. Raises NotFound."""
    found = session.execute(select(Pack).where(Pack.id == pack_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_packs(session: Session, scope: Scope | None) -> Sequence[Pack]:
    """The newest pack of each scope, or of one."""
    newest = (
        select(Pack.scope, func.max(Pack.number).label("number"))
        .where(Pack.base_id.is_(None))
        .group_by(Pack.scope)
        .subquery()
    )
    query = (
        select(Pack)
        .join(newest, (newest.c.scope == Pack.scope) & (newest.c.number == Pack.number))
        .where(Pack.base_id.is_(None))
        .order_by(Pack.scope)
    )
    if scope is not None:
        query = query.where(Pack.scope == str(scope))
    return session.execute(query).scalars().all()


def find_update(session: Session, pack_id: UUID) -> Pack | None:
    """What a phone with this pack has to fetch: a delta, or the newest pack whole; None when it has the newest."""
    mine = get_pack(session, pack_id)
    if mine.base_id is not None:
        # A phone that has used a delta has what the pack of the same number holds.
        mine = session.execute(
            select(Pack).where(Pack.scope == mine.scope, Pack.number == mine.number, Pack.base_id.is_(None))
        ).scalar_one()
    newest = session.execute(
        select(Pack).where(Pack.scope == mine.scope, Pack.base_id.is_(None)).order_by(Pack.number.desc()).limit(1)
    ).scalar_one()
    if newest.id == mine.id:
        return None
    delta = session.execute(
        select(Pack).where(Pack.scope == mine.scope, Pack.number == newest.number, Pack.base_id == mine.id)
    ).scalar_one_or_none()
    return newest if delta is None or delta.bytes_total >= newest.bytes_total else delta


def read_bytes(session: Session, pack: Pack, start: int, end: int) -> bytes:
    """The bytes from `start` to before `end` of a pack's file. Raises NotFound when the file is no longer kept."""
    first, last = start // archives.PART_BYTES, max(start, end - 1) // archives.PART_BYTES
    parts = session.execute(
        select(PackPart.content)
        .where(PackPart.pack_id == pack.id, PackPart.place.between(first, last))
        .order_by(PackPart.place)
    ).scalars().all()  # fmt: skip
    if len(parts) != last - first + 1:
        raise NotFound
    shift = first * archives.PART_BYTES
    return b"".join(parts)[start - shift : end - shift]


def _files_of(session: Session, scope: Scope, budget: int) -> tuple[dict[str, bytes], list[str]]:
    wholes = read_wholes(session, _inside(scope))
    if not wholes:
        raise NotFound
    files = [("index.json", _json(_index(scope, wholes)), True), ("alerts.json", _json(_alerts(session, wholes)), True)]
    files.append(("special_days.json", _json(_special_days(wholes)), True))
    for whole in wholes:
        files += _guide_files(whole)
    shas = {media.sha256: media for whole in wholes for media in whole.media}
    blobs = session.execute(
        select(GuideBlob.sha256, GuideBlob.content).where(GuideBlob.sha256.in_(shas)).order_by(GuideBlob.sha256)
    )
    files += [(f"media/{sha}.{_ENDINGS[shas[sha].media_type]}", content, False) for sha, content in blobs]
    return archives.within_budget(files, budget)


def _guide_files(whole: Whole) -> Iterator[tuple[str, bytes, bool]]:
    guide_id = whole.facts["id"]
    for lang in cards.HOUSE_LANGUAGES:
        yield f"guides/{guide_id}.{lang}.json", _json(whole.told(lang)), True
    has_stops = any(stop.facts["lat"] is not None for stop in whole.stops)
    if whole.facts["kind"] is GuideKind.ITINERARY:
        yield f"gpx/{guide_id}.gpx", gpx_of(whole, cards.HOME).encode(), True
    if whole.facts["lat"] is not None or whole.facts["geometry"] is not None or has_stops:
        yield f"maps/{guide_id}.svg", draw(whole, cards.HOME, []).encode(), False


def _index(scope: Scope, wholes: Sequence[Whole]) -> dict[str, Any]:
    guides = [
        {"id": str(one.facts["id"]), "slug": one.facts["slug"], "version": one.facts["version"]} for one in wholes
    ]
    return {"scope": str(scope), "languages": list(cards.HOUSE_LANGUAGES), "guides": guides}


def _alerts(session: Session, wholes: Sequence[Whole]) -> list[dict[str, Any]]:
    places = [one.facts for one in wholes]
    found = alerts_of_area(session, covers_any(places), clock.now(), is_of_the_province().label("is_general"))
    return [_told_alert(dict(row._mapping), places) for row in found]  # noqa: SLF001 - its public name


def _told_alert(alert: dict[str, Any], places: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An alert for phones, which know nothing of offices: what an office's own covers is named guide by guide."""
    office, is_general = alert.pop("organisation_id"), alert.pop("is_general")
    if is_general:
        return alert
    own = [one for one in places if one["organisation_id"] == office]
    covered = [
        str(one["id"])
        for one in own
        if str(one["id"]) in alert["guide_ids"]
        or one["province_code"] in alert["province_codes"]
        or one["commune_code"] in alert["commune_codes"]
    ]
    return alert | {"province_codes": [], "commune_codes": [], "guide_ids": covered}


def _special_days(wholes: Sequence[Whole]) -> dict[str, list[str]]:
    """Solar days on which lunar rules open, a year ahead: so that a phone need not know the lunar calendar.

    From the first of a year on, so that the same file serves a whole year and does not fill every delta.
    """
    first = clock.today().replace(month=1, day=1)
    last = first.replace(year=first.year + 2)
    told = {}
    for whole in wholes:
        special = (whole.facts["hours"] or {}).get("special")
        if special and any(one.get("calendar") == "lunar" for one in special):
            days = opening.days_of(opening.read({"special": special}), first, last)
            told[str(whole.facts["id"])] = [str(day) for day in days]
    return told


def _inside(scope: Scope) -> ColumnElement[bool]:
    if scope.kind == "province":
        return Guide.province_code == scope.code
    if scope.kind == "commune":
        return Guide.commune_code == scope.code
    itinerary = UUID(scope.code)
    stops = select(GuideStop.guide_id).where(GuideStop.itinerary_id == itinerary)
    return or_(Guide.id == itinerary, Guide.id.in_(stops))


def _store(  # noqa: PLR0917 - what a manifest is made of
    session: Session,
    scope: Scope,
    number: int,
    archive: Archive,
    known: Mapping[str, str],
    base_id: UUID | None,
    removed: list[str],
    left_out: list[str],
    version: int,
) -> UUID:
    pack_id = new_id()
    jwk = signing.public_jwk()
    held = archives.unpack(archive.content)
    manifest = {
        "format": archives.FORMAT,
        "id": str(pack_id),
        "scope": str(scope),
        "number": number,
        "base_id": None if base_id is None else str(base_id),
        "built_at": clock.local(clock.now()).isoformat(timespec="milliseconds"),
        "content_version": version,
        "bytes": len(archive.content),
        "sha256": archive.sha256,
        "parts": archive.list_parts(),
        "files": [
            {"path": path, "bytes": len(content), "sha256": archives.digest(content)}
            for path, content in sorted(held.items())
        ],
        "removed": removed,
        "left_out": left_out,
        "kid": jwk["kid"],
    }
    session.execute(
        insert(Pack).values(
            id=pack_id,
            created_at=clock.now(),
            scope=str(scope),
            number=number,
            base_id=base_id,
            bytes_total=len(archive.content),
            sha256=archive.sha256,
            files=dict(known),
            manifest=manifest,
            signature=signing.sign(signing.canonical(manifest)),
            kid=jwk["kid"],
        )
    )
    session.execute(
        insert(PackPart),
        [{"pack_id": pack_id, "place": place, "content": part} for place, part in enumerate(archive.parts)],
    )
    return pack_id


def _forget_old_parts(session: Session, scope: Scope, number: int) -> None:
    """Drop the bytes of packs that nobody begins with any more; their lists of files stay, to make deltas from."""
    old = select(Pack.id).where(
        Pack.scope == str(scope),
        or_(
            Pack.number <= number - _KEPT_NUMBERS,
            (Pack.base_id.is_not(None)) & (Pack.number < number),
        ),
    )
    session.execute(delete(PackPart).where(PackPart.pack_id.in_(old)))


def _json(told: Any) -> bytes:  # noqa: ANN401 - JSON
    return orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
