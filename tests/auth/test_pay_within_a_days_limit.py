"""How much may be paid in a day: by the proof given, by how long the device is known, and by all payments together."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID

import jwt
import pytest

from auth import assurance, operations
from auth.assurance import PayingLimits, Proof
from auth.models import Assurance
from kit import clock, database
from kit.database import transaction
from tests.factories import link, make_bill, make_customer
from tests.people import all_at_once

LIMITS = PayingLimits()
MILLION = 1_000_000


@pytest.fixture(autouse=True)
def live_limits(settings):
    """The limits as they stand in live mode."""
    assurance.use_limits(LIMITS)
    yield
    assurance.use_limits(settings.paying_limits)


@pytest.fixture
def owe(an, outside):
    """`owe(5, 3)`: bills of An's household of so many million đồng each."""
    customer = make_customer()

    def make(*millions: int):
        return [
            make_bill(outside, customer, amount_vnd=million * MILLION, period=f"20{year}-01")
            for year, million in enumerate(millions, 20)
        ]

    link(an, make_bill(outside, customer, amount_vnd=1000, period="2019-01"))
    return make


def pay(person, *bills):
    body = {
        "bill_ids": [str(bill.id) for bill in bills],
        "amount_vnd": sum(bill.amount_vnd for bill in bills),
        "payment_method": "pm_card_visa",
    }
    return person.post("/v1/utilities/payments", json=body)


def prove(person, level: Assurance, *, age: timedelta = timedelta(), known: timedelta = timedelta(days=30)) -> None:
    """The person's session as if they had proved `level` so long ago, on a device known for so long."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    now = clock.now()
    with transaction() as session:
        session.execute(
            database.Base.metadata.tables["sign_in_session"]
            .update()
            .where(database.Base.metadata.tables["sign_in_session"].c.id == UUID(claims["sid"]))
            .values(known_since=now - known)
        )
        proof = Proof(level, now - age, now - known)
        person.token = operations.step_up(session, UUID(claims["sid"]), person.id, proof).access_token


def assert_must_step_up(refused, levels="passkey identity") -> None:
    assert (refused.status_code, refused.json["code"]) == (401, "insufficient_user_authentication"), refused.json
    wanted = (refused.json["acr_values"], refused.json["max_age"], refused.json["next_action"])
    assert wanted == (levels, 300, "step_up")
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge == (
        f'Bearer realm="citizen", error="insufficient_user_authentication", acr_values="{levels}", max_age="300"'
    )


def test_a_phone_pays_five_million_a_day_on_a_device_known_for_a_day(an, owe):
    prove(an, Assurance.PHONE, known=timedelta(hours=24))
    three, two, more = owe(3, 2, 1)

    paid = [pay(an, three).status_code, pay(an, two).status_code]
    refused = pay(an, more)

    assert paid == [201, 201]
    assert_must_step_up(refused)
    assert (refused.json["limit_vnd"], refused.json["paid_vnd"]) == (5 * MILLION, 5 * MILLION)


def test_a_new_device_pays_one_million_until_it_is_a_day_old(an, owe, later):
    one, two = owe(1, 2)

    refused, paid = pay(an, two), pay(an, one)

    assert_must_step_up(refused)
    assert paid.status_code == 201


def test_a_passkey_pays_a_hundred_million_within_five_minutes(an, owe):
    forty, sixty, more = owe(40, 60, 1)
    prove(an, Assurance.PASSKEY, age=timedelta(minutes=4, seconds=50))

    paid = [pay(an, forty).status_code, pay(an, sixty).status_code]
    over = pay(an, more)

    assert paid == [201, 201]
    assert (over.status_code, over.json["code"]) == (409, "day_limit_reached")
    assert (over.json["limit_vnd"], over.json["paid_vnd"]) == (100 * MILLION, 100 * MILLION)


def test_a_passkey_of_six_minutes_ago_pays_as_a_phone_does(an, owe):
    five, six = owe(5, 6)
    prove(an, Assurance.PASSKEY, age=timedelta(minutes=6))

    assert_must_step_up(pay(an, six))
    assert pay(an, five).status_code == 201


def test_a_passkey_as_new_as_the_device_helps_no_more_than_the_device(an, owe):
    [two] = owe(2)
    prove(an, Assurance.PASSKEY, known=timedelta(hours=23))

    assert_must_step_up(pay(an, two), levels="identity")


def test_national_identity_pays_on_a_new_device(an, owe):
    [sixty] = owe(60)
    prove(an, Assurance.IDENTITY, known=timedelta())

    assert pay(an, sixty).status_code == 201


def test_a_new_day_has_a_limit_of_its_own(an, owe, later):
    prove(an, Assurance.PHONE)
    five, other = owe(5, 5)
    assert pay(an, five).status_code == 201
    midnight = datetime.combine(clock.today() + timedelta(days=1), time(0, 0, 1), clock.ZONE)

    later(midnight - clock.now())
    prove(an, Assurance.PHONE)

    assert pay(an, other).status_code == 201


def test_a_declined_payment_costs_nothing_of_the_day(an, owe):
    prove(an, Assurance.PHONE)
    five, again = owe(5, 5)
    body = {"bill_ids": [str(five.id)], "amount_vnd": five.amount_vnd, "payment_method": "pm_card_chargeDeclined"}

    declined = an.post("/v1/utilities/payments", json=body)

    assert declined.status_code == 422, declined.json
    assert pay(an, again).status_code == 201


def test_payments_at_once_never_exceed_the_day_together(an, owe):
    prove(an, Assurance.PHONE)
    bills = owe(*[2] * 6)

    answers = all_at_once(6, lambda place: pay(an.again(), bills[place]))

    assert sorted(answer.status_code for answer in answers) == [201, 201, 401, 401, 401, 401]


def test_a_replay_is_not_a_second_payment(an, owe):
    prove(an, Assurance.PHONE)
    [five] = owe(5)
    body = {"bill_ids": [str(five.id)], "amount_vnd": five.amount_vnd, "payment_method": "pm_card_visa"}

    answers = [
        an.post("/v1/utilities/payments", json=body, headers={"Idempotency-Key": "one intention"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json["id"] == answers[1].json["id"]


def test_the_limit_costs_a_payment_one_statement(an, owe, app):
    prove(an, Assurance.PHONE)
    [one] = owe(1)
    statements: list[str] = []
    database.count_statements(database._sessions.kw["bind"], statements)

    pay(an, one)

    sums = [statement for statement in statements if "sum(" in statement]
    locks = [statement for statement in statements if "pg_advisory_xact_lock" in statement]
    assert (len(sums), len(locks)) == (1, 1)
    assert "FROM bill" in locks[0]
