"""Measure: `python -m benchmarks.tourism --their-python VENV/bin/python`; see benchmarks/README.md."""

from __future__ import annotations

import sys
import time

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import auth.operations
import services.tourism.operations as tourism
from auth.organisation_models import OrganisationKind
from benchmarks import beside
from benchmarks.beside import say
from kit.database import sqlalchemy_url
from sample import many_guides
from server import migrations
from services.tourism.operations import Asked, finding

COUNT = 50_000
CATEGORIES = ("pagoda", "temple", "museum", "viewpoint")
QUESTIONS = [
    f"near={(south + north) / 2:.4f},{(west + east) / 2:.4f}&radius=30000&category={category}&limit=20"
    for _name, south, north, west, east in many_guides.PROVINCES.values()
    for category in CATEGORIES
]
# What a framework's own list would read: the same facts in plain columns, with the same index.
PLAIN = """
CREATE TABLE bench_guide AS
SELECT g.id, g.slug, g.short_code, g.kind, g.category_code AS category, g.tags, g.heritage_rank,
  c.card::jsonb->>'title' AS title, c.card::jsonb->>'summary' AS summary,
  c.card::jsonb->>'content_language' AS content_language, c.card::jsonb->'field_languages' AS field_languages,
  ARRAY(SELECT jsonb_array_elements_text(c.card::jsonb->'missing_languages')) AS missing_languages, g.lat, g.lon,
  g.commune_code, g.address->>'commune' AS commune, g.address->>'province' AS province, g.is_free, g.is_accessible,
  g.version
FROM guide g JOIN guide_card c ON c.guide_id = g.id AND c.lang = 'vi';
ALTER TABLE bench_guide ADD PRIMARY KEY (id);
CREATE INDEX ON bench_guide (category, lat, lon);
ANALYZE;
"""
# Only we tell what is true right now.
MOVING = ("open_now", "next_change_at", "temporarily_closed", "advisory")


def main() -> int:
    """Run all in turn, several times, and print a table."""
    asked = beside.options("tourism", "guides", COUNT)
    with beside.database() as (url, folder):
        fill(url, asked.count)
        whom = beside.servers(url, folder, asked.their_python, "tourism", ours="/v1/tourism/guides", theirs="/guides")
        beside.measure(whom, QUESTIONS, folder, asked, MOVING)
    return 0


def fill(url: str, count: int) -> None:
    """Guides over five provinces, and the plain table of the others."""
    migrations.upgrade(url)
    engine = create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        names = {"name_vi": "x", "name_en": "x", "parent_code": None}
        tourism.save_categories(session, [{"code": code, **names} for code in many_guides.CATEGORIES])
        office = auth.operations.create_organisation(
            session, kind=OrganisationKind.TOURISM_OFFICE, slug="bench", name_vi="Sở", name_en="Office"
        )
        began = time.perf_counter()
        tourism.publish_many(session, office.id, many_guides.draw(count))
        session.commit()
        say(f"{count} guides drawn and published in {time.perf_counter() - began:.1f} s")
        for statement in PLAIN.split(";")[:-1]:
            session.execute(text(statement))
        session.commit()
        if count >= COUNT:  # of few guides the whole table is read faster
            check_plans(session)
    engine.dispose()


def check_plans(session: Session) -> None:
    """Each kind of question is answered by its index; raises RuntimeError where it is not."""
    here = (20.25, 105.92)
    for index, asked in (
        ("ix_guide_near", Asked("vi", {"category": "pagoda"}, near=here, radius=10_000.0)),
        ("ix_guide_box", Asked("vi", {}, near=here, radius=3_000.0)),
        ("ix_guide_text_search", Asked("vi", {}, q="chua bich long 17")),
    ):
        plan = finding.plan_of(session, asked)
        if not any(index in line for line in plan):
            raise RuntimeError(f"{index} is not used:\n" + "\n".join(plan))
        say(f"{index}: {plan[-1]}")


if __name__ == "__main__":
    sys.exit(main())
