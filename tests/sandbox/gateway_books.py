"""Both sides of the gateway's books, compared after whatever a test has done."""

from typing import Any

import requests

from tests.sandbox.sandbox_clients import Gateway


def control(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the gateway's control API and return what it answers."""
    answer = requests.post(f"{url}/control/{path}", json=body or {}, timeout=10)
    assert answer.status_code < 300, answer.text
    return answer.json()


def move_clock(url: str, seconds: float) -> None:
    control(url, "clock", {"offset_seconds": seconds})


def every(service: Any, **filters: Any) -> list[Any]:
    """Every object of a list, walked through its pages by the SDK."""
    return list(service.list({"limit": 100, **filters}).auto_paging_iter())


def check_the_books(url: str, gateway: Gateway) -> None:
    """No đồng is lost, doubled or unexplained: balance, payouts, refunds, disputes and the bank agree."""
    booked = every(gateway.v1.balance_transactions)
    balance = gateway.v1.balance.retrieve()
    assert balance.available[0].amount + balance.pending[0].amount == sum(each.net for each in booked)
    assert balance.available[0].amount == sum(each.net for each in booked if each.status == "available")
    assert all(each.net == each.amount - each.fee for each in booked)
    paid_out = 0
    for payout in every(gateway.v1.payouts):
        if payout.automatic:
            inside = every(gateway.v1.balance_transactions, payout=payout.id)
            assert sum(each.net for each in inside) == 0, payout.id
        moved = sum(each.net for each in booked if each.source == payout.id)
        assert moved == (0 if payout.status in {"failed", "canceled"} else -payout.amount)
        paid_out += payout.amount if payout.status == "paid" else 0
    for charge in every(gateway.v1.charges):
        back = [each.amount for each in every(gateway.v1.refunds, charge=charge.id) if each.status != "failed"]
        assert sum(back) == charge.amount_refunded <= charge.amount_captured
        taken = sum(each.net for each in booked if each.source == charge.id)
        assert (taken > 0) == charge.captured
    bank = requests.get(f"{url}/control/gateway/bank", timeout=10).json()
    assert bank["balance_vnd"] == sum(line["amount_vnd"] for line in bank["items"]) == paid_out
