"""Whatever two sides tell of the same money: each line of either ends as one pair, in one difference, or refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from kit.database import new_id, transaction
from payments import reconciliation
from payments.models import MatchRun, Way
from payments.operations import Row, ToldRows, compare, take_in_rows

FIRST = date(2026, 11, 16)
DAYS = (0, 1, 2)
OURS = """
  SELECT key, amount_vnd, day, CAST(:payee AS text) || ' ' || key AS ref, 'MISSING' AS alone, CAST(NULL AS text) AS hint
  FROM jsonb_to_recordset(CAST(:ours AS jsonb)) AS r (key text, amount_vnd bigint, day date)
  WHERE day BETWEEN :near_first AND :near_last
"""
STATEMENT = reconciliation.comparison(OURS, reconciliation.THEIR_ROWS, reconciliation.TOLD_DAYS)
UNREADABLE = {"line": 99, "code": "not_an_amount", "field": "amount"}


class Told(NamedTuple):
    """One line as a side tells it; `day` counts from FIRST."""

    key: str
    vnd: int
    day: int


# What may become of a line of ours in the other side's files: what is told at first, and what once it is corrected.
FATES: dict[str, Any] = {
    "told": lambda line: ([line], [line]),
    "missing": lambda _line: ([], []),
    "altered": lambda line: ([line._replace(vnd=line.vnd + 1)],) * 2,
    "turned": lambda line: ([line._replace(vnd=-line.vnd)],) * 2,
    "twice": lambda line: ([line, line],) * 2,
    "on another day": lambda line: ([line._replace(day=(line.day + 1) % len(DAYS))],) * 2,
    "late": lambda line: ([], [line]),
    "corrected": lambda line: ([line._replace(vnd=line.vnd + 7)], [line]),
    "unreadable": lambda line: ([None], [line]),
}
LINES = st.builds(Told, st.sampled_from("abcd"), st.sampled_from((1_000, 2_000)), st.sampled_from(DAYS))
STORIES = st.lists(st.tuples(LINES, st.sampled_from(sorted(FATES))), max_size=9)
EXTRAS = st.lists(st.builds(Told, st.sampled_from("axy"), st.sampled_from((1_000, 500, -5)), st.sampled_from(DAYS)),
                  max_size=3)  # fmt: skip


def of_days(lines: Iterable[Told]) -> dict[int, list[Told]]:
    by_day: dict[int, list[Told]] = defaultdict(list)
    for line in lines:
        by_day[line.day].append(line)
    return by_day


def lines_of(left: Counter[Told], told: Sequence[Told]) -> list[Told]:
    """What is left of some lines, as they stand in their files, day by day."""
    rest, found = left.copy(), []
    for line in sorted(told, key=lambda line: line.day):
        if rest[line]:
            rest[line] -= 1
            found.append(line)
    return found


def take_apart(ours: Sequence[Told], theirs: Sequence[Told], told: set[int], *, same_day: bool):
    """The rules in other words: the pairs, and (ours, theirs) of each difference, one of the two None where alone."""
    pairs = Counter(ours) & Counter(theirs)
    left_ours, left_theirs = Counter(ours) - pairs, Counter(theirs) - pairs
    moved: list[tuple[Told, Told]] = []
    for by in (lambda line: (line.key, line.vnd), lambda line: line.key):
        sides: list[dict[Any, list[Told]]] = []
        for left, told_in in ((left_ours, sorted(ours, key=lambda line: line.vnd)), (left_theirs, theirs)):
            grouped: dict[Any, list[Told]] = defaultdict(list)
            for line in lines_of(left, told_in):
                grouped[by(line)].append(line)
            sides.append(grouped)
        met = [pair for key, lines in sides[0].items() for pair in zip(lines, sides[1].get(key, ()), strict=False)]
        left_ours -= Counter(pair[0] for pair in met)
        left_theirs -= Counter(pair[1] for pair in met)
        moved += met
    matched = list(pairs.elements())
    found: list[tuple[Told | None, Told | None]] = []
    for mine, other in moved:
        if mine.vnd == other.vnd and not same_day:
            matched.append(mine)
        else:
            found.append((mine, other))
    found += [(line, None) for line in left_ours.elements()] + [(None, line) for line in left_theirs.elements()]
    # Whoever has not told of a day has left nothing out of it.
    due = [pair for pair in found if any(line and line.day in told for line in pair)]
    return [line for line in matched if line.day in told or not same_day], due


def kind_of(mine: Told | None, other: Told | None, keys: set[str]) -> str:
    if mine is None:
        return "TWICE" if other and other.key in keys else "UNKNOWN"
    if other is None:
        return "MISSING"
    if mine.vnd == other.vnd:
        return "WRONG_DAY"
    if (mine.vnd > 0) != (other.vnd > 0):
        return "DIRECTION"
    return "AMOUNT_OVER" if other.vnd > mine.vnd else "AMOUNT_UNDER"


class Desk:
    """One payee of a story: what it tells, and what its comparisons find."""

    def __init__(self, session: Session, ours: Sequence[Told], *, same_day: bool) -> None:
        self.session, self.ours, self.same_day = session, ours, same_day
        self.payee: UUID = new_id()
        self.theirs: dict[int, list[Told]] = {}
        self.kept: dict[int, UUID] = {}

    def tell(self, day: int, lines: Sequence[Told | None]) -> UUID:
        good = [line for line in lines if line is not None]
        rows = [Row(number, line.key, line.vnd) for number, line in enumerate(good, 2)]
        told = ToldRows("csv", "", rows, [UNREADABLE] * (len(lines) - len(good)))
        kept = take_in_rows(self.session, self.payee, Way.PROVIDER, FIRST + timedelta(days=day), told)
        # The same lines in another order are those that are known.
        if self.kept.get(day) != kept:
            self.kept[day], self.theirs[day] = kept, good
        return kept

    def compare(self, first: int, last: int) -> MatchRun:
        ours = [
            {"key": line.key, "amount_vnd": line.vnd, "day": FIRST + timedelta(days=line.day)} for line in self.ours
        ]
        return compare(
            self.session,
            STATEMENT,
            Way.PROVIDER,
            self.payee,
            FIRST + timedelta(days=first),
            FIRST + timedelta(days=last),
            same_day=self.same_day,
            ours=orjson.dumps(ours).decode(),
            unknown="UNKNOWN",
            twice="TWICE",
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.execute(text(query), {"payee": self.payee})]

    def check(self) -> MatchRun:
        """Everything is in its place, and looking once more changes nothing."""
        before = self.rows(_ALL)
        run = self.compare(DAYS[0], DAYS[-1])
        assert (run.opened, run.closed, self.rows(_ALL)) == (0, 0, before)

        theirs = [line for lines in self.theirs.values() for line in lines]
        matched, due = take_apart(self.ours, theirs, set(self.theirs), same_day=self.same_day)
        keys = {line.key for line in self.ours}
        expected = Counter((kind_of(mine, other, keys), mine, other) for mine, other in due)
        assert Counter(_found(row) for row in self.rows(_OPEN)) == expected
        assert (run.matched, run.matched_vnd) == (len(matched), sum(line.vnd for line in matched))
        assert run.ours_open == sum(mine is not None for mine, _other in due)
        assert run.theirs_open == sum(other is not None for _mine, other in due)
        if set(self.theirs) == set(DAYS):
            assert (run.ours, run.theirs) == (len(self.ours), len(theirs))
            difference = sum(line.vnd for line in theirs) - sum(line.vnd for line in self.ours)
            assert sum(row[1] for row in self.rows(_OPEN)) == difference
        assert self.rows(_COUNTED) == [(len(theirs), sum(line.vnd for line in theirs), 0)]
        return run


_ALL = "SELECT id, kind, subject, amount_vnd, state, details FROM discrepancy WHERE payee_id = :payee ORDER BY id"
_OPEN = "SELECT kind, amount_vnd, details FROM discrepancy WHERE payee_id = :payee AND state = 'open'"
_COUNTED = """
SELECT CAST(coalesce(sum(accepted), 0) AS bigint), CAST(coalesce(sum(amount_vnd), 0) AS bigint),
  CAST(coalesce(sum(read - accepted - refused), 0) AS bigint)
FROM statement WHERE payee_id = :payee AND current
"""


def _found(row: tuple[Any, ...]) -> tuple[str, Told | None, Told | None]:
    kind, amount_vnd, details = row
    sides = [_line(details, side) for side in ("ours", "theirs")]
    assert amount_vnd == (sides[1].vnd if sides[1] else 0) - (sides[0].vnd if sides[0] else 0)
    return kind, sides[0], sides[1]


def _line(details: Mapping[str, Any], side: str) -> Told | None:
    if f"{side}_vnd" not in details:
        return None
    day = date.fromisoformat(details[f"{side}_day"]) - FIRST
    return Told(details["key"], details[f"{side}_vnd"], day.days)


# One bill with two sums, both of the wrong day; and one that is told rightly, and on an earlier day as well.
TURNS = [
    (Told("a", 1_000, 0), "on another day"),
    (Told("a", 2_000, 0), "on another day"),
    (Told("b", 1_000, 1), "told"),
]


@pytest.fixture
def books(clean: None) -> None:
    """Empty ones; what a story tells stands in no journal."""


@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(stories=TURNS, extras=[], order=DAYS, same_day=True, untold=set())
@example(stories=TURNS[2:], extras=[Told("b", 1_000, 0)], order=DAYS, same_day=True, untold=set())
@given(
    stories=STORIES,
    extras=EXTRAS,
    order=st.permutations(DAYS),
    same_day=st.booleans(),
    untold=st.sets(st.sampled_from(DAYS), max_size=1),
)
def test_each_line_of_either_side_is_one_pair_in_one_difference_or_refused(
    books: None, stories, extras, order, same_day, untold
) -> None:
    fates = [FATES[fate](line) for line, fate in stories]
    files: list[dict[int, list[Told | None]]] = [{day: [] for day in DAYS} for _time in range(2)]
    for (line, _fate), lines in zip(stories, fates, strict=True):
        for told, by_day in zip(lines, files, strict=True):
            for each in told:
                by_day[line.day if each is None else each.day].append(each)
    for by_day in files:
        for extra in extras:
            by_day[extra.day].append(extra)
    at_first, corrected = files

    with transaction() as session:
        desk = Desk(session, [line for line, _fate in stories], same_day=same_day)
        sent = {}
        for day in (day for day in order if day not in untold):
            sent[day] = desk.tell(day, at_first[day])
            desk.compare(day, day)
        desk.check()

        # The same files once more, their lines in another order.
        assert {day: desk.tell(day, at_first[day][::-1]) for day in sent} == sent
        desk.check()

        # What was late comes, what was wrong is corrected, and whoever had not told of a day tells of it.
        for day in order:
            desk.tell(day, corrected[day])
            desk.compare(day, day)
        desk.check()
