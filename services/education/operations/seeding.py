"""Rounds, zones and open days out of a file of the sample, under fixed ids: loading it again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from services.education.geometry import as_geometry, read_shape
from services.education.models import AdmissionQuota, AdmissionRound, CatchmentZone, OpenDay, School
from services.education.operations.catchment import street_key

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
    return {"rounds": rounds, "zones": zones, "open days": days}


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
