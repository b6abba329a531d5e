"""What may be tried at signing in: codes nobody enters, wrong codes, sign-ins begun; exact, and given back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from auth import identity
from auth.identity import Provider
from auth.models import ChallengeBudget, PhoneChallenge
from kit.database import transaction
from tests.auth.people import AN, BINH, Phone, read_code, wrong_code
from tests.people import all_at_once

OTHER_BLOCK = "0913 340 001"  # another ten thousand numbers


@pytest.fixture
def offered(outside, settings):
    """National identity, by the sandbox's provider."""
    issuer = f"{settings.sandbox_url}/identity"
    identity.use_provider(Provider(issuer, "citizen", "secret", ("vn.citizen.app:/identity",)))
    yield
    identity.use_provider(settings.identity)


def spent_on(kind: str) -> int:
    with transaction() as session:
        return session.scalar(
            select(func.coalesce(func.sum(ChallengeBudget.spent), 0)).where(ChallengeBudget.subject.like(f"{kind}:%"))
        )


def numbers(count: int) -> list[str]:
    """Of one block of ten thousand."""
    return [f"0912 34{place:04d}" for place in range(count)]


def ask_each(phone: Phone, asked: list[str]) -> list[int]:
    return [phone.ask(number, address=f"203.0.113.{place % 250}").status_code for place, number in enumerate(asked)]


def guess(phone: Phone, number: str, count: int, *, address: str = "203.0.113.7") -> list[int]:
    """Wrong codes for a number, five for each of its challenges."""
    statuses = []
    for place in range(count):
        if place % 5 == 0:
            challenge = phone.ask(number, address=f"198.51.100.{place}").json["id"]
        statuses.append(phone.answer(challenge, wrong_code(challenge, 1 + place % 5), address=address).status_code)
    return statuses


# -- codes -------------------------------------------------------------------------------------------------------------


def test_a_block_of_numbers_that_enters_no_code_is_stopped(phone, later):
    answers = ask_each(phone, numbers(200))
    refused = phone.ask(numbers(201)[-1], address="198.51.100.1")
    elsewhere = phone.ask(OTHER_BLOCK, address="198.51.100.1")
    later(timedelta(seconds=int(refused.headers["Retry-After"])))

    assert (answers.count(201), answers[100:]) == (100, [429] * 100)
    assert (refused.json["code"], refused.json["limited_by"]) == ("too_many_codes", "prefix")
    assert 0 < int(refused.headers["Retry-After"]) <= 1800
    assert elsewhere.status_code == 201
    assert phone.ask(numbers(1)[0], address="198.51.100.1").status_code == 201
    with transaction() as session:  # what was refused was neither stored nor sent
        assert session.scalar(select(func.count()).select_from(PhoneChallenge)) == 102


def test_a_block_of_numbers_that_enters_its_codes_is_not_stopped(phone, limit):
    limit(codes_per_prefix_and_hour=3)

    for number in numbers(10):
        phone.sign_in(number)

    assert spent_on("prefix") == 0
    assert ask_each(phone, numbers(4)) == [201, 201, 201, 429]


def test_a_country_has_a_budget_for_a_day(phone, limit, later):
    limit(codes_per_country_and_day=4)

    answers = [phone.ask(f"09{place}1 234 567", address="198.51.100.1").status_code for place in range(4)]
    refused = phone.ask("0971 234 567", address="198.51.100.1")
    later(timedelta(seconds=int(refused.headers["Retry-After"])))

    assert answers == [201] * 4
    assert (refused.status_code, refused.json["limited_by"]) == (429, "country")
    assert 0 <= 14.5 * 3600 - int(refused.headers["Retry-After"]) < 60  # midnight in Vietnam
    assert phone.ask("0971 234 567", address="198.51.100.1").status_code == 201


def test_a_code_that_is_entered_costs_the_country_nothing(phone, limit):
    limit(codes_per_country_and_day=1)

    for number in (AN, BINH, OTHER_BLOCK):
        assert phone.sign_in(number)["citizen_id"]

    assert spent_on("country") == 0


def test_a_code_entered_in_the_next_hour_is_given_back_to_the_hour_it_was_asked_for(phone, later):
    later(timedelta(minutes=25))
    challenge = phone.ask(AN).json["id"]
    later(timedelta(minutes=9))
    phone.ask(BINH)

    assert phone.answer(challenge, read_code(challenge)).status_code == 200

    with transaction() as session:
        left = session.scalars(
            select(ChallengeBudget.spent)
            .where(ChallengeBudget.subject.like("prefix:%"))
            .order_by(ChallengeBudget.window_starts_at)
        ).all()
    assert left == [0, 1]


def test_a_refusal_costs_none_of_the_budgets(phone, limit):
    limit(codes_per_country_and_day=1)
    phone.ask(AN)

    refused = [phone.ask(BINH).status_code for _ in range(5)]

    assert refused == [429] * 5
    assert (spent_on("phone"), spent_on("address"), spent_on("prefix"), spent_on("country")) == (1, 1, 1, 1)


def test_of_forty_at_once_a_block_gets_its_share(client, phone, limit):
    limit(codes_per_prefix_and_hour=7)
    asked = numbers(40)

    statuses = all_at_once(
        40, lambda place: Phone(client()).ask(asked[place], address=f"203.0.113.{place}").status_code
    )

    assert (statuses.count(201), statuses.count(429)) == (7, 33)


def test_codes_asked_for_and_entered_at_once_never_wait_in_a_circle(client, phone):
    asked = numbers(10)
    challenges = [phone.ask(number, address="203.0.113.1").json["id"] for number in asked]

    def act(place: int) -> int:
        hand = Phone(client())
        if place % 2:
            return hand.ask(asked[place // 2], address="203.0.113.1").status_code
        challenge = challenges[place // 2]
        return hand.answer(challenge, read_code(challenge), address="203.0.113.1").status_code

    statuses = all_at_once(20, act)

    assert (statuses.count(200), statuses.count(201)) == (10, 10)
    assert spent_on("country") == 10


# -- guesses -----------------------------------------------------------------------------------------------------------


def test_twenty_wrong_codes_make_a_number_wait_until_midnight(phone, later):
    wrong = guess(phone, AN, 20)
    challenge = phone.ask(AN, address="198.51.100.200").json["id"]
    refused = phone.answer(challenge, read_code(challenge))
    neighbour = phone.sign_in(BINH)
    later(timedelta(seconds=int(refused.headers["Retry-After"])))

    assert wrong == [422] * 20
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_tries")
    assert (refused.json["limited_by"], refused.json["retryable"]) == ("phone", True)
    assert 0 <= 14.5 * 3600 - int(refused.headers["Retry-After"]) < 60
    assert neighbour["citizen_id"]
    assert phone.sign_in(AN)["citizen_id"]


def test_who_types_it_right_in_the_end_gets_the_try_back(phone):
    challenge = phone.ask(AN).json["id"]
    phone.answer(challenge, wrong_code(challenge))

    phone.answer(challenge, read_code(challenge))

    assert spent_on("wrong codes phone") == spent_on("wrong codes address") == 1


def test_one_network_sends_a_hundred_wrong_codes_an_hour(phone, limit, later):
    limit(wrong_codes_per_address_and_hour=6)

    wrong = guess(phone, AN, 3, address="203.0.113.9") + guess(phone, BINH, 4, address="203.0.113.9")
    challenge = phone.ask(OTHER_BLOCK, address="198.51.100.1").json["id"]
    refused = phone.answer(challenge, read_code(challenge), address="203.0.113.9")
    elsewhere = phone.answer(challenge, read_code(challenge), address="203.0.113.10")

    assert wrong == [422] * 6 + [429]
    assert (refused.status_code, refused.json["limited_by"]) == (429, "address")
    assert 0 < int(refused.headers["Retry-After"]) <= 1800
    assert elsewhere.status_code == 200


def test_wrong_codes_at_once_over_many_challenges_are_counted_one_by_one(client, phone, limit):
    limit(wrong_codes_per_phone_and_day=7)
    challenges = [phone.ask(AN, address=f"203.0.113.{place}").json["id"] for place in range(10)]
    codes = [wrong_code(challenge) for challenge in challenges]

    statuses = all_at_once(
        20, lambda place: Phone(client()).answer(challenges[place // 2], codes[place // 2]).status_code
    )

    assert (statuses.count(422), statuses.count(429)) == (7, 13)


# -- sign-ins without a number -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/auth/passkey-challenges", "/v1/auth/identity-attempts"])
def test_one_network_begins_so_many_sign_ins_an_hour(phone, limit, later, path, offered):
    limit(sign_ins_per_address_and_hour=3)

    def begin(address: str) -> tuple[int, str | None]:
        answer = phone.http.post(path, json={}, environ_overrides={"REMOTE_ADDR": address})
        return answer.status_code, answer.json.get("limited_by")

    begun = [begin("203.0.113.9") for _ in range(4)]
    mapped, elsewhere = begin("::ffff:203.0.113.9"), begin("203.0.113.10")
    later(timedelta(minutes=31))

    assert begun == [(201, None)] * 3 + [(429, "address")]
    assert (mapped, elsewhere, begin("203.0.113.9")) == ((429, "address"), (201, None), (201, None))


def test_who_is_signed_in_steps_up_without_spending_the_networks_share(phone, limit, offered):
    limit(sign_ins_per_address_and_hour=1)
    phone.sign_in(AN)

    steps = [phone.call("POST", "/v1/me/step-ups/passkey").status_code for _ in range(3)]
    steps += [phone.call("POST", "/v1/me/step-ups/identity", json={}).status_code for _ in range(3)]

    assert steps == [201] * 6


def test_neither_block_nor_country_stands_in_the_budgets(phone):
    challenge = phone.ask(AN).json["id"]
    phone.answer(challenge, wrong_code(challenge))

    with transaction() as session:
        subjects = session.scalars(select(ChallengeBudget.subject)).all()
        assert session.get(PhoneChallenge, UUID(challenge)).tries_left == 4
    assert len(subjects) == 6
    assert not any("91234" in subject or ":84" in subject for subject in subjects)
