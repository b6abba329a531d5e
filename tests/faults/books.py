"""What everybody's books say when it is over: ours, the gateway's, the provider's and the citizens' inboxes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import psycopg

from tests.faults.citizens import SLUG, Town
from tests.faults.house import House, wait_until
from tests.templates import ROOT

# A periodic job may fail: the next one does the same.
_ONCE = "NOT EXISTS (SELECT FROM procrastinate_periodic_defers d WHERE d.task_name = j.task_name)"
_UNDER_WAY = {
    "payments in an open state": """
        SELECT count(*) FROM payment WHERE state NOT IN ('captured', 'failed', 'cancelled', 'expired')
    """,
    "items to be posted": """
        SELECT count(*) FROM payment_item WHERE taken AND posting IN ('pending', 'unknown', 'parked')
    """,
    "bills being paid": "SELECT count(*) FROM bill WHERE state = 'paying'",
    "jobs to be done": f"SELECT count(*) FROM procrastinate_jobs j WHERE status IN ('todo', 'doing') AND {_ONCE}",
}


def rows(house: House, query: str) -> list[tuple[Any, ...]]:
    """What a query on the house's own database gives."""
    with psycopg.connect(house.database_url) as connection:
        return connection.execute(query).fetchall()


def under_way(house: House) -> dict[str, int]:
    """Everything that is not finished yet, by kind."""
    (counted,) = rows(house, f"SELECT {', '.join(f'({query})' for query in _UNDER_WAY.values())}")
    return {what: count for what, count in zip(_UNDER_WAY, counted, strict=True) if count}


def await_quiet(house: House, seconds: float) -> None:
    """Wait until nothing is under way any more; fails with what still is."""
    left: dict[str, int] = {}

    def is_quiet() -> bool:
        left.clear()
        left.update(under_way(house))
        return not left

    try:
        wait_until(is_quiet, seconds, "everything is finished", every=0.2)
    except AssertionError as late:
        raise AssertionError(f"{late}; still {left}") from None


def stories(house: House, payment_ids: Iterable[str]) -> str:
    """What happened to these payments, step by step: for whoever has to find out why they are not as they should be."""
    query = """
        SELECT p.id::text || ' ' || p.state || ' ' || coalesce(p.reason, '') || ': '
            || string_agg(to_char(e.created_at, 'HH24:MI:SS.MS ') || e.step, ', ' ORDER BY e.id)
        FROM payment p JOIN payment_event e ON e.payment_id = p.id GROUP BY p.id
    """
    wanted = set(payment_ids)
    return "\n".join(story for (story,) in rows(house, query) if story.split()[0] in wanted)


def check(house: House, town: Town) -> None:
    """Everything acknowledged was taken, posted and announced exactly once, and nothing else was taken."""
    paid = town.paid
    wanted = {done.id: done.amount_vnd for _citizen, done in paid}
    assert len(wanted) == len(paid), "two answers name the same payment"

    ours = dict(rows(house, "SELECT id::text, captured_vnd FROM payment WHERE state = 'captured'"))
    assert ours == wanted, stories(house, {name for name, _vnd in ours.items() ^ wanted.items()})

    intents = house.outside._ask("GET", "/control/gateway/intents", params={"limit": 10_000})["items"]
    taken = [each for each in intents if each["status"] == "succeeded"]
    assert sorted((each["metadata"]["payment_id"], each["amount_received"]) for each in taken) == sorted(wanted.items())
    assert {each["status"] for each in intents} <= {"succeeded", "canceled"}

    posted = [(each["payment_ref"], each["bill_no"], each["amount_vnd"]) for each in house.outside.postings(SLUG)]
    assert sorted(posted) == sorted((done.id, no, vnd) for _citizen, done in paid for no, vnd in done.bills.items())

    assert rows(house, "SELECT coalesce(sum(amount_vnd), 0) FROM journal_entry") == [(0,)]
    booked = "SELECT payment_id::text, count(*) FROM journal WHERE kind = 'captured' GROUP BY 1"
    assert dict(rows(house, booked)) == dict.fromkeys(wanted, 1)
    booked = "SELECT payment_id::text, count(*) FROM journal WHERE kind = 'posted' GROUP BY 1"
    assert dict(rows(house, booked)) == {done.id: len(done.bills) for _citizen, done in paid}

    # Every promise of the books, as an operator asks for them.
    asked = [sys.executable, "-m", "server.cli", "payments", "check"]
    told = subprocess.run(
        asked, cwd=ROOT, env=house.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr[-2000:]

    kinds = "SELECT subject_id::text, count(*) FROM message WHERE kind = 'bills_paid' GROUP BY 1"
    assert dict(rows(house, kinds)) == dict.fromkeys(wanted, 1)
    citizen, last = paid[-1]
    assert citizen.messages_about(last.id) == ["bills_paid"]

    states = dict(rows(house, "SELECT bill_no, state FROM bill WHERE state <> 'open'"))
    assert states == {number: "paid" for _citizen, done in paid for number in done.bills}
    assert rows(house, f"SELECT task_name FROM procrastinate_jobs j WHERE status = 'failed' AND {_ONCE}") == []
