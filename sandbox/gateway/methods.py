"""Customers and their cards: made from test numbers or names, kept with a customer, used and refused."""

import re
from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.cards import BY_NAME, BY_NUMBER, REAL_CARD, WRONG_NUMBER, Card, Decline, passes_checksum
from sandbox.gateway.params import merged, metadata as read_metadata
from sandbox.gateway.protocol import Announce, GatewayError, invalid, new_id
from sandbox.gateway.reading import find
from sandbox.store import Document, Store

_NO_BILLING = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}
_CUSTOMER_TEXTS = ("address", "description", "email", "name", "phone", "shipping")


def card_error(decline: Decline, param: str | None = None, **fields: Any) -> GatewayError:
    """Return the 402 of a card that was refused."""
    return GatewayError(
        402, "card_error", decline.message, code=decline.code, decline_code=decline.decline_code, param=param, **fields
    )


class Methods:
    """Payment methods and customers. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock, announce: Announce) -> None:
        """Keep objects in the store, tell `announce` what happened."""
        self._store = store
        self._clock = clock
        self._announce = announce

    def create(self, params: dict[str, Any]) -> Document:
        """Make a payment method from one of the test card numbers; raises GatewayError 402 for any other number."""
        if "card" not in params:
            raise invalid("Missing required param: card.", "card", "parameter_missing")
        fields = params["card"]
        number = re.sub(r"[ -]", "", str(fields.get("number", "")))
        card = BY_NUMBER.get(number)
        if card is None:
            wrong = WRONG_NUMBER if not number.isdigit() or not passes_checksum(number) else REAL_CARD
            raise card_error(wrong, param="number")
        month, year = self._read_expiry(fields)
        if "cvc" in fields and not re.fullmatch(r"[0-9]{3,4}", str(fields["cvc"])):
            raise card_error(Decline("invalid_cvc", "Your card's security code is invalid."), "cvc")
        method = self._new(card, month, year)
        method["billing_details"] = _billing(method, params)
        method["metadata"] = merged({}, params.get("metadata", {}))
        self._save(method)
        return method

    def named(self, wanted: str, status: int = 404) -> Document:
        """Return the payment method of this id; each use of a pm_card_… name makes a new card with that behaviour."""
        if wanted not in BY_NAME:
            return find(self._store, "payment_method", wanted, "payment_method", status)
        method = self._new(BY_NAME[wanted], 12, self._clock.now().year + 3)
        self._save(method)
        return method

    def chosen(self, params: dict[str, Any], customer: str | None) -> Document | None:
        """Return the payment method a payment names or describes, None without one.

        Raises GatewayError when it may not pay for this customer: it is somebody else's, or was used up before.
        """
        if "payment_method_data" in params:
            data = params["payment_method_data"]
            fields = {name: data[name] for name in ("card", "billing_details") if isinstance(data.get(name), dict)}
            return self.create(fields | {"metadata": read_metadata("metadata", data.get("metadata", {}))})
        if params.get("payment_method") is None:
            return None
        method = self.named(params["payment_method"], 400)
        if method["customer"] is None and method.get("_spent"):
            raise _spent(method)
        if method["customer"] is not None and method["customer"] != customer:
            whose = "no customer" if customer is None else f"the customer {customer}"
            raise invalid(
                f"The payment method {method['id']} belongs to a customer, and the payment to {whose}. Name the "
                "customer it belongs to.",
                "payment_method",
            )
        return method

    def attach(self, method_id: str, params: dict[str, Any]) -> Document:
        """Keep a card with a customer; the bank is asked first. Raises GatewayError 402 when it says no."""
        find(self._store, "customer", params["customer"], "customer", 400)
        method = self.named(method_id)
        if method["customer"] == params["customer"]:
            return method
        if method["customer"] is not None:
            raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
        if method.get("_spent"):
            raise _spent(method)
        self.check(method)
        return self.keep(method, params["customer"])

    def check(self, method: Document) -> None:
        """Ask the bank whether the card is good, as it is done before a card is kept. Raises GatewayError 402."""
        card = BY_NUMBER[method["_number"]]
        if card.decline is not None and not card.only_charges_fail and not card.challenged:
            raise card_error(card.decline)

    def keep(self, method: Document, customer: str) -> Document:
        """Attach a card the bank has found good."""
        if method["customer"] != customer:
            method["customer"] = customer
            self._save(method)
            self._announce("payment_method.attached", method)
        return method

    def detach(self, method_id: str) -> Document:
        """Take a card from its customer, for ever."""
        method = find(self._store, "payment_method", method_id, "payment_method")
        if method["customer"] is None:
            message = "The payment method you provided is not attached to a customer so detachment is impossible."
            raise invalid(message, "payment_method")
        before = {"customer": method["customer"]}
        method |= {"customer": None, "_spent": True}
        self._save(method)
        self._announce("payment_method.detached", method, before)
        return method

    def update(self, method_id: str, params: dict[str, Any]) -> Document:
        """Change the expiry, the billing details or the metadata of a kept card."""
        method = find(self._store, "payment_method", method_id, "payment_method")
        if method["customer"] is None:
            raise invalid("You must save this PaymentMethod to a customer before you can update it.", "payment_method")
        before = {name: method[name] for name in ("billing_details", "card", "metadata")}
        if "card" in params:
            month, year = self._read_expiry(method["card"] | params["card"])
            method["card"] = method["card"] | {"exp_month": month, "exp_year": year}
        method["billing_details"] = _billing(method, params)
        method["metadata"] = merged(method["metadata"], params.get("metadata", {}))
        self._save(method)
        changed = {name: value for name, value in before.items() if value != method[name]}
        self._announce("payment_method.updated", method, changed)
        return method

    def mark(self, method: Document, **notes: bool) -> None:
        """Remember what was done with a card: `_spent` in a payment, `_set_up` for payments in its owner's absence."""
        method |= notes
        self._save(method)

    def create_customer(self, params: dict[str, Any]) -> Document:
        """Make a customer, with a first card if one is named."""
        customer: Document = {
            "id": new_id("cus"),
            "object": "customer",
            "address": params.get("address"),
            "balance": 0,
            "created": self._clock.timestamp(),
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": params.get("description"),
            "discount": None,
            "email": params.get("email"),
            "invoice_prefix": None,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "name": params.get("name"),
            "phone": params.get("phone"),
            "preferred_locales": [],
            "shipping": params.get("shipping"),
            "tax_exempt": "none",
            "test_clock": None,
        }
        method = None
        if "payment_method" in params:
            method = self.named(params["payment_method"], 400)
            self.check(method)
        self._store.put("customer", customer["id"], customer)
        self._announce("customer.created", customer)
        if method is not None:
            self.keep(method, customer["id"])
        return customer

    def customer(self, customer_id: str) -> Document:
        """Return a customer, or what is left of a deleted one."""
        gone = self._store.get("deleted_customer", customer_id)
        return find(self._store, "customer", customer_id, "customer") if gone is None else gone

    def update_customer(self, customer_id: str, params: dict[str, Any]) -> Document:
        """Change a customer."""
        customer = find(self._store, "customer", customer_id, "customer")
        before = dict(customer)
        customer |= {name: params[name] for name in _CUSTOMER_TEXTS if name in params}
        customer["metadata"] = merged(customer["metadata"], params.get("metadata", {}))
        default = params.get("invoice_settings", {}).get("default_payment_method")
        if default is not None:
            method = find(self._store, "payment_method", str(default), "default_payment_method", 400)
            if method["customer"] != customer_id:
                raise invalid("The customer does not have a payment method with this ID.", "default_payment_method")
            customer["invoice_settings"] = customer["invoice_settings"] | {"default_payment_method": method["id"]}
        self._store.put("customer", customer_id, customer)
        changed = {name: value for name, value in before.items() if value != customer[name]}
        self._announce("customer.updated", customer, changed)
        return customer

    def delete_customer(self, customer_id: str) -> Document:
        """Forget a customer; the cards go with it."""
        customer = find(self._store, "customer", customer_id, "customer")
        for method in list(self._store.scan("payment_method", holding=customer_id)):
            if method["customer"] == customer_id:
                self.detach(method["id"])
        gone = {"id": customer_id, "object": "customer", "deleted": True}
        self._store.put("deleted_customer", customer_id, gone)
        self._store.delete("customer", customer_id)
        self._announce("customer.deleted", customer)
        return gone

    def _read_expiry(self, fields: dict[str, Any]) -> tuple[int, int]:
        today = self._clock.now()
        month, year = _whole(fields.get("exp_month")), _whole(fields.get("exp_year"))
        if not 1 <= month <= 12:
            raise card_error(Decline("invalid_expiry_month", "Your card's expiration month is invalid."), "exp_month")
        if (year, month) < (today.year, today.month) or year > today.year + 50:
            raise card_error(Decline("invalid_expiry_year", "Your card's expiration year is invalid."), "exp_year")
        return month, year

    def _new(self, card: Card, month: int, year: int) -> Document:
        return {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": dict(_NO_BILLING),
            "created": self._clock.timestamp(),
            "customer": None,
            "card": {
                "brand": card.brand,
                "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
                "country": "US",
                "display_brand": card.brand,
                "exp_month": month,
                "exp_year": year,
                "fingerprint": f"sandbox{card.number[-4:]}",
                "funding": card.funding,
                "generated_from": None,
                "last4": card.number[-4:],
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "livemode": False,
            "metadata": {},
            "type": "card",
            # Only published test numbers get here, so keeping the number keeps nobody's card.
            "_number": card.number,
        }

    def _save(self, method: Document) -> None:
        self._store.put("payment_method", method["id"], method)


def _billing(method: Document, params: dict[str, Any]) -> Document:
    given = params.get("billing_details", {})
    known: Document = method["billing_details"]
    return known | {name: value for name, value in given.items() if name in known}


def _spent(method: Document) -> GatewayError:
    message = (
        f"The provided PaymentMethod {method['id']} was previously used with a PaymentIntent without Customer "
        "attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, "
        "you must attach it to a Customer first."
    )
    return invalid(message, "payment_method")


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
