"""Communes for the schools of the stories, and schools as tables hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from kit import kept
from kit.database import transaction
from services.education import facts as shape
from services.education.operations import writing
from services.education.operations.office import entrust_province
from services.education.operations.writing import Author
from tests.people import StaffMember
from tests.sample_divisions import seed_divisions

HAC_THANH, DONG_TIEN_WARD, DONG_TIEN_COMMUNE, NAM_DINH = "14797", "15853", "15724", "13669"
THANH_HOA, NINH_BINH = "38", "37"
SOURCES = {"all": {"source": "Ví dụ", "dated_on": "2026-06-01"}}


def facts_of(name: str, **changes: Any) -> dict[str, Any]:
    """Facts of a primary school in Hạc Thành that hold together, with `changes`."""
    commune = changes.pop("commune", HAC_THANH)
    levels = changes.pop("levels", ["primary"])
    point = changes.pop("point", None)
    campus = {"name": "Cơ sở chính", "is_main": True} | ({"lat": point[0], "lon": point[1]} if point else {})
    document = {
        "name": name,
        "levels": [{"level": level} for level in levels],
        "places": [{"commune_code": commune}],
        "campuses": [campus],
        "ownership": "public",
        "sources": SOURCES,
    }
    facts, flaws = shape.read(document | changes)
    assert [flaw.code for flaw in flaws] == []
    return facts


def make_school(name: str, **changes: Any) -> UUID:
    """A school in the directory; returns its id."""
    with transaction() as session:
        (made,) = writing.create_schools(session, [facts_of(name, **changes)], Author("Ví dụ"))
    return made


def change(school_id: UUID, **changes: Any) -> int:
    """Facts of a school replaced, as an operator would; returns the new version."""
    from services.education.operations import reading  # noqa: PLC0415

    with transaction() as session:
        row = reading.get_school(session, school_id).row
        facts, flaws = shape.read({**row.facts, **changes})
        assert [flaw.code for flaw in flaws] == []
        return writing.change_school(session, school_id, facts, row.version, Author("Ví dụ"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories change schools and look at once: what is kept is believed no longer than the database says."""
    monkeypatch.setattr(kept, "FRESH_SECONDS", 0.0)


@pytest.fixture
def communes(clean: None) -> None:
    """The provinces and communes of the sample."""
    seed_divisions()


@pytest.fixture
def office(staff: Callable[..., StaffMember]) -> tuple[StaffMember, StaffMember]:
    """An editor and an approver of the school office of Thanh Hóa."""
    editor = staff("school_office", "editor")
    approver = staff("school_office", "approver", organisation_id=editor.organisation_id)
    with transaction() as session:
        entrust_province(session, editor.organisation_id, THANH_HOA)
    return editor, approver
