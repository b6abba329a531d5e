"""Measure: `python -m benchmarks.schools --their-python VENV/bin/python`; see benchmarks/README.md."""

from __future__ import annotations

import sys

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import divisions.operations
from benchmarks import beside
from benchmarks.beside.serving import ROOT
from kit.database import sqlalchemy_url
from sample.schools import Commune, draw
from server import migrations
from services.education.operations import writing
from services.education.operations.writing import Author

PROVINCES, LEVELS = ("38", "37", "33", "25", "24"), ("primary", "lower_secondary", "kindergarten", "upper_secondary")
QUESTIONS = [f"province={province}&level={level}&limit=20" for province in PROVINCES for level in LEVELS]
# What a framework's own list would read: the same facts in plain columns, with the same index.
PLAIN = """
CREATE TABLE bench_school AS
SELECT id, name, state, ARRAY(SELECT jsonb_array_elements(facts->'levels')->>'level') AS levels,
  facts->>'ownership' AS ownership, ARRAY(SELECT jsonb_array_elements_text(facts->'programmes')) AS programmes,
  commune_code, commune_name, province_code, province_name, facts->'campuses'->0->>'address' AS address, lat, lon,
  (facts->'national_standard'->>'level')::int AS standard_level, standard_until,
  (facts->>'is_example')::boolean AS is_example, sort_key
FROM school WHERE is_listed;
ALTER TABLE bench_school ADD PRIMARY KEY (id);
CREATE INDEX ON bench_school (province_code, sort_key, id);
ANALYZE;
"""


def main() -> int:
    """Run all in turn, several times, and print a table."""
    asked = beside.options("schools", "schools", 10_000)
    with beside.database() as (url, folder):
        fill(url, asked.count)
        whom = beside.servers(
            url, folder, asked.their_python, "schools", ours="/v1/education/schools", theirs="/schools"
        )
        # Only we tell whether a standard has expired.
        beside.measure(whom, QUESTIONS, folder, asked, ["standard_is_expired"])
    return 0


def fill(url: str, count: int) -> None:
    """Schools over the communes of the sample, and the plain table of the others."""
    migrations.upgrade(url)
    engine = create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        divisions.operations.seed(session, ROOT / "sample")
        rows = session.execute(text("SELECT code, name, parent_code FROM unit WHERE level = 'commune'")).all()
        communes = [Commune(row.code, row.name, row.parent_code, 20.0, 105.8) for row in rows]
        schools = list(draw(communes, count))
        writing.create_schools(
            session, [facts for _, facts in schools], Author("benchmark"), [key for key, _ in schools]
        )
        session.commit()
        for statement in PLAIN.split(";")[:-1]:
            session.execute(text(statement))
        session.commit()
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
