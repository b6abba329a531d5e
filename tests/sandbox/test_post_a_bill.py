"""Power and water companies: what is owed, posting a payment once, and the daily statement."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox import Server
from tests.sandbox.sandbox_clients import Order, partner_headers

Company = Callable[..., requests.Response]


@pytest.fixture
def company(world: Server) -> Company:
    """Call the power company as its partner does."""

    def call(path: str, body: object = None, slug: str = "power", timeout: float = 5) -> requests.Response:
        raw = json.dumps(body).encode()
        headers = partner_headers(slug, raw)
        url = f"{world.url}/providers/{slug}/{path}"
        if body is None:
            return requests.get(url, headers=headers, timeout=timeout)
        return requests.post(url, data=raw, headers=headers, timeout=timeout)

    return call


def posting(**change: Any) -> dict[str, Any]:
    return {
        "payment_ref": "p-1",
        "bill_no": "HD001",
        "amount_vnd": 425_000,
        "paid_at": "2026-11-21T08:00:00+07:00",
    } | change


def test_the_sample_bills_are_open(company: Company) -> None:
    checked = company("bills/check", {"bill_no": "HD001"}).json()

    version = checked.pop("version")
    assert checked == {
        "bill_no": "HD001",
        "customer_code": "PA01HH0000001",
        "period": "2026-10",
        "amount_vnd": 425_000,
        "status": "open",
        "paid_channel": None,
    }
    assert len(version) == 16
    found = company("bills/search", {"customer_code": "PA01HH0000002"}).json()["items"]
    assert [bill["bill_no"] for bill in found] == ["HD002"]


def test_a_payment_is_posted_once_however_often_it_is_sent(company: Company) -> None:
    first = company("postings", posting())
    again = company("postings", posting())

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert first.json()["receipt_no"].startswith("POWER-")
    bill = company("bills/check", {"bill_no": "HD001"}).json()
    assert (bill["status"], bill["paid_channel"]) == ("paid", "app")


def test_only_one_of_two_payments_for_a_bill_is_posted(company: Company) -> None:
    answers: list[int] = []

    def post(number: int) -> None:
        answers.append(company("postings", posting(payment_ref=f"p-{number}")).status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"amount_vnd": 424_999}, 409, "amount_differs"),
        ({"bill_no": "HD999"}, 404, "unknown_bill"),
        ({"amount_vnd": 425_000.0}, 400, "invalid_request"),
        ({"amount_vnd": "425000"}, 400, "invalid_request"),
        ({"paid_at": "2026-11-21T08:00:00"}, 400, "invalid_request"),
        ({"payment_ref": ""}, 400, "invalid_request"),
    ],
)
def test_a_payment_that_does_not_fit_is_refused(
    company: Company,
    change: dict[str, Any],
    status: int,
    error: str,
) -> None:
    refused = company("postings", posting(**change))

    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert company("bills/check", {"bill_no": "HD001"}).json()["status"] == "open"


def test_a_bill_paid_at_the_counter_is_not_paid_again(world: Server, company: Company) -> None:
    url = f"{world.url}/control/providers/power/pay-elsewhere"
    at_counter = requests.post(url, json={"bill_no": "HD001"}, timeout=5)

    refused = company("postings", posting())

    assert (at_counter.json()["status"], at_counter.json()["paid_channel"]) == ("paid", "counter")
    assert (refused.status_code, refused.json()) == (409, {"error": "already_paid"})


def test_a_changed_bill_has_another_version_and_a_withdrawn_one_takes_no_payment(
    world: Server,
    company: Company,
) -> None:
    before = company("bills/check", {"bill_no": "HD001"}).json()
    url = f"{world.url}/control/providers/power/bills"

    changed = requests.post(url, json={"bill_no": "HD001", "amount_vnd": 430_000}, timeout=5)
    stale = company("postings", posting())
    requests.post(url, json={"bill_no": "HD001", "status": "withdrawn"}, timeout=5)
    withdrawn = company("postings", posting(amount_vnd=430_000))

    assert changed.json()["version"] != before["version"]
    assert stale.json() == {"error": "amount_differs"}
    assert withdrawn.json() == {"error": "withdrawn"}


def test_an_answer_lost_after_posting_is_found_by_asking(company: Company, order: Order) -> None:
    order(target="provider", action="timeout_after", seconds=5, match={"slug": "power", "path": "/postings"})

    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        company("postings", posting(), timeout=0.3)
    found = company("postings/query", {"payment_ref": "p-1", "bill_no": "HD001"})

    assert found.status_code == 200
    assert found.json()["amount_vnd"] == 425_000
    assert company("postings", posting()).json() == found.json()


def test_a_posting_nobody_made_is_not_found(company: Company) -> None:
    unknown = company("postings/query", {"payment_ref": "p-1", "bill_no": "HD001"})

    assert (unknown.status_code, unknown.json()) == (404, {"error": "unknown_posting"})


def test_the_statement_lists_the_postings_of_a_vietnamese_day(world: Server, company: Company) -> None:
    # 17:30 UTC is half past midnight of the next day in Vietnam.
    requests.post(f"{world.url}/control/clock", json={"now": "2026-11-21T16:59:00+00:00"}, timeout=5)
    company("postings", posting())
    requests.post(f"{world.url}/control/clock", json={"now": "2026-11-21T17:30:00+00:00"}, timeout=5)
    company("postings", posting(payment_ref="p-2", bill_no="HD002", amount_vnd=99_000))

    days = {day: company(f"statements/{day}").json() for day in ("2026-11-21", "2026-11-22", "2026-11-23")}

    assert {day: (each["count"], each["sum_vnd"]) for day, each in days.items()} == {
        "2026-11-21": (1, 425_000),
        "2026-11-22": (1, 99_000),
        "2026-11-23": (0, 0),
    }
    assert days["2026-11-22"]["items"][0]["bill_no"] == "HD002"
    assert company("statements/yesterday").status_code == 400


def test_a_wrong_key_and_an_unknown_company_are_refused(world: Server) -> None:
    url = f"{world.url}/providers"

    wrong = requests.post(
        f"{url}/power/bills/check",
        json={"bill_no": "HD001"},
        timeout=5,
        headers={"Authorization": "Bearer sandbox-water"},
    )
    unknown = requests.post(
        f"{url}/gas/bills/check", json={"bill_no": "HD001"}, timeout=5, headers={"Authorization": "Bearer sandbox-gas"}
    )

    assert (wrong.status_code, unknown.status_code) == (401, 404)


def test_a_company_appears_with_its_first_bill_and_takes_many_at_once(world: Server, company: Company) -> None:
    url = f"{world.url}/control/providers/water/bills"

    added = requests.post(
        url,
        timeout=5,
        json={"items": [{"bill_no": f"N{n}", "customer_code": "W1", "amount_vnd": 50_000 + n} for n in range(3)]},
    )
    found = company("bills/search", {"customer_code": "W1"}, slug="water").json()["items"]

    assert added.status_code == 200
    assert [bill["amount_vnd"] for bill in found] == [50_000, 50_001, 50_002]


def test_many_bills_are_taken_all_or_none(world: Server, company: Company) -> None:
    url = f"{world.url}/control/providers/power/bills"

    refused = requests.post(
        url,
        timeout=5,
        json={"items": [{"bill_no": "N1", "customer_code": "W1", "amount_vnd": 50_000}, {"bill_no": "N2"}]},
    )

    assert refused.status_code == 400
    assert company("bills/check", {"bill_no": "N1"}).status_code == 404


@pytest.mark.parametrize("spoilt", ["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
def test_a_posting_that_is_not_signed_as_it_stands_is_refused(world: Server, spoilt: str) -> None:
    raw = json.dumps(posting()).encode()
    headers = partner_headers("power", raw)
    sent = raw.replace(b"425000", b"425001") if spoilt == "body" else raw
    headers |= {} if spoilt == "body" else {spoilt: "1"}

    answer = requests.post(f"{world.url}/providers/power/postings", data=sent, headers=headers, timeout=5)

    assert (answer.status_code, answer.json()) == (401, {"error": "wrong_signature"})
