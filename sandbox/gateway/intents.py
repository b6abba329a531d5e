"""Payment intents: the gateway's states from a card to held or taken money."""

import secrets
from typing import Any, NoReturn

from sandbox.clock import Clock
from sandbox.gateway.cards import BY_NUMBER, CHALLENGE_REFUSED, NOT_AUTHENTICATED, Decline
from sandbox.gateway.charges import Charges
from sandbox.gateway.methods import Methods, card_error
from sandbox.gateway.params import merged
from sandbox.gateway.protocol import Announce, GatewayError, check_secret, invalid, new_id, public
from sandbox.gateway.reading import find
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

_UPDATABLE = ("description", "statement_descriptor_suffix", "transfer_group", "receipt_email", "customer")
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (*_CONFIRMABLE, "requires_capture", "processing")


class Intents:
    """Payment intents. Every method belongs inside a unit of the store.

    A GatewayError may leave with effects behind it (a declined card fails the intent), so the unit around the call
    must commit on GatewayError.
    """

    def __init__(
        self, store: Store, clock: Clock, timers: Timers, charges: Charges, methods: Methods, *, announce: Announce
    ) -> None:
        """Keep intents in the store, move money through `charges`, tell `announce` what happened."""
        self._store = store
        self._clock = clock
        self._charges = charges
        self._methods = methods
        self._announce = announce
        timers.handle("hold_expires", self._expire)

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
        method = self._methods.chosen(params, intent["customer"])
        if method is not None:
            intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        self._save(intent)
        self._announce("payment_intent.created", intent)
        return self._confirm(intent, params, page) if params.get("confirm") else intent

    def retrieve(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Return the intent; a client secret, if given, must be the right one."""
        intent = find(self._store, "payment_intent", intent_id, "intent")
        check_secret(intent, params, "payment_intent_invalid_parameter")
        return intent

    def update(self, intent_id: str, params: dict[str, Any]) -> Document:
        """Change the intent; the amount and the card only while nothing is held or taken."""
        intent = self.retrieve(intent_id, {})
        money_fields = {"amount", "currency", "payment_method"} & set(params)
        if "customer" in params:
            find(self._store, "customer", params["customer"], "customer", 400)
        if money_fields and intent["status"] not in _CONFIRMABLE:
            raise _unexpected(intent, f"could not be updated ({', '.join(sorted(money_fields))})", _CONFIRMABLE)
        intent |= {name: params[name] for name in _UPDATABLE if name in params}
        intent["metadata"] = merged(intent["metadata"], params.get("metadata", {}))
        if money_fields:
            intent["amount"] = params.get("amount", intent["amount"])
            method = self._methods.chosen(params, intent["customer"])
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
        method = self._methods.chosen(params, intent["customer"])
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
        self._charges.capture(intent["latest_charge"], amount)
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
        if intent["status"] == "requires_capture":
            self._charges.release(intent["latest_charge"])
        return self._end(intent, params.get("cancellation_reason"))

    def authenticate(self, intent_id: str, *, completed: bool) -> Document:
        """Take the bank page's answer for an intent that waits for it: the citizen proved the card theirs, or not."""
        intent = find(self._store, "payment_intent", intent_id, "intent")
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

    def _expire(self, charge_id: str) -> None:
        intent = find(self._store, "payment_intent", find(self._store, "charge", charge_id)["payment_intent"])
        if intent["status"] == "requires_capture" and intent["latest_charge"] == charge_id:
            self._charges.release(charge_id, expired=True)
            self._end(intent, "automatic")

    def _end(self, intent: Document, reason: str | None) -> Document:
        intent |= {
            "status": "canceled",
            "canceled_at": self._clock.timestamp(),
            "amount_capturable": 0,
            "cancellation_reason": reason,
            "next_action": None,
        }
        self._save(intent)
        self._announce("payment_intent.canceled", intent)
        return intent

    def _confirm(self, intent: Document, params: dict[str, Any], page: str) -> Document:
        if intent["payment_method"] is None:
            message = (
                "You cannot confirm this PaymentIntent because it's missing a payment method. Update the "
                "PaymentIntent with a payment method and confirm it again, or confirm with a payment method."
            )
            raise invalid(message, code="payment_intent_unexpected_state", payment_intent=public(intent))
        method = find(self._store, "payment_method", intent["payment_method"])
        intent |= {"last_payment_error": None, "next_action": None}
        intent["setup_future_usage"] = params.get("setup_future_usage", intent["setup_future_usage"])
        card = BY_NUMBER[method["_number"]]
        absent = params.get("off_session", False)
        trusted = absent and (card.absent == "always" or (card.absent == "set_up" and method.get("_set_up", False)))
        if not card.challenged or trusted:
            return self._charge(intent, method, authenticated=False)
        if absent or params.get("error_on_requires_action"):
            # Nobody is there to be asked.
            charge = self._charges.charge(intent, method, authenticated=False, decline=CHALLENGE_REFUSED)
            intent["latest_charge"] = charge["id"]
            self._fail(intent, method, CHALLENGE_REFUSED, charge["id"])
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
        charge = self._charges.charge(intent, method, authenticated=authenticated)
        intent |= {"latest_charge": charge["id"], "next_action": None}
        decline = BY_NUMBER[method["_number"]].decline
        if decline is not None:
            self._fail(intent, method, decline, charge["id"])
        self._keep(intent, method)
        if intent["capture_method"] == "manual":
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self._save(intent)
            self._announce("payment_intent.amount_capturable_updated", intent)
        else:
            intent |= {"status": "succeeded", "amount_received": intent["amount"]}
            self._save(intent)
            self._announce("payment_intent.succeeded", intent)
        return intent

    def _keep(self, intent: Document, method: Document) -> None:
        future, customer = intent["setup_future_usage"], intent["customer"]
        if future is not None and customer is not None:
            self._methods.mark(method, _set_up=future == "off_session")
            self._methods.keep(method, customer)
        elif method["customer"] is None:
            # A card that nobody keeps pays once.
            self._methods.mark(method, _spent=True)

    def _fail(self, intent: Document, method: Document, decline: Decline, charge_id: str | None) -> NoReturn:
        refusal = card_error(decline, charge=charge_id, payment_method=public(method))
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

    def _save(self, intent: Document) -> None:
        self._store.put("payment_intent", intent["id"], intent)


def _unexpected(intent: Document, what: str, allowed: tuple[str, ...]) -> GatewayError:
    message = (
        f"This PaymentIntent {what} because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be used here: {', '.join(allowed)}."
    )
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=public(intent))
