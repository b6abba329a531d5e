"""Answering with a one-time code: once, in time, within five tries, for the challenge it was sent for."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from auth import operations
from auth.models import Citizen, PhoneChallenge, SignInSession
from kit import clock
from kit.database import transaction
from kit.errors import NotFound
from tests.auth.people import AN, BINH, Phone, read_code, wrong_code
from tests.people import all_at_once


def count(model: type) -> int:
    with transaction() as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_the_right_code_signs_in_and_makes_the_citizen(phone):
    challenge = phone.ask(AN, language="en").json["id"]

    answered = phone.answer(challenge, read_code(challenge), device_name="Điện thoại của An")

    told = answered.json
    assert answered.status_code == 200
    assert answered.headers["Cache-Control"] == "no-store"
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 300)
    until = datetime.fromisoformat(told["refresh_expires_at"]) - clock.now()
    assert timedelta(days=29, hours=23) < until <= timedelta(days=30)
    with transaction() as session:
        citizen = session.execute(select(Citizen)).scalar_one()
        number = operations.find_phone(session, citizen.id)
        device = session.execute(select(SignInSession.device_name)).scalar_one()
    assert (str(citizen.id), number, citizen.language) == (told["citizen_id"], "+84912345678", "en")
    assert device == "Điện thoại của An"


def test_the_second_sign_in_finds_the_same_citizen_however_the_number_is_typed(phone, other_phone):
    first = phone.sign_in("0912 345 678")
    second = other_phone.sign_in("+84912345678")

    assert first["citizen_id"] == second["citizen_id"]
    assert first["refresh_token"] != second["refresh_token"]
    assert count(Citizen) == 1


def test_a_wrong_code_says_how_many_tries_are_left_and_costs_one(phone):
    challenge = phone.ask(AN).json["id"]

    refused = [phone.answer(challenge, wrong_code(challenge, n)) for n in range(1, 6)]

    assert [answer.status_code for answer in refused] == [422] * 5
    assert {answer.json["code"] for answer in refused} == {"wrong_code"}
    assert [answer.json["tries_left"] for answer in refused] == [4, 3, 2, 1, 0]
    assert count(Citizen) == 0


def test_the_sixth_try_is_refused_even_when_right(phone):
    challenge = phone.ask(AN).json["id"]
    for n in range(1, 6):
        phone.answer(challenge, wrong_code(challenge, n))

    refused = phone.answer(challenge, read_code(challenge))

    assert (refused.status_code, refused.json["code"]) == (410, "challenge_over")
    assert count(Citizen) == 0


def test_the_fifth_try_still_counts(phone):
    challenge = phone.ask(AN).json["id"]
    for n in range(1, 5):
        phone.answer(challenge, wrong_code(challenge, n))

    assert phone.answer(challenge, read_code(challenge)).status_code == 200


def test_a_code_works_once(phone):
    challenge = phone.ask(AN).json["id"]
    phone.answer(challenge, read_code(challenge))

    again = phone.answer(challenge, read_code(challenge))

    assert (again.status_code, again.json["code"]) == (410, "challenge_over")
    assert count(SignInSession) == 1


def test_a_code_works_for_ten_minutes(phone, later):
    in_time, too_late = phone.ask(AN).json, phone.ask(AN).json
    later(timedelta(minutes=9, seconds=50))
    welcome = phone.answer(in_time["id"], read_code(in_time["id"]))
    later(timedelta(seconds=20))
    refused = phone.answer(too_late["id"], read_code(too_late["id"]))

    assert welcome.status_code == 200
    assert (refused.status_code, refused.json["code"]) == (410, "challenge_over")
    assert clock.now() > datetime.fromisoformat(too_late["expires_at"])


def test_a_code_of_one_challenge_fails_on_another(phone):
    mine = phone.ask(AN).json["id"]
    theirs = next(c for _ in range(5) if read_code(c := phone.ask(BINH).json["id"]) != read_code(mine))

    refused = phone.answer(theirs, read_code(mine))

    assert (refused.status_code, refused.json["code"]) == (422, "wrong_code")


def test_an_unknown_challenge_is_not_found(phone):
    assert phone.answer(str(uuid4()), "123456").status_code == 404
    assert phone.answer("not-a-uuid", "123456").status_code == 404


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "", "１２３４５６", "12345\n", " 12345"])  # noqa: RUF001
def test_what_is_not_six_digits_costs_no_try(phone, code):
    challenge = phone.ask(AN).json["id"]

    refused = phone.answer(challenge, code)

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")
    with transaction() as session:
        assert operations.get_challenge(session, UUID(challenge)).tries_left == 5


def test_of_twenty_wrong_answers_at_once_five_are_compared(client, phone):
    challenge = phone.ask(AN).json["id"]
    wrong = [wrong_code(challenge, n + 1) for n in range(20)]

    answers = all_at_once(20, lambda n: Phone(client()).answer(challenge, wrong[n]))

    assert sorted(a.json["code"] for a in answers) == ["challenge_over"] * 15 + ["wrong_code"] * 5
    assert sorted(a.json["tries_left"] for a in answers if a.status_code == 422) == [0, 1, 2, 3, 4]
    assert phone.answer(challenge, read_code(challenge)).status_code == 410


def test_of_twenty_right_answers_at_once_one_signs_in(client, phone):
    challenge = phone.ask(AN).json["id"]
    code = read_code(challenge)

    statuses = all_at_once(20, lambda _: Phone(client()).answer(challenge, code).status_code)

    assert sorted(statuses) == [200] + [410] * 19
    assert (count(Citizen), count(SignInSession)) == (1, 1)


def test_two_first_sign_ins_of_one_number_at_once_make_one_citizen(client, phone):
    challenges = [phone.ask(AN).json["id"] for _ in range(8)]
    codes = [read_code(challenge) for challenge in challenges]

    answers = all_at_once(8, lambda n: Phone(client()).answer(challenges[n], codes[n]))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json["citizen_id"] for answer in answers}) == 1
    assert count(Citizen) == 1


def test_the_refusals_are_told_in_the_language_of_the_app(phone):
    challenge = phone.ask(AN).json["id"]

    vi = phone.answer(challenge, wrong_code(challenge)).json
    phone.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    en = phone.answer(challenge, wrong_code(challenge)).json

    assert (vi["title"], en["title"]) == ("Mã xác nhận chưa đúng", "The code is not right")


def test_nothing_personal_is_logged_during_a_sign_in(phone, caplog):
    caplog.set_level(logging.DEBUG)
    challenge = phone.ask(AN).json["id"]
    code = read_code(challenge)
    phone.answer(challenge, wrong_code(challenge))
    tokens = phone.answer(challenge, code, device_name="Samsung của Nguyễn Văn An").json
    phone.tokens = tokens
    phone.me()
    phone.refresh()
    phone.refresh("planted-" + tokens["refresh_token"])
    phone.sign_out()

    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert lines.count('"event": "request"') == 7
    secrets = (
        "912345678",
        "0912 345 678",
        code,
        tokens["access_token"],
        tokens["refresh_token"],
        "Samsung",
        "127.0.0.1",
    )
    assert [secret for secret in (*secrets, "203.0.113.7", challenge, tokens["citizen_id"]) if secret in lines] == []


def test_notifications_can_find_number_and_language_of_a_citizen(phone):
    citizen_id = UUID(phone.sign_in(AN)["citizen_id"])

    with transaction() as session:
        assert operations.find_phone(session, citizen_id) == "+84912345678"
        assert operations.get_language(session, citizen_id) == "vi"
        assert operations.find_phone(session, uuid4()) is None
        with pytest.raises(NotFound):
            operations.get_language(session, uuid4())


def test_a_later_sign_in_in_english_changes_what_the_citizen_reads(phone):
    phone.sign_in(AN)
    challenge = phone.ask(AN, language="en").json["id"]
    citizen_id = UUID(phone.answer(challenge, read_code(challenge)).json["citizen_id"])

    with transaction() as session:
        assert operations.get_language(session, citizen_id) == "en"
    assert count(PhoneChallenge) == 2
