"""Charges, refunds and the gateway's balance; every movement of money writes one balance transaction."""

from collections.abc import Callable
from typing import Any

from sandbox.cards import BY_NUMBER, Card, Decline
from sandbox.clock import Clock
from sandbox.gateway_params import CURRENCY, merged
from sandbox.gateway_protocol import invalid, new_id
from sandbox.gateway_reading import find
from sandbox.store import Document, Store

# Data: the gateway keeps 2.9 % of each capture, rounded half up to the đồng, and pays out after two days.
FEE_PER_MILLE = 29
AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600
# How long, by the sandbox's clock, a refund to the failing test card looks successful.
REFUND_FAILS_AFTER_SECONDS = 5
AUTHORISATION_LASTS_SECONDS = 7 * 24 * 3600

Announce = Callable[[str, Document], None]


def fee_of(amount_vnd: int) -> int:
    """Return the gateway's fee in đồng for a captured amount."""
    return (amount_vnd * FEE_PER_MILLE + 500) // 1000


class Money:
    """What cards were charged and given back. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock, announce: Announce) -> None:
        """Keep objects in the store and tell `announce` what happened to them."""
        self._store = store
        self._clock = clock
        self._announce = announce

    def charge(self, intent: Document, method: Document, *, authenticated: bool) -> Document:
        """Ask the card for the intent's amount; the charge comes back failed, held or captured."""
        card = BY_NUMBER[method["_number"]]
        held_only = intent["capture_method"] == "manual"
        charge = self._new_charge(intent, method, card, authenticated=authenticated)
        if card.decline is not None:
            _mark_failed(charge, card.decline)
            self._save(charge)
            self._announce("charge.failed", charge)
            return charge
        self._save(charge)
        if not held_only:
            self._take(charge, charge["amount"])
        self._announce("charge.succeeded", charge)
        return charge

    def capture(self, charge_id: str, amount: int) -> Document:
        """Take all or part of a held amount; the rest of the hold is released."""
        charge = find(self._store, "charge", charge_id)
        self._take(charge, amount)
        self._announce("charge.captured", charge)
        return charge

    def refund(self, params: dict[str, Any]) -> Document:
        """Give back all or part of a captured charge. Raises GatewayError when less than that is left."""
        charge = self._charge_to_refund(params)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left == 0:
            raise invalid(f"Charge {charge['id']} has already been refunded.", "charge", "charge_already_refunded")
        amount = params.get("amount", left)
        if amount > left:
            raise invalid(
                f"Refund amount (₫{amount:,}) is greater than unrefunded amount on charge (₫{left:,})", "amount"
            )
        refund: Document = {
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
        # The gateway keeps its fee when money goes back.
        refund["balance_transaction"] = self._book(refund["id"], "refund", -amount, 0, at_once=True)
        self._store.put("refund", refund["id"], refund)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._save(charge)
        if charge["_refund_fails"]:
            self._store.put("failing_refund", refund["id"], {"id": refund["id"]})
        self._announce("charge.refunded", charge)
        return refund

    def fail_due_refunds(self) -> None:
        """Let refunds to the failing test card fail once their time has come; the money is ours again."""
        for waiting in self._store.scan("failing_refund"):
            refund = find(self._store, "refund", waiting["id"])
            if refund["created"] + REFUND_FAILS_AFTER_SECONDS > self._clock.timestamp():
                continue
            charge = find(self._store, "charge", refund["charge"])
            refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
            refund["failure_balance_transaction"] = self._book(
                refund["id"], "refund_failure", refund["amount"], 0, at_once=True
            )
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
            self._save(charge)
            self._store.put("refund", refund["id"], refund)
            self._store.delete("failing_refund", refund["id"])
            self._announce("charge.refund.updated", refund)

    def balance(self) -> Document:
        """Return what may be paid out and what is still on its way, in đồng."""
        now = self._clock.timestamp()
        total = (self._store.get("balance", CURRENCY) or {"total": 0})["total"]
        pending = sum(each["net"] for each in self._store.scan("balance_transaction") if each["available_on"] > now)

        def line(amount: int) -> list[Document]:
            return [{"amount": amount, "currency": CURRENCY, "source_types": {"card": amount}}]

        return {
            "object": "balance",
            "available": line(total - pending),
            "livemode": False,
            "pending": line(pending),
            "refund_and_dispute_prefunding": {"available": line(0), "pending": line(0)},
        }

    def with_status(self, transaction: Document) -> Document:
        """Return a balance transaction as it stands now: pending until its day comes."""
        ripe = transaction["available_on"] <= self._clock.timestamp()
        return transaction | {"status": "available" if ripe else "pending"}

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

    def _take(self, charge: Document, amount: int) -> None:
        charge |= {"captured": True, "amount_captured": amount}
        charge["balance_transaction"] = self._book(
            charge["id"], "charge", amount, fee_of(amount), at_once=charge["_at_once"]
        )
        self._save(charge)

    def _book(self, source: str, kind: str, amount: int, fee: int, *, at_once: bool) -> str:
        now = self._clock.timestamp()
        transaction: Document = {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now if at_once else now + AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "created": now,
            "currency": CURRENCY,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [
                {
                    "amount": fee,
                    "application": None,
                    "currency": CURRENCY,
                    "description": "Processing fees",
                    "type": "stripe_fee",
                }
            ]
            if fee
            else [],
            "net": amount - fee,
            "reporting_category": kind,
            "source": source,
            "status": "pending",
            "type": kind,
        }
        self._store.put("balance_transaction", transaction["id"], transaction)
        # A running total of its own, so that a test may compare it with the sum of the transactions.
        total = self._store.get("balance", CURRENCY) or {"total": 0}
        self._store.put("balance", CURRENCY, {"total": total["total"] + transaction["net"]})
        return str(transaction["id"])

    def _save(self, charge: Document) -> None:
        self._store.put("charge", charge["id"], charge)

    def _new_charge(self, intent: Document, method: Document, card: Card, *, authenticated: bool) -> Document:
        now = self._clock.timestamp()
        details = {
            name: method["card"][name]
            for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
        }
        return {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SANDBOX",
            "captured": False,
            "created": now,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": {
                "advice_code": None,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": "normal",
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "card": details
                | {
                    "amount_authorized": intent["amount"],
                    "authorization_code": "000000",
                    "capture_before": now + AUTHORISATION_LASTS_SECONDS
                    if intent["capture_method"] == "manual"
                    else None,
                    "network": card.brand,
                    "three_d_secure": {"result": "authenticated", "version": "2.2.0"} if authenticated else None,
                },
                "type": "card",
            },
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "succeeded",
            "transfer_data": None,
            "transfer_group": intent["transfer_group"],
            "_at_once": card.available_at_once,
            "_refund_fails": card.refund_fails,
        }


def _mark_failed(charge: Document, decline: Decline) -> None:
    reason = decline.decline_code or decline.code
    charge |= {"status": "failed", "paid": False, "failure_code": decline.code, "failure_message": decline.message}
    charge["outcome"] |= {
        "network_status": "declined_by_network",
        "reason": reason,
        "type": "issuer_declined",
        "seller_message": "The bank returned a decline.",
    }
