"""Charges: what a card was asked for, held and taken."""

from sandbox.clock import Clock
from sandbox.gateway.balance import Balance
from sandbox.gateway.cards import BY_NUMBER, Card, Decline
from sandbox.gateway.protocol import Announce, new_id
from sandbox.gateway.reading import find
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

# Data: the gateway keeps 2.9 % of each capture, rounded half up to the đồng; a hold that nobody captures ends.
FEE_PER_MILLE = 29
AUTHORISATION_LASTS_SECONDS = 7 * 24 * 3600


def fee_of(amount_vnd: int) -> int:
    """Return the gateway's fee in đồng for a captured amount."""
    return (amount_vnd * FEE_PER_MILLE + 500) // 1000


class Charges:
    """What cards were charged. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock, timers: Timers, balance: Balance, announce: Announce) -> None:
        """Keep charges in the store, book what is taken with `balance`, tell `announce` what happened."""
        self._store = store
        self._clock = clock
        self._timers = timers
        self._balance = balance
        self._announce = announce

    def charge(
        self, intent: Document, method: Document, *, authenticated: bool, decline: Decline | None = None
    ) -> Document:
        """Ask the card for the intent's amount; the charge comes back failed, held or captured."""
        card = BY_NUMBER[method["_number"]]
        held_only = intent["capture_method"] == "manual"
        charge = self._new_charge(intent, method, card, authenticated=authenticated)
        decline = decline or card.decline
        if decline is not None:
            _mark_failed(charge, decline)
            self._save(charge)
            self._announce("charge.failed", charge)
            return charge
        self._save(charge)
        if held_only:
            last = charge["payment_method_details"]["card"]["capture_before"]
            self._timers.set("hold_expires", charge["id"], last)
        else:
            self._take(charge, charge["amount"])
        self._announce("charge.succeeded", charge)
        return charge

    def capture(self, charge_id: str, amount: int) -> Document:
        """Take all or part of a held amount; the rest of the hold is released."""
        charge = find(self._store, "charge", charge_id)
        self._take(charge, amount)
        self._announce("charge.captured", charge)
        return charge

    def release(self, charge_id: str, *, expired: bool = False) -> None:
        """Let go of a hold: nothing was taken."""
        self._timers.cancel("hold_expires", charge_id)
        if expired:
            self._announce("charge.expired", find(self._store, "charge", charge_id))

    def _take(self, charge: Document, amount: int) -> None:
        self._timers.cancel("hold_expires", charge["id"])
        charge |= {"captured": True, "amount_captured": amount}
        booked = self._balance.book(charge["id"], "charge", amount, fee_of(amount), at_once=charge["_at_once"])
        charge["balance_transaction"] = booked["id"]
        self._save(charge)
        if charge.get("_disputed_as") is not None:
            self._timers.set("dispute_opens", charge["id"], self._clock.timestamp())

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
            "_number": card.number,
            "_disputed_as": card.disputed_as,
            "_inquired": card.inquired,
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
