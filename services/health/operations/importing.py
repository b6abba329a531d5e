"""Filling the directory: facilities from files, services and schedules from descriptions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import auth.operations
import divisions.operations
from auth.errors import OrganisationKnown
from auth.organisation_models import OrganisationKind
from kit import clock
from kit.database import new_id
from kit.text import fold, sort_key
from services.health.facility_file import OPENSTREETMAP, FacilityLine, RefusedLine
from services.health.models import (
    Department,
    Facility,
    FacilityHours,
    Holiday,
    HolidayKind,
    Practitioner,
    ScheduleRule,
    Service,
    Speciality,
)

_TYPES = ("phuong ", "xa ", "thi tran ", "dac khu ", "tinh ", "thanh pho ")
_LETTER_WIDTH = 3
_BATCH = 200
_SLUG_LENGTH = 60


@dataclass
class Imported:
    """What became of a file: how many lines, and which could not be placed in a commune, and why."""

    counts: Counter[str] = field(default_factory=Counter)
    unplaced: list[tuple[int, str, str]] = field(default_factory=list)  # line, name, reason
    refused: list[RefusedLine] = field(default_factory=list)


def import_facilities(session: Session, lines: Iterable[FacilityLine | RefusedLine]) -> Imported:
    """Add or change facilities; reading the same file again changes nothing.

    A facility whose commune cannot be told is kept without one and reported: `no_province`, `unknown_province`,
    `no_commune`, `unknown_commune`, `ambiguous_commune`, `no_point`.
    """
    places = _Places(session)
    told = Imported()
    batch: dict[str, dict[str, Any]] = {}
    for line in lines:
        told.counts["read"] += 1
        if isinstance(line, RefusedLine):
            told.refused.append(line)
            told.counts["refused"] += 1
            continue
        commune, province, reason = places.find(line)
        if line.latitude is None:
            reason = reason or "no_point"
        if reason:
            told.unplaced.append((line.line, line.name, reason))
            told.counts["unplaced"] += 1
        if line.key in batch:
            told.counts["repeated"] += 1
        batch[line.key] = _row(line, commune, province)
    rows = list(batch.values())
    for start in range(0, len(rows), _BATCH):
        _store(session, rows[start : start + _BATCH], told.counts)
    return told


@dataclass(frozen=True)
class _Unit:
    code: str
    name: str


class _Places:
    """The communes of today by province and name; asked by words, diacritics first."""

    def __init__(self, session: Session) -> None:
        self._by_code: dict[str, tuple[_Unit, _Unit]] = {}
        self._communes: dict[tuple[str, str], list[tuple[_Unit, _Unit]]] = {}
        self._provinces = {
            _bare(row.name): _Unit(row.code, row.name) for row in divisions.operations.list_provinces(session)
        }
        for row in session.execute(divisions.operations.communes_of(clock.today())):
            pair = (_Unit(row.code, row.full_name), _Unit(row.province_code, row.province_name or ""))
            self._by_code[row.code] = pair
            self._communes.setdefault((row.province_code, _bare(row.name)), []).append(pair)

    def find(self, line: FacilityLine) -> tuple[_Unit | None, _Unit | None, str | None]:
        """Commune, province, and why there is no commune."""
        if line.commune_code in self._by_code:
            return (*self._by_code[line.commune_code], None)
        province = self._provinces.get(_bare(line.province)) if line.province else None
        if province is None:
            return None, None, "unknown_province" if line.province else "no_province"
        if line.commune_code and line.commune:
            # The list itself names the commune, and the divisions that were loaded here do not reach so far.
            return _Unit(line.commune_code, line.commune), province, None
        found = self._communes.get((province.code, _bare(line.commune or "")), [])
        if len(found) > 1:
            found = [pair for pair in found if pair[0].name.endswith(line.commune or "")] or found
        if len(found) == 1:
            return (*found[0], None)
        if line.commune:
            return None, province, "ambiguous_commune" if found else "unknown_commune"
        return None, province, "no_commune"


def _bare(name: str) -> str:
    folded = fold(name)
    for word in _TYPES:
        if folded.startswith(word):
            return folded.removeprefix(word)
    return folded


def _row(line: FacilityLine, commune: _Unit | None, province: _Unit | None) -> dict[str, Any]:
    commune_name = commune.name if commune else line.commune
    province_name = province.name if province else line.province
    words = (line.name, commune_name, province_name, line.address, *line.former_places)
    return {
        "source_key": line.key,
        "name": line.name,
        "name_en": None,
        "former_names": [],
        "ownership": line.ownership,
        "level": None,
        "specialities": [kind.value for kind in line.specialities],
        "address": line.address,
        "commune_code": commune.code if commune else None,
        "commune": commune_name,
        "province_code": province.code if province else None,
        "province": province_name,
        "latitude": line.latitude,
        "longitude": line.longitude,
        "phones": list(line.phones),
        "website": line.website,
        "search_fold": " ".join(dict.fromkeys(fold(" ".join(filter(None, words))).split())),
        "sort_key": _sortable(line.name),
        "source": line.source,
        "attribution": OPENSTREETMAP,
    }


def _sortable(name: str) -> str:
    """The name so that its bytes sort as the Vietnamese dictionary does."""
    letters, tones = sort_key(name)
    return "".join(f"{max(letter, -1) + 1:0{_LETTER_WIDTH}d}" for letter in letters) + "|" + "".join(map(str, tones))


def _store(session: Session, rows: Sequence[dict[str, Any]], counts: Counter[str]) -> None:
    known = set(
        session.scalars(select(Facility.source_key).where(Facility.source_key.in_([row["source_key"] for row in rows])))
    )
    fresh = insert(Facility).values(
        [
            row | {"id": new_id(), "created_at": clock.now(), "version": 1, "always_open": False, "insurance": None}
            for row in rows
        ]
    )
    # What the front desk or the province has added since (level, hours, insurance) is not the file's to change.
    changing = [name for name in rows[0] if name not in {"source_key", "level", "former_names", "name_en"}]
    table = Facility.__table__.c
    differs = func.row(*(table[name] for name in changing)).is_distinct_from(
        func.row(*(fresh.excluded[name] for name in changing))
    )
    stored = session.scalars(
        fresh.on_conflict_do_update(
            index_elements=[Facility.source_key],
            set_={name: fresh.excluded[name] for name in changing} | {"version": Facility.version + 1},
            # What one list tells is not another list's to change.
            where=and_(Facility.source == fresh.excluded.source, differs),
        ).returning(Facility.source_key)
    ).all()
    counts["new"] += len(set(stored) - known)
    counts["changed"] += len(set(stored) & known)
    counts["unchanged"] += len(rows) - len(stored)


def save_services(session: Session, given: Mapping[str, Any]) -> Counter[str]:
    """Add hours, departments, services, practitioners and weekly rules to facilities by their speciality.

    `given` is `sample/clinic_services.json`: templates by speciality. What a facility has already is left alone. Each
    gets an organisation of the same name, unless it has one: whom its front desk acts for.
    """
    counts: Counter[str] = Counter()
    facilities = session.execute(
        select(Facility.id, Facility.name, Facility.name_en, Facility.specialities, Facility.organisation_id)
        .where(Facility.source == given["facilities"])
        .order_by(Facility.sort_key)
    ).all()
    for place, facility in enumerate(facilities):
        if facility.organisation_id is None:
            _run_by_its_own(session, facility.id, facility.name, facility.name_en or facility.name)
        session.execute(delete(FacilityHours).where(FacilityHours.facility_id == facility.id))
        for hours in given["hours"]:
            session.execute(
                insert(FacilityHours).values(
                    [
                        {
                            "facility_id": facility.id,
                            "weekday": weekday,
                            "opens": time.fromisoformat(hours["opens"]),
                            "closes": time.fromisoformat(hours["closes"]),
                        }
                        for weekday in hours["weekdays"]
                    ]
                )
            )
        kinds = [kind for kind in facility.specialities if kind in given["services"]] or [Speciality.GENERAL.value]
        for kind in kinds:
            for template in given["services"][kind]:
                counts["services"] += _save_service(session, facility.id, kind, template, place)
    return counts


def _run_by_its_own(session: Session, facility_id: UUID, name_vi: str, name_en: str) -> None:
    slug = re.sub(r"[^a-z0-9]+", "-", fold(name_vi)).strip("-")[:_SLUG_LENGTH]
    try:
        with session.begin_nested():
            organisation = auth.operations.create_organisation(
                session, kind=OrganisationKind.CLINIC, slug=slug, name_vi=name_vi, name_en=name_en
            )
    except OrganisationKnown:
        organisation = auth.operations.get_organisation_by_slug(session, slug)
    session.execute(update(Facility).where(Facility.id == facility_id).values(organisation_id=organisation.id))


def _save_service(session: Session, facility_id: UUID, kind: str, template: Mapping[str, Any], place: int) -> int:
    department = template["department"]
    department_id = session.scalar(
        insert(Department)
        .values(id=new_id(), created_at=clock.now(), facility_id=facility_id, **department)
        .on_conflict_do_update(
            index_elements=[Department.facility_id, Department.code],
            set_={"name_vi": department["name_vi"], "name_en": department["name_en"]},
        )
        .returning(Department.id)
    )
    service_id = session.scalar(
        insert(Service)
        .values(
            id=new_id(),
            created_at=clock.now(),
            facility_id=facility_id,
            department_id=department_id,
            speciality=kind,
            **template["service"],
        )
        .on_conflict_do_nothing()
        .returning(Service.id)
    )
    if service_id is None:
        return 0
    practitioner_id = None
    if template.get("practitioners"):
        person = template["practitioners"][place % len(template["practitioners"])]
        practitioner = Practitioner(facility_id=facility_id, specialities=[kind], **person)
        session.add(practitioner)
        session.flush()
        practitioner_id = practitioner.id
    for rule in template["rules"]:
        hours = {name: time.fromisoformat(rule[name]) for name in ("opens", "closes", "release_time")}
        rest = {name: rule[name] for name in ("slot_minutes", "capacity", "kept", "release_days")}
        session.add_all(
            ScheduleRule(
                service_id=service_id,
                practitioner_id=practitioner_id,
                weekday=weekday,
                valid_from=date.fromisoformat(rule["valid_from"]),
                valid_to=None,
                **hours,
                **rest,
            )
            for weekday in rule["weekdays"]
        )
    session.flush()
    return 1


def save_holidays(session: Session, given: Iterable[Mapping[str, Any]]) -> int:
    """Write days off and worked days of rest; a day that is there is replaced. Returns how many were given."""
    count = 0
    for row in given:
        values = {
            "kind": HolidayKind(row["kind"]),
            "as_weekday": int(row["as_weekday"]) if row.get("as_weekday") else None,
            "name_vi": row["name_vi"],
            "name_en": row["name_en"],
            "source": row["source"],
        }
        day = row["day"] if isinstance(row["day"], date) else date.fromisoformat(row["day"])
        session.execute(
            insert(Holiday).values(day=day, **values).on_conflict_do_update(index_elements=[Holiday.day], set_=values)
        )
        count += 1
    return count
