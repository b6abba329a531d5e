"""Rows of the table: intents, holds, declines, the bank's page and what is no request at all."""

from tests.sandbox.conformance import ANY, DAY, OWN, Row, Rows, clock, pay, step

CREATED = "payment_intent.created"
CHARGED = "charge.succeeded"
PAID = (CREATED, CHARGED, "payment_intent.succeeded")
HELD = (CREATED, CHARGED, "payment_intent.amount_capturable_updated")
DECLINED = (CREATED, "charge.failed", "payment_intent.payment_failed")
ASKED = (CREATED, "payment_intent.requires_action")
REFUSED = "invalid_request_error"
UNEXPECTED = "payment_intent_unexpected_state"
NET = 242_750
HOLD = pay(capture_method="manual")
BARE = pay(None)
RETURN = {"return_url": "https://app.example/done"}
SECURE = pay("threeDSecure2Required", **RETURN)
CAPTURE = step("payment_intents.capture", "$it.id", name="captured")
CANCEL = step("payment_intents.cancel", "$it.id", name="cancelled")
LOOK = step("payment_intents.retrieve", "$it.id", name="seen")


def refused(name: str, ask, param: str, code: str | None = ANY, **more) -> Row:
    """A request that makes no sense: named by its parameter, without any effect."""
    return Row(name, ask, status=400, error=REFUSED, code=code, state={"param": param}, **more)


def unexpected(name: str, given, call: str, now: str, *args, code: str = UNEXPECTED) -> Row:
    """A call in a state that does not allow it: the answer shows the state."""
    ask = step(call, "$it.id", *args)
    state = {"payment_intent.status": now}
    return Row(name, ask, given=given, status=400, error=REFUSED, code=code, state=state)


def declined(card: str, code: str, decline: str | None = None, **more) -> Row:
    return Row(
        f"pay-{card}", pay(card), status=402, error="card_error", code=code, decline=decline,
        state={"payment_intent.status": "requires_payment_method"}, events=DECLINED, **more,
    )  # fmt: skip


def asked_at_the_bank(name: str, card: str, outcome: str, status: str, events, balance: int = 0, **more) -> Row:
    return Row(
        name,
        step("page.answer", "$it.next_action.redirect_to_url.url", outcome, name="page"),
        given=(pay(card, **more),),
        look=LOOK,
        state={"status": status},
        events=events,
        balance=balance,
    )


_CREATING: Rows = (
    Row("create-without-a-card", BARE, state={"status": "requires_payment_method", "amount_received": 0,
        "livemode": False}, events=(CREATED,)),
    Row("create-with-a-card", pay(None, payment_method="pm_card_visa"), state={"status": "requires_confirmation"},
        events=(CREATED,)),
    *(
        Row(f"pay-{card}", pay(card), state={"status": "succeeded", "amount_received": 250_000}, events=PAID,
            balance=NET)
        for card in ("visa", "visa_debit", "mastercard", "amex", "jcb", "unionpay")
    ),
    Row("confirm-later", step("payment_intents.confirm", "$it.id", {"payment_method": "pm_card_visa"}), given=(BARE,),
        state={"status": "succeeded"}, events=PAID[1:], balance=NET),
    Row("metadata-is-kept", pay(None, metadata={"payment_id": "p1"}), state={"metadata.payment_id": "p1"},
        events=(CREATED,)),
    Row("metadata-is-unset", step("payment_intents.update", "$it.id", {"metadata": {"a": ""}}),
        given=(pay(None, metadata={"a": "1", "b": "2"}),), state={"metadata.a": None, "metadata.b": "2"}),
    Row("expand-the-charge", pay(expand=["latest_charge"]), state={"latest_charge.object": "charge",
        "latest_charge.paid": True},
        events=PAID, balance=NET),
    Row("the-fee-is-on-the-transaction", pay(expand=["latest_charge.balance_transaction"]), events=PAID, balance=NET,
        sandbox_only=True,
        state={"latest_charge.balance_transaction.fee": 7_250, "latest_charge.balance_transaction.status": "pending"}),
    Row("the-fee-is-rounded-half-up", pay(amount=12_500, expand=["latest_charge.balance_transaction"]), events=PAID,
        balance=12_137,
        state={"latest_charge.balance_transaction.fee": 363}, source=OWN, sandbox_only=True),
    Row("money-at-once", pay("bypassPending", expand=["latest_charge.balance_transaction"]), events=PAID, balance=NET,
        state={"latest_charge.balance_transaction.status": "available"}),
    Row("retrieve", LOOK, given=(pay(),), state={"status": "succeeded", "object": "payment_intent"}),
    Row("list-newest-first", step("payment_intents.list", {"limit": 1}), given=(pay(None, name="old"), pay(None)),
        state={"data.0.amount": 250_000, "has_more": True, "url": "/v1/payment_intents"}),
    Row("search-by-our-id", step("payment_intents.search", {"query": "metadata['payment_id']:'s-1'"}),
        given=(pay(None, metadata={"payment_id": "s-1"}),), state={"data.0.metadata.payment_id": "s-1",
        "has_more": False}, sandbox_only=True),
)  # fmt: skip

_CHANGING: Rows = (
    Row("update-the-amount", step("payment_intents.update", "$it.id", {"amount": 260_000}), given=(BARE,),
        state={"status": "requires_payment_method", "amount": 260_000}),
    Row("update-the-card", step("payment_intents.update", "$it.id", {"payment_method": "pm_card_visa"}), given=(BARE,),
        state={"status": "requires_confirmation"}),
    Row("update-the-words-of-a-paid-one", step("payment_intents.update", "$it.id", {"description": "Tiền điện"}),
        given=(pay(),),
        state={"status": "succeeded", "description": "Tiền điện"}),
    unexpected("update-the-amount-of-a-paid-one", (pay(),), "payment_intents.update", "succeeded", {"amount": 260_000}),
    unexpected("confirm-without-a-card", (BARE,), "payment_intents.confirm", "requires_payment_method"),
    unexpected("confirm-a-paid-one", (pay(),), "payment_intents.confirm", "succeeded"),
    unexpected("confirm-a-held-one", (HOLD,), "payment_intents.confirm", "requires_capture"),
    unexpected("confirm-a-cancelled-one", (BARE, CANCEL), "payment_intents.confirm", "canceled"),
    unexpected("cancel-a-paid-one", (pay(),), "payment_intents.cancel", "succeeded"),
    unexpected("cancel-twice", (BARE, CANCEL), "payment_intents.cancel", "canceled"),
    unexpected("capture-a-bare-one", (BARE,), "payment_intents.capture", "requires_payment_method"),
    unexpected("capture-twice", (HOLD, CAPTURE), "payment_intents.capture", "succeeded"),
    unexpected("capture-a-cancelled-one", (HOLD, CANCEL), "payment_intents.capture", "canceled"),
    Row("cancel-a-bare-one", CANCEL, given=(BARE,), state={"status": "canceled"}, events=("payment_intent.canceled",)),
    Row("cancel-for-a-reason", step("payment_intents.cancel", "$it.id", {"cancellation_reason": "abandoned"}),
        given=(BARE,),
        state={"status": "canceled", "cancellation_reason": "abandoned"}, events=("payment_intent.canceled",)),
    Row("cancel-at-the-bank", CANCEL, given=(SECURE,), state={"status": "canceled"},
        events=("payment_intent.canceled",)),
)  # fmt: skip

_HOLDING: Rows = (
    Row("hold", HOLD, state={"status": "requires_capture", "amount_capturable": 250_000, "amount_received": 0},
        events=HELD),
    Row("capture-all", CAPTURE, given=(HOLD,), state={"status": "succeeded", "amount_capturable": 0,
        "amount_received": 250_000},
        events=("charge.captured", "payment_intent.succeeded"), balance=NET),
    Row("capture-a-part", step("payment_intents.capture", "$it.id", {"amount_to_capture": 100_000}), given=(HOLD,),
        state={"status": "succeeded", "amount_received": 100_000}, events=("charge.captured",
        "payment_intent.succeeded"), balance=97_100),
    refused("capture-too-much", step("payment_intents.capture", "$it.id", {"amount_to_capture": 250_001}),
        "amount_to_capture",
            "amount_too_large", given=(HOLD,)),
    refused("capture-nothing", step("payment_intents.capture", "$it.id", {"amount_to_capture": 0}), "amount_to_capture",
            "parameter_invalid_integer", given=(HOLD,)),
    Row("release", CANCEL, given=(HOLD,), state={"status": "canceled", "amount_capturable": 0},
        events=("payment_intent.canceled",)),
    Row("a-hold-ends-after-a-week", clock(7 * DAY + 60), given=(HOLD,), look=LOOK, events=("charge.expired",
        "payment_intent.canceled"),
        state={"status": "canceled", "cancellation_reason": "automatic"}),
    Row("a-captured-hold-does-not-end", clock(7 * DAY + 60), given=(step("control.payouts.schedule",
        {"interval": "manual"}), HOLD, CAPTURE),
        look=LOOK, state={"status": "succeeded"}),
)  # fmt: skip

_DECLINES: Rows = (
    declined("chargeDeclined", "card_declined", "generic_decline"),
    declined("visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    declined("visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
    declined("visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    declined("chargeDeclinedExpiredCard", "expired_card"),
    declined("chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    declined("chargeDeclinedProcessingError", "processing_error"),
    declined("visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
    declined("chargeCustomerFail", "card_declined", "generic_decline", sandbox_only=True),
    Row("a-declined-one-waits-for-another-card", step("payment_intents.confirm", "$it.id",
        {"payment_method": "pm_card_mastercard"}),
        given=(BARE,), state={"status": "succeeded", "last_payment_error": None}, events=PAID[1:], balance=NET),
    Row("a-hold-is-declined", pay("chargeDeclined", capture_method="manual"), status=402, error="card_error",
        code="card_declined",
        decline="generic_decline", state={"payment_intent.status": "requires_payment_method"}, events=DECLINED),
)  # fmt: skip

_AT_THE_BANK: Rows = (
    *(
        Row(f"ask-{card}", pay(card, **RETURN), state={"status": "requires_action",
            "next_action.type": "redirect_to_url"}, events=ASKED)
        for card in ("threeDSecure2Required", "authenticationRequired", "authenticationRequiredOnSetup",
                     "authenticationRequiredSetupForOffSession",
                     "authenticationRequiredChargeDeclinedInsufficientFunds")
    ),
    asked_at_the_bank("prove", "threeDSecure2Required", "complete", "succeeded", PAID[1:], NET),
    asked_at_the_bank("prove-and-hold", "threeDSecure2Required", "complete", "requires_capture", HELD[1:],
        capture_method="manual"),
    asked_at_the_bank("refuse-to-prove", "threeDSecure2Required", "fail", "requires_payment_method",
        ("payment_intent.payment_failed",)),
    asked_at_the_bank("prove-without-money", "authenticationRequiredChargeDeclinedInsufficientFunds", "complete",
        "requires_payment_method",
                      DECLINED[1:]),
    asked_at_the_bank("prove-and-be-declined", "threeDSecureRequiredChargeDeclined", "complete",
        "requires_payment_method", DECLINED[1:]),
    Row("nobody-is-there-to-prove", pay("authenticationRequired", off_session=True), status=402, error="card_error",
        code="authentication_required", decline="authentication_required", events=DECLINED,
        state={"payment_intent.status": "requires_payment_method"}),
    Row("an-error-instead-of-a-page", pay("authenticationRequired", error_on_requires_action=True), status=402,
        error="card_error",
        code="authentication_required", decline="authentication_required", events=DECLINED,
        state={"payment_intent.status": "requires_payment_method"}, sandbox_only=True),
)  # fmt: skip

_NO_REQUESTS: Rows = (
    refused("too-little", pay(None, amount=5_000), "amount", "amount_too_small"),
    refused("too-much", pay(None, amount=100_000_000_000), "amount", "amount_too_large", sandbox_only=True),
    refused("nothing", pay(None, amount=0), "amount", "parameter_invalid_integer"),
    refused("less-than-nothing", pay(None, amount=-250_000), "amount", "parameter_invalid_integer"),
    refused("half-a-dong", pay(None, amount="12500.5"), "amount", "parameter_invalid_integer"),
    refused("thousands-with-commas", pay(None, amount="250,000"), "amount", "parameter_invalid_integer"),
    refused("no-amount", step("payment_intents.create", {"currency": "vnd"}), "amount", "parameter_missing"),
    refused("no-currency", step("payment_intents.create", {"amount": 250_000}), "currency", "parameter_missing"),
    refused("a-currency-nobody-knows", pay(None, currency="zzz"), "currency"),
    refused("a-parameter-nobody-knows", pay(None, colour="red"), "colour", "parameter_unknown"),
    refused("a-way-to-capture-nobody-knows", pay(None, capture_method="later"), "capture_method"),
    refused("a-card-nobody-knows", pay(None, payment_method="pm_unheardOf"), "payment_method", "resource_missing"),
    refused("a-customer-nobody-knows", pay(None, customer="cus_unheardOf"), "customer", "resource_missing"),
    refused("a-long-name-of-metadata", pay(None, metadata={"k" * 41: "v"}), "metadata", sandbox_only=True),
    refused("a-page-too-large", step("payment_intents.list", {"limit": 101}), "limit", "parameter_invalid_integer"),
    refused("a-cursor-nobody-knows", step("payment_intents.list", {"starting_after": "pi_unheardOf"}),
        "starting_after", "resource_missing"),
    refused("expand-what-is-no-id", pay(None, expand=["status"]), "expand", sandbox_only=True),
    Row("an-intent-nobody-knows", step("payment_intents.retrieve", "pi_unheardOf"), status=404, error=REFUSED,
        code="resource_missing",
        state={"param": "intent"}),
    Row("a-charge-nobody-knows", step("charges.retrieve", "ch_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

ROWS: Rows = (*_CREATING, *_CHANGING, *_HOLDING, *_DECLINES, *_AT_THE_BANK, *_NO_REQUESTS)
