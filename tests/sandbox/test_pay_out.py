"""Payouts: by themselves at night, by hand, spoiled on demand; every payout is the sum of its transactions."""

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.gateway_books import check_the_books, control, every, move_clock
from tests.sandbox.sandbox_clients import Gateway, Order, Receiver, Start, gateway_client, paid

DAY = 24 * 3600


def bank(url: str) -> list[dict[str, object]]:
    return list(requests.get(f"{url}/control/gateway/bank", timeout=5).json()["items"])


def test_what_ripened_by_night_is_paid_out_and_arrives_at_the_bank(world: Server, gateway: Gateway) -> None:
    first, second = paid(gateway), paid(gateway, amount=100_000)
    gateway.v1.refunds.create({"payment_intent": first.id, "amount": 50_000})

    move_clock(world.url, 5 * DAY)

    payouts = every(gateway.v1.payouts)
    assert sum(payout.amount for payout in payouts) == 242_750 + 97_100 - 50_000
    assert {payout.status for payout in payouts} == {"paid"}
    inside = [each for payout in payouts for each in every(gateway.v1.balance_transactions, payout=payout.id)]
    sources = {each.source for each in inside if each.type == "charge"}
    assert sources == {first.latest_charge, second.latest_charge}
    lines = bank(world.url)
    assert [(line["amount_vnd"], line["reference"]) for line in lines] == [
        (payout.amount, payout.trace_id.value) for payout in reversed(payouts)
    ]
    check_the_books(world.url, gateway)


def test_each_night_pays_out_what_was_there_then(world: Server, gateway: Gateway) -> None:
    paid(gateway, "pm_card_bypassPending")
    move_clock(world.url, 2 * DAY)
    paid(gateway, "pm_card_bypassPending", amount=100_000)

    move_clock(world.url, 6 * DAY)

    later, earlier = every(gateway.v1.payouts)
    assert (earlier.amount, later.amount) == (242_750, 97_100)
    assert later.created - earlier.created >= DAY
    assert all(payout.created % DAY == 0 for payout in (earlier, later))


def test_nothing_is_paid_out_while_more_was_given_back_than_taken(world: Server, gateway: Gateway) -> None:
    intent = paid(gateway, "pm_card_bypassPending")
    gateway.v1.refunds.create({"payment_intent": intent.id})

    move_clock(world.url, 4 * DAY)

    assert every(gateway.v1.payouts) == []
    assert gateway.v1.balance.retrieve().available[0].amount == -7_250


def test_a_payout_of_a_wrong_sum_leaves_the_difference_unexplained(
    world: Server, gateway: Gateway, order: Order
) -> None:
    paid(gateway, "pm_card_bypassPending")
    order(target="payout", action="wrong_sum", amount=1)

    payout = control(world.url, "gateway/payouts")

    inside = every(gateway.v1.balance_transactions, payout=payout["id"])
    assert payout["amount"] == 242_751
    assert sum(each.net for each in inside if each.type != "payout") == 242_750
    assert gateway.v1.balance.retrieve().available[0].amount == -1


@pytest.mark.parametrize(
    ("fault", "lines"), [({"action": "short_in_bank", "amount": -500}, [242_250]), ({"action": "missing_in_bank"}, [])]
)
def test_the_bank_may_disagree_with_the_gateway(
    world: Server, gateway: Gateway, order: Order, fault: dict[str, object], lines: list[int]
) -> None:
    paid(gateway, "pm_card_bypassPending")
    order(target="payout", **fault)

    payout = control(world.url, "gateway/payouts")
    arrived = control(world.url, f"gateway/payouts/{payout['id']}/arrive")

    assert (arrived["status"], arrived["amount"]) == ("paid", 242_750)
    assert [line["amount_vnd"] for line in bank(world.url)] == lines


def test_a_paid_payout_may_come_back_and_goes_out_again(world: Server, gateway: Gateway, order: Order) -> None:
    paid(gateway, "pm_card_bypassPending")
    order(target="payout", action="return")
    returned = control(world.url, "gateway/payouts")

    move_clock(world.url, 6 * DAY)

    again, first = every(gateway.v1.payouts)
    assert (first.id, first.status, first.failure_code) == (returned["id"], "failed", "account_closed")
    assert (again.amount, again.status) == (first.amount, "paid")
    assert [line["amount_vnd"] for line in bank(world.url)] == [242_750, -242_750, 242_750]
    named = every(gateway.v1.balance_transactions, payout=again.id)
    assert {each.type for each in named} == {"payout", "payout_failure"}
    check_the_books(world.url, gateway)


def test_a_payout_is_told_step_by_step(start: Start, receiver: Receiver) -> None:
    world = start(receiver.url)
    gateway = gateway_client(world.url)
    paid(gateway, "pm_card_bypassPending")

    move_clock(world.url, 4 * DAY)
    receiver.wait(lambda calls: len(calls) == 7)

    told = [event.type for event in reversed(every(gateway.v1.events, types=["payout.*"]))]
    assert told == ["payout.created", "payout.updated", "payout.reconciliation_completed", "payout.paid"]


def test_a_payout_by_hand_counts_in_the_next_automatic_one(world: Server, gateway: Gateway) -> None:
    paid(gateway, "pm_card_bypassPending", amount=1_000_000)
    gateway.v1.payouts.create({"amount": 500_000, "currency": "vnd", "metadata": {"by": "an"}})

    move_clock(world.url, 4 * DAY)

    automatic, by_hand = every(gateway.v1.payouts)
    assert (by_hand.amount, automatic.amount, automatic.automatic) == (500_000, 471_000, True)
    check_the_books(world.url, gateway)


def test_more_than_is_available_is_not_paid_out(gateway: Gateway) -> None:
    paid(gateway)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payouts.create({"amount": 10_000, "currency": "vnd"})

    assert (refused.value.code, refused.value.param) == ("balance_insufficient", "amount")


def test_money_nobody_knows_may_reach_the_bank(world: Server) -> None:
    control(world.url, "gateway/bank", {"amount_vnd": 333_000, "text": "CHUYEN KHOAN", "reference": "FT123"})

    (line,) = bank(world.url)

    assert (line["amount_vnd"], line["reference"], line["balance_vnd"]) == (333_000, "FT123", 333_000)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("payouts/schedule", {"interval": "hourly"}),
        ("payouts/po_unheardOf/fail", {}),
        ("payouts/po_unheardOf/fail", {"failure_code": "weather"}),
        ("disputes", {"charge": "ch_unheardOf"}),
        ("disputes", {"colour": "red"}),
        ("disputes/dp_unheardOf/decide", {"outcome": "won"}),
        ("balance-transactions", {"amount": 1.5}),
        ("bank", {"amount_vnd": True, "text": "x"}),
        ("refunds/re_unheardOf/fail", {}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(world: Server, path: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{world.url}/control/gateway/{path}", json=body, timeout=5)

    assert answer.status_code in {400, 404}
    assert answer.json()["detail"]
