"""The road of a payment when everything goes well: held, asked again, taken, posted, told."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import payments.operations
from kit import clock
from kit.database import transaction
from payments.events import PaymentAuthorised, PaymentCaptured
from payments.operations import Claim
from services.utilities import flows
from services.utilities.models import BillState
from tests.factories import AMOUNT_VND, POWER, WATER, bill_now, make_bill, owe
from tests.payments.stories import inbox, journals, pay, rows, steps, told
from tests.people import Outside, Person, Work


def test_a_bill_is_held_then_taken_then_posted(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)

    answer = pay(an, bill)
    held = told(an, answer.json["id"])
    failures = work()

    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/payments/{held['id']}")
    assert (held["state"], held["captured_vnd"], held["items"][0]["posting"]) == ("authorised", 0, "pending")
    assert failures == []
    done = told(an, held["id"])
    assert (done["state"], done["captured_vnd"], done["amount_vnd"]) == ("captured", AMOUNT_VND, AMOUNT_VND)
    assert "next_action" not in done
    (item,) = done["items"]
    (posting,) = outside.postings(POWER)
    assert (item["posting"], item["receipt_no"]) == ("posted", posting["receipt_no"])
    assert (posting["payment_ref"], posting["bill_no"], posting["amount_vnd"]) == (held["id"], bill.bill_no, AMOUNT_VND)
    assert (bill_now(bill).state, bill_now(bill).payment_id) == (BillState.PAID, UUID(held["id"]))


def test_the_gateway_is_asked_for_the_exact_sum_once(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)

    payment_id = pay(an, bill).json["id"]
    work()

    (intent,) = outside.intents()
    assert (intent["amount"], intent["amount_received"], intent["currency"]) == (AMOUNT_VND, AMOUNT_VND, "vnd")
    assert (intent["status"], intent["capture_method"]) == ("succeeded", "manual")
    assert intent["metadata"] == {"payment_id": payment_id}


def test_every_step_has_its_time_and_steps_ahead_have_none(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)
    before = clock.now() - timedelta(milliseconds=1)

    held = told(an, pay(an, bill).json["id"])
    work()

    assert [(step["step"], "at" in step) for step in held["timeline"]] == [
        ("created", True),
        ("authorised", True),
        ("captured", False),
        ("posted", False),
    ]
    done = told(an, held["id"])["timeline"]
    assert [step["step"] for step in done] == ["created", "authorised", "capturing", "captured", "posted"]
    times = [datetime.fromisoformat(step["at"]) for step in done]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= clock.now()
    assert all(step["at"].endswith("+07:00") and step["title_vi"] and step["title_en"] for step in done)


def test_the_money_is_booked_as_the_citizens_and_then_as_the_providers(
    an: Person, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, owe(an, outside)).json["id"]

    booked_before = journals(payment_id)
    work()

    assert booked_before == []
    assert journals(payment_id) == [
        ("captured", {"1110": AMOUNT_VND, "2120": -AMOUNT_VND}),
        ("posted", {"2120": AMOUNT_VND, "2110": -AMOUNT_VND}),
    ]
    assert rows("SELECT DISTINCT citizen_id FROM journal_entry WHERE account = '2120'") == [(an.id,)]


def test_bills_of_two_providers_are_paid_by_one_card(an: Person, outside: Outside, work: Work) -> None:
    power, more_power = owe(an, outside), owe(an, outside, amount_vnd=120_000)
    water = owe(an, outside, slug=WATER, amount_vnd=217_350)

    payment_id = pay(an, power, water, more_power).json["id"]
    failures = work()

    assert failures == []
    total = AMOUNT_VND + 120_000 + 217_350
    done = told(an, payment_id)
    assert (done["state"], done["captured_vnd"], len(outside.intents())) == ("captured", total, 1)
    assert {item["bill_id"]: item["posting"] for item in done["items"]} == {
        str(bill.id): "posted" for bill in (power, more_power, water)
    }
    assert sorted(posting["bill_no"] for posting in outside.postings(POWER)) == [power.bill_no, more_power.bill_no]
    assert [posting["amount_vnd"] for posting in outside.postings(WATER)] == [217_350]
    kinds = [(kind, -min(legs.values())) for kind, legs in journals(payment_id)]
    assert kinds[0] == ("captured", total)
    assert sorted(kinds[1:]) == [("posted", 120_000), ("posted", 217_350), ("posted", AMOUNT_VND)]
    owed = "SELECT -sum(amount_vnd) FROM journal_entry WHERE account = '2110' AND payee_id = :payee_id"
    assert rows(owed, payee_id=water.provider_id) == [(217_350,)]
    assert rows(owed, payee_id=power.provider_id) == [(AMOUNT_VND + 120_000,)]


def test_the_citizen_hears_of_it_once_and_the_phone_is_told_nothing_personal(
    an: Person, outside: Outside, work: Work
) -> None:
    device = {"address": "phone-of-an", "address_kind": "token", "platform": "android", "language": "vi"}
    an.post("/v1/devices", json=device)
    bill = owe(an, outside)

    payment_id = pay(an, bill).json["id"]
    work()

    (message,) = inbox(an)
    assert (message["kind"], message["subject_id"]) == ("bills_paid", payment_id)
    assert "636.768" in message["title"] + message["body"]
    (push,) = outside.shown_on("phone-of-an")
    assert push["title"]
    assert not any(char.isdigit() for char in push["title"] + push["body"])


def test_work_that_is_done_twice_changes_nothing(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)
    payment_id = UUID(pay(an, bill).json["id"])
    work()
    before = told(an, str(payment_id))

    flows.recheck_and_capture(PaymentAuthorised(payment_id))
    flows.post_to_providers(PaymentCaptured(payment_id, AMOUNT_VND))
    failures = work()

    assert failures == []
    assert told(an, str(payment_id)) == before
    assert len(outside.postings(POWER)) == len(inbox(an)) == 1


def test_a_payment_is_listed_newest_first(an: Person, binh: Person, outside: Outside, work: Work) -> None:
    first, second = pay(an, owe(an, outside)).json["id"], pay(an, owe(an, outside)).json["id"]
    pay(binh, owe(binh, outside))
    work()

    page = an.get("/v1/payments?limit=1").json
    rest = an.get("/v1/payments", query_string={"limit": 1, "cursor": page["next"]}).json

    assert [item["id"] for item in page["items"] + rest["items"]] == [second, first]
    assert "next" not in rest
    assert "items" not in page["items"][0]


def test_a_payment_of_another_citizen_looks_like_one_that_does_not_exist(
    an: Person, binh: Person, outside: Outside
) -> None:
    payment_id = pay(an, owe(an, outside)).json["id"]
    unknown = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"

    answers = [
        ask(path.format(found))
        for found in (payment_id, unknown)
        for ask, path in ((binh.get, "/v1/payments/{}"), (binh.post, "/v1/payments/{}/cancellation"))
    ]

    bodies = [{k: v for k, v in answer.json.items() if k != "instance"} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all(body == bodies[0] for body in bodies)
    assert told(an, payment_id)["state"] == "authorised"


def test_other_rooms_open_a_payment_by_claims_alone(an: Person) -> None:
    bill = make_bill()
    claim = Claim(subject_id=bill.id, payee_id=bill.provider_id, amount_vnd=10_000, label_vi="Thử", label_en="Try")

    with transaction() as session:
        payment_id = payments.operations.open_payment(session, an.id, [claim])

    assert (told(an, str(payment_id))["state"], steps(an, str(payment_id))) == ("created", ["created"])
