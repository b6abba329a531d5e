"""Refunds: all or part of a captured charge goes back to the card, at once, later, or after all not."""

from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.balance import Balance
from sandbox.gateway.cards import BY_NUMBER
from sandbox.gateway.disputes import Disputes
from sandbox.gateway.params import CURRENCY, merged
from sandbox.gateway.protocol import Announce, invalid, new_id
from sandbox.gateway.reading import find
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

# Data: how long, by the sandbox's clock, a refund to the failing test card looks successful, and how long one to the
# slow test card is pending.
REFUND_FAILS_AFTER_SECONDS = 5
REFUND_PENDING_SECONDS = 5


class Refunds:
    """What was given back. Every method belongs inside a unit of the store."""

    def __init__(
        self, store: Store, clock: Clock, timers: Timers, balance: Balance, disputes: Disputes, *, announce: Announce
    ) -> None:
        """Keep refunds in the store, move money through `balance`."""
        self._store = store
        self._clock = clock
        self._timers = timers
        self._balance = balance
        self._disputes = disputes
        self._announce = announce
        timers.handle("refund_fails", self._fail_late)
        timers.handle("refund_succeeds", self._succeed_late)

    def create(self, params: dict[str, Any]) -> Document:
        """Give back all or part of a captured charge. Raises GatewayError when less than that is left."""
        charge = self._charge_to_refund(params)
        self._disputes.refuse_refund(charge)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left == 0:
            raise invalid(f"Charge {charge['id']} has already been refunded.", "charge", "charge_already_refunded")
        amount = params.get("amount", left)
        if amount > left:
            raise invalid(
                f"Refund amount (₫{amount:,}) is greater than unrefunded amount on charge (₫{left:,})", "amount"
            )
        refund = self._new(charge, amount, params)
        # The gateway keeps its fee when money goes back.
        refund["balance_transaction"] = self._balance.book(refund["id"], "refund", -amount)["id"]
        card = BY_NUMBER[charge.get("_number", "4242424242424242")]
        now = self._clock.timestamp()
        if card.refund_pending:
            refund["status"] = "pending"
            refund["pending_reason"] = "processing"
            self._timers.set("refund_succeeds", refund["id"], now + REFUND_PENDING_SECONDS)
        elif card.refund_fails:
            self._timers.set("refund_fails", refund["id"], now + REFUND_FAILS_AFTER_SECONDS)
        self._store.put("refund", refund["id"], refund)
        before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._store.put("charge", charge["id"], charge)
        self._announce("refund.created", refund)
        self._announce("charge.refunded", charge, before)
        if charge["refunded"]:
            self._disputes.settle_inquiry(charge)
        return refund

    def update(self, refund_id: str, params: dict[str, Any]) -> Document:
        """Change the metadata."""
        refund = find(self._store, "refund", refund_id, "refund")
        before = {"metadata": refund["metadata"]}
        refund["metadata"] = merged(refund["metadata"], params.get("metadata", {}))
        return self._changed(refund, before)

    def cancel(self, refund_id: str) -> Document:
        """Refuse: only a refund that waits for the customer can be cancelled, and card refunds never do."""
        refund = find(self._store, "refund", refund_id, "refund")
        raise invalid(
            f"Refund {refund['id']} has a status of {refund['status']}. Only a refund with a status of "
            "requires_action can be canceled.",
            "id",
        )

    def succeed(self, refund_id: str) -> Document:
        """Let a pending refund arrive."""
        refund = find(self._store, "refund", refund_id, "refund")
        if refund["status"] != "pending":
            raise invalid(f"Refund {refund_id} is not pending but {refund['status']}.")
        self._timers.cancel("refund_succeeds", refund_id)
        refund["status"] = "succeeded"
        refund.pop("pending_reason", None)
        return self._changed(refund, {"status": "pending"})

    def fail(self, refund_id: str, reason: str = "expired_or_canceled_card") -> Document:
        """Let a pending or even a successful refund fail; the money is ours again and may be refunded anew."""
        refund = find(self._store, "refund", refund_id, "refund")
        if refund["status"] not in {"pending", "succeeded"}:
            raise invalid(f"Refund {refund_id} cannot fail: it is {refund['status']}.")
        self._timers.cancel("refund_succeeds", refund_id)
        self._timers.cancel("refund_fails", refund_id)
        before = {"status": refund["status"]}
        refund.pop("pending_reason", None)
        back = self._balance.book(refund_id, "refund_failure", refund["amount"])
        refund |= {"status": "failed", "failure_reason": reason, "failure_balance_transaction": back["id"]}
        charge = find(self._store, "charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self._store.put("charge", charge["id"], charge)
        self._changed(refund, before)
        self._announce("refund.failed", refund)
        return refund

    def _fail_late(self, refund_id: str) -> None:
        self.fail(refund_id)

    def _succeed_late(self, refund_id: str) -> None:
        self.succeed(refund_id)

    def _changed(self, refund: Document, before: Document) -> Document:
        self._store.put("refund", refund["id"], refund)
        self._announce("refund.updated", refund, before)
        self._announce("charge.refund.updated", refund, before)
        return refund

    def _charge_to_refund(self, params: dict[str, Any]) -> Document:
        if ("charge" in params) == ("payment_intent" in params):
            raise invalid(
                "One of the following params should be provided for this request: payment_intent or charge.",
                "payment_intent",
                "parameter_missing",
            )
        charge_id = params.get("charge")
        if charge_id is None:
            charge_id = find(self._store, "payment_intent", params["payment_intent"], "payment_intent")["latest_charge"]
        charge = None if charge_id is None else find(self._store, "charge", charge_id, "charge")
        if charge is None or not charge["captured"]:
            subject = params.get("payment_intent", charge_id)
            raise invalid(
                f"{subject} does not have a captured charge to refund.", "payment_intent", "charge_not_refundable"
            )
        return charge

    def _new(self, charge: Document, amount: int, params: dict[str, Any]) -> Document:
        return {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": self._clock.timestamp(),
            "currency": CURRENCY,
            "destination_details": {
                "type": "card",
                "card": {
                    "type": "refund",
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                },
            },
            "metadata": merged({}, params.get("metadata", {})),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
