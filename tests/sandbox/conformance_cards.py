"""Rows of the table: customers, kept cards, setup intents, payments in the owner's absence, keys and endpoints."""

from tests.sandbox.conformance import ANY, OWN, Row, Rows, pay, step
from tests.sandbox.conformance_payments import DECLINED, NET, PAID, REFUSED, RETURN, refused

AN = step("customers.create", {"name": "An"}, name="an")
BINH = step("customers.create", {"name": "Bình"}, name="binh")
KEPT = step("payment_methods.attach", "pm_card_visa", {"customer": "$an.id"}, name="card")
DETACH = step("payment_methods.detach", "$card.id", name="gone")
SETUP_UNEXPECTED = "setup_intent_unexpected_state"


def set_up(card: str | None, **more):
    """A setup intent of An's, confirmed at once with a pm_card_… name."""
    asked = {"customer": "$an.id", "payment_method_types": ["card"]}
    if card is not None:
        asked |= {"payment_method": f"pm_card_{card}", "confirm": True} | RETURN
    return step("setup_intents.create", asked | more)


def prove(outcome: str):
    return step("page.answer", "$it.next_action.redirect_to_url.url", outcome, name="page")


LOOK = step("setup_intents.retrieve", "$it.id", name="seen")
SAVED = step("setup_intents.retrieve", "$it.id", name="saved")


def absent(name: str, *given, code: str | None = None, decline: str | None = None, **more) -> Row:
    """A payment with An's card, which An does not attend."""
    failed = {"status": 402, "error": "card_error", "code": code, "decline": decline, "events": DECLINED}
    good = {"state": {"status": "succeeded"}, "events": PAID, "balance": NET}
    ask = pay("$saved.payment_method", name="payment", customer="$an.id", off_session=True)
    return Row(name, ask, given=(AN, *given), **(failed if code else good), **more)


_CUSTOMERS: Rows = (
    Row("make-a-customer", AN, state={"object": "customer", "name": "An"}, events=("customer.created",)),
    Row("make-a-customer-with-a-card", step("customers.create", {"payment_method": "pm_card_visa"}),
        state={"object": "customer"},
        events=("customer.created", "payment_method.attached")),
    Row("change-a-customer", step("customers.update", "$an.id", {"email": "an@example.vn"}), given=(AN,),
        state={"email": "an@example.vn"},
        events=("customer.updated",)),
    Row("forget-a-customer", step("customers.delete", "$an.id"), given=(AN,), state={"deleted": True},
        events=("customer.deleted",)),
    Row("a-forgotten-customer-leaves-a-trace", step("customers.retrieve", "$an.id"), given=(AN,
        step("customers.delete", "$an.id", name="x")),
        state={"deleted": True}),
    Row("a-customer-nobody-knows-of", step("customers.retrieve", "cus_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

_KEEPING: Rows = (
    Row("keep-a-card", KEPT, given=(AN,), state={"object": "payment_method", "card.last4": "4242"},
        events=("payment_method.attached",)),
    Row("keep-a-card-that-will-fail", step("payment_methods.attach", "pm_card_chargeCustomerFail",
        {"customer": "$an.id"}), given=(AN,),
        state={"card.last4": "0341"}, events=("payment_method.attached",)),
    Row("keep-a-declined-card", step("payment_methods.attach", "pm_card_chargeDeclined", {"customer": "$an.id"}),
        given=(AN,), status=402,
        error="card_error", code="card_declined", decline="generic_decline"),
    Row("keep-it-with-another", step("payment_methods.attach", "$card.id", {"customer": "$binh.id"}), given=(AN, BINH,
        KEPT), status=400,
        error=REFUSED, code=ANY),
    Row("let-a-card-go", DETACH, given=(AN, KEPT), state={"customer": None}, events=("payment_method.detached",)),
    Row("let-it-go-twice", DETACH, given=(AN, KEPT, DETACH), status=400, error=REFUSED, code=ANY),
    Row("keep-it-again", step("payment_methods.attach", "$card.id", {"customer": "$an.id"}), given=(AN, KEPT, DETACH),
        status=400,
        error=REFUSED, code=ANY),
    Row("list-the-cards-of-one", step("customers.payment_methods.list", "$an.id"), given=(AN, KEPT),
        state={"data.0.card.last4": "4242", "has_more": False}),
    Row("change-the-expiry", step("payment_methods.update", "$card.id", {"card": {"exp_month": 11, "exp_year": 2040}}),
        given=(AN, KEPT),
        state={"card.exp_month": 11, "card.exp_year": 2040}, events=("payment_method.updated",)),
    Row("a-card-pays-once-unless-kept", pay("$it.payment_method"), given=(pay(),), status=400, error=REFUSED, code=ANY),
    Row("a-card-of-another-does-not-pay", pay("$card.id", customer="$binh.id"), given=(AN, BINH, KEPT), status=400,
        error=REFUSED, code=ANY),
    Row("a-kept-card-names-its-customer", pay("$card.id"), given=(AN, KEPT), status=400, error=REFUSED, code=ANY),
    Row("a-kept-card-pays-again", pay("$card.id", customer="$an.id"), given=(AN, KEPT, pay("$card.id", name="first",
        customer="$an.id")),
        state={"status": "succeeded"}, events=PAID, balance=NET),
    Row("pay-and-keep", pay(customer="$an.id", setup_future_usage="off_session"), given=(AN,),
        state={"status": "succeeded"},
        events=("payment_intent.created", "charge.succeeded", "payment_method.attached", "payment_intent.succeeded"),
        balance=NET),
)  # fmt: skip

_SETTING_UP: Rows = (
    Row("begin-to-set-up", set_up(None), given=(AN,), state={"status": "requires_payment_method",
        "usage": "off_session"},
        events=("setup_intent.created",)),
    Row("set-up", set_up("visa"), given=(AN,), state={"status": "succeeded"},
        events=("setup_intent.created", "payment_method.attached", "setup_intent.succeeded")),
    Row("set-up-later", step("setup_intents.confirm", "$it.id", {"payment_method": "pm_card_visa"}), given=(AN,
        set_up(None)),
        state={"status": "succeeded"}, events=("payment_method.attached", "setup_intent.succeeded")),
    Row("set-up-and-be-declined", set_up("chargeDeclined"), given=(AN,), status=402, error="card_error",
        code="card_declined",
        decline="generic_decline", events=("setup_intent.created", "setup_intent.setup_failed"),
        state={"setup_intent.status": "requires_payment_method"}),
    Row("be-asked-on-setting-up", set_up("authenticationRequired"), given=(AN,), events=("setup_intent.created",
        "setup_intent.requires_action"),
        state={"status": "requires_action", "next_action.type": "redirect_to_url"}),
    Row("prove-on-setting-up", prove("complete"), given=(AN, set_up("authenticationRequired")), look=LOOK,
        state={"status": "succeeded"},
        events=("payment_method.attached", "setup_intent.succeeded")),
    Row("refuse-on-setting-up", prove("fail"), given=(AN, set_up("authenticationRequired")), look=LOOK,
        events=("setup_intent.setup_failed",),
        state={"status": "requires_payment_method", "last_setup_error.code": "setup_intent_authentication_failure"}),
    Row("give-up-setting-up", step("setup_intents.cancel", "$it.id"), given=(AN, set_up(None)),
        state={"status": "canceled"},
        events=("setup_intent.canceled",)),
    Row("give-up-what-is-set-up", step("setup_intents.cancel", "$it.id"), given=(AN, set_up("visa")), status=400,
        error=REFUSED,
        code=SETUP_UNEXPECTED, state={"setup_intent.status": "succeeded"}),
    Row("set-up-nothing", step("setup_intents.confirm", "$it.id"), given=(AN, set_up(None)), status=400, error=REFUSED,
        code=SETUP_UNEXPECTED),
    Row("a-setup-nobody-knows", step("setup_intents.retrieve", "seti_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

_ABSENT: Rows = (
    absent("absent-with-a-plain-card", set_up("visa"), SAVED),
    absent("absent-with-a-card-set-up-by-proof", set_up("authenticationRequiredOnSetup"), prove("complete"), SAVED),
    absent("absent-with-a-card-that-always-asks", set_up("authenticationRequired"), prove("complete"), SAVED,
           code="authentication_required", decline="authentication_required",
           state={"payment_intent.status": "requires_payment_method"}),
    absent("absent-with-a-card-that-never-pays", set_up("chargeCustomerFail"), SAVED, code="card_declined",
        decline="generic_decline"),
    Row("absent-with-a-card-never-set-up", pay("$card.id", customer="$an.id", off_session=True), status=402,
        error="card_error",
        given=(AN, step("payment_methods.attach", "pm_card_authenticationRequiredOnSetup", {"customer": "$an.id"},
        name="card")),
        code="authentication_required", decline="authentication_required", events=DECLINED),
    Row("absent-with-a-card-trusted-from-the-start", pay("$card.id", customer="$an.id", off_session=True),
        given=(AN, step("payment_methods.attach", "pm_card_authenticationRequiredSetupForOffSession",
        {"customer": "$an.id"}, name="card")),
        state={"status": "succeeded"}, events=PAID, balance=NET),
)  # fmt: skip

_KEYS: Rows = (
    Row("the-same-key-brings-the-first-answer", pay(name="again", key="k-1"), given=(pay(key="k-1"),),
        state={"status": "succeeded"}),
    Row("a-key-with-other-parameters", pay(key="k-2", amount=250_001), given=(pay(key="k-2"),), status=400,
        error="idempotency_error"),
    Row("a-key-on-another-endpoint", step("payment_intents.cancel", "$it.id", {}, idempotency_key="k-3"),
        given=(pay(None, key="k-3"),),
        status=400, error="idempotency_error"),
    Row("a-key-too-long", pay(None, key="k" * 256), status=400, error="idempotency_error", source=OWN,
        sandbox_only=True),
    refused("a-refused-parameter-uses-no-key", pay(None, key="k-4", amount=0), "amount", "parameter_invalid_integer"),
)  # fmt: skip

_ENDPOINTS: Rows = (
    Row("make-an-endpoint", step("webhook_endpoints.create", {"url": "http://127.0.0.1:9/x",
        "enabled_events": ["payment_intent.succeeded"]}),
        state={"status": "enabled", "enabled_events": ["payment_intent.succeeded"]}, sandbox_only=True),
    Row("an-endpoint-of-no-address", step("webhook_endpoints.create", {"url": "nowhere", "enabled_events": ["*"]}),
        status=400,
        error=REFUSED, code="url_invalid", state={"param": "url"}),
    Row("an-endpoint-nobody-knows", step("webhook_endpoints.retrieve", "we_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

ROWS: Rows = (*_CUSTOMERS, *_KEEPING, *_SETTING_UP, *_ABSENT, *_KEYS, *_ENDPOINTS)
