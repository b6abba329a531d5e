"""In which order numbers are called, and how long that takes: pure arithmetic on those who wait."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.health.models import LaneKind, PriorityGroup

# One of the priority lane, two with an appointment, one without, and again.
PATTERN = (LaneKind.PRIORITY, LaneKind.APPOINTMENT, LaneKind.APPOINTMENT, LaneKind.WALK_IN)
RANK_STEP = 1_000
REQUEUE_AFTER = 3
LAST_CALLS = 10
_FEWEST_CALLS = 4


@dataclass(frozen=True)
class Waiting:
    """Someone who waits."""

    ticket_id: UUID
    lane: LaneKind
    rank: int
    number: int
    group: PriorityGroup | None = None


def calling_order(waiting: Sequence[Waiting], turn: int) -> Iterator[tuple[Waiting, int]]:
    """Everybody in the order in which they will be called as things stand, each with the turn that follows.

    An emergency comes before everybody. A lane in which nobody waits is passed over.
    """
    lanes: dict[LaneKind, list[Waiting]] = {kind: [] for kind in LaneKind}
    urgent: list[Waiting] = []
    for one in sorted(waiting, key=lambda each: (each.rank, each.number)):
        (urgent if one.group is PriorityGroup.EMERGENCY else lanes[one.lane]).append(one)
    for one in urgent:
        yield one, turn
    places = dict.fromkeys(LaneKind, 0)
    for _one in range(sum(map(len, lanes.values()))):
        for step in range(len(PATTERN)):
            kind = PATTERN[(turn + step) % len(PATTERN)]
            if places[kind] < len(lanes[kind]):
                turn = (turn + step + 1) % len(PATTERN)
                yield lanes[kind][places[kind]], turn
                places[kind] += 1
                break


def rank_after_skip(ranks: Sequence[int], own: int) -> int:
    """The rank behind the third of those who wait in the lane, or behind the last one when there are fewer."""
    behind = sorted(rank for rank in ranks if rank > own)
    if not behind:
        return own + 1
    return behind[min(REQUEUE_AFTER, len(behind)) - 1] + 1


def minutes_to_wait(gaps: Sequence[float], ahead: int, usual_minutes: int) -> tuple[int, int]:
    """From and to how many minutes until the turn of someone who has `ahead` people before them.

    `gaps` are the seconds between the last calls, which say how fast it goes with however many doctors there are. With
    fewer than four the usual length of a visit stands in, and the range is wide.
    """
    recent = sorted(gaps[-LAST_CALLS:])
    if len(recent) < _FEWEST_CALLS:
        low, high = usual_minutes * 0.5, usual_minutes * 1.5
    else:
        quarters = statistics.quantiles(recent, n=4, method="inclusive")
        low, high = quarters[0] / 60, quarters[2] / 60
    return math.floor(ahead * low), math.ceil((ahead + 1) * high)
