"""Payments through HTTP: how many a second, how long the citizen waits, and how long until the company has posted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from benchmarks.bills import Household
from benchmarks.house import House
from benchmarks.load import Measured, drive

_POSTED_SECONDS = 900


@dataclass(frozen=True)
class Roads:
    """Payments that were made: the answers, and their whole way until posted."""

    answers: Measured
    posted_seconds: float  # from the first request until the last bill was posted
    road_seconds: list[float]  # each payment's own way
    cpu_seconds: dict[str, float]  # spent by each part of the house until the last bill was posted

    @property
    def posted_rate(self) -> float:
        """Payments a second that went the whole way."""
        return len(self.road_seconds) / self.posted_seconds


def pay(house: House, households: Sequence[Household], each: int) -> Roads:
    """Every household pays that many of its bills, one payment each, all households at once."""
    orders = [[household.bills.pop() for _ in range(each)] for household in households]
    with house.database() as database:
        (last,) = database.execute("SELECT id FROM payment ORDER BY id DESC LIMIT 1").fetchone() or (UUID(int=0),)
        cpu, began = house.cpu_seconds(), time.perf_counter()
        answers = drive(
            [household.client for household in households],
            lambda number: [
                (
                    "POST",
                    "/v1/utilities/payments",
                    {"bill_ids": [bill], "amount_vnd": amount, "payment_method": "pm_card_visa"},
                )
                for bill, amount in orders[number]
            ],
        )
        if set(answers.statuses) != {201}:
            raise RuntimeError(f"not every payment was taken: {answers.statuses}")
        wanted = each * len(households)
        while time.perf_counter() - began < _POSTED_SECONDS:
            row = database.execute(
                "SELECT count(*) FROM payment_item WHERE payment_id > %s AND posting = 'posted'", [last]
            ).fetchone()
            if row and row[0] >= wanted:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError("not every payment was posted")
        took = time.perf_counter() - began
        spent = {part: seconds - cpu.get(part, 0.0) for part, seconds in house.cpu_seconds().items()}
        roads = database.execute(
            "SELECT extract(epoch FROM max(e.created_at) - p.created_at)::float FROM payment p"
            " JOIN payment_event e ON e.payment_id = p.id AND e.step = 'posted' WHERE p.id > %s GROUP BY p.id",
            [last],
        ).fetchall()
    return Roads(answers, took, [road for (road,) in roads], spent)
