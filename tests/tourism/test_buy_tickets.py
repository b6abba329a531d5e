"""Tickets: bought through payments, signed, checked once at the gate with and without a signal, given back in time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from kit import clock
from kit.database import transaction
from payments import ledger
from server.settings import Settings
from services.tourism import signing
from services.tourism.operations.tickets import SEAL
from tests.kit.refusals import as_refusal
from tests.patience import until_somebody_waits_for
from tests.payments.stories import check_books, rows
from tests.people import Person, StaffMember, Work, all_at_once
from tests.tourism.guides import daily, make_office
from tests.tourism.ticket_sales import PRICE, Place, T, buy, check


@pytest.fixture(autouse=True)
def books(clean: None):
    yield
    check_books()


@pytest.fixture
def office(staff: Any) -> StaffMember:
    return staff("tourism_office", "approver", "front_desk", "clerk", organisation_id=make_office())


def test_a_ticket_is_paid_signed_and_lets_its_holder_in_once(
    an: Person, chi: Person, office: StaffMember, outside: Any, work: Work, later: Any
) -> None:
    place = Place(office)

    order = buy(an, place, work, 2)

    assert (order["state"], order["amount_vnd"], place.left(chi)) == ("paid", 2 * PRICE, 48)
    codes = [ticket["code"] for ticket in order["tickets"]]
    (jwk,) = chi.get(f"{T}/pack-keys").json["keys"]
    assert all(signing.open_sealed(jwk, code, SEAL)["d"] == str(place.day) for code in codes)
    assert check(office, codes[0]) == "other_day"
    later(timedelta(days=3))
    gate = StaffMember(an.http, "tourism_office", "front_desk", organisation_id=office.organisation_id)
    assert [check(gate, codes[0]), check(gate, codes[0]), check(gate, codes[1])] == [
        "admitted", "already_used", "admitted",
    ]  # fmt: skip
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=office.organisation_id) == -2 * PRICE


def test_200_people_buy_the_last_50_tickets_and_50_are_sold_and_paid(
    chi: Person, office: StaffMember, outside: Any, work: Work
) -> None:
    place = Place(office, capacity=50)
    people = [Person(chi.http.application.test_client(), f"+8491{n:07d}") for n in range(200)]

    def try_to_buy(number: int) -> int:
        return people[number].again().post(f"{T}/ticket-orders", json=place.order()).status_code

    answers = [status for batch in range(4) for status in all_at_once(50, lambda n, b=batch: try_to_buy(b * 50 + n))]
    failures = work()

    assert (Counter(answers), failures) == ({201: 50, 409: 150}, [])
    assert place.left(chi) == 0
    assert rows("SELECT state, count(*) AS orders FROM ticket_order GROUP BY 1") == [("paid", 50)]
    assert rows("SELECT state, count(*) AS tickets FROM ticket GROUP BY 1") == [("valid", 50)]
    assert Counter(intent["status"] for intent in outside.intents()) == {"succeeded": 50}
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=office.organisation_id) == -50 * PRICE


def test_a_declined_card_gives_the_places_back(
    an: Person, chi: Person, office: StaffMember, outside: Any, work: Work
) -> None:
    place = Place(office, capacity=1)

    refused = an.post(f"{T}/ticket-orders", json=place.order(card="pm_card_visa_chargeDeclined"))
    work()

    assert as_refusal(refused)[:2] == (422, "card_declined")
    assert place.left(chi) == 1
    (order,) = an.get(f"{T}/ticket-orders").json["items"]
    assert order["state"] == "released"


def test_who_comes_too_late_is_told_of_other_days(an: Person, binh: Person, office: StaffMember) -> None:
    place = Place(office, capacity=1, price=0)
    buy(an, place, None, amount=0)

    refused = binh.post(f"{T}/ticket-orders", json=place.order(amount=0))

    assert as_refusal(refused)[:2] == (409, "tickets_sold_out")
    assert (refused.json["places_left"], refused.json["alternatives"]) == (0, [str(place.day + timedelta(days=1))])


def test_one_citizen_buys_twenty_tickets_for_a_place_and_day_and_no_more(
    an: Person, binh: Person, office: StaffMember, outside: Any
) -> None:
    place, free = Place(office), Place(office, price=0)
    unpaid = an.post(f"{T}/ticket-orders", json=place.order(15))

    refused = an.post(f"{T}/ticket-orders", json=place.order(6))
    others = [
        an.post(f"{T}/ticket-orders", json=place.order(6, on=place.day + timedelta(days=1))),
        an.post(f"{T}/ticket-orders", json=free.order(20, amount=0)),
        binh.post(f"{T}/ticket-orders", json=place.order(6)),
    ]
    given_back = an.post(f"{T}/ticket-orders/{others[1].json['id']}/cancellation")
    again = all_at_once(4, lambda _n: an.again().post(f"{T}/ticket-orders", json=free.order(10, amount=0)).status_code)

    assert (unpaid.status_code, unpaid.json["state"]) == (201, "held")
    assert as_refusal(refused)[:2] == (409, "ticket_limit_reached")
    assert (refused.json["most"], refused.json["left"]) == (20, 5)
    assert [one.status_code for one in (*others, given_back)] == [201, 201, 201, 200]
    assert Counter(again) == {201: 2, 409: 2}


@pytest.mark.parametrize("change", ["past", "far", "unknown type", "price", "closed"])
def test_what_is_not_sold_is_refused(an: Person, office: StaffMember, change: str) -> None:
    hours = daily("07:00", "17:00")
    if change == "closed":
        day = str(clock.today() + timedelta(days=3))
        hours |= {"exceptions": [{"from_on": day, "times": []}]}
    place = Place(office, hours=hours)
    asked = {
        "past": place.order(on=clock.today() - timedelta(days=1)),
        "far": place.order(on=clock.today() + timedelta(days=400)),
        "unknown type": place.order() | {"lines": [{"type_id": str(uuid4()), "count": 1}]},
        "price": place.order(amount=1),
        "closed": place.order(),
    }[change]

    refused = an.post(f"{T}/ticket-orders", json=asked)

    code = "ticket_price_changed" if change == "price" else "tickets_not_sold"
    assert refused.json["code"] == code
    assert change != "price" or refused.json["amount_vnd"] == PRICE


def test_the_same_wish_sent_twice_is_one_order(an: Person, office: StaffMember, outside: Any) -> None:
    place = Place(office)
    key = {"Idempotency-Key": str(uuid4())}

    first, second = (an.post(f"{T}/ticket-orders", json=place.order(), headers=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["id"] == second.json["id"]
    assert (second.headers["Idempotency-Replayed"], place.left(an)) == ("true", 49)


def test_nobody_sees_or_gives_back_the_tickets_of_another(an: Person, binh: Person, office: StaffMember) -> None:
    order = buy(an, Place(office, price=0), None, amount=0)

    assert binh.get(f"{T}/ticket-orders/{order['id']}").status_code == 404
    assert binh.post(f"{T}/ticket-orders/{order['id']}/cancellation").status_code == 404


@pytest.mark.parametrize("change", ["claims", "signature", "kind", "cut"])
def test_a_forged_code_is_no_ticket(an: Person, office: StaffMember, change: str) -> None:
    code = buy(an, Place(office, price=0), None, amount=0)["tickets"][0]["code"]
    kind, claims, signature = code.split(".")
    forged = {
        "claims": f"{kind}.{claims[:-2]}AA.{signature}",
        "signature": f"{kind}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "kind": signing.seal({"t": "1"}, "P1"),
        "cut": f"{kind}.{claims[:25]}.{signature}",
    }[change]

    refused = office.post(f"{T}/gate/checks", json={"code": forged, "gate": "cong-chinh"})

    assert refused.status_code == 422
    assert refused.json["code"] in {"ticket_code_invalid", "invalid_request"}


def test_a_code_outlives_the_key_that_signed_it(
    an: Person, office: StaffMember, settings: Settings, later: Any, staff: Any
) -> None:
    code = buy(an, Place(office, price=0), None, amount=0)["tickets"][0]["code"]
    later(timedelta(days=3))
    gate = staff("tourism_office", "front_desk", organisation_id=office.organisation_id)

    signing.use_key(b"another key of this installation.")
    try:
        outcome = check(gate, code)
        keys = gate.get(f"{T}/pack-keys").json["keys"]
    finally:
        signing.use_key(settings.secret_key)

    assert outcome == "admitted"
    assert len({key["kid"] for key in keys}) == 2


def test_another_offices_gate_lets_nobody_in_with_our_ticket(an: Person, office: StaffMember, staff: Any) -> None:
    code = buy(an, Place(office, price=0), None, amount=0)["tickets"][0]["code"]
    stranger = staff("tourism_office", "front_desk")

    refused = stranger.post(f"{T}/gate/checks", json={"code": code, "gate": "x"})

    assert as_refusal(refused)[:2] == (422, "ticket_code_invalid")


def test_a_ticket_of_one_place_does_not_open_the_gate_of_another(
    an: Person, office: StaffMember, outside: Any, work: Work, later: Any
) -> None:
    cheap, dear = Place(office), Place(office)
    code = buy(an, cheap, work)["tickets"][0]["code"]
    later(timedelta(days=3))
    gate = StaffMember(an.http, "tourism_office", "front_desk", organisation_id=office.organisation_id)

    def scan(place: Place) -> Any:
        return gate.post(f"{T}/gate/checks", json={"code": code, "gate": "cong", "guide_id": str(place.id)}).json

    refused, admitted = scan(dear), scan(cheap)

    assert (refused["outcome"], refused["guide_id"]) == ("other_place", str(cheap.id))
    assert admitted["outcome"] == "admitted"


def test_two_gates_that_scan_one_code_at_once_let_one_visitor_in(
    an: Person, office: StaffMember, later: Any, staff: Any
) -> None:
    code = buy(an, Place(office, price=0), None, amount=0)["tickets"][0]["code"]
    later(timedelta(days=3))
    gates = [staff("tourism_office", "front_desk", organisation_id=office.organisation_id) for _ in range(8)]
    headers = {"For-Organisation": str(office.organisation_id)}

    def scan(number: int) -> str:
        http = an.http.application.test_client()
        asked = {"code": code, "gate": f"cong-{number}"}
        bearer = {"Authorization": f"Bearer {gates[number].token}"}
        return http.post(f"{T}/gate/checks", json=asked, headers=headers | bearer).json["outcome"]

    assert Counter(all_at_once(8, scan)) == {"admitted": 1, "already_used": 7}


def test_gates_that_tell_of_the_same_tickets_never_wait_for_each_other(
    an: Person, office: StaffMember, later: Any, staff: Any
) -> None:
    order = buy(an, Place(office, price=0), None, 2, amount=0)
    later(timedelta(days=3))
    gate = staff("tourism_office", "front_desk", organisation_id=office.organisation_id)
    low, high = order["tickets"]
    at = [clock.local(clock.now() + timedelta(seconds=n)).isoformat() for n in range(2)]
    scans = [{"code": high["code"], "scanned_at": at[0]}, {"code": low["code"], "scanned_at": at[1]}]
    lock = text("SELECT id FROM ticket WHERE id = :id FOR NO KEY UPDATE NOWAIT")

    with ThreadPoolExecutor(1) as pool, transaction() as other:
        other.execute(lock, {"id": low["id"]})
        telling = pool.submit(gate.post, f"{T}/gate/scans", json={"gate": "bac", "scans": scans})
        until_somebody_waits_for(other)
        other.execute(lock, {"id": high["id"]})  # whoever has the first ticket gets the second, too
        other.commit()
        told = telling.result(10)

    assert [one["outcome"] for one in told.json["items"]] == ["admitted", "admitted"]


def test_a_gate_without_a_signal_checks_by_itself_and_tells_later(
    an: Person, chi: Person, office: StaffMember, later: Any, staff: Any
) -> None:
    place = Place(office, price=0)
    order = buy(an, place, None, 2, amount=0)
    codes = [ticket["code"] for ticket in order["tickets"]]
    taken_along = office.get(f"{T}/gate/guides/{place.id}/tickets?on={place.day}").json
    (jwk,) = chi.get(f"{T}/pack-keys").json["keys"]

    offline = [str(UUID(signing.open_sealed(jwk, code, SEAL)["t"])) in taken_along["valid"] for code in codes]
    later(timedelta(days=3))
    gate = staff("tourism_office", "front_desk", organisation_id=office.organisation_id)
    at = [clock.local(clock.now() + timedelta(seconds=n)).isoformat() for n in range(4)]
    scans = [
        {"code": codes[0], "scanned_at": at[1]}, {"code": codes[1], "scanned_at": at[0]},
        {"code": codes[0], "scanned_at": at[2]}, {"code": "T1.forged.x", "scanned_at": at[3]},
    ]  # fmt: skip
    first, again = (
        [one["outcome"] for one in gate.post(f"{T}/gate/scans", json={"gate": "bac", "scans": scans}).json["items"]]
        for _ in range(2)
    )

    assert offline == [True, True]
    assert first == again == ["admitted", "admitted", "already_used", "invalid"]
    assert gate.get(f"{T}/gate/guides/{place.id}/tickets?on={place.day}").json["valid"] == []
