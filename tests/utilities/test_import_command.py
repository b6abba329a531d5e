"""`citizen utilities import`: what a clerk does at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.utilities.cli import commands
from services.utilities.models import Provider
from tests.payments.stories import rows
from tests.utilities.files import GOOD, csv_of

SAMPLE = Path(__file__).parents[2] / "sample"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


@pytest.fixture
def file(tmp_path: Path, power: Provider) -> Path:
    path = tmp_path / "bills.csv"
    path.write_bytes(csv_of({}, {"amount_vnd": "1.234.567"}, {}))
    return path


def test_a_file_is_read_and_counted_and_bad_lines_are_named(file: Path, power: Provider) -> None:
    result = _run("import", str(file), "--provider", power.slug)

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "bills.csv: 2 new, 0 changed, 0 unchanged, 1 refused"
    assert result.stderr.strip() == "line 3: not_a_whole_number (amount_vnd)"
    assert rows("SELECT count(*) FROM bill") == [(2,)]
    assert rows("SELECT state, lines_read FROM bill_import") == [("done", 4)]


def test_repeating_the_command_changes_nothing(file: Path, power: Provider) -> None:
    _run("import", str(file), "--provider", power.slug)

    result = _run("import", str(file), "--provider", power.slug)

    assert result.stdout.splitlines()[-1] == "bills.csv: 0 new, 0 changed, 2 unchanged, 1 refused"


@pytest.mark.parametrize("ending", ["ndjson", "jsonl"])
def test_ndjson_is_known_by_its_ending(tmp_path: Path, power: Provider, ending: str) -> None:
    path = tmp_path / f"bills.{ending}"
    path.write_text(json.dumps(GOOD | {"amount_vnd": 5}) + "\n", "utf-8")

    result = _run("import", str(path), "--provider", power.slug)

    assert result.stdout.splitlines()[-1] == f"bills.{ending}: 1 new, 0 changed, 0 unchanged, 0 refused"


def test_a_file_that_cannot_be_read_ends_the_command_with_its_reason(file: Path, power: Provider) -> None:
    file.write_bytes(b"\xff\xfe")

    result = _run("import", str(file), "--provider", power.slug)

    assert (result.exit_code, result.stderr.strip()) == (1, "Error: bills.csv cannot be read: not_utf8")


def test_an_unknown_provider_is_a_sentence_and_not_a_traceback(file: Path) -> None:
    result = _run("import", str(file), "--provider", "pc-atlantis")

    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)
    assert "there is no provider pc-atlantis" in result.stderr
    assert rows("SELECT count(*) FROM bill_import") == [(0,)]


def test_providers_and_tariffs_are_defined_from_a_folder(clean: None) -> None:
    results = [_run("define", str(SAMPLE)) for _ in range(2)]

    providers = json.loads((SAMPLE / "providers.json").read_text("utf-8"))
    tariffs = json.loads((SAMPLE / "tariffs.json").read_text("utf-8"))
    assert [result.exit_code for result in results] == [0, 0]
    assert results[1].stdout.strip() == f"{len(providers)} providers, {len(tariffs)} tariffs"
    assert rows("SELECT (SELECT count(*) FROM provider), (SELECT count(*) FROM tariff)") == [
        (len(providers), len(tariffs))
    ]
