"""Cards that the gateway keeps: added, confirmed, used, removed, and never anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import payments.flows
from kit.database import transaction
from payments.operations import personal
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import answer_bank, at_gateway, events_of, knock, rows
from tests.people import Caller, Outside, Person, Work
from tests.privacy.clear_text import places_of

Later = Callable[[timedelta], None]
CARDS = "/v1/payments/cards"
SECURE = "pm_card_authenticationRequired"


def add(person: Caller, method: str | None = "pm_card_visa", **headers: str) -> Any:
    """A person has a card kept."""
    return person.post(CARDS, json={"payment_method": method} if method else {}, headers=headers)


def pay_with(person: Caller, card_id: str, *bills: Any) -> Any:
    """A person pays with a kept card."""
    asked = {
        "bill_ids": [str(bill.id) for bill in bills],
        "amount_vnd": sum(bill.amount_vnd for bill in bills),
        "card_id": card_id,
    }
    return person.post("/v1/utilities/payments", json=asked)


def test_a_card_is_kept_and_pays_without_its_number(an: Person, outside: Outside, work: Work) -> None:
    card = add(an).json
    assert (card["state"], card["brand"], card["last4"]) == ("kept", "visa", "4242")

    paid = pay_with(an, card["id"], owe(an, outside))
    again = pay_with(an, card["id"], owe(an, outside))
    work()

    assert [paid.status_code, again.status_code] == [201, 201]
    assert rows("SELECT state, captured_vnd FROM payment") == [("captured", AMOUNT_VND)] * 2
    assert an.get(CARDS).json == {"items": [card]}


def test_the_same_request_keeps_one_card(an: Person, outside: Outside) -> None:
    answers = [add(an, **{"Idempotency-Key": "one"}) for _time in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert (answers[0].json, answers[1].headers["Idempotency-Replayed"]) == (answers[1].json, "true")
    assert len(at_gateway(outside, "customers")["data"]) == 1


def test_a_silent_gateway_is_asked_again_by_the_same_request_and_keeps_one_card(
    an: Person, outside: Outside, hasty: None
) -> None:
    outside.spoil("gateway", "timeout_after", match={"path": "/setup_intents"}, count=2, seconds=1)

    first = add(an, **{"Idempotency-Key": "one"})
    outside.mend()
    second = add(an, **{"Idempotency-Key": "one"})

    assert (first.status_code, first.json["code"]) == (503, "service_unavailable")
    assert (second.status_code, second.json["state"]) == (201, "kept")
    assert len(at_gateway(outside, "setup_intents")["data"]) == 1


def test_a_card_whose_bank_wants_to_see_the_citizen_waits_for_them(an: Person, outside: Outside, work: Work) -> None:
    card = add(an, SECURE).json
    assert (card["state"], pay_with(an, card["id"], owe(an, outside)).json["code"]) == ("adding", "card_not_ready")

    answer_bank(card["next_action"]["redirect_url"], "complete")
    for event in events_of(outside, "setup_intent.succeeded"):
        knock(an, event)
    work()

    kept = an.get(f"{CARDS}/{card['id']}").json
    assert (kept["state"], "next_action" in kept) == ("kept", False)


def test_a_lost_webhook_keeps_no_card_from_its_citizen(an: Person, outside: Outside, later: Later) -> None:
    card = add(an, SECURE).json
    answer_bank(card["next_action"]["redirect_url"], "complete")
    later(timedelta(minutes=3))

    payments.flows.sweep_cards()

    assert an.get(f"{CARDS}/{card['id']}").json["state"] == "kept"


def test_who_reads_the_database_cannot_confirm_a_card_in_the_citizens_place(an: Person, outside: Outside) -> None:
    by_address = add(an, SECURE).json["next_action"]["redirect_url"]
    by_app = add(an, None).json["next_action"]["client_secret"]

    assert places_of(by_address, by_address.rpartition("/")[2], by_app, by_app.partition("_secret_")[2]) == []


def test_a_card_that_the_bank_refuses_is_not_kept_and_the_gateway_forgets_it(
    an: Person, outside: Outside, work: Work
) -> None:
    refused = add(an, "pm_card_chargeDeclinedInsufficientFunds")
    work()

    assert (refused.status_code, refused.json["code"], refused.json["reason"]) == (
        422, "card_not_kept", "insufficient_funds",
    )  # fmt: skip
    assert (an.get(CARDS).json, at_gateway(outside, "customers")["data"]) == ({"items": []}, [])


def test_a_card_that_nobody_finishes_is_given_up_after_a_day(an: Person, outside: Outside, later: Later) -> None:
    card = add(an, SECURE).json
    later(timedelta(hours=25))

    payments.flows.sweep_cards()

    told = an.get(f"{CARDS}/{card['id']}").json
    assert (told["state"], told["reason"]) == ("failed", "never_finished")


def test_nobody_sees_uses_or_removes_the_card_of_another(an: Person, binh: Person, outside: Outside) -> None:
    card = add(an).json
    bill = owe(binh, outside)

    answers = [
        binh.get(f"{CARDS}/{card['id']}"),
        binh.delete(f"{CARDS}/{card['id']}", headers={"If-Match": '"x"'}),
        pay_with(binh, card["id"], bill),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert binh.get(CARDS).json == {"items": []}
    assert (an.get(f"{CARDS}/{card['id']}").json["state"], outside.intents()) == ("kept", [])


def test_a_removed_card_pays_nothing_and_the_gateway_forgets_it(an: Person, outside: Outside, work: Work) -> None:
    added = add(an)
    path = f"{CARDS}/{added.json['id']}"

    stale = an.delete(path, headers={"If-Match": '"stale"'})
    removed = an.delete(path, headers={"If-Match": added.headers["ETag"]})
    work()

    assert [stale.status_code, removed.status_code, an.get(path).status_code] == [412, 204, 404]
    assert at_gateway(outside, "customers")["data"] == []
    assert pay_with(an, added.json["id"], owe(an, outside)).status_code == 404


def test_a_card_that_is_removed_while_the_gateway_is_silent_is_forgotten_later(
    an: Person, outside: Outside, work: Work
) -> None:
    added = add(an)
    outside.spoil("gateway", "cut", match={"path": "/customers"}, count=4)
    an.delete(f"{CARDS}/{added.json['id']}", headers={"If-Match": added.headers["ETag"]})
    work()
    assert len(at_gateway(outside, "setup_intents")["data"]) == 1
    outside.mend()

    work()

    assert at_gateway(outside, "customers")["data"] == []


def test_ten_cards_are_enough(an: Person) -> None:
    for _card in range(10):
        assert add(an, None).status_code == 201

    refused = add(an, None)

    assert (refused.status_code, refused.json["code"], refused.json["most"]) == (409, "too_many_cards", 10)


def test_erasing_a_citizen_has_their_cards_forgotten(an: Person, outside: Outside, work: Work) -> None:
    add(an)

    with transaction() as session:
        personal.erase_citizen(session, an.id)
    work()

    assert rows("SELECT state, last4 FROM saved_card") == [("removed", None)]
    assert at_gateway(outside, "customers")["data"] == []
