"""An operator loads the official files and reads what happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from divisions.cli import commands
from divisions.models import Unit, UnitChange
from kit.database import transaction
from tests.divisions.official import CHANGES, SAMPLE, UNITS, needs_official_tables

pytestmark = pytest.mark.usefixtures("client")


def load(*paths: Path) -> Result:
    """`citizen divisions import …`."""
    return CliRunner().invoke(commands, ["import", *map(str, paths)])


def stored() -> tuple[int, int]:
    """How many units and changes there are."""
    with transaction() as session:
        return tuple(session.scalar(select(func.count()).select_from(model)) or 0 for model in (Unit, UnitChange))  # type: ignore[return-value]


def test_files_may_come_in_any_order_and_again() -> None:
    files = [SAMPLE / name for name in ("unit_changes.csv", "areas.json", "provinces.csv", "communes.csv")]

    first, second = load(*files), load(*files)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "unit_changes.csv: changes of communes\n  136 read, 136 new, 0 changed" in first.output
    assert "136 read, 0 new, 0 changed, 0 ended, 0 mended, 0 refused" in second.output
    assert stored() == (34 + 24, 136)


def test_refused_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "provinces.csv"
    path.write_text(
        "code,name,full_name,name_en,type,valid_from,valid_to,source\n"
        "38,Thanh Hoá,Tỉnh Thanh Hoá,Thanh Hoa,tỉnh,2025-07-01,,a test\n"
        "3x,Thanh Hoá,Tỉnh Thanh Hoá,Thanh Hoa,tỉnh,2025-07-01,,a test\n",
        encoding="utf-8",
    )

    result = load(path)

    assert "2 read, 1 new, 0 changed, 0 ended, 0 mended, 1 refused" in result.output
    assert "refused: line 3: '3x' is no code of a province" in result.output


def test_a_strange_file_stops_the_import_before_anything_is_stored(tmp_path: Path) -> None:
    strange = tmp_path / "strange.csv"
    strange.write_text("name,phone\nAn,1\n", encoding="utf-8")

    result = load(SAMPLE / "provinces.csv", strange)

    assert result.exit_code == 1
    assert "strange.csv: neither" in result.output
    assert stored() == (0, 0)


@needs_official_tables
def test_the_whole_country_loads_in_one_go() -> None:
    result = load(CHANGES, UNITS)

    assert "3355 read, 3355 new" in result.output
    assert "10634 read, 10628 new, 0 changed, 0 ended, 12 mended, 6 refused" in result.output
    assert stored() == (3355 + 63 + 11, 10_565)
