"""Logs: one line a request, every breakdown once with its place, and never a word that a person typed."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from procrastinate.jobs import Job
from sqlalchemy import insert

import server.app
from kit import clock, events, logs
from kit.database import transaction
from kit.idempotency import IdempotencyKey
from server.settings import Settings
from tests.factories import make_bill, make_customer
from tests.kit.serving import Served
from tests.people import Outside, Person, Work

PHONE, NAME, CARD, CODE = "+84912345678", "Nguyễn Thị Thuỷ", "4242424242424242", "PA07TH7654321"
PLANTED = (PHONE, PHONE[3:], "0912 345 678", NAME, "Thuỷ", CARD, CODE, CODE[-7:])
REQUEST_ID = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


_THE_SAME = {"caller": PHONE, "operation": "payBills", "key": "k", "fingerprint": "f"}


def break_down() -> str:
    """What nobody foresaw, with everything personal in its text."""
    raise RuntimeError(" ".join(PLANTED))


def break_in_the_database() -> str:
    """PostgreSQL itself quotes the row that was there before."""
    with transaction() as session:
        for _twice in range(2):
            session.execute(insert(IdempotencyKey).values(**_THE_SAME, created_at=clock.now()))
    return ""


def add_broken_routes(app: Flask) -> Flask:
    app.add_url_rule("/broken/<what>", view_func=lambda what: break_down(), endpoint="broken")
    app.add_url_rule("/broken-in-the-database", view_func=break_in_the_database)
    return app


def create_broken_app() -> Flask:
    """The application of the environment, with operations that break: served by the real web server below."""
    return add_broken_routes(server.app.create_app())


class Log:
    """What this process has written since the test began."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        """All of it."""
        return self._stream.getvalue()

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Its lines, each of which must be a JSON object."""
        lines = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if event in {None, line["event"]}]


@pytest.fixture
def log(app: Flask, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Log]:
    stream = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        logs.configure(key=settings.secret_key, level="DEBUG")
    yield Log(stream)
    logs.configure(key=settings.secret_key)


@pytest.fixture
def broken_app(app: Flask, settings: Settings, clean: None) -> Flask:
    return add_broken_routes(server.app.assemble(settings))


def check_nothing_personal(written: str, *more: str) -> None:
    for personal in (*PLANTED, *more):
        assert personal not in written


# -- one line a request ------------------------------------------------------------------------------------------------


def test_a_request_is_one_line_with_its_route_and_a_pseudonym(an: Person, log: Log) -> None:
    an.get(
        "/v1/payments/019a0c1e-0000-7c00-8000-0a1b2c3d4e5f",
        headers={"X-Request-Id": REQUEST_ID, "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"},
    )

    (line,) = log.lines("request")
    assert (line["request_id"], line["trace_id"]) == (REQUEST_ID, TRACE_ID)
    assert (line["method"], line["status"], line["code"]) == ("GET", 404, "not_found")
    assert (line["route"], line["operation"]) == ("/v1/payments/<uuid:payment_id>", "getPayment")
    assert line["actor"] == logs.pseudonym(f"citizen:{an.id}")
    assert line["ms"] >= 0
    assert line.keys() <= logs.ALLOWED
    assert str(an.id) not in log.text


def test_the_pseudonym_stays_and_differs_from_persons_to_persons(an: Person, binh: Person, log: Log) -> None:
    for person in (an, an, binh):
        person.get("/v1/me")

    first, second, third = (line["actor"] for line in log.lines("request"))
    assert first == second != third


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", f"/v1/{PHONE}", {}),
        ("GET", f"/v1/payments?cursor={CARD}&phone={PHONE}", {}),
        ("GET", f"/v1/payments/{CARD}", {}),
        ("GET", f"/problems/{CODE}", {}),
        (PHONE[1:], "/v1/me", {}),
        ("GET", "/v1/me", {"X-Request-Id": PHONE}),
        ("GET", "/v1/me", {"traceparent": f"00-{CARD}{CARD}-00f067aa0ba902b7"}),
        ("GET", "/v1/me", {"User-Agent": PHONE, "Referer": f"https://app.example/{CARD}", "Cookie": CODE}),
        ("GET", "/v1/me", {"Authorization": f"Bearer {CARD}"}),
    ],
)
def test_what_a_caller_plants_in_a_request_stands_in_no_line(
    an: Person, log: Log, method: str, path: str, headers: dict[str, str]
) -> None:
    an.ask(method, path, headers=headers)

    assert len(log.lines("request")) == 1
    check_nothing_personal(log.text, str(an.token))


def test_a_whole_journey_leaves_nothing_personal_behind(chi: Person, outside: Outside, work: Work, log: Log) -> None:
    customer = make_customer(code=CODE, name=NAME)
    bill = make_bill(outside, customer)

    started = chi.post("/v1/auth/phone-challenges", json={"phone": PHONE})
    work()
    code = outside.inbox("sms")[-1]["text"].split()[0]
    answer = f"/v1/auth/phone-challenges/{started.json['id']}/answer"
    wrong = chi.post(answer, json={"code": f"{(int(code) + 1) % 1_000_000:06d}"})
    signed_in = chi.post(answer, json={"code": code, "device_name": f"Máy của {NAME}"})
    chi.token = signed_in.json["access_token"]
    proof = {"provider": "pc-thanh-hoa", "customer_code": CODE}
    missed = chi.post("/v1/utilities/lookups", json={**proof, "holder_name": "Ai đó"})
    found = chi.post("/v1/utilities/lookups", json={**proof, "holder_name": NAME})
    asked = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd}
    with_number = chi.post("/v1/utilities/payments", json={**asked, "payment_method": CARD})
    declined = chi.post("/v1/utilities/payments", json={**asked, "payment_method": "pm_card_chargeDeclined"})
    paid = chi.post("/v1/utilities/payments", json={**asked, "payment_method": "pm_card_visa"})
    work()

    answers = (started, wrong, signed_in, missed, found, with_number, declined, paid)
    assert [answer.status_code for answer in answers] == [201, 422, 200, 404, 200, 422, 422, 201]
    assert len(log.lines("request")) == len(answers)
    assert chi.get(f"/v1/payments/{paid.json['id']}").json["state"] == "captured"
    secrets = (signed_in.json["access_token"], signed_in.json["refresh_token"], code, f"{code} ")
    check_nothing_personal(log.text, *secrets, bill.bill_no)


# -- breakdowns --------------------------------------------------------------------------------------------------------


def test_a_breakdown_is_logged_once_with_its_kind_and_place_and_without_its_text(broken_app: Flask, log: Log) -> None:
    refused = broken_app.test_client().get(f"/broken/{PHONE}", headers={"X-Request-Id": REQUEST_ID})

    (line,) = log.lines("broken")
    assert refused.status_code == 500
    assert (line["level"], line["error"], line["request_id"]) == ("error", "RuntimeError", REQUEST_ID)
    assert line["where"][-1].startswith("test_logs.py:")
    assert line["where"][-1].endswith(" break_down")
    assert [entry["event"] for entry in log.lines() if entry["level"] == "error"] == ["broken"]
    check_nothing_personal(log.text)


def test_what_the_database_quotes_is_not_quoted_again(broken_app: Flask, log: Log) -> None:
    refused = broken_app.test_client().get("/broken-in-the-database")

    (line,) = log.lines("broken")
    assert (refused.status_code, line["error"]) == (500, "IntegrityError")
    check_nothing_personal(log.text)


def test_a_breakdown_after_the_view_is_logged_without_its_path(broken_app: Flask, log: Log) -> None:
    def fail(_answer: object) -> None:
        break_down()

    broken_app.after_request_funcs.setdefault("site", []).append(fail)

    refused = broken_app.test_client().get(f"/problems/{PHONE}")

    assert refused.status_code == 500
    # Twice, because the same thing breaks again on the way out of the refusal.
    assert {line["error"] for line in log.lines() if line["level"] == "error"} == {"RuntimeError"}
    check_nothing_personal(log.text)


def test_a_job_that_breaks_is_logged_by_its_name_alone(log: Log, clean: None) -> None:
    job = Job(
        id=1, queue="q", lock=None, queueing_lock=None, task_name="payments.flows.settle:PaymentDoubtful",
        task_kwargs={"phone": PHONE}, attempts=2,
    )  # fmt: skip
    try:
        break_down()
    except RuntimeError as exc:
        events._BackOff().get_retry_decision(exception=exc, job=job)

    (line,) = log.lines("job_again")
    assert (line["task"], line["attempts"], line["error"]) == (job.task_name, 2, "RuntimeError")
    check_nothing_personal(log.text)


# -- other people's lines ----------------------------------------------------------------------------------------------


def test_other_libraries_are_quoted_only_as_far_as_their_template_goes(log: Log) -> None:
    library = logging.getLogger("some.library")
    library.warning("number %s was asked for by %s", PHONE, NAME)
    library.warning(f"number {PHONE} was asked for")
    library.info({"phone": PHONE})
    library.error("failed for %(name)s", {"name": NAME})
    try:
        break_down()
    except RuntimeError:
        library.exception(f"failed for {CARD}")

    template, place, _thing, named, failure = log.lines()
    assert (template["event"], template["logger"]) == ("number %s was asked for by %s", "some.library")
    assert place["event"].startswith("test_logs:")
    assert place["event"].endswith("test_other_libraries_are_quoted_only_as_far_as_their_template_goes")
    assert named["event"] == "failed for %(name)s"
    assert (failure["error"], failure["where"][-1].rpartition(" ")[2]) == ("RuntimeError", "break_down")
    check_nothing_personal(log.text)


@pytest.mark.parametrize("name", ["procrastinate.worker", "stripe", "urllib3.connectionpool", "psycopg", "_granian"])
def test_libraries_that_tell_everything_are_heard_from_warnings_on(log: Log, name: str) -> None:
    library = logging.getLogger(name)

    library.info("job(phone=%s)", PHONE)
    library.warning("pool is full")

    (line,) = log.lines()
    assert (line["level"], line["logger"]) == ("warning", name)


def test_a_field_that_is_not_on_the_list_is_left_out(log: Log) -> None:
    logs.logger.info("seen", phone=PHONE, name=NAME, count=3, error=f"no answer about {NAME}")

    (line,) = log.lines()
    assert line.keys() == {"event", "level", "logger", "timestamp", "count", "error"}
    assert (line["count"], line["error"]) == (3, "unsaid")
    check_nothing_personal(log.text)


def test_a_reason_in_plain_words_is_kept(log: Log) -> None:
    for reason in ("ConnectTimeout", "status 503", "answer not understood"):
        logs.logger.warning("provider_unreachable", error=reason)

    assert [line["error"] for line in log.lines()] == ["ConnectTimeout", "status 503", "answer not understood"]


# -- served for real ---------------------------------------------------------------------------------------------------


def test_the_real_web_server_logs_breakdowns_once_and_nothing_personal(
    settings: Settings, tmp_path: Path, clean: None
) -> None:
    with Served(settings, tmp_path, "tests.server.test_logs:create_broken_app") as served:
        statuses = [
            requests.get(f"{served.url}{path}", timeout=10).status_code
            for path in (f"/broken/{PHONE}", "/broken-in-the-database", f"/v1/{PHONE}", f"/v1/me?phone={PHONE}")
        ]

    written = served.written
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    broken = [line for line in lines if line["event"] == "broken"]
    answered = [line["status"] for line in lines if line["event"] == "request" and line.get("route") != "/livez"]
    assert statuses == answered == [500, 500, 404, 401]
    assert [line["error"] for line in broken] == ["RuntimeError", "IntegrityError"]
    assert broken[0]["where"][-1].endswith(" break_down")
    assert "Traceback" not in written
    check_nothing_personal(written)
