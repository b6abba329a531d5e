"""Whoever follows the log of events by its cursor sees each once and in one order, whatever commits when."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier, Event
from uuid import UUID, uuid4

import pytest

from kit.database import transaction
from tests.people import Caller, Machine
from webhooks import operations
from webhooks.models import EventKind

EVENTS = "/v1/webhooks/events"
_PATIENCE = 30  # seconds; nobody needs them unless something is broken


class GivenUp(Exception):
    """What was written is not to be."""


class Reader(Caller):
    """A company's system that keeps its last cursor, and reads in small pages from there."""

    def __init__(self, company: Machine) -> None:
        super().__init__(company.http.application.test_client(), company.token)
        self.cursor: str | None = None
        self.seen: list[str] = []

    def follow(self) -> None:
        """Read on until nothing more is there."""
        while True:
            asked = {"limit": "2"} | ({"cursor": self.cursor} if self.cursor else {})
            page = self.get(EVENTS, query_string=asked).json
            self.seen += [item["id"] for item in page["items"]]
            self.cursor = page.get("next", self.cursor)
            if not page["items"]:
                return


def _end(*, is_kept: bool) -> None:
    if not is_kept:
        raise GivenUp


def write(provider_id: UUID, count: int, before_the_end: Sequence[Event | Barrier] = (), *, is_kept: bool) -> list[str]:
    """So many events in one transaction, which commits, or is rolled back, once all has been waited for."""
    try:
        with transaction() as session:
            told = [
                operations.record_event(session, provider_id, EventKind.PAYMENT_POSTED, uuid4(), {})
                for _ in range(count)
            ]
            for each in before_the_end:
                each.wait(_PATIENCE)
            _end(is_kept=is_kept)
    except GivenUp:
        return []
    return [str(event_id) for event_id in told]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_in_whichever_order_they_commit_no_event_is_missed_or_seen_twice(
    provider_id: UUID, company: Machine, order: tuple[int, ...]
) -> None:
    reader, late, all_have_written = Reader(company), Reader(company), Barrier(5)
    turns = [Event() for _ in range(4)]
    write(provider_id, 1, is_kept=True)
    reader.follow()

    with ThreadPoolExecutor(4) as pool:
        # The fourth is rolled back in the end: it holds the others back until then, and leaves nothing.
        writers = [
            pool.submit(write, provider_id, 2, (all_have_written, turns[number]), is_kept=number < 3)
            for number in range(4)
        ]
        all_have_written.wait(_PATIENCE)
        for number in (*order, 3):
            turns[number].set()
            writers[number].result(_PATIENCE)
            reader.follow()
    late.follow()

    committed = {event_id for writer in writers for event_id in writer.result()}
    assert len(committed) == 6
    assert set(reader.seen[1:]) == committed
    assert reader.seen == late.seen, "each once, and in the order of whoever comes later"
