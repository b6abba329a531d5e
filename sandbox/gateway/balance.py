"""The gateway's balance: every movement of money writes one balance transaction, pending before it is available."""

from collections.abc import Callable
from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.params import CURRENCY
from sandbox.gateway.protocol import new_id
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

# Data: when captured money may be paid out.
AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600
_CATEGORIES = {"payout_failure": "payout_reversal", "payout_cancel": "payout_reversal", "stripe_fee": "fee"}


class Balance:
    """What the gateway holds for us. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock, timers: Timers) -> None:
        """Keep transactions in the store; `on_available` is told whenever money may be paid out."""
        self._store = store
        self._clock = clock
        self._timers = timers
        self.on_available: Callable[[], None] = lambda: None
        timers.handle("ripen", self._ripen)
        with store.unit():
            if "available" not in (store.get("balance", CURRENCY) or {}):
                self._take_stock()

    def book(
        self,
        source: str | None,
        kind: str,
        amount: int,
        fee: int = 0,
        *,
        at_once: bool = True,
        category: str | None = None,
        description: str | None = None,
        fee_text: str = "Processing fees",
        payout: str | None = None,
    ) -> Document:
        """Write down one movement of `amount` đồng less `fee` and return its balance transaction.

        `payout` names the payout this transaction belongs to; without it, the next automatic payout takes it along.
        """
        now = self._clock.timestamp()
        transaction: Document = {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now if at_once else now + AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "created": now,
            "currency": CURRENCY,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [_fee_line(fee, fee_text)] if fee else [],
            "net": amount - fee,
            "reporting_category": category or _CATEGORIES.get(kind, kind),
            "source": source,
            "status": "available" if at_once else "pending",
            "type": kind,
            "_payout": payout,
        }
        self._store.put("balance_transaction", transaction["id"], transaction)
        if at_once:
            self._make_available(transaction)
        else:
            self._add(pending=transaction["net"])
            self._timers.set("ripen", transaction["id"], transaction["available_on"])
        return transaction

    def available(self) -> int:
        """Return what may be paid out now, in đồng; negative when refunds and disputes took more than there was."""
        return int(self._standing()["available"])

    def show(self) -> Document:
        """Return what may be paid out and what is still on its way, in đồng."""
        standing = self._standing()

        def line(amount: int) -> list[Document]:
            return [{"amount": amount, "currency": CURRENCY, "source_types": {"card": amount}}]

        return {
            "object": "balance",
            "available": line(standing["available"]),
            "livemode": False,
            "pending": line(standing["pending"]),
            "refund_and_dispute_prefunding": {"available": line(0), "pending": line(0)},
        }

    def unpaid_total(self) -> int:
        """Return the sum of all available transactions that no payout has taken along yet."""
        return sum(each["net"] for each in self._store.scan("unpaid_transaction"))

    def take_along(self, payout: str) -> None:
        """Put every available transaction that belongs to no payout yet into this one."""
        for waiting in list(self._store.scan("unpaid_transaction")):
            transaction = self._store.get("balance_transaction", waiting["id"])
            if transaction is not None:
                self._store.put("balance_transaction", waiting["id"], transaction | {"_payout": payout})
            self._store.delete("unpaid_transaction", waiting["id"])

    def _ripen(self, transaction_id: str) -> None:
        transaction = self._store.get("balance_transaction", transaction_id)
        if transaction is not None and transaction["status"] == "pending":
            transaction["status"] = "available"
            self._store.put("balance_transaction", transaction_id, transaction)
            self._add(pending=-transaction["net"])
            self._make_available(transaction)

    def _make_available(self, transaction: Document) -> None:
        self._add(available=transaction["net"])
        if transaction["_payout"] is None:
            waiting = {"id": transaction["id"], "net": transaction["net"]}
            self._store.put("unpaid_transaction", transaction["id"], waiting)
            self.on_available()

    def _standing(self) -> dict[str, Any]:
        return self._store.get("balance", CURRENCY) or {"available": 0, "pending": 0}

    def _add(self, available: int = 0, pending: int = 0) -> None:
        # Running totals of their own, so that a test may compare them with the sum of the transactions.
        standing = self._standing()
        self._store.put(
            "balance",
            CURRENCY,
            {"available": standing["available"] + available, "pending": standing["pending"] + pending},
        )

    def _take_stock(self) -> None:
        """Count the transactions of a state that was written before the totals were kept apart."""
        self._store.put("balance", CURRENCY, {"available": 0, "pending": 0})
        for transaction in list(self._store.scan("balance_transaction")):
            known = transaction | {"status": "pending", "_payout": None}
            self._store.put("balance_transaction", known["id"], known)
            self._add(pending=known["net"])
            self._timers.set("ripen", known["id"], known["available_on"])


def _fee_line(fee: int, text: str) -> Document:
    return {"amount": fee, "application": None, "currency": CURRENCY, "description": text, "type": "stripe_fee"}
