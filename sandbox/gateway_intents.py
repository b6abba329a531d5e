"""Payment intents: the gateway's states from a card to held or taken money, with customers and payment methods."""

import hmac
import re
import secrets
from typing import Any, NoReturn

from sandbox.cards import (
    BY_NAME,
    BY_NUMBER,
    CHALLENGE_REFUSED,
    NOT_AUTHENTICATED,
    REAL_CARD,
    WRONG_NUMBER,
    Card,
    Decline,
    passes_checksum,
)
from sandbox.clock import Clock
from sandbox.gateway_money import Announce, Money
from sandbox.gateway_params import merged, metadata as read_metadata
from sandbox.gateway_protocol import GatewayError, invalid, new_id, public
from sandbox.gateway_reading import find
from sandbox.store import Document, Store

_UPDATABLE = ("description", "statement_descriptor_suffix", "transfer_group", "receipt_email", "customer")
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (*_CONFIRMABLE, "requires_capture", "processing")
_NO_BILLING = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


class Intents:
    """Payment intents and what they are paid with. Every method belongs inside a unit of the store.

    A GatewayError may leave with effects behind it (a declined card fails the intent), so the unit around the call
    must commit on GatewayError.
    """

    def __init__(self, store: Store, clock: Clock, money: Money, announce: Announce) -> None:
        """Keep objects in the store, move money through `money`, tell `announce` what happened."""
        self._store = store
        self._clock = clock
        self._money = money
        self._announce = announce

    def create(self, params: dict[str, Any], page: str) -> Document:
        """Make an intent and, with confirm=true, charge the card at once. `page` is the bank page's base address."""
        intent_id = new_id("pi")
        if "customer" in params:
            find(self._store, "customer", params["customer"], "customer", 400)
        if params.get("confirm") and not {"payment_method", "payment_method_data"} & set(params):
            raise invalid(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        automatic = params.get("automatic_payment_methods")
        intent: Document = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None
            if automatic is None
            else {
                "allow_redirects": automatic.get("allow_redirects", "always"),
                "enabled": automatic.get("enabled") == "true",
            },
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.get("capture_method", "automatic"),
            "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
            "confirmation_method": params.get("confirmation_method", "automatic"),
            "created": self._clock.timestamp(),
            "currency": params["currency"],
            "customer": params.get("customer"),
            "description": params.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": params.get("payment_method_options", {}),
            "payment_method_types": params.get("payment_method_types") or ["card"],
            "processing": None,
            "receipt_email": params.get("receipt_email"),
            "review": None,
            "setup_future_usage": params.get("setup_future_usage"),
            "shipping": params.get("shipping"),
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": params.get("transfer_group"),
        }
        method = self._method_from(params)
        if method is not None:
            intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        self._save(intent)
        self._announce("payment_intent.created", intent)
        return self._confirm(intent, params, page) if params.get("confirm") else intent

    def retrieve(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Return the intent; a client secret, if given, must be the right one."""
        intent = find(self._store, "payment_intent", intent_id, "intent")
        given = params.get("client_secret")
        if given is not None and not hmac.compare_digest(given.encode(), intent["client_secret"].encode()):
            raise invalid(
                "The client_secret provided does not match the client_secret of this PaymentIntent.",
                "client_secret",
                "payment_intent_invalid_parameter",
            )
        return intent

    def update(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Change the intent; the amount and the card only while nothing is held or taken."""
        intent = self.retrieve(intent_id, {})
        money_fields = {"amount", "currency", "payment_method"} & set(params)
        if money_fields and intent["status"] not in _CONFIRMABLE:
            raise _unexpected(intent, f"could not be updated ({', '.join(sorted(money_fields))})", _CONFIRMABLE)
        intent |= {name: params[name] for name in _UPDATABLE if name in params}
        intent["metadata"] = merged(intent["metadata"], params.get("metadata", {}))
        if money_fields:
            intent["amount"] = params.get("amount", intent["amount"])
            method = self._method_from(params)
            if method is not None:
                intent["payment_method"] = method["id"]
            intent |= {
                "next_action": None,
                "status": "requires_payment_method" if intent["payment_method"] is None else "requires_confirmation",
            }
        self._save(intent)
        return intent

    def confirm(self, intent_id: str, params: dict[str, Any], page: str) -> Document:
        """Charge the card, or send the citizen to the bank's page first. Raises GatewayError 402 on a decline."""
        intent = self.retrieve(intent_id, params)
        if intent["status"] not in _CONFIRMABLE:
            raise _unexpected(intent, "could not be confirmed", _CONFIRMABLE)
        method = self._method_from(params)
        if method is not None:
            intent["payment_method"] = method["id"]
        intent["capture_method"] = params.get("capture_method", intent["capture_method"])
        return self._confirm(intent, params, page)

    def capture(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Take the held money, all or part; what is left of the hold goes back to the card."""
        intent = self.retrieve(intent_id, {})
        if intent["status"] != "requires_capture":
            raise _unexpected(intent, "could not be captured", ("requires_capture",))
        amount = params.get("amount_to_capture") or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            raise invalid(
                f"The requested capture amount (₫{amount:,}) is greater than the authorized amount "
                f"(₫{intent['amount_capturable']:,}).",
                "amount_to_capture",
                "amount_too_large",
            )
        self._money.capture(intent["latest_charge"], amount)
        intent["metadata"] = merged(intent["metadata"], params.get("metadata", {}))
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self._save(intent)
        self._announce("payment_intent.succeeded", intent)
        return intent

    def cancel(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Give the intent up; a hold on the card is released and no money moves."""
        intent = self.retrieve(intent_id, {})
        if intent["status"] not in _CANCELABLE:
            raise _unexpected(intent, "could not be canceled", _CANCELABLE)
        intent |= {
            "status": "canceled",
            "canceled_at": self._clock.timestamp(),
            "amount_capturable": 0,
            "cancellation_reason": params.get("cancellation_reason"),
            "next_action": None,
        }
        self._save(intent)
        self._announce("payment_intent.canceled", intent)
        return intent

    def authenticate(self, intent_id: str, token: str, *, completed: bool) -> Document:
        """Take the bank page's answer: the citizen proved the card is theirs, or did not."""
        intent = self.challenged(intent_id, token)
        method = find(self._store, "payment_method", intent["payment_method"])
        try:
            if completed:
                return self._charge(intent, method, authenticated=True)
            self._fail(intent, method, NOT_AUTHENTICATED, None)
        except GatewayError as declined:
            # The page sends the person back; the server learns of the decline from the intent.
            if declined.status != 402:
                raise
        return self.retrieve(intent_id, {})

    def challenged(self, intent_id: str, token: str) -> Document:
        """Return an intent that waits for the bank's page; raises GatewayError for any other or a wrong token."""
        intent = find(self._store, "payment_intent", intent_id, "intent")
        if not hmac.compare_digest(intent.get("_challenge", "").encode(), token.encode()):
            raise invalid("This authentication page is not valid.")
        if intent["status"] != "requires_action":
            raise _unexpected(intent, "is not waiting for authentication", ("requires_action",))
        return intent

    def create_method(self, params: dict[str, Any]) -> Document:
        """Make a payment method from one of the test card numbers; raises GatewayError 402 for any other number."""
        if "card" not in params:
            raise invalid("Missing required param: card.", "card", "parameter_missing")
        fields = params["card"]
        number = re.sub(r"[ -]", "", str(fields.get("number", "")))
        card = BY_NUMBER.get(number)
        if card is None:
            wrong = WRONG_NUMBER if not number.isdigit() or not passes_checksum(number) else REAL_CARD
            raise _card_error(wrong, param="number")
        today = self._clock.now()
        month, year = _whole(fields.get("exp_month")), _whole(fields.get("exp_year"))
        if not 1 <= month <= 12:
            raise _card_error(Decline("invalid_expiry_month", "Your card's expiration month is invalid."), "exp_month")
        if (year, month) < (today.year, today.month) or year > today.year + 50:
            raise _card_error(Decline("invalid_expiry_year", "Your card's expiration year is invalid."), "exp_year")
        if "cvc" in fields and not re.fullmatch(r"[0-9]{3,4}", str(fields["cvc"])):
            raise _card_error(Decline("invalid_cvc", "Your card's security code is invalid."), "cvc")
        method = self._new_method(card, month, year)
        method["billing_details"] |= {
            name: value
            for name, value in params.get("billing_details", {}).items()
            if name in method["billing_details"]
        }
        method["metadata"] = merged({}, params.get("metadata", {}))
        self._store.put("payment_method", method["id"], method)
        return method

    def create_customer(self, params: dict[str, Any]) -> Document:
        """Make a customer."""
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
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "name": params.get("name"),
            "phone": params.get("phone"),
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }
        self._store.put("customer", customer["id"], customer)
        return customer

    def _confirm(self, intent: Document, params: dict[str, Any], page: str) -> Document:
        if intent["payment_method"] is None:
            message = (
                "You cannot confirm this PaymentIntent because it's missing a payment method. Update the "
                "PaymentIntent with a payment method and confirm it again, or confirm with a payment method."
            )
            raise invalid(message, code="payment_intent_unexpected_state", payment_intent=public(intent))
        method = find(self._store, "payment_method", intent["payment_method"])
        intent |= {"last_payment_error": None, "next_action": None}
        if not BY_NUMBER[method["_number"]].challenged:
            return self._charge(intent, method, authenticated=False)
        if params.get("off_session"):
            # Nobody is there to be asked.
            self._fail(intent, method, CHALLENGE_REFUSED, None)
        intent["_challenge"] = secrets.token_urlsafe(24)
        url = f"{page}/stripe/authenticate/{intent['id']}/{intent['_challenge']}"
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url",
                "redirect_to_url": {"return_url": params.get("return_url"), "url": url},
            },
        }
        self._save(intent)
        self._announce("payment_intent.requires_action", intent)
        return intent

    def _charge(self, intent: Document, method: Document, *, authenticated: bool) -> Document:
        charge = self._money.charge(intent, method, authenticated=authenticated)
        intent |= {"latest_charge": charge["id"], "next_action": None}
        decline = BY_NUMBER[method["_number"]].decline
        if decline is not None:
            self._fail(intent, method, decline, charge["id"])
        if intent["capture_method"] == "manual":
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self._save(intent)
            self._announce("payment_intent.amount_capturable_updated", intent)
        else:
            intent |= {"status": "succeeded", "amount_received": intent["amount"]}
            self._save(intent)
            self._announce("payment_intent.succeeded", intent)
        return intent

    def _fail(self, intent: Document, method: Document, decline: Decline, charge_id: str | None) -> NoReturn:
        refusal = _card_error(decline, charge=charge_id, payment_method=public(method))
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
            "last_payment_error": dict(refusal.error),
        }
        self._save(intent)
        self._announce("payment_intent.payment_failed", intent)
        refusal.error["payment_intent"] = public(intent)
        raise refusal

    def _method_from(self, params: dict[str, Any]) -> Document | None:
        if "payment_method_data" in params:
            data = params["payment_method_data"]
            fields = {name: data[name] for name in ("card", "billing_details") if isinstance(data.get(name), dict)}
            return self.create_method(fields | {"metadata": read_metadata("metadata", data.get("metadata", {}))})
        wanted = params.get("payment_method")
        if wanted is None:
            return None
        if wanted in BY_NAME:
            # Each use of a pm_card_… name stands for a new card with that behaviour.
            method = self._new_method(BY_NAME[wanted], 12, self._clock.now().year + 3)
            self._store.put("payment_method", method["id"], method)
            return method
        return find(self._store, "payment_method", wanted, "payment_method", 400)

    def _new_method(self, card: Card, month: int, year: int) -> Document:
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
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "livemode": False,
            "metadata": {},
            "type": "card",
            # Only published test numbers get here, so keeping the number keeps nobody's card.
            "_number": card.number,
        }

    def _save(self, intent: Document) -> None:
        self._store.put("payment_intent", intent["id"], intent)


def _card_error(decline: Decline, param: str | None = None, **fields: Any) -> GatewayError:
    return GatewayError(
        402, "card_error", decline.message, code=decline.code, decline_code=decline.decline_code, param=param, **fields
    )


def _unexpected(intent: Document, what: str, allowed: tuple[str, ...]) -> GatewayError:
    message = (
        f"This PaymentIntent {what} because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be used here: {', '.join(allowed)}."
    )
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=public(intent))


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
