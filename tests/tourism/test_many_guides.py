"""Two thousand drawn guides: found as if they had been published one by one, and by their indexes."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from sqlalchemy import text

from kit.database import new_id, transaction
from sample import many_guides
from services.tourism import geometry, operations
from services.tourism.operations import Asked, finding
from services.tourism.schemas.content import GuideContentSchema
from tests.people import Person
from tests.tourism.guides import make_office

T = "/v1/tourism"
COUNT = 2_000
HERE = (20.25, 105.92)


@pytest.fixture
def many(clean: None) -> list[Any]:
    """The guides, with statistics of the tables as a busy server has them."""
    drawn = list(many_guides.draw(COUNT))
    office = make_office()
    names = {"name_vi": "x", "name_en": "x", "parent_code": None}
    with transaction() as session:
        operations.save_categories(session, [{"code": code, **names} for code in many_guides.CATEGORIES])
        operations.publish_many(session, office, drawn)
        for table in ("guide", "guide_card", "guide_text"):
            session.execute(text(f"ANALYZE {table}"))
    return [body for _id, body in drawn]


def test_the_generator_draws_the_same_guides_every_time_and_the_api_would_take_them() -> None:
    first, second = (list(islice(many_guides.draw(50), 50)) for _ in range(2))

    assert first == second
    for _id, body in first:
        GuideContentSchema().load(body)


def test_many_are_found_as_if_published_one_by_one(many: list[Any], chi: Person) -> None:
    one = many[7]
    here = [
        (geometry.metres(*HERE, body["point"]["lat"], body["point"]["lon"]), body["slug"])
        for body in many
        if body["category"] == "pagoda"
    ]

    near = chi.get(f"{T}/guides?near={HERE[0]},{HERE[1]}&radius=30000&category=pagoda").json["items"]
    found = chi.get(f"{T}/guides", query_string={"q": one["texts"]["vi"]["title"]}).json["items"]

    assert [item["slug"] for item in near] == [slug for away, slug in sorted(here) if away <= 30_000][:20]
    assert found[0]["slug"] == one["slug"]
    with transaction() as session:
        guide_id = new_id()
        operations.publish(session, guide_id, make_office_of(session), one | {"slug": "again"})
    again = chi.get(f"{T}/guides/{guide_id}").json
    told = chi.get(f"{T}/guides/{found[0]['id']}").json
    own = {"id", "slug", "short_code", "changed_at"}
    assert {name: value for name, value in again.items() if name not in own} == {
        name: value for name, value in told.items() if name not in own
    }


def make_office_of(session):
    """The office of the stories, read in an open transaction."""
    return session.execute(text("SELECT id FROM organisation WHERE slug = 'so-du-lich'")).scalar()


def test_searches_read_by_their_indexes(many: list[Any]) -> None:
    near = Asked("vi", {"category": "pagoda"}, near=HERE, radius=10_000.0)
    around = Asked("vi", {}, near=HERE, radius=3_000.0)
    by_words = Asked("vi", {}, q="chua bich long 17")

    assert "ix_guide_near" in plan_of(near)
    assert "ix_guide_box" in plan_of(around)
    # So few words are read faster from the table; of fifty thousand guides they are not.
    assert "ix_guide_text_search" in plan_of(by_words, "SET LOCAL enable_seqscan = off")


def plan_of(asked: Asked, *before: str) -> str:
    """How PostgreSQL answers."""
    with transaction() as session:
        for setting in before:
            session.execute(text(setting))
        return "\n".join(finding.plan_of(session, asked))
