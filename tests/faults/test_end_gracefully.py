"""SIGTERM under load: what has begun is finished, and nothing new is begun."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
import requests

from tests.faults import books
from tests.faults.citizens import SLUG, Town
from tests.faults.house import House, wait_until

pytestmark = pytest.mark.timeout(300)
DRAIN_SECONDS = 20
CLIENTS = 6


def test_payments_that_have_begun_are_answered_before_the_web_ends(
    house: House, town: Town, figure: Callable[[str], None]
) -> None:
    citizens = town.settle(CLIENTS, each=1)
    slow = {"match": {"method": "POST", "path": "/payment_intents"}, "seconds": 2, "count": CLIENTS}
    house.outside.spoil("gateway", "delay", **slow)

    with ThreadPoolExecutor(CLIENTS) as pool:
        paying = [pool.submit(citizen.pay, bills[:1]) for citizen, bills in citizens]
        # Four threads are at the gateway, the others wait for a thread.
        wait_until(lambda: house.faults()[-1]["used"] >= 4, 20, "the requests have begun")
        told = time.monotonic()
        house.web.ask_to_end()
        status = house.web.wait(DRAIN_SECONDS)
        took = time.monotonic() - told
        states = [each.result(30).state for each in paying]

    figure(f"{CLIENTS} slow payments answered, the web ended after {took:.1f} s")
    assert (status, states) == (0, ["authorised"] * CLIENTS)
    assert sum((citizen.troubles for citizen, _bills in citizens), Counter()) == {}


def test_under_load_every_request_that_was_begun_is_answered(house: House, figure: Callable[[str], None]) -> None:
    over, under_load = Event(), Event()
    answered: dict[str, int] = {}
    dropped: list[str] = []
    refused = Counter[str]()

    def knock() -> None:
        with requests.Session() as http:
            http.trust_env = False
            while not over.is_set():
                request_id = str(uuid4())
                headers = {"Connection": "close", "X-Request-Id": request_id}
                try:
                    answered[request_id] = http.get(f"{house.url}/readyz", headers=headers, timeout=10).status_code
                except requests.ConnectionError as error:
                    if "Connection refused" in str(error):
                        refused["connection"] += 1
                        over.wait(0.05)
                    else:
                        dropped.append(request_id)
                if len(answered) > 200:
                    under_load.set()

    with ThreadPoolExecutor(CLIENTS) as pool:
        knocking = [pool.submit(knock) for _ in range(CLIENTS)]
        assert under_load.wait(60)
        house.web.ask_to_end()
        status = house.web.wait(DRAIN_SECONDS)
        over.set()
    for thread in knocking:
        thread.result()

    figure(
        f"{len(answered)} answered, {len(dropped)} closed before they were read, then {refused['connection']} refused"
    )
    assert status == 0
    assert set(answered.values()) == {200}
    # A connection may be closed before its request was read; what was read must be answered.
    begun = house.web.log.read_text()
    assert [request_id for request_id in dropped if request_id in begun] == []
    assert len(dropped) <= CLIENTS


def test_a_job_in_hand_is_finished_before_the_worker_ends(
    house: House, town: Town, figure: Callable[[str], None]
) -> None:
    ((citizen, bills),) = town.settle(1, each=1)
    slow = {"match": {"method": "POST", "path": "/postings", "slug": SLUG}, "seconds": 3}
    house.outside.spoil("provider", "delay", **slow)
    done = citizen.pay(bills[:1])
    wait_until(lambda: house.faults()[-1]["used"], 20, "the provider is being asked to post")

    told = time.monotonic()
    house.worker.ask_to_end()
    status = house.worker.wait(DRAIN_SECONDS)
    took = time.monotonic() - told

    figure(f"the job was finished and the worker ended after {took:.1f} s")
    assert status == 0
    assert [each["payment_ref"] for each in house.outside.postings(SLUG)].count(done.id) == 1
    posted = f"SELECT posting FROM payment_item WHERE payment_id = '{done.id}'"
    assert books.rows(house, posted) == [("posted",)]
    assert books.rows(house, "SELECT id FROM procrastinate_jobs WHERE status = 'doing'") == []
