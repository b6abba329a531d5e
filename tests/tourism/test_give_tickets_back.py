"""Tickets given back by their rule: the money goes to the card once, whatever the gateway answers."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import payments.flows
import payments.gateway
import payments.operations
from kit import clock
from kit.database import transaction
from kit.events import TryLater
from payments import ledger
from payments.events import RefundRequested
from payments.models import MoneyState
from services.tourism import operations
from tests.kit.refusals import as_refusal
from tests.payments.stories import at_gateway, check_books, events_of, inbox, knock, rows, steps
from tests.people import Outside, Person, StaffMember, Work, all_at_once
from tests.tourism.guides import make_office
from tests.tourism.ticket_sales import PRICE, Place, T, buy, check

AN = "+84912345678"
REFUNDS = {"method": "POST", "path": "/refunds"}


@pytest.fixture(autouse=True)
def books(clean: None):
    yield
    check_books()


@pytest.fixture
def office(staff: Any) -> StaffMember:
    return staff("tourism_office", "approver", "front_desk", "clerk", organisation_id=make_office())


def give_back(person: Any, order: dict[str, Any]) -> Any:
    return person.post(f"{T}/ticket-orders/{order['id']}/cancellation")


def state(person: Any, order: dict[str, Any]) -> str:
    told: str = person.get(f"{T}/ticket-orders/{order['id']}").json["state"]
    return told


def given_back(outside: Outside) -> list[tuple[str, int]]:
    """What the gateway itself says of refunds."""
    return [(one["status"], one["amount"]) for one in at_gateway(outside, "refunds", limit=100)["data"]]


def sweep(work: Work) -> list[BaseException]:
    payments.flows.sweep_refunds()
    return work()


def test_tickets_given_back_in_time_are_refunded_to_the_card_once(
    an: Person, chi: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    place = Place(office)
    order, kept = buy(an, place, work, 2), buy(an, place, work)

    returned = give_back(an, order)
    again = give_back(an, order)
    failures = work()

    assert (returned.json["state"], returned.json["tickets"][0]["code"]) == ("refund_due", None)
    assert as_refusal(again)[:2] == (409, "order_not_cancellable")
    assert (failures, state(an, order), place.left(chi)) == ([], "refunded", 49)
    assert given_back(outside) == [("succeeded", 2 * PRICE)]
    assert steps(an, order["payment_id"])[-2:] == ["refund_requested", "refunded"]
    assert check(office, order["tickets"][0]["code"]) == "cancelled"
    assert office.get(f"{T}/office/refunds").json["items"] == []
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=office.organisation_id) == -PRICE
        at_gateway_now = (ledger.balance(session, one) for one in (ledger.GATEWAY_PENDING, ledger.GATEWAY_AVAILABLE))
        assert sum(at_gateway_now) == PRICE
    assert state(an, kept) == "paid"


def test_buyers_are_told_of_their_tickets_and_of_their_money(
    an: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    place = Place(office)
    order = buy(an, place, work, 2)
    give_back(an, order)
    work()

    returned, ready = inbox(an)
    in_english = inbox(an, "en")[0]

    day = f"{place.day:%d/%m/%Y}"
    assert ready["title"] == "Vé của bạn đã sẵn sàng"
    assert ready["body"] == f"Tràng An, ngày {day}: 2 vé. Mở mã vé khi đến cổng, không cần có mạng."
    assert returned["title"] == "Đang hoàn lại 100.000 đ tiền vé"
    assert returned["body"] == f"Tràng An, ngày {day}. Bạn đã trả vé đúng hạn. Tiền sẽ về thẻ bạn đã trả."
    assert in_english["title"] == "100.000 đ for tickets is on its way back"


def test_the_rule_of_the_ticket_says_until_when(
    an: Person, office: StaffMember, outside: Outside, work: Work, later: Any
) -> None:
    order = buy(an, Place(office), work)
    later(timedelta(days=2))

    late = give_back(Person(an.http, AN), order)

    assert as_refusal(late)[:2] == (409, "order_not_cancellable")
    assert given_back(outside) == []


def test_a_ticket_of_a_place_that_is_closed_on_the_day_is_taken_back_at_any_time(
    an: Person, office: StaffMember, outside: Outside, work: Work, later: Any, staff: Any
) -> None:
    place = Place(office)
    order = buy(an, place, work)
    later(timedelta(days=2, hours=20))
    warn(staff("tourism_office", "approver", organisation_id=office.organisation_id), place)
    buyer = Person(an.http, AN)

    returned = give_back(buyer, order)

    assert (returned.status_code, work(), state(buyer, order)) == (200, [], "refunded")
    assert "đóng cửa" in inbox(buyer)[0]["body"]


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cut", "count": 2},
        {"action": "timeout_after", "count": 2, "seconds": 0.5},
        {"action": "error", "count": 2, "stored": False},
        {"action": "timeout_before", "count": 2, "seconds": 0.5},
    ],
    ids=lambda fault: str(fault["action"]),
)
def test_a_refund_whose_answer_was_lost_is_found_or_made_once(
    an: Person, office: StaffMember, outside: Outside, hasty: None, work: Work, later: Any, fault: dict[str, Any]
) -> None:
    order = buy(an, Place(office), work)
    outside.spoil("gateway", match=REFUNDS, **fault)
    give_back(an, order)

    work()
    before = rows("SELECT state FROM refund")
    outside.mend()
    failures = []
    for _half_a_minute in range(3):
        later(timedelta(seconds=30))
        failures += sweep(work)

    assert before == [("unknown",)]
    assert all(isinstance(failure, TryLater) for failure in failures)
    assert (state(an, order), given_back(outside)) == ("refunded", [("succeeded", PRICE)])


def test_money_for_places_that_are_gone_is_let_go_of_as_soon_as_the_gateway_answers(
    an: Person, office: StaffMember, outside: Outside, work: Work, later: Any
) -> None:
    place = Place(office)
    order = buy(an, place, None)
    with transaction() as session:
        operations.release_order(session, UUID(order["payment_id"]))
    outside.spoil("gateway", "down", match={"path": "/cancel"})

    failures = work()
    outside.mend()
    later(timedelta(minutes=1))
    again = work()

    assert [type(failure) for failure in failures] == [TryLater]
    assert (again, outside.intents()[0]["status"]) == ([], "canceled")


def test_a_refund_carried_out_by_many_at_once_is_one_refund(
    an: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    order = buy(an, Place(office), work)
    give_back(an, order)
    (refund,) = rows("SELECT id FROM refund")

    def carry_out(_number: int) -> None:
        with suppress(TryLater):
            payments.flows.give_back(RefundRequested(refund[0]))

    all_at_once(8, carry_out)
    failures = work()

    assert (failures, state(an, order), given_back(outside)) == ([], "refunded", [("succeeded", PRICE)])


def test_giving_back_and_going_in_at_once_never_do_both(
    an: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    place = Place(office)
    place.day = clock.today()
    office.post(
        f"{T}/office/guides/{place.id}/capacity",
        json={"first_on": str(place.day), "last_on": str(place.day), "capacity": 5},
    )
    order = buy(an, place, work)
    code = order["tickets"][0]["code"]
    gate = {"For-Organisation": str(office.organisation_id), "Authorization": f"Bearer {office.token}"}
    warn(office, place)

    def act(number: int) -> Any:
        if number % 2:
            return give_back(an.again(), order).status_code
        asked = {"code": code, "gate": "cong"}
        return an.http.application.test_client().post(f"{T}/gate/checks", json=asked, headers=gate).json["outcome"]

    answers = all_at_once(8, act)
    work()

    went_in, went_back = answers.count("admitted"), answers.count(200)
    assert went_in + went_back == 1
    assert given_back(outside) == [("succeeded", PRICE)] * went_back


def test_a_refund_the_citizens_bank_sends_back_is_due_again_and_tried_once_more(
    an: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    order = buy(an, Place(office), work, card="pm_card_refundFail")
    give_back(an, order)
    work()
    at_first = state(an, order)
    early = office.post(f"{T}/office/refunds/{order['id']}/tries")
    ((gateway_id,),) = rows("SELECT gateway_id FROM refund")
    outside._ask("POST", f"/control/gateway/refunds/{gateway_id}/fail", json={})
    heard = [knock(an, event).status_code for event in events_of(outside, "refund.failed") * 2]
    failures = work()

    (waiting,) = office.get(f"{T}/office/refunds").json["items"]
    with transaction() as session:
        unapplied = payments.operations.unapplied(session, order["payment_id"])
    tried = office.post(f"{T}/office/refunds/{order['id']}/tries")
    twice = office.post(f"{T}/office/refunds/{order['id']}/tries")

    assert (at_first, heard, failures) == ("refunded", [200, 200], [])
    assert as_refusal(early)[:2] == (409, "refund_not_repeatable")
    assert (waiting["failure"], waiting["refund_tries"], unapplied) == ("expired_or_canceled_card", 1, PRICE)
    assert (tried.status_code, twice.status_code) == (204, 409)
    assert work() == []
    assert state(an, order) == "refunded"


def test_money_that_arrives_after_the_places_were_let_go_of_goes_back(
    an: Person, office: StaffMember, outside: Outside, work: Work
) -> None:
    place = Place(office)
    order = an.post(f"{T}/ticket-orders", json=place.order()).json
    with transaction() as session:
        payment = payments.operations.find_state(session, order["payment_id"])
        payments.operations.begin_capture(session, payment.id)
    intent = payments.gateway.capture(payment.intent_id, payment.id, PRICE, attempt=1)
    with transaction() as session:
        payments.operations.end(session, payment.id, MoneyState.CANCELLED, "expired")
    work()
    released = state(an, order)
    with transaction() as session:
        payments.operations.apply_intent(session, payment.id, intent)

    failures = work()

    assert (released, failures, state(an, order)) == ("released", [], "refunded")
    assert given_back(outside) == [("succeeded", PRICE)]


def test_another_office_neither_sees_nor_repeats_our_refunds(
    an: Person, office: StaffMember, outside: Outside, work: Work, staff: Any
) -> None:
    order = buy(an, Place(office), work)
    give_back(an, order)
    stranger = staff("tourism_office", "clerk")

    assert len(office.get(f"{T}/office/refunds").json["items"]) == 1
    assert stranger.get(f"{T}/office/refunds").json["items"] == []
    assert stranger.post(f"{T}/office/refunds/{order['id']}/tries").status_code == 404


def warn(office: StaffMember, place: Place) -> None:
    """The place is closed from now on."""
    now = clock.local(clock.now())
    answer = office.post(
        f"{T}/alerts",
        json={
            "kind": "closure", "level": 4, "closes": True, "reason_vi": "Sửa cổng.", "reason_en": "Repairs.",
            "source": "Ban quản lý", "guide_ids": [str(place.id)],
            "starts_at": now.isoformat(), "ends_at": (now + timedelta(days=2)).isoformat(),
        },
    )  # fmt: skip
    assert answer.status_code == 201, answer.json
