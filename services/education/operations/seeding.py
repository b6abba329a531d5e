"""Rounds, zones, open days and further facts out of a file of the sample: loading it again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from services.education import facts as shape
from services.education.errors import FactsNotValid
from services.education.geometry import as_geometry, read_shape
from services.education.models import AdmissionQuota, AdmissionRound, CatchmentZone, OpenDay, School
from services.education.operations import writing
from services.education.operations.catchment import street_key
from services.education.operations.writing import Author

_INSTANTS = ("opens_at", "closes_at", "starts_at", "ends_at")
_DAYS = ("result_on", "source_on")


def load_admissions(session: Session, given: Mapping[str, Any]) -> dict[str, int]:
    """Store what the file holds and is not there yet; returns how many of each kind are new."""
    rounds = 0
    for entry in given.get("rounds", ()):
        values = {name: value for name, value in entry.items() if name != "quotas"}
        if not _store(session, AdmissionRound, values | {"version": 1, "dates_version": 1}):
            continue
        rounds += 1
        known = _known(session, entry.get("quotas", ()))
        for quota in entry.get("quotas", ()):
            if UUID(quota["school_id"]) in known:
                session.execute(insert(AdmissionQuota).values(round_id=UUID(entry["id"]), **quota))
    zones = sum(_store(session, CatchmentZone, _zone(entry)) for entry in given.get("zones", ()))
    days = sum(_store(session, OpenDay, {**entry, "taken": 0}) for entry in given.get("open_days", ()))
    told = sum(_add_facts(session, UUID(key), facts) for key, facts in given.get("facts", {}).items())
    return {"rounds": rounds, "zones": zones, "open days": days, "schools with more facts": told}


def _add_facts(session: Session, school_id: UUID, changes: Mapping[str, Any]) -> bool:
    """What a table has no column for (campuses, fees), unless the school was changed since it was loaded."""
    row = session.execute(select(School.facts, School.version).where(School.id == school_id)).one_or_none()
    if row is None or row.version != 1:
        return False
    facts, flaws = shape.read({**row.facts, **changes})
    if flaws:
        raise FactsNotValid(errors=flaws)
    writing.change_school(session, school_id, facts, row.version, Author("sample"))
    return True


def _zone(entry: Mapping[str, Any]) -> dict[str, Any]:
    values = {**entry, "published_at": clock.now()}
    if entry.get("geometry"):
        shape = read_shape(entry["geometry"])
        values |= {"geometry": as_geometry(shape), **vars(shape.box)}
    if entry.get("street"):
        values["street_folded"] = street_key(entry["street"])
    return values


def _store(session: Session, model: type[AdmissionRound | CatchmentZone | OpenDay], values: dict[str, Any]) -> bool:
    values = dict(values)
    for name in _INSTANTS:
        if values.get(name):
            values[name] = datetime.fromisoformat(values[name])
    for name in _DAYS:
        if values.get(name):
            values[name] = date.fromisoformat(values[name])
    made = session.execute(
        insert(model)
        .values(**{**values, "id": UUID(values["id"]), "created_at": clock.now()})
        .on_conflict_do_nothing(index_elements=[model.id])
        .returning(model.id)
    ).one_or_none()
    return made is not None


def _known(session: Session, quotas: Any) -> set[UUID]:  # noqa: ANN401 - a list of a file
    wanted = [UUID(quota["school_id"]) for quota in quotas]
    return set(session.scalars(select(School.id).where(School.id.in_(wanted))))
