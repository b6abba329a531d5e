"""Lists of communes: alphabetical, filtered, stable from page to page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from divisions.errors import UnknownArea, UnknownProvince
from divisions.models import Unit, UnitLevel
from divisions.operations import get_commune, list_communes
from kit.errors import MalformedRequest, NotFound
from kit.text import sort_key
from tests.divisions.official import BEFORE_THE_REFORM, needs_official_tables

pytestmark = needs_official_tables
TODAY = date(2026, 11, 21)


def walk(session: Session, limit: int, **filters: Any) -> list[Any]:
    """Every page of a list, one after the other."""
    items: list[Any] = []
    cursor = None
    for _ in range(4000 // limit):
        page = list_communes(session, limit=limit, cursor=cursor, on=TODAY, **filters)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return items


def test_pages_hold_every_commune_once_in_alphabetical_order(country: Session) -> None:
    communes = walk(country, 100)

    names = [commune.name for commune in communes]
    assert len({commune.code for commune in communes}) == len(communes) == 3_321
    assert names == sorted(names, key=sort_key)


def test_a_commune_that_appears_between_two_pages_moves_nothing(country: Session) -> None:
    before = [commune.code for commune in walk(country, 20, area="thanh-hoa")]
    first = list_communes(country, area="thanh-hoa", on=TODAY, limit=20, cursor=None)
    model = country.scalars(select(Unit).where(Unit.level == UnitLevel.COMMUNE, Unit.code == before[0])).one()
    columns = {column.name: getattr(model, column.name) for column in Unit.__table__.columns}
    country.execute(insert(Unit).values(columns | {"code": "99998"}))

    second = list_communes(country, area="thanh-hoa", on=TODAY, limit=20, cursor=first.next)

    assert [commune.code for commune in (*first.items, *second.items)] == before[:40]


def test_filters_keep_to_a_province_and_a_beginning(country: Session) -> None:
    found = {
        words: [commune.full_name for commune in walk(country, 50, area="thanh-hoa", q=words)]
        for words in ("đông ti", "dong ti", "Phường Đông T", "xa dong ti", "HẠC", "%", "_", "\\")
    }

    assert found["dong ti"] == found["đông ti"] == ["Phường Đông Tiến", "Xã Đồng Tiến"]
    assert found["Phường Đông T"] == ["Phường Đông Tiến"]
    assert found["xa dong ti"] == ["Xã Đồng Tiến"]
    assert found["HẠC"] == ["Phường Hạc Thành"]
    assert [found[sign] for sign in ("%", "_", "\\")] == [[], [], []]
    assert len(walk(country, 100, province_code="24")) == 99


def test_the_question_is_refused_when_its_area_or_province_is_unknown(country: Session) -> None:
    with pytest.raises(UnknownArea):
        walk(country, 20, area="atlantis")
    with pytest.raises(UnknownProvince):
        walk(country, 20, province_code="27")


def test_a_cursor_serves_no_other_question(country: Session) -> None:
    cursor = list_communes(country, area="thanh-hoa", limit=20, cursor=None).next

    with pytest.raises(MalformedRequest):
        list_communes(country, area="bac-ninh", limit=20, cursor=cursor)


def test_a_commune_is_read_by_code_and_day(country: Session) -> None:
    before, after = (get_commune(country, "25270", day) for day in (date(2026, 4, 29), date(2026, 4, 30)))

    assert (before.full_name, before.province_name) == ("Xã Lộc Ninh", "Đồng Nai")
    assert (after.full_name, after.valid_from) == ("Phường Lộc Ninh", date(2026, 4, 30))


@pytest.mark.parametrize("code", ["99999", "1479", "147970", "1479a", "\x00\x00\x00\x00\x00", "\uff11\uff14797"])
def test_a_code_that_nobody_bears_is_not_found(country: Session, code: str) -> None:
    with pytest.raises(NotFound):
        get_commune(country, code, TODAY)
    with pytest.raises(NotFound):
        get_commune(country, "14797", BEFORE_THE_REFORM - timedelta(days=9000))


def test_searching_and_paging_use_their_indexes(country: Session) -> None:
    country.execute(text("ANALYZE unit, unit_change"))  # or the plan depends on when autovacuum came by
    country.execute(text("SET LOCAL enable_seqscan = off"))
    plans = [
        "\n".join(country.scalars(text(f"EXPLAIN {query}")))
        for query in (
            "SELECT * FROM unit WHERE level = 'commune' AND name_fold LIKE 'dong t%'",
            "SELECT * FROM unit WHERE level = 'commune' AND parent_code = '38' ORDER BY sort_key, code LIMIT 21",
            "SELECT * FROM unit_change WHERE old_name_fold IN ('dong tho', 'hac thanh')",
        )
    ]

    assert "ix_unit_level_name_fold" in plans[0]
    assert "ix_unit_level_parent_code_sort_key" in plans[1]
    assert "Sort" not in plans[1]
    assert "ix_unit_change_old_name_fold" in plans[2]
