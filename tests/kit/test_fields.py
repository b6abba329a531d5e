"""What the fields of every schema take and refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import marshmallow as ma
import pytest

from kit.fields import MAX_VND, Choice, Count, Instant, Line, Vnd


class Colour(StrEnum):
    """Something to choose from."""

    RED = "red"
    BLUE = "blue"


def takes(field: ma.fields.Field[Any], given: object) -> bool:
    try:
        field.deserialize(given)
    except ma.ValidationError:
        return False
    return True


@pytest.mark.parametrize("given", [1, 636_768, MAX_VND])
def test_whole_dong_within_bounds_are_an_amount(given: int) -> None:
    assert Vnd().deserialize(given) == given


@pytest.mark.parametrize(
    "given", [0, -1, MAX_VND + 1, 2**63, 1.0, 1e3, 0.5, float("inf"), float("nan"), "12", True, []]
)
def test_anything_else_is_no_amount(given: object) -> None:
    assert not takes(Vnd(), given)


def test_an_amount_may_be_zero_where_the_schema_says_so() -> None:
    assert Vnd(minimum=0).deserialize(0) == 0
    assert not takes(Vnd(minimum=0), given=False)


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-11-21T09:00:00+07:00", datetime(2026, 11, 21, 2, tzinfo=UTC)),
        ("2026-11-21T02:00:00Z", datetime(2026, 11, 21, 2, tzinfo=UTC)),
        ("2026-11-21T02:00:00.250Z", datetime(2026, 11, 21, 2, 0, 0, 250_000, tzinfo=UTC)),
        ("2028-02-29T00:00:00-11:00", datetime(2028, 2, 29, 11, tzinfo=UTC)),
    ],
)
def test_an_instant_has_an_offset(given: str, instant: datetime) -> None:
    assert Instant().deserialize(given) == instant


@pytest.mark.parametrize(
    "given", ["2026-11-21T09:00:00", "2026-11-21", "2027-02-29T00:00:00Z", "24:00", "now", "", 1_795_000_000, None]
)
def test_without_one_it_is_refused(given: object) -> None:
    assert not takes(Instant(), given)


def test_an_instant_that_is_not_there_stays_away() -> None:
    assert Instant().serialize("at", {"at": None}) is None


@pytest.mark.parametrize(("given", "taken"), [("", False), ("a", True), ("à" * 5, True), ("à" * 6, False), (5, False)])
def test_a_line_is_bounded_in_characters(given: object, taken: bool) -> None:  # noqa: FBT001 - a table of cases
    assert takes(Line(5), given) is taken


@pytest.mark.parametrize(("given", "taken"), [("red", True), ("RED", False), ("green", False), ("", False), (1, False)])
def test_a_choice_is_one_of_its_values(given: object, taken: bool) -> None:  # noqa: FBT001
    assert takes(Choice(Colour), given) is taken


@pytest.mark.parametrize("given", ["0", "20", "-1", 7])
def test_a_count_is_plain_digits(given: object) -> None:
    assert Count().deserialize(given) == int(str(given))


@pytest.mark.parametrize("given", ["1_0", " 1", "+1", "１", "1.0", "1e1", "", "9" * 20, "0x1", "true"])  # noqa: RUF001
def test_what_only_python_takes_for_a_number_is_none(given: str) -> None:
    assert not takes(Count(), given)
