"""Reads: a household's bills by customer code, the list of one's bills, one payment, and a public list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.bills import HOLDER, SLUG, Household
from benchmarks.load import Measured, drive


def read(households: Sequence[Household], each: int) -> Iterator[tuple[str, Measured]]:
    """What was asked for, by operation, and what it took."""
    clients = [household.client for household in households]
    paid = [household.client.must("GET", "/v1/payments?limit=1")["items"][0]["id"] for household in households]
    asked: dict[str, list[tuple[str, str, object]]] = {
        "lookUpBills": [
            (
                "POST",
                "/v1/utilities/lookups",
                {"provider": SLUG, "customer_code": household.code, "holder_name": HOLDER},
            )
            for household in households
        ],
        "listBills": [("GET", "/v1/utilities/bills?limit=20", None)] * len(households),
        "getPayment": [("GET", f"/v1/payments/{payment}", None) for payment in paid],
        "listProviders": [("GET", "/v1/utilities/providers", None)] * len(households),
    }
    for operation, orders in asked.items():
        measured = drive(clients, lambda number, orders=orders: [orders[number]] * each)  # type: ignore[misc]
        if set(measured.statuses) != {200}:
            raise RuntimeError(f"{operation}: {measured.statuses}")
        yield operation, measured
