"""Asking for a one-time code: which numbers, how often, and what a stranger learns."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text

from auth import operations
from auth.models import ChallengeBudget, Citizen, PhoneChallenge
from kit import clock
from kit.database import count_statements, transaction
from tests.auth.people import AN, BINH, read_code
from tests.people import all_at_once


@pytest.mark.parametrize(
    "typed",
    [
        "0912 345 678",
        "+84912345678",
        "84912345678",
        "0912.345.678",
        "(0912) 345-678",
        "+84 912 345 678",
        "+84 (0) 912 345 678",
    ],
)
def test_a_number_is_understood_however_it_is_typed(phone, typed):
    asked = phone.ask(typed)

    assert asked.status_code == 201
    assert asked.json.keys() == {"id", "expires_at", "tries_left"}
    assert asked.json["tries_left"] == 5
    with transaction() as session:
        assert operations.get_code_to_send(session, UUID(asked.json["id"])).phone == "+84912345678"


@pytest.mark.parametrize(
    "typed",
    [
        "0222 3821 234",  # a landline in Bắc Ninh
        "01612345678",  # eleven digits, abolished in 2018
        "+14155552671",
        "1900 1234",
        "091234567",
        "09123456789",
        "0140 123 456",  # a service range
        "0912 FLOWER",
        "0912 345 678 ext 9",
        "０９１２３４５６７８",  # noqa: RUF001 - full-width digits
        "+84+912345678",
        "----------",
    ],
)
def test_what_is_no_vietnamese_mobile_number_is_refused(phone, typed):
    refused = phone.ask(typed)

    assert refused.status_code == 422
    assert refused.json["code"] == "not_vietnamese_mobile"
    assert typed not in refused.text


def test_without_a_number_or_with_an_unknown_field_nothing_is_sent(phone):
    nothing = phone.http.post("/v1/auth/phone-challenges", json={}, headers={"Idempotency-Key": "a"})
    unknown = phone.ask(AN, is_admin="yes")
    no_key = phone.http.post("/v1/auth/phone-challenges", json={"phone": AN})

    assert [nothing.status_code, unknown.status_code, no_key.status_code] == [422, 422, 400]
    assert no_key.json["code"] == "idempotency_key_missing"
    with transaction() as session:
        assert session.execute(select(func.count()).select_from(PhoneChallenge)).scalar_one() == 0


def test_the_message_follows_the_language_asked_for_or_else_that_of_the_app(phone):
    asked_for = phone.ask(AN, language="en").json["id"]
    phone.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en-GB, en;q=0.9, vi;q=0.5"
    of_the_app = phone.ask(BINH).json["id"]
    over_the_app = phone.ask(BINH, language="vi").json["id"]

    with transaction() as session:
        languages = [
            operations.get_code_to_send(session, UUID(i)).language for i in (asked_for, of_the_app, over_the_app)
        ]
    assert languages == ["en", "en", "vi"]


def test_the_same_key_asks_once(phone):
    first = phone.ask(AN, key="k-1")
    again = phone.ask("+84912345678", key="k-1")
    another = phone.ask(BINH, key="k-1")

    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert (another.status_code, another.json["code"]) == (422, "idempotency_key_reused")


def test_one_job_is_enqueued_for_each_code_and_names_the_challenge_alone(phone):
    challenge = phone.ask(AN, key="k-1").json["id"]
    phone.ask(AN, key="k-1")

    with transaction() as session:
        jobs = session.execute(text("SELECT args FROM procrastinate_jobs WHERE args ? 'challenge_id'")).scalars().all()
    assert jobs == [{"challenge_id": challenge}]


def test_the_code_stands_nowhere_in_the_database(phone):
    challenge = phone.ask(AN).json["id"]
    code = read_code(challenge)

    with transaction() as session:
        stored = session.execute(text("SELECT row_to_json(c)::text FROM phone_challenge c")).scalar_one()
    assert (len(code), code.isdigit()) == (6, True)
    assert code not in stored.replace(challenge, "")


def test_codes_of_two_challenges_differ_and_are_the_same_at_every_reading(phone):
    challenges = [phone.ask(AN).json["id"] for _ in range(5)]

    codes = [read_code(challenge) for challenge in challenges]

    assert len(set(codes)) > 1
    assert [read_code(challenge) for challenge in challenges] == codes


def test_a_number_gets_ten_codes_a_day(phone, later):
    granted = [phone.ask(AN, address=f"203.0.113.{n}").status_code for n in range(10)]
    refused = phone.ask("+84 912 345 678", address="198.51.100.1")
    neighbour = phone.ask(BINH)
    later(timedelta(seconds=int(refused.headers["Retry-After"])))
    tomorrow = phone.ask(AN)

    assert granted == [201] * 10
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_codes")
    assert (refused.json["limited_by"], refused.json["retryable"]) == ("phone", True)
    assert 0 <= 14.5 * 3600 - int(refused.headers["Retry-After"]) < 60  # midnight, fourteen and a half hours away
    assert (neighbour.status_code, tomorrow.status_code) == (201, 201)


def test_a_replay_costs_nothing_of_the_budget(phone):
    for _ in range(12):
        phone.ask(AN, key="the same")

    assert phone.ask(AN).status_code == 201


def test_an_address_gets_its_share_an_hour_over_all_numbers(phone, later):
    granted = [phone.ask(f"0912 345 {n:03d}", address="203.0.113.9").status_code for n in range(30)]
    refused = phone.ask("0912 345 999", address="203.0.113.9")
    mapped = phone.ask("0912 345 999", address="::ffff:203.0.113.9")
    elsewhere = phone.ask("0912 345 999", address="203.0.113.10")
    later(timedelta(seconds=int(refused.headers["Retry-After"])))
    next_hour = phone.ask("0912 345 999", address="203.0.113.9")

    assert granted == [201] * 30
    assert (refused.status_code, refused.json["limited_by"]) == (429, "address")
    assert 0 < int(refused.headers["Retry-After"]) <= 1800
    assert [mapped.status_code, elsewhere.status_code, next_hour.status_code] == [429, 201, 201]


def test_all_addresses_of_one_ipv6_subscriber_share_one_budget(phone, limit):
    limit(codes_per_address_and_hour=3)

    granted = [phone.ask(f"0912 345 {n:03d}", address=f"2001:db8:1:2::{n + 1}").status_code for n in range(4)]
    neighbour = phone.ask("0912 345 999", address="2001:db8:1:3::1")

    assert (granted, neighbour.status_code) == ([201, 201, 201, 429], 201)


def test_twenty_at_once_get_ten_codes(client, phone):
    def ask(place: int) -> int:
        return type(phone)(client()).ask(AN, address=f"203.0.113.{place}").status_code

    statuses = all_at_once(20, ask)

    assert sorted(statuses) == [201] * 10 + [429] * 10


def test_neither_number_nor_address_stands_in_the_budget(phone):
    phone.ask(AN, address="203.0.113.77")

    with transaction() as session:
        subjects = session.execute(select(ChallengeBudget.subject)).scalars().all()
    assert {subject.partition(":")[0] for subject in subjects} == {"phone", "address", "prefix", "country"}
    assert len(subjects) == 4
    assert not any("912345678" in subject or "203.0.113" in subject for subject in subjects)


def test_a_stranger_cannot_tell_a_known_number_from_an_unknown_one(phone, other_phone):
    phone.sign_in(AN)
    with transaction() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    known_statements: list[str] = []
    unknown_statements: list[str] = []

    count_statements(engine, known_statements)
    known = other_phone.ask(AN, address="203.0.113.8")
    count_statements(engine, unknown_statements)
    already = len(known_statements)
    unknown = other_phone.ask(BINH, address="203.0.113.8")

    def shape(answer):
        varying = {"X-Request-Id", "Content-Length", "RateLimit"}
        headers = {name: value for name, value in answer.headers if name not in varying}
        return answer.status_code, headers, answer.json.keys(), answer.json["tries_left"], len(answer.data)

    assert shape(known) == shape(unknown)
    # The same work is done, so the time is the same too.
    assert known_statements[:already] == unknown_statements
    with transaction() as session:
        assert session.execute(select(func.count()).select_from(Citizen)).scalar_one() == 1


def test_old_challenges_are_forgotten_when_no_replay_can_ask_for_them(phone, later):
    old = phone.ask(AN).json["id"]
    later(timedelta(hours=71))
    young = phone.ask(AN).json["id"]
    later(timedelta(hours=2))

    with transaction() as session:
        operations.forget_old_challenges(session)

    with transaction() as session:
        left = [str(found) for found in session.execute(select(PhoneChallenge.id)).scalars()]
        windows = session.execute(select(ChallengeBudget.window_starts_at)).scalars().all()
    assert old not in left
    assert left == [young]
    assert windows
    assert all(window > clock.now() - timedelta(days=2) for window in windows)
