"""The database dies while citizens pay: they are told to wait, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults import books
from tests.faults.citizens import Citizen, Town
from tests.faults.house import House, wait_until

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc"),
]
# What is proved is the same for more deaths, for twice as many citizens, and for more payments of each: DEATHS=3.
DEATHS = int(os.environ.get("DEATHS", "1"))
CITIZENS, EACH = min(4 * DEATHS, 8), 2 * DEATHS  # the web has four threads
SEED = 20_261_121
# What is proved is the same for three minutes: OUTAGE_SECONDS=180; the apps give up after four.
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "5"))
TOLD_TO_WAIT = {"503 service_unavailable", "409 request_in_flight"}


def test_payments_go_on_after_the_database_has_died(house: House, town: Town, figure: Callable[[str], None]) -> None:
    citizens = town.settle(CITIZENS, each=2)
    began = time.monotonic()

    with ThreadPoolExecutor(CITIZENS) as pool:
        paying = [pool.submit(pay_all, citizen, bills) for citizen, bills in citizens]
        for _death in range(DEATHS):
            with house.without_database():
                time.sleep(1.5)  # how long the outage lasts
            wait_until(house.is_web_up, 30, "the web is ready")
        paid = sum(thread.result() for thread in paying)
    books.await_quiet(house, 90)

    troubles = sum((citizen.troubles for citizen, _bills in citizens), Counter())
    figure(
        f"{DEATHS} deaths, {paid} payments, all quiet after {time.monotonic() - began:.0f} s; the apps were told "
        f"{dict(troubles)}; the worker was started {house.worker.starts} times"
    )
    assert troubles.keys() <= TOLD_TO_WAIT
    assert troubles["503 service_unavailable"] > 0
    books.check(house, town)


@pytest.mark.long
def test_49_after_a_failover_under_load_every_acknowledged_payment_exists(
    house: House, town: Town, figure: Callable[[str], None]
) -> None:
    citizens = town.settle(CITIZENS, each=2)

    with ThreadPoolExecutor(CITIZENS) as pool:
        paying = [pool.submit(pay_all, citizen, bills) for citizen, bills in citizens]
        wait_until(lambda: len(town.paid) > 0, 60, "the load is on")
        with house.without_database():
            time.sleep(OUTAGE_SECONDS)
        paid = sum(thread.result() for thread in paying)
    books.await_quiet(house, 90)

    figure(f"{OUTAGE_SECONDS:.0f} s without a database, {paid} payments")
    assert paid == CITIZENS * EACH
    books.check(house, town)


@pytest.mark.long
def test_payments_go_on_while_connections_are_cut_one_after_the_other(
    house: House, town: Town, figure: Callable[[str], None]
) -> None:
    citizens = town.settle(CITIZENS, each=2)
    chance = random.Random(SEED)
    cut, workers = 0, house.worker.starts

    with ThreadPoolExecutor(CITIZENS) as pool:
        paying = [pool.submit(pay_all, citizen, bills) for citizen, bills in citizens]
        while not all(each.done() for each in paying):
            cut += house.cut_connections(chance)
            time.sleep(chance.uniform(0, 0.2))  # not to wait for something, but to strike anywhere
        paid = sum(thread.result() for thread in paying)
    books.await_quiet(house, 90)

    troubles = sum((citizen.troubles for citizen, _bills in citizens), Counter())
    figure(
        f"{cut} connections cut (seed {SEED}) during {paid} payments; the apps were told {dict(troubles)}; "
        f"the worker had to be started again {house.worker.starts - workers} times"
    )
    assert cut > CITIZENS
    assert troubles.keys() <= TOLD_TO_WAIT
    books.check(house, town)


def test_the_web_finds_its_way_back_by_itself(house: House, town: Town, figure: Callable[[str], None]) -> None:
    ((citizen, _bills),) = town.settle(1, each=1)

    for answers in (statuses(citizen, house), statuses(citizen, house)):
        figure(f"GET /v1/me after the database is back: {answers}")
        assert answers.count(503) <= 1
        assert set(answers) <= {200, 503}


def statuses(citizen: Citizen, house: House) -> list[int]:
    """What a citizen is answered once the database is back that died while nobody asked for anything."""
    with house.without_database():
        pass
    return [citizen.ask_once("GET", "/v1/me").status_code for _ in range(10)]


def pay_all(citizen: Citizen, bills: list[dict[str, Any]]) -> int:
    return len([citizen.pay([bills.pop()]) for _ in range(EACH)])
