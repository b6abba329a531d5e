"""Setup intents: a citizen lets a card be kept, for payments made while they are not there."""

import secrets
from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.cards import BY_NUMBER, NOT_SET_UP, Decline
from sandbox.gateway.methods import Methods, card_error
from sandbox.gateway.params import merged
from sandbox.gateway.protocol import Announce, GatewayError, check_secret, invalid, new_id, public
from sandbox.gateway.reading import find
from sandbox.store import Document, Store

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


class Setups:
    """Setup intents. Every method belongs inside a unit of the store, which must commit on GatewayError too."""

    def __init__(self, store: Store, clock: Clock, methods: Methods, announce: Announce) -> None:
        """Keep setup intents in the store and their cards with `methods`."""
        self._store = store
        self._clock = clock
        self._methods = methods
        self._announce = announce

    def create(self, params: dict[str, Any], page: str) -> Document:
        """Make a setup intent and, with confirm=true, ask the bank at once. `page` is the bank page's base address."""
        if "customer" in params:
            find(self._store, "customer", params["customer"], "customer", 400)
        if params.get("confirm") and not {"payment_method", "payment_method_data"} & set(params):
            message = "You cannot confirm this SetupIntent because it's missing a payment method."
            raise invalid(message, code="setup_intent_unexpected_state")
        setup_id = new_id("seti")
        automatic = params.get("automatic_payment_methods")
        setup: Document = {
            "id": setup_id,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None
            if automatic is None
            else {
                "allow_redirects": automatic.get("allow_redirects", "always"),
                "enabled": automatic.get("enabled") == "true",
            },
            "cancellation_reason": None,
            "client_secret": f"{setup_id}_secret_{secrets.token_hex(12)}",
            "created": self._clock.timestamp(),
            "customer": params.get("customer"),
            "description": params.get("description"),
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": merged({}, params.get("metadata", {})),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": params.get("payment_method_types") or ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": params.get("usage", "off_session"),
        }
        method = self._methods.chosen(params, setup["customer"])
        if method is not None:
            setup |= {"payment_method": method["id"], "status": "requires_confirmation"}
        self._save(setup)
        self._announce("setup_intent.created", setup)
        return self._confirm(setup, params, page) if params.get("confirm") else setup

    def retrieve(self, setup_id: str, params: dict[str, Any]) -> Document:
        """Return the setup intent; a client secret, if given, must be the right one."""
        setup = find(self._store, "setup_intent", setup_id, "intent")
        check_secret(setup, params, "setup_intent_unexpected_state")
        return setup

    def update(self, setup_id: str, params: dict[str, Any]) -> Document:
        """Change the card, the customer or what is written on it, while it is not over."""
        setup = self.retrieve(setup_id, {})
        if setup["status"] not in _CONFIRMABLE:
            raise _unexpected(setup, "could not be updated")
        if "customer" in params:
            find(self._store, "customer", params["customer"], "customer", 400)
        setup |= {name: params[name] for name in ("customer", "description") if name in params}
        setup["metadata"] = merged(setup["metadata"], params.get("metadata", {}))
        method = self._methods.chosen(params, setup["customer"])
        if method is not None:
            setup |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
        self._save(setup)
        return setup

    def confirm(self, setup_id: str, params: dict[str, Any], page: str) -> Document:
        """Ask the bank, which may want to see the citizen first. Raises GatewayError 402 when it says no."""
        setup = self.retrieve(setup_id, params)
        if setup["status"] not in _CONFIRMABLE:
            raise _unexpected(setup, "could not be confirmed")
        method = self._methods.chosen(params, setup["customer"])
        if method is not None:
            setup["payment_method"] = method["id"]
        return self._confirm(setup, params, page)

    def cancel(self, setup_id: str, params: dict[str, Any]) -> Document:
        """Give it up; nothing is kept."""
        setup = self.retrieve(setup_id, {})
        if setup["status"] not in _CONFIRMABLE:
            raise _unexpected(setup, "could not be canceled")
        reason = params.get("cancellation_reason")
        setup |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
        self._save(setup)
        self._announce("setup_intent.canceled", setup)
        return setup

    def authenticate(self, setup_id: str, *, completed: bool) -> Document:
        """Take the bank page's answer for a setup intent that waits for it."""
        setup = find(self._store, "setup_intent", setup_id, "intent")
        method = find(self._store, "payment_method", setup["payment_method"])
        try:
            if completed:
                return self._finish(setup, method)
            self._fail(setup, method, NOT_SET_UP)
        except GatewayError as declined:
            # The page sends the person back; the server learns of the refusal from the setup intent.
            if declined.status != 402:
                raise
        return self.retrieve(setup_id, {})

    def _confirm(self, setup: Document, params: dict[str, Any], page: str) -> Document:
        if setup["payment_method"] is None:
            message = "You cannot confirm this SetupIntent because it's missing a payment method."
            raise invalid(message, code="setup_intent_unexpected_state", setup_intent=public(setup))
        method = find(self._store, "payment_method", setup["payment_method"])
        setup |= {"last_setup_error": None, "next_action": None}
        if not BY_NUMBER[method["_number"]].challenged:
            return self._finish(setup, method)
        setup["_challenge"] = secrets.token_urlsafe(24)
        url = f"{page}/stripe/authenticate/{setup['id']}/{setup['_challenge']}"
        setup |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url",
                "redirect_to_url": {"return_url": params.get("return_url"), "url": url},
            },
        }
        self._save(setup)
        self._announce("setup_intent.requires_action", setup)
        return setup

    def _finish(self, setup: Document, method: Document) -> Document:
        try:
            self._methods.check(method)
        except GatewayError as refusal:
            self._fail(setup, method, Decline(refusal.error["code"], str(refusal), refusal.error.get("decline_code")))
        setup |= {"status": "succeeded", "next_action": None}
        self._save(setup)
        self._methods.mark(method, _set_up=setup["usage"] == "off_session")
        if setup["customer"] is not None:
            self._methods.keep(method, setup["customer"])
        self._announce("setup_intent.succeeded", setup)
        return setup

    def _fail(self, setup: Document, method: Document, decline: Decline) -> None:
        refusal = card_error(decline, payment_method=public(method))
        setup |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
            "last_setup_error": dict(refusal.error),
        }
        self._save(setup)
        self._announce("setup_intent.setup_failed", setup)
        refusal.error["setup_intent"] = public(setup)
        raise refusal

    def _save(self, setup: Document) -> None:
        self._store.put("setup_intent", setup["id"], setup)


def _unexpected(setup: Document, what: str) -> GatewayError:
    message = (
        f"This SetupIntent {what} because it has a status of {setup['status']}. "
        f"Only a SetupIntent with one of the following statuses may be used here: {', '.join(_CONFIRMABLE)}."
    )
    return invalid(message, code="setup_intent_unexpected_state", setup_intent=public(setup))
