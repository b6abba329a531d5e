"""Rounds of admission: what they say, how they change, and which are open to a child at a home in a month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

import divisions.operations
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.events import emit
from kit.pages import Page, page
from services.education.errors import ProposalOutdated, UnknownCommune
from services.education.events import RoundChanged
from services.education.models import AdmissionQuota, AdmissionRound, Level, School
from services.education.operations.catchment import UNKNOWN, Catchment, Home, look_up_catchment

_FIRST_GRADE_AGE = 6  # in the calendar year the school year begins in
_MOST_ROUNDS = 100
_MOST_PAIRS = 2_000
# What a parent has to know anew when it moves.
_DATES = ("opens_at", "closes_at", "result_on")
# Whether a round is a school's: its own, its commune's or its province's, and of a level it teaches.
CONCERNS = and_(
    AdmissionRound.province_code == School.province_code,
    School.tags.contains(array([func.concat("level:", AdmissionRound.level)], type_=Text)),
    or_(AdmissionRound.commune_code.is_(None), AdmissionRound.commune_code == School.commune_code),
    or_(AdmissionRound.school_id.is_(None), AdmissionRound.school_id == School.id),
)


@dataclass(frozen=True)
class Quota:
    """A school's places in a round."""

    school_id: UUID
    school_name: str
    classes: int | None
    seats: int
    supplementary_seats: int


@dataclass(frozen=True)
class Round:
    """A round with its quotas, those of the schools asked about or all (at most five hundred)."""

    found: AdmissionRound
    quotas: Sequence[Quota] = field(default_factory=tuple)

    @property
    def state(self) -> str:
        """Whether it is coming, open or over now."""
        now = clock.now()
        if self.found.withdrawn_at is not None:
            return "withdrawn"
        if now < self.found.opens_at:
            return "coming"
        return "open" if now < self.found.closes_at else "over"


@dataclass(frozen=True)
class OpenRound:
    """A round a child may apply in, and what is known of the home's catchment for it."""

    round: Round
    catchment: Catchment


def grade_of(level: Level, age: int) -> int | None:
    """The grade a child of an age (a difference of calendar years) enters; None before school."""
    if level in {Level.KINDERGARTEN, Level.NURSERY}:
        return None
    return age - _FIRST_GRADE_AGE + 1


def save_round(session: Session, given: Mapping[str, Any], round_id: UUID | None, base_version: int | None) -> UUID:
    """Write a new round, or new facts over version `base_version` of one, with its quotas; returns its id.

    Raises ProposalOutdated, UnknownCommune, and NotFound for a quota of a school that does not exist. Those who wait
    for a round whose dates move are told.
    """
    values = {name: value for name, value in given.items() if name != "quotas"}
    if values.get("commune_code") is not None:
        found = divisions.operations.find_communes(session, [values["commune_code"]])
        if [row.province_code for row in found] != [values["province_code"]]:
            raise UnknownCommune(commune_code=values["commune_code"])
    if round_id is None:
        round_id = new_id()
        session.add(AdmissionRound(id=round_id, created_at=clock.now(), **values))
        session.flush()
    else:
        before = session.scalar(
            select(AdmissionRound)
            .where(AdmissionRound.id == round_id, AdmissionRound.version == base_version)
            .with_for_update()
        )
        if before is None:
            raise ProposalOutdated
        dates_version = before.dates_version
        has_moved = any(getattr(before, name) != values[name] for name in _DATES) or (
            before.withdrawn_at != values.get("withdrawn_at")
        )
        session.execute(
            update(AdmissionRound)
            .where(AdmissionRound.id == round_id)
            .values(
                **values,
                version=AdmissionRound.version + 1,
                dates_version=dates_version + int(has_moved),
            )
        )
        if has_moved:
            emit(session, RoundChanged(round_id, dates_version + 1))
        session.expire_all()
    _write_quotas(session, round_id, given.get("quotas", ()))
    return round_id


def get_round(session: Session, round_id: UUID) -> Round:
    """A round with all its quotas; raises NotFound."""
    found = session.scalar(select(AdmissionRound).where(AdmissionRound.id == round_id))
    if found is None:
        raise NotFound
    return Round(found, _quotas(session, [round_id], None)[round_id])


def list_rounds(
    session: Session,
    *,
    province_code: str | None = None,
    school_id: UUID | None = None,
    school_year: int | None = None,
    level: str | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """Rounds that were not withdrawn, those that open last first.

    Of a school also those of its commune and province.
    """
    wanted = select(AdmissionRound).where(AdmissionRound.withdrawn_at.is_(None))
    if province_code is not None:
        wanted = wanted.where(AdmissionRound.province_code == province_code)
    if school_id is not None:
        wanted = wanted.where(select(School.id).where(School.id == school_id, CONCERNS).exists())
    if school_year is not None:
        wanted = wanted.where(AdmissionRound.school_year == school_year)
    if level is not None:
        wanted = wanted.where(AdmissionRound.level == level)
    question = ("rounds", province_code, school_id, school_year, level)
    found = page(
        session,
        wanted,
        by=[AdmissionRound.opens_at, AdmissionRound.id],
        limit=limit,
        cursor=cursor,
        question=question,
    )
    quotas = _quotas(session, [one.id for one in found.items], [school_id] if school_id else None)
    return Page([Round(one, quotas[one.id]) for one in found.items], found.next)


def look_up_admissions(session: Session, birth_year: int, home: Home, first: date, last: date) -> list[OpenRound]:
    """The rounds open on any day from `first` to `last` to a child of a birth year at a home, the next to close first.

    Those of the home's province and commune, and of single schools whose catchment holds the home or which lie in its
    commune. The home is asked about and not stored. Raises UnknownCommune, PointOutsideVietnam.
    """
    communes = divisions.operations.find_communes(session, [home.commune_code or ""])
    if not communes:
        raise UnknownCommune(commune_code=home.commune_code)
    begin, end = _instant(first), _instant(last + timedelta(days=1))
    age = AdmissionRound.school_year - birth_year
    rows = session.execute(
        select(AdmissionRound, School.commune_code)
        .outerjoin(School, School.id == AdmissionRound.school_id)
        .where(
            AdmissionRound.withdrawn_at.is_(None),
            AdmissionRound.province_code == communes[0].province_code,
            AdmissionRound.opens_at < end,
            AdmissionRound.closes_at > begin,
            AdmissionRound.age_from <= age,
            AdmissionRound.age_to >= age,
            or_(AdmissionRound.commune_code.is_(None), AdmissionRound.commune_code == home.commune_code),
        )
        .order_by(AdmissionRound.closes_at, AdmissionRound.id)
        .limit(_MOST_ROUNDS)
    ).all()
    asked: dict[tuple[str, int], Catchment] = {}
    for one, _ in rows:
        key = (one.level.value, one.school_year)
        if key not in asked:
            asked[key] = look_up_catchment(session, home, level=key[0], school_year=key[1])
    mine = [one for one, commune in rows if _is_for(one, commune, asked[one.level.value, one.school_year], home)]
    concerned = {zone.school_id for catchment in asked.values() for zone in catchment.zones}
    quotas = _quotas(session, [one.id for one in mine], concerned | {one.school_id for one in mine if one.school_id})
    return [OpenRound(Round(one, quotas[one.id]), asked[one.level.value, one.school_year]) for one in mine]


def find_rounds_of_schools(session: Session, school_ids: Collection[UUID]) -> Sequence[Row[UUID, AdmissionRound]]:
    """Pairs of a school and a round that concerns it and is not over, the round that opens first comes first."""
    return session.execute(
        select(School.id.label("school_id"), AdmissionRound)
        .join(AdmissionRound, CONCERNS)
        .where(School.id.in_(school_ids), AdmissionRound.withdrawn_at.is_(None), AdmissionRound.closes_at > clock.now())
        .order_by(AdmissionRound.opens_at, AdmissionRound.id, School.id)
        .limit(_MOST_PAIRS)
    ).all()


def _is_for(one: AdmissionRound, commune_code: str | None, catchment: Catchment, home: Home) -> bool:
    """Of a single school's round: whether the home is in its catchment, or near it where nothing is known."""
    if one.school_id is None or any(zone.school_id == one.school_id for zone in catchment.zones):
        return True
    return catchment.answer == UNKNOWN and commune_code == home.commune_code


def _quotas(
    session: Session, round_ids: Collection[UUID], school_ids: Collection[UUID] | None
) -> defaultdict[UUID, list[Quota]]:
    wanted = (
        select(
            AdmissionQuota.round_id,
            AdmissionQuota.school_id,
            School.name.label("school_name"),
            AdmissionQuota.classes,
            AdmissionQuota.seats,
            AdmissionQuota.supplementary_seats,
        )
        .join(School, School.id == AdmissionQuota.school_id)
        .where(AdmissionQuota.round_id.in_(round_ids))
        .order_by(School.sort_key, School.id)
        .limit(500)
    )
    if school_ids is not None:
        wanted = wanted.where(AdmissionQuota.school_id.in_(school_ids))
    quotas: defaultdict[UUID, list[Quota]] = defaultdict(list)
    for row in session.execute(wanted):
        quotas[row.round_id].append(
            Quota(row.school_id, row.school_name, row.classes, row.seats, row.supplementary_seats)
        )
    return quotas


def _write_quotas(session: Session, round_id: UUID, quotas: Sequence[Mapping[str, Any]]) -> None:
    session.execute(delete(AdmissionQuota).where(AdmissionQuota.round_id == round_id))
    if not quotas:
        return
    wanted = {quota["school_id"] for quota in quotas}
    known = set(session.scalars(select(School.id).where(School.id.in_(wanted))))
    if wanted - known:
        raise NotFound
    session.execute(insert(AdmissionQuota), [{"round_id": round_id, **quota} for quota in quotas])


def _instant(day: date) -> datetime:
    """The beginning of a day in Vietnam."""
    return datetime.combine(day, time(), clock.ZONE)
