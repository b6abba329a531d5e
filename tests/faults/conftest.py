"""A house of processes for the tests of this folder, and citizens whose apps do not give up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.citizens import Town
from tests.faults.house import House
from tests.templates import Templates

pytest.register_assert_rewrite("tests.faults.books")


@pytest.fixture(scope="session")
def house(
    tmp_path_factory: pytest.TempPathFactory, signing_key: str, programs: Path | None, templates: Templates
) -> Iterator[House]:
    """Database, sandbox, web and worker as processes, with the sample province in them."""
    house = House(tmp_path_factory.mktemp("house"), signing_key, programs)
    try:
        house.start(templates)
        yield house
    finally:
        house.stop()


@pytest.fixture(scope="session")
def town(house: House) -> Town:
    """Where the citizens of these tests come from."""
    return Town(house)


@pytest.fixture(autouse=True)
def everything_runs(house: House) -> Iterator[None]:
    """Whatever a test does to the house, the next one finds it whole."""
    yield
    house.be_whole()
