"""Cards that are kept: set up at the bank's page, used in the owner's absence, and never somebody else's."""

from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, error_of, intent_params, paid


def set_up(gateway: Gateway, customer: str, card: str, **more: object) -> Any:
    wanted = {"customer": customer, "payment_method": card, "confirm": True, "usage": "off_session", **more}
    return gateway.v1.setup_intents.create(wanted)


@pytest.mark.parametrize(
    ("language", "question"), [("vi", "lưu thẻ này để thanh toán"), ("en", "kept for later payments")]
)
def test_the_bank_asks_before_a_card_is_kept(gateway: Gateway, language: str, question: str) -> None:
    an = gateway.v1.customers.create({"name": "An"})
    waiting = set_up(gateway, an.id, "pm_card_authenticationRequired", return_url="citizen://kept")
    page = waiting.next_action.redirect_to_url.url

    shown = requests.get(page, headers={"Accept-Language": language}, timeout=5)
    back = requests.post(page, data={"outcome": "complete"}, allow_redirects=False, timeout=5)
    again = requests.post(page, data={"outcome": "complete"}, timeout=5)

    assert question in shown.text
    assert back.headers["Location"].startswith(f"citizen://kept?setup_intent={waiting.id}")
    assert again.status_code == 400
    assert [card.id for card in gateway.v1.payment_methods.list({"customer": an.id}).data] == [waiting.payment_method]


def test_an_app_sets_a_card_up_with_the_client_secret(world: Server, gateway: Gateway) -> None:
    an = gateway.v1.customers.create({"name": "An"})
    begun = gateway.v1.setup_intents.create({"customer": an.id, "metadata": {"account": "7"}})
    url = f"{world.url}/stripe/v1/setup_intents/{begun.id}/confirm"
    app = {"Authorization": "Bearer pk_test_app"}
    asked = {"payment_method_data[type]": "card", "payment_method_data[card][number]": "4242424242424242"}
    asked |= {"payment_method_data[card][exp_month]": "12", "payment_method_data[card][exp_year]": "2040"}

    wrong = requests.post(url, headers=app, data=asked | {"client_secret": "seti_guess"}, timeout=5)
    right = requests.post(url, headers=app, data=asked | {"client_secret": begun.client_secret}, timeout=5)

    assert (wrong.status_code, right.status_code, right.json()["status"]) == (400, 200, "succeeded")
    assert not {"metadata", "customer"} & set(right.json())
    (card,) = gateway.v1.customers.payment_methods.list(an.id).data
    assert card.card.last4 == "4242"


def test_a_payment_in_absence_falls_back_to_the_citizen(gateway: Gateway) -> None:
    an = gateway.v1.customers.create({"name": "An"})
    waiting = set_up(gateway, an.id, "pm_card_authenticationRequired")
    requests.post(waiting.next_action.redirect_to_url.url, data={"outcome": "complete"}, timeout=5)

    with pytest.raises(stripe.CardError) as refused:
        paid(gateway, waiting.payment_method, customer=an.id, off_session=True)
    intent = error_of(refused.value).payment_intent
    asked = gateway.v1.payment_intents.confirm(intent.id, {"payment_method": waiting.payment_method})
    requests.post(asked.next_action.redirect_to_url.url, data={"outcome": "complete"}, timeout=5)

    assert error_of(refused.value).payment_method.id == waiting.payment_method
    assert (intent.status, asked.status) == ("requires_payment_method", "requires_action")
    assert gateway.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert [charge.status for charge in gateway.v1.charges.list({"payment_intent": intent.id}).data] == [
        "succeeded",
        "failed",
    ]


def test_a_forgotten_customer_leaves_no_card_behind(gateway: Gateway) -> None:
    an = gateway.v1.customers.create({"payment_method": "pm_card_visa"})
    (card,) = gateway.v1.payment_methods.list({"customer": an.id}).data

    gateway.v1.customers.delete(an.id)

    assert gateway.v1.payment_methods.retrieve(card.id).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        paid(gateway, card.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.create(intent_params(customer=an.id))
    assert refused.value.code == "resource_missing"


def test_a_declined_card_may_be_tried_again_until_it_pays(gateway: Gateway) -> None:
    number = {"number": "4000000000000341", "exp_month": 12, "exp_year": 2040}
    card = gateway.v1.payment_methods.create({"type": "card", "card": number})
    intent = gateway.v1.payment_intents.create(intent_params())

    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            gateway.v1.payment_intents.confirm(intent.id, {"payment_method": card.id})
        assert refused.value.code == "card_declined"


def test_a_default_card_must_be_the_customers_own(gateway: Gateway) -> None:
    an = gateway.v1.customers.create({"payment_method": "pm_card_visa"})
    binh = gateway.v1.customers.create({"payment_method": "pm_card_visa"})
    ours, theirs = (gateway.v1.customers.payment_methods.list(each.id).data[0].id for each in (an, binh))

    updated = gateway.v1.customers.update(an.id, {"invoice_settings": {"default_payment_method": ours}})
    with pytest.raises(stripe.InvalidRequestError):
        gateway.v1.customers.update(an.id, {"invoice_settings": {"default_payment_method": theirs}})

    assert updated.invoice_settings.default_payment_method == ours
