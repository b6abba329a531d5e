"""A company's way to live: test keys and test data until everything is shown, and nothing of them after that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from flask.testing import FlaskClient

import payments.operations
import services.utilities.flows
from kit import clock, egress, sealed
from kit.database import new_id, transaction
from kit.events import TryLater
from server.settings import Settings
from services.utilities import providers
from services.utilities.errors import NotInTest
from services.utilities.models import Provider
from services.utilities.onboarding_schemas import APPLICATION_EXAMPLE
from services.utilities.operations import trials
from services.utilities.operations.pulling import Answer
from tests.payments.stories import rows
from tests.people import Caller, Outside, Person, StaffMember, Work, all_at_once
from tests.webhooks.conftest import Receiver

SCOPES = ["bills:write", "payments:read", "settlement:write", "webhooks:manage"]
SLUG = APPLICATION_EXAMPLE["slug"]
BILL = {
    "bill_no": "TEST-1", "customer_code": "NM0000001", "customer_name": "Trần Thị Thử", "period": "2026-10",
    "amount_vnd": 120_000, "issued_on": "2026-11-05", "due_on": "2026-11-25",
}  # fmt: skip
POSTINGS, TRIALS = "/v1/utilities/provider-postings", "/v1/utilities/provider-trials"
LAYOUT, COLUMNS = "/v1/utilities/provider-statement-layouts", {"key": "Số hóa đơn", "amount": "Số tiền"}


class Company:
    """A company in testing: its person, the province's, and how its systems get in."""

    def __init__(self, http: FlaskClient, hoa: StaffMember, operator: StaffMember, **told: Any) -> None:
        self.http, self.operator = http, operator
        made = hoa.as_citizen().post("/v1/utilities/provider-applications", json=APPLICATION_EXAMPLE | told).json
        self.id = made["id"]
        self.move("in_review")
        self.move("testing")
        hoa.organisation_id = hoa.as_citizen().get("/v1/me/organisations").json["items"][0]["id"]
        self.hoa = hoa

    def move(self, to: str, **more: Any) -> Any:
        return self.operator.post(f"/v1/utilities/provider-reviews/{self.id}/moves", json={"to": to, **more})

    def client(self) -> dict[str, Any]:
        """A new system, registered by the company's own operator."""
        asked = {"name": "Billing", "scopes": SCOPES}
        made: dict[str, Any] = self.hoa.post(f"/v1/organisations/{self.hoa.organisation_id}/clients", json=asked).json
        return made

    def token(self, client: dict[str, Any]) -> Any:
        asked = {"grant_type": "client_credentials", "client_id": client["id"],
                 "client_secret": client["client_secret"]}  # fmt: skip
        return self.http.post("/v1/auth/token", data=asked)

    def system(self) -> Caller:
        return Caller(self.http, self.token(self.client()).json["access_token"])


@pytest.fixture(autouse=True)
def as_before(settings: Settings) -> Iterator[None]:
    """What a test says of addresses ends with it."""
    yield
    egress.configure(allowed=settings.sandbox_url)


@pytest.fixture
def company(client: Callable[[], FlaskClient], staff: Callable[..., StaffMember]) -> Company:
    """One that fetches its postings."""
    return Company(client(), staff("clinic"), staff("province", "operator"))


def _show_everything(company: Company, system: Caller, receiver: Receiver, work: Work) -> None:
    """All that the checklist asks, in the way the guide says."""
    kept = system.ask("PUT", LAYOUT, json={"columns": COLUMNS})
    twice = system.ask("PUT", LAYOUT, json={"columns": {"key": "A", "amount": "A"}})
    assert (kept.json, twice.status_code, twice.json["code"]) == ({"columns": COLUMNS}, 422, "layout_unusable")
    system.ask("PUT", "/v1/utilities/provider-bills", json=BILL)
    system.post(TRIALS, json={"bill_no": BILL["bill_no"]})
    (item,) = system.get(POSTINGS).json["items"]
    yesterday = clock.now() - timedelta(days=1)
    answer = {"id": item["id"], "receipt_no": "R-1", "posted_at": clock.local(yesterday).isoformat()}
    system.post(f"{POSTINGS}/answers", json={"items": [answer]})
    with transaction() as session:
        day = payments.operations.business_day(payments.operations.read_terms(session, UUID(company.id)), yesterday)
    sent = system.post(
        f"/v1/utilities/provider-statements?way=provider&business_day={day}",
        data=f"Số hóa đơn,Số tiền\n{BILL['bill_no']},{BILL['amount_vnd']}\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert sent.status_code == 202, sent.json
    made = system.post("/v1/webhooks/endpoints", json={"url": f"{receiver.url}/", "kinds": ["payment.posted"]}).json
    system.post(f"/v1/webhooks/endpoints/{made['id']}/tests")
    assert work() == []


def test_a_company_goes_live_with_everything_shown_and_leaves_its_tests_behind(
    company: Company, an: Person, receiver: Receiver, work: Work
) -> None:
    key = company.client()
    system = Caller(company.http, company.token(key).json["access_token"])
    too_soon = company.move("live")
    listed = an.get("/v1/utilities/providers").json["items"]
    asked = {"provider": SLUG, "customer_code": "NM0000001", "holder_name": "Trần Thị Thử"}
    _show_everything(company, system, receiver, work)
    unseen = an.post("/v1/utilities/lookups", json=asked)
    shown = system.get("/v1/utilities/provider-onboarding").json["checklist"]

    live = company.move("live")

    assert too_soon.status_code == 409
    assert too_soon.json["missing"] == [
        "bills_imported", "posting_answered", "statement_compared", "webhook_delivered"
    ]  # fmt: skip
    assert (key["mode"], listed, unseen.status_code) == ("test", [], 404)
    assert shown == dict.fromkeys(too_soon.json["missing"], True)
    assert (live.status_code, live.json["stage"]) == (200, "live")
    # The very next request with the test key is refused, and it gets no token any more.
    assert system.get(POSTINGS).status_code == 401
    assert (company.token(key).status_code, company.token(key).json["error"]) == (401, "invalid_client")
    assert rows("SELECT id FROM bill") == rows("SELECT id FROM customer") == []
    assert rows("SELECT id FROM statement WHERE current") == rows("SELECT id FROM discrepancy") == []
    for table in ("payment_item", "journal", "match_run"):
        assert rows(f"SELECT id FROM {table}") == [], table
    assert [item["slug"] for item in an.get("/v1/utilities/providers").json["items"]] == [SLUG]
    fresh = company.client()
    assert fresh["mode"] == "live"
    real = Caller(company.http, company.token(fresh).json["access_token"])
    assert real.ask("PUT", "/v1/utilities/provider-bills", json=BILL).status_code == 200
    assert an.post("/v1/utilities/lookups", json=asked).status_code == 200
    assert real.post(TRIALS, json={"bill_no": BILL["bill_no"]}).json["code"] == "not_in_test"
    assert real.get(LAYOUT).json == {"columns": COLUMNS}
    assert real.ask("PUT", LAYOUT, json={"columns": COLUMNS}).json["code"] == "layout_under_review"


def test_what_a_test_key_writes_while_its_company_goes_live_is_wiped_or_was_never_written(
    company: Company, receiver: Receiver, work: Work
) -> None:
    system = company.system()
    _show_everything(company, system, receiver, work)
    callers = [Caller(company.http.application.test_client(), system.token) for _ in range(6)]

    def write(number: int) -> int:
        if number == 3:
            return int(company.move("live").status_code)
        said = [
            callers[number].ask("PUT", "/v1/utilities/provider-bills", json=BILL | {"bill_no": f"T-{number}-{each}"})
            for each in range(6)
        ]
        return int(said[-1].status_code)

    codes = all_at_once(6, write)

    assert codes[3] == 200
    assert set(codes) <= {200, 401, 409}
    assert rows("SELECT bill_no FROM bill") == []


def test_a_test_key_that_was_let_in_a_moment_too_early_touches_nothing_live(
    company: Company, receiver: Receiver, work: Work
) -> None:
    _show_everything(company, company.system(), receiver, work)
    company.move("live")

    # Behind the guard, as for a request that it had let in just before.
    with pytest.raises(NotInTest), transaction() as session:
        trials.hold(session, company.id, is_test=True)
    answer = Answer(new_id(), "R-1", None, None)
    with pytest.raises(NotInTest):
        services.utilities.flows.answer_postings(company.id, [answer], is_test=True)


def test_a_file_that_is_not_read_when_the_tests_end_is_never_read(
    company: Company, receiver: Receiver, work: Work
) -> None:
    system = company.system()
    _show_everything(company, system, receiver, work)
    columns = ",".join(BILL)
    sent = system.post(
        "/v1/utilities/imports", data=f"{columns}\n{','.join(map(str, BILL.values()))}\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip

    company.move("live")
    failures = work()

    assert (sent.status_code, failures, rows("SELECT id FROM bill")) == (202, [], [])
    assert rows("SELECT state, reason FROM bill_import WHERE finished_at IS NOT NULL") == [("failed", "tests_are_over")]


def test_a_company_that_is_turned_away_in_testing_is_shut_out(company: Company) -> None:
    key = company.client()
    system = Caller(company.http, company.token(key).json["access_token"])
    before = system.get(POSTINGS).status_code

    rejected = company.move("rejected", reason="Không đạt")

    assert (before, rejected.json["stage"]) == (200, "rejected")
    assert (system.get(POSTINGS).status_code, company.token(key).status_code) == (401, 401)
    assert company.hoa.get(POSTINGS).status_code == 403


def test_who_applied_and_has_left_the_company_sees_it_no_more(company: Company) -> None:
    citizen = company.hoa.as_citizen()
    path = f"/v1/utilities/provider-applications/{company.id}"
    before = (citizen.get(path).status_code, len(citizen.get("/v1/utilities/provider-applications").json["items"]))

    rows("UPDATE membership SET ended_at = now() WHERE citizen_id = :id RETURNING id", id=company.hoa.id)

    assert before == (200, 1)
    assert citizen.get(path).status_code == 404
    assert citizen.get("/v1/utilities/provider-applications").json["items"] == []


def test_a_company_that_is_called_is_called_at_its_own_address_signed_and_once(
    client: Callable[[], FlaskClient], staff: Callable[..., StaffMember], outside: Outside, work: Work
) -> None:
    egress.configure(allowed=outside.url)
    url = f"{outside.url}/providers/{SLUG}"
    company = Company(client(), staff("clinic"), staff("province", "operator"), posting_mode="push", endpoint_url=url)
    # What the stand-in of the sandbox expects; a real company puts in place what it was told.
    found = providers._find_endpoint(SLUG)
    told = company.hoa.post("/v1/utilities/provider-posting-credentials").json
    system = company.system()
    system.ask("PUT", "/v1/utilities/provider-bills", json=BILL)
    outside.has_bill(SLUG, **{name: BILL[name] for name in ("bill_no", "customer_code", "period", "amount_vnd")})
    trial = system.post(TRIALS, json={"bill_no": BILL["bill_no"]}).json

    refused = work()
    _show_key(company.id, found)
    failures = work()
    again = work()

    seen = system.get(f"{TRIALS}/{trial['id']}").json
    (posting,) = outside.postings(SLUG)
    assert set(told) == {"key", "secret"}
    assert [type(each).__name__ for each in refused] == ["TryLater"], "another key is not let in"
    assert (failures, again) == ([], [])
    assert (seen["state"], seen["receipt_no"], seen["attempts"]) == ("posted", posting["receipt_no"], 2)
    assert system.get(POSTINGS).json["code"] == "posting_by_push"


def test_a_system_in_testing_that_never_answers_is_not_called_for_ever(
    client: Callable[[], FlaskClient], staff: Callable[..., StaffMember], work: Work
) -> None:
    egress.configure(resolve=lambda _host, _port: ["93.184.215.14"])
    company = Company(
        client(), staff("clinic"), staff("province", "operator"), posting_mode="push", endpoint_url="https://pc.vn/x"
    )
    system = company.system()
    system.ask("PUT", "/v1/utilities/provider-bills", json=BILL)
    trial = system.post(TRIALS, json={"bill_no": BILL["bill_no"]}).json
    egress.configure(resolve=lambda _host, _port: ["10.0.0.8"])

    waits = [failure for _ in range(12) for failure in work()]

    seen = system.get(f"{TRIALS}/{trial['id']}").json
    assert [each.seconds for each in waits if isinstance(each, TryLater)] == [5 * 2**n for n in range(9)]
    assert (len(waits), seen["state"], seen["attempts"]) == (9, "pending", 10)
    assert rows("SELECT id FROM procrastinate_jobs WHERE status <> 'succeeded'") == []


def _show_key(provider_id: str, found: providers.Endpoint) -> None:
    """The company's system and we agree on what the sandbox's stand-in knows."""
    shown = orjson.dumps({"key": found.key, "secret": found.secret}).decode()
    credentials = sealed.seal_in(Provider.endpoint_sealed, UUID(provider_id), shown)
    rows(
        "UPDATE provider SET endpoint_sealed = :sealed WHERE id = :id RETURNING id", sealed=credentials, id=provider_id
    )
