"""The official tables, which are kept beside the project and not in it; tests that need them skip without them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "data"
UNITS = FOLDER / "vn_units_34_2026-07-25.json"
CHANGES = FOLDER / "nso_old_new_communes_2025-07-01.csv"
SAMPLE = Path(__file__).parents[2] / "sample"

BEFORE_THE_REFORM = date(2025, 6, 30)
REFORM = date(2025, 7, 1)

needs_official_tables = pytest.mark.skipif(
    not (UNITS.exists() and CHANGES.exists()), reason="the official tables do not lie beside the project"
)
