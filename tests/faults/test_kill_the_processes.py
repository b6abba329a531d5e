"""kill -9 of web and worker, again and again, while citizens pay: no payment is lost, doubled or left half done."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import pytest

from tests.faults import books
from tests.faults.citizens import Citizen, Town
from tests.faults.house import House, wait_until

pytestmark = pytest.mark.timeout(600)
# What is proved is the same for fifty kills within 200 payments: KILLS=50.
KILLS = int(os.environ.get("KILLS", "4"))
PAYMENTS, CITIZENS = 4 * KILLS, KILLS // 2
EACH = PAYMENTS // CITIZENS
HOUSEHOLDS = 4  # twelve bills, so that every second payment pays two
SEED = 20_261_121


def test_every_acknowledged_payment_is_taken_posted_and_announced_once(
    house: House, town: Town, figure: Callable[[str], None]
) -> None:
    chance = random.Random(SEED)
    citizens = town.settle(CITIZENS, HOUSEHOLDS)
    spoil_webhooks(house, chance)
    permits = Semaphore(0)
    began = time.monotonic()

    with ThreadPoolExecutor(CITIZENS) as pool:
        paying = [pool.submit(pay_all, citizen, bills, permits) for citizen, bills in citizens]
        kills = kill_again_and_again(house, chance, permits)
        killed_after = time.monotonic() - began
        paid = sum(thread.result() for thread in paying)
    # What no retry can mend is settled by the sweeper; its patience need not be waited for in real time.
    house.let_time_pass(seconds=120)
    books.await_quiet(house, 90)

    troubles = sum((citizen.troubles for citizen, _bills in citizens), Counter())
    slowest = max(citizen.slowest_seconds for citizen, _bills in citizens)
    figure(
        f"{dict(Counter(name for name, _after in kills))} killed in {killed_after:.0f} s (seed {SEED}), "
        f"{paid} payments, all quiet after {time.monotonic() - began:.0f} s; the apps had to ask again "
        f"{sum(troubles.values())} times: {dict(troubles)}; the longest wait for an answer was {slowest:.0f} s"
    )
    print("killed, seconds after it was up:", [f"{name} {after:.2f}" for name, after in kills])
    assert (len(kills), paid) == (KILLS, PAYMENTS)
    assert not [trouble for trouble in troubles if trouble.startswith("500")]
    books.check(house, town)


def test_a_payment_whose_process_died_while_asking_the_bank_is_taken_over_by_the_next_request(
    house: House, town: Town
) -> None:
    ((citizen, bills),) = town.settle(1, each=1)
    house.outside.spoil("gateway", "timeout_before", match={"method": "POST", "path": "/payment_intents"}, seconds=20)

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(citizen.pay, bills[:1])
        wait_until(lambda: house.faults()[0]["used"], 10, "the request is at the bank")
        house.strike(house.web)
        done = paying.result(60)
    books.await_quiet(house, 30)

    assert (done.state, citizen.troubles["never sent"]) == ("authorised", 0)
    assert 10 <= citizen.slowest_seconds < 20
    books.check(house, town)


def pay_all(citizen: Citizen, bills: list[dict[str, Any]], permits: Semaphore) -> int:
    """One payment for every permit, until all bills of this citizen are paid: of one bill and of two in turn."""
    for number in range(EACH):
        assert permits.acquire(timeout=300)
        citizen.pay([bills.pop() for _ in range(1 + number % 2)])
    return EACH


def kill_again_and_again(house: House, chance: random.Random, permits: Semaphore) -> list[tuple[str, float]]:
    """Kill web or worker, each at a random moment after it is up and some more payments have begun."""
    kills = []
    victims = [house.web, house.worker] * (KILLS // 2)
    chance.shuffle(victims)
    for victim in victims:
        wait_until(house.is_web_up if victim is house.web else house.is_worker_up, 60, f"the {victim.name} is back")
        permits.release(PAYMENTS // KILLS)
        after = chance.uniform(0, 0.8)
        time.sleep(after)  # not to wait for something, but to strike anywhere
        house.strike(victim)
        kills.append((victim.name, after))
    return kills


def spoil_webhooks(house: House, chance: random.Random) -> None:
    """Of about a thousand webhooks, every third is lost, late, doubled or overtaken by a later one."""
    for action in ("lost", "twice", "late", "out_of_order"):
        for start in range(0, 1000, 100):
            nth = start + chance.randrange(1, 90)
            house.outside.spoil("webhook", action, nth=nth, count=8, **({"seconds": 10} if action == "late" else {}))
