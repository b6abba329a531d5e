"""The sample's schools, and the commands an operator has."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from kit.database import transaction
from sample.schools import Commune, draw
from server import seed
from services.education import cli, facts as shape, school_file, tables
from services.education.models import AdmissionRound, CatchmentZone, School
from tests.divisions.official import SAMPLE
from tests.people import make_organisation

COMMUNES = [Commune("14797", "Hạc Thành", "38", 19.8, 105.78), Commune("13669", "Nam Định", "37", 20.4, 106.2)]


def count(model: type[School | AdmissionRound | CatchmentZone]) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.usefixtures("communes")
def test_the_sample_loads_and_loading_it_again_changes_nothing(chi):
    first, again = seed._load_schools(SAMPLE), seed._load_schools(SAMPLE)

    assert first.startswith("27 new schools, 3 new rounds, 3 new zones, 1 new open days")
    assert first.endswith("2 new schools with more facts")
    assert {part.split()[0] for part in again.split(", ")} == {"0"}
    assert (count(School), count(AdmissionRound), count(CatchmentZone)) == (27, 3, 3)
    items = chi.get("/v1/education/search?q=ngoc+trao").json["items"]
    assert (items[0]["name"], items[0]["found_as"]) == ("Trường Tiểu học Kim Đồng", "Trường Tiểu học Ngọc Trạo")
    assert items[0]["standard_is_expired"] is True
    kim_dong = chi.get(f"/v1/education/schools/{items[0]['id']}").json
    assert [one["name"] for one in kim_dong["campuses"]] == ["Cơ sở chính", "Điểm trường Nam Ngạn"]
    assert {fee["school_year"] for fee in kim_dong["fees"]} == {2025, 2026}


def test_what_is_made_up_in_the_sample_says_so():
    rows = list(csv.DictReader((SAMPLE / "schools.csv").read_text("utf-8").splitlines()))

    assert {row["is_example"] for row in rows} == {"true", "false"}
    assert all(row["source"].startswith("Ví dụ") is (row["is_example"] == "true") for row in rows)
    assert [row["name"] for row in rows if row["is_example"] == "false" and (row["lat"] or row["roll"])] == []


def test_drawn_schools_are_the_same_each_time_and_hold_together():
    one, two = list(draw(COMMUNES, 200)), list(draw(COMMUNES, 200))

    assert one == two
    assert len({school_id for school_id, _ in one}) == 200
    assert {facts["is_example"] for _, facts in one} == {True}
    for _, facts in one:
        read, flaws = shape.read(facts)
        assert ([flaw.code for flaw in flaws], read) == ([], facts)


@pytest.mark.usefixtures("communes")
def test_an_operator_loads_a_table_and_hears_of_its_bad_lines(tmp_path: Path):
    rows = [school_file.write_line(school_id, facts, facts["places"][0]["commune_code"])
            for school_id, facts in draw(COMMUNES, 20)]  # fmt: skip
    rows.append(["", "", "Ở đâu", "primary", "open", "", "", "99999", *[""] * 18, "Sổ", "2026-01-01", ""])
    file = tmp_path / "schools.csv"
    file.write_bytes(b"".join(tables.write_csv(school_file.COLUMNS, rows)))

    told = CliRunner().invoke(cli.commands, ["import", str(file), "--why", "Ví dụ"])
    again = CliRunner().invoke(cli.commands, ["import", str(file), "--why", "Ví dụ"])
    snapshot = CliRunner().invoke(cli.commands, ["snapshot", "38"])
    redrawn = CliRunner().invoke(cli.commands, ["redraw"])

    assert told.exit_code == 0, told.output
    assert "line 22: unknown_commune (commune_code)" in told.output
    assert "20 new, 1 refused" in told.output
    assert "0 new, 1 refused" in again.output
    assert snapshot.output.startswith("38: 10 schools, seq 10, sha256 ")
    assert redrawn.output == "20 schools\n"


@pytest.mark.usefixtures("communes")
def test_an_operator_entrusts_a_province_to_an_office():
    make_organisation("school_office")
    with transaction() as session:
        from auth.organisation_models import Organisation  # noqa: PLC0415

        slug = session.scalars(select(Organisation.slug)).one()

    told = CliRunner().invoke(cli.commands, ["entrust", slug, "38"])

    assert told.output == f"{slug} looks after the schools of province 38\n"
