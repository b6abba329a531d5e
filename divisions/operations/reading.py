"""Units as they were on a day: areas, provinces, communes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from divisions.errors import UnknownArea, UnknownProvince
from divisions.models import Area, Unit, UnitChange, UnitLevel, UnitType
from divisions.names import search_fold
from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from kit.text import sort_key

Columns = Row[*tuple[Any, ...]]  # columns read by their names
_COMMUNE_CODE = re.compile(r"[0-9]{5}")
_PAGE_ORDER: tuple[InstrumentedAttribute[Any], ...] = (Unit.sort_key, Unit.code)
_COMMUNE_WORDS = {
    "phuong ": UnitType.WARD,
    "xa ": UnitType.COMMUNE,
    "thi tran ": UnitType.TOWNSHIP,
    "dac khu ": UnitType.SPECIAL_ZONE,
}
province = aliased(Unit, name="province")


def in_force(unit: type[Unit], on: date) -> ColumnElement[bool]:
    """Whether the unit's days include `on`."""
    return and_(unit.valid_from <= on, or_(unit.valid_to.is_(None), unit.valid_to >= on))


def list_areas(session: Session) -> list[Columns]:
    """The product's areas in alphabetical order, each with how many communes it has today."""
    today = clock.today()
    communes = (
        select(func.count())
        .where(Unit.level == UnitLevel.COMMUNE, Unit.parent_code == Area.province_code, in_force(Unit, today))
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Area.slug,
            Area.name_vi.label("name"),
            Area.name_en,
            Area.province_code,
            Area.former_province_codes,
            communes.label("commune_count"),
        )
    ).all()
    return sorted(rows, key=lambda row: sort_key(row.name))


def list_provinces(session: Session, on: date | None = None) -> Sequence[Columns]:
    """The provinces of a day, by default today, in alphabetical order; empty for a day nothing is known about."""
    return session.execute(
        select(
            Unit.code, Unit.name, Unit.full_name, Unit.name_en, Unit.type, Unit.valid_from, Unit.valid_to, Unit.source
        )
        .where(Unit.level == UnitLevel.PROVINCE, in_force(Unit, on or clock.today()))
        .order_by(*_PAGE_ORDER)
    ).all()


def list_communes(
    session: Session,
    *,
    province_code: str | None = None,
    area: str | None = None,
    q: str | None = None,
    on: date | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """The communes of a day, by default today, in alphabetical order, one page of them.

    `q` is the beginning of a name, with or without diacritics, with or without its type word. Raises UnknownArea,
    UnknownProvince, and MalformedRequest for a cursor of another question.
    """
    day = on or clock.today()
    statement = communes_of(day)
    if province_code is not None:
        _check_province(session, province_code, day)
        statement = statement.where(Unit.parent_code == province_code)
    if area is not None:
        statement = statement.where(Unit.parent_code == province_of(session, area))
    if q is not None:
        statement = statement.where(_begins_with(search_fold(q)))
    # Bound to the question and not to the caller: the answer is the same for all, and shared caches may keep it.
    question = ("communes", province_code, area, q, on)
    return page(session, statement, by=_PAGE_ORDER, limit=limit, cursor=cursor, question=question, descending=False)


def get_commune(session: Session, code: str, on: date | None = None) -> Columns:
    """The commune that bears `code` on a day, by default today. Raises NotFound."""
    if _COMMUNE_CODE.fullmatch(code) is None:
        raise NotFound
    found = session.execute(communes_of(on or clock.today()).add_columns(Unit.source).where(Unit.code == code)).first()
    if found is None:
        raise NotFound
    return found


def list_former_places(session: Session, codes: Collection[str]) -> Sequence[Columns]:
    """What today's communes were called: rows of new_code, old_name, old_district, old_province_name (or None)."""
    former = aliased(Unit, name="former_province")
    return session.execute(
        select(
            UnitChange.new_code, UnitChange.old_name, UnitChange.old_district, former.name.label("old_province_name")
        )
        .outerjoin(
            former,
            and_(
                former.level == UnitLevel.PROVINCE,
                former.code == UnitChange.old_province_code,
                former.valid_from < UnitChange.changed_on,
                or_(former.valid_to.is_(None), former.valid_to >= UnitChange.changed_on - timedelta(days=1)),
            ),
        )
        .where(UnitChange.new_code.in_(codes))
        .order_by(UnitChange.new_code, UnitChange.old_name)
    ).all()


def find_communes(session: Session, codes: Collection[str]) -> Sequence[Columns]:
    """Today's communes of these codes, with their provinces; codes that are none are left out."""
    return session.execute(communes_of(clock.today()).where(Unit.code.in_(codes))).all()


def province_of(session: Session, area: str) -> str:
    """The code of the province the area is in today. Raises UnknownArea."""
    code = session.scalar(select(Area.province_code).where(Area.slug == area))
    if code is None:
        raise UnknownArea
    return code


def communes_of(day: date) -> Select[*tuple[Any, ...]]:
    """The communes of a day with their provinces, as columns."""
    return (
        select(
            Unit.code,
            Unit.name,
            Unit.full_name,
            Unit.name_en,
            Unit.type,
            Unit.parent_code.label("province_code"),
            province.name.label("province_name"),
            province.name_en.label("province_name_en"),
            Unit.valid_from,
            Unit.valid_to,
            Unit.sort_key,
        )
        .outerjoin(
            province,
            and_(province.level == UnitLevel.PROVINCE, province.code == Unit.parent_code, in_force(province, day)),
        )
        .where(Unit.level == UnitLevel.COMMUNE, in_force(Unit, day))
    )


def _check_province(session: Session, code: str, day: date) -> None:
    known = select(Unit.code).where(Unit.level == UnitLevel.PROVINCE, Unit.code == code, in_force(Unit, day))
    if session.scalar(known) is None:
        raise UnknownProvince


def _begins_with(folded: str) -> ColumnElement[bool]:
    """Names that begin so; where the words begin with a type, also names of that type that begin with the rest."""
    readings = [Unit.name_fold.startswith(folded, autoescape=True)]
    for words, unit_type in _COMMUNE_WORDS.items():
        if folded.startswith(words):
            rest = folded.removeprefix(words)
            readings.append(and_(Unit.type == unit_type, Unit.name_fold.startswith(rest, autoescape=True)))
        elif folded == words.strip():
            readings.append(Unit.type == unit_type)
    return or_(false(), *readings)
