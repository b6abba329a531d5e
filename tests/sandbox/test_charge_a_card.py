"""Payment intents through the official SDK: success, declines, the bank's page, holds and their end."""

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, error_of, gateway_client, intent_params, paid


def test_a_good_card_pays_at_once(gateway: Gateway) -> None:
    intent = gateway.v1.payment_intents.create(
        intent_params(
            payment_method="pm_card_visa", confirm=True, metadata={"payment_id": "p1"}, description="Tiền điện"
        )
    )

    assert (intent.status, intent.amount_received, intent.livemode) == ("succeeded", 250_000, False)
    charge = gateway.v1.charges.retrieve(intent.latest_charge)
    assert (charge.paid, charge.captured, charge.amount_captured) == (True, True, 250_000)
    assert (charge.metadata.to_dict(), charge.description) == ({"payment_id": "p1"}, "Tiền điện")


def test_an_intent_walks_from_creation_to_confirmation(gateway: Gateway) -> None:
    created = gateway.v1.payment_intents.create(intent_params())
    updated = gateway.v1.payment_intents.update(created.id, {"payment_method": "pm_card_visa", "amount": 260_000})
    confirmed = gateway.v1.payment_intents.confirm(created.id)

    assert [created.status, updated.status, confirmed.status] == [
        "requires_payment_method",
        "requires_confirmation",
        "succeeded",
    ]
    assert confirmed.amount_received == 260_000


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_a_declined_card_says_why_and_leaves_the_intent_open(
    gateway: Gateway,
    card: str,
    code: str | None,
    decline_code: str | None,
) -> None:
    created = gateway.v1.payment_intents.create(intent_params())

    with pytest.raises(stripe.CardError) as refused:
        gateway.v1.payment_intents.confirm(created.id, {"payment_method": card})

    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert getattr(error_of(refused.value), "decline_code", None) == decline_code
    assert error_of(refused.value).payment_intent.status == "requires_payment_method"
    intent = gateway.v1.payment_intents.retrieve(created.id)
    assert (intent.status, intent.payment_method, intent.last_payment_error.code) == (
        "requires_payment_method",
        None,
        code,
    )
    assert gateway.v1.charges.retrieve(intent.latest_charge).status == "failed"


def test_another_card_may_be_tried_after_a_decline(gateway: Gateway) -> None:
    intent = gateway.v1.payment_intents.create(intent_params())
    with pytest.raises(stripe.CardError):
        gateway.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})

    again = gateway.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert (again.status, again.last_payment_error) == ("succeeded", None)
    assert len(gateway.v1.charges.list({"payment_intent": intent.id}).data) == 2


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4242424242424241", "incorrect_number", None),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ],
)
def test_a_number_that_is_no_test_card_is_refused(
    gateway: Gateway,
    number: str,
    code: str | None,
    decline_code: str | None,
) -> None:
    card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}

    with pytest.raises(stripe.CardError) as refused:
        gateway.v1.payment_methods.create({"type": "card", "card": card})

    assert refused.value.code == code
    assert getattr(error_of(refused.value), "decline_code", None) == decline_code


def test_a_card_number_becomes_a_payment_method_that_shows_four_digits(gateway: Gateway) -> None:
    card = {"number": "5555 5555 5555 4444", "exp_month": 12, "exp_year": 2030, "cvc": "123"}

    method = gateway.v1.payment_methods.create({"type": "card", "card": card})

    assert (method.card.brand, method.card.last4) == ("mastercard", "4444")
    assert "5555555555554444" not in str(gateway.v1.payment_methods.retrieve(method.id))
    assert paid(gateway, method.id).status == "succeeded"


@pytest.mark.parametrize(("capture_method", "after"), [("automatic", "succeeded"), ("manual", "requires_capture")])
def test_a_proven_card_goes_on_and_returns_to_the_app(
    gateway: Gateway,
    capture_method: str,
    after: str,
) -> None:
    intent = paid(
        gateway,
        "pm_card_threeDSecure2Required",
        capture_method=capture_method,
        return_url="https://app.example/done?bill=7",
    )
    page = intent.next_action.redirect_to_url.url

    shown = requests.get(page, timeout=5)
    back = requests.post(page, data={"outcome": "complete"}, allow_redirects=False, timeout=5)

    assert intent.status == "requires_action"
    assert (shown.status_code, "250.000 ₫" in shown.text) == (200, True)
    assert back.status_code == 303
    assert back.headers["Location"].startswith("https://app.example/done?bill=7&payment_intent=pi_")
    assert back.headers["Location"].endswith("redirect_status=succeeded")
    assert gateway.v1.payment_intents.retrieve(intent.id).status == after


def test_a_card_that_is_not_proven_is_not_charged(gateway: Gateway) -> None:
    intent = paid(gateway, "pm_card_authenticationRequired", return_url="citizen://paid")

    back = requests.post(
        intent.next_action.redirect_to_url.url, data={"outcome": "fail"}, allow_redirects=False, timeout=5
    )

    assert back.headers["Location"].startswith("citizen://paid?")
    assert "redirect_status=failed" in back.headers["Location"]
    failed = gateway.v1.payment_intents.retrieve(intent.id)
    assert (failed.status, failed.last_payment_error.code, failed.latest_charge) == (
        "requires_payment_method",
        "payment_intent_authentication_failure",
        None,
    )


def test_a_proven_card_may_still_be_declined(gateway: Gateway) -> None:
    intent = paid(gateway, "pm_card_threeDSecureRequiredChargeDeclined")

    page = requests.post(intent.next_action.redirect_to_url.url, data={"outcome": "complete"}, timeout=5)

    assert page.status_code == 200
    failed = gateway.v1.payment_intents.retrieve(intent.id)
    assert (failed.status, failed.last_payment_error.code) == ("requires_payment_method", "card_declined")


def test_the_bank_page_works_once_and_only_with_its_token(gateway: Gateway) -> None:
    intent = paid(gateway, "pm_card_authenticationRequired")
    page = intent.next_action.redirect_to_url.url

    guessed = requests.post(page[:-4] + "AAAA", data={"outcome": "complete"}, timeout=5)
    first = requests.post(page, data={"outcome": "complete"}, timeout=5)
    second = requests.post(page, data={"outcome": "complete"}, timeout=5)

    assert [guessed.status_code, first.status_code, second.status_code] == [400, 200, 400]
    assert len(gateway.v1.charges.list({"payment_intent": intent.id}).data) == 1


def test_a_card_that_needs_its_owner_is_declined_when_nobody_is_there(gateway: Gateway) -> None:
    with pytest.raises(stripe.CardError) as refused:
        paid(gateway, "pm_card_authenticationRequired", off_session=True)

    assert refused.value.code == "authentication_required"


def test_a_hold_is_captured_in_full(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")

    captured = gateway.v1.payment_intents.capture(held.id)

    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 250_000, 0)
    assert (captured.status, captured.amount_capturable, captured.amount_received) == ("succeeded", 0, 250_000)


def test_a_partial_capture_releases_the_rest_without_a_refund(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")

    captured = gateway.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 100_000, "expand": ["latest_charge.balance_transaction"]}
    )

    charge = captured.latest_charge
    assert (captured.amount_received, charge.amount_captured, charge.amount_refunded) == (100_000, 100_000, 0)
    assert (charge.balance_transaction.amount, charge.balance_transaction.fee) == (100_000, 2_900)
    assert gateway.v1.refunds.list({"payment_intent": held.id}).data == []


def test_more_than_was_held_cannot_be_captured(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.capture(held.id, {"amount_to_capture": 250_001})

    assert (refused.value.param, refused.value.code) == ("amount_to_capture", "amount_too_large")
    assert gateway.v1.payment_intents.retrieve(held.id).status == "requires_capture"


def test_a_second_capture_is_refused_with_the_state_of_the_intent(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")
    gateway.v1.payment_intents.capture(held.id)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.capture(held.id)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert error_of(refused.value).payment_intent.status == "succeeded"
    assert len(gateway.v1.balance_transactions.list().data) == 1


def test_a_cancelled_hold_moves_no_money_and_stays_cancelled(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")

    cancelled = gateway.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})

    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    assert cancelled.amount_capturable == 0
    assert gateway.v1.balance_transactions.list().data == []
    for late in (
        gateway.v1.payment_intents.capture,
        gateway.v1.payment_intents.confirm,
        gateway.v1.payment_intents.cancel,
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            late(held.id)
        assert refused.value.code == "payment_intent_unexpected_state"


def test_an_app_confirms_with_the_client_secret_and_sees_no_metadata(
    world: Server,
    gateway: Gateway,
) -> None:
    intent = gateway.v1.payment_intents.create(intent_params(metadata={"payment_id": "p1"}))
    app = {"Authorization": "Bearer pk_test_app"}
    url = f"{world.url}/stripe/v1/payment_intents/{intent.id}"

    wrong = requests.post(
        f"{url}/confirm",
        headers=app,
        timeout=5,
        data={"client_secret": "pi_guess_secret", "payment_method": "pm_card_visa"},
    )
    right = requests.post(
        f"{url}/confirm",
        headers=app,
        timeout=5,
        data={"client_secret": intent.client_secret, "payment_method": "pm_card_visa"},
    )
    capture = requests.post(f"{url}/capture", headers=app, timeout=5)

    assert [wrong.status_code, right.status_code, capture.status_code] == [400, 200, 401]
    assert right.json()["status"] == "succeeded"
    assert not {"metadata", "latest_charge"} & set(right.json())


@pytest.mark.parametrize("key", ["sk_live_real", "rubbish"])
def test_only_test_keys_are_admitted(world: Server, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError):
        gateway_client(world.url, key).v1.balance.retrieve()
