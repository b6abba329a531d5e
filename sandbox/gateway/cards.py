"""The gateway's published test cards and what each of them does."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Decline:
    """Why a bank says no, in the gateway's words."""

    code: str
    message: str
    decline_code: str | None = None


@dataclass(frozen=True)
class Card:
    """One test card: its number, the payment method names that stand for it and its behaviour."""

    number: str
    names: tuple[str, ...]
    brand: str = "visa"
    funding: str = "credit"
    # The citizen must prove on the bank's page that the card is theirs (3-D Secure).
    challenged: bool = False
    decline: Decline | None = None
    # The money may be paid out at once instead of after the usual days.
    available_at_once: bool = False
    # A refund is reported as succeeded and fails some time later.
    refund_fails: bool = False
    # A refund is pending for some time and succeeds.
    refund_pending: bool = False
    # Good enough to be kept with a customer; every charge fails.
    only_charges_fail: bool = False
    # In its owner's absence it pays without proof: always, or once it was set up for that.
    absent: Literal["never", "set_up", "always"] = "never"
    # The owner takes the money back for this reason, or the bank only asks about it.
    disputed_as: str | None = None
    inquired: bool = False


_DECLINED = "Your card was declined."
_GENERIC = Decline("card_declined", _DECLINED, "generic_decline")
_NO_FUNDS = Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds")

# A number that passes the checksum but is not a test number: a real card typed into the sandbox.
REAL_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card.",
    "test_mode_live_card",
)
WRONG_NUMBER = Decline("incorrect_number", "Your card number is incorrect.")
NOT_AUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
NOT_SET_UP = Decline(
    "setup_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
CHALLENGE_REFUSED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
)

# Source: the gateway's public testing page, as of 2026.
TEST_CARDS = (
    Card("4242424242424242", ("pm_card_visa",)),
    Card("4000056655665556", ("pm_card_visa_debit",), funding="debit"),
    Card("5555555555554444", ("pm_card_mastercard",), brand="mastercard"),
    Card("378282246310005", ("pm_card_amex",), brand="amex"),
    Card("3566002020360505", ("pm_card_jcb",), brand="jcb"),
    Card("6200000000000005", ("pm_card_unionpay",), brand="unionpay"),
    Card("4000002760003184", ("pm_card_authenticationRequired",), challenged=True),
    Card("4000002500003155", ("pm_card_authenticationRequiredOnSetup",), challenged=True, absent="set_up"),
    Card("4000003800000446", ("pm_card_authenticationRequiredSetupForOffSession",), challenged=True, absent="always"),
    Card("4000000000003220", ("pm_card_threeDSecure2Required", "pm_card_threeDSecureRequired"), challenged=True),
    Card(
        "4000008260003178",
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        challenged=True,
        decline=_NO_FUNDS,
    ),
    Card("4000008400001629", ("pm_card_threeDSecureRequiredChargeDeclined",), challenged=True, decline=_GENERIC),
    Card("4000000000000002", ("pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"), decline=_GENERIC),
    Card(
        "4000000000009995",
        ("pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa_chargeDeclinedInsufficientFunds"),
        decline=_NO_FUNDS,
    ),
    Card(
        "4000000000009987",
        ("pm_card_chargeDeclinedLostCard", "pm_card_visa_chargeDeclinedLostCard"),
        decline=Decline("card_declined", _DECLINED, "lost_card"),
    ),
    Card(
        "4000000000009979",
        ("pm_card_chargeDeclinedStolenCard", "pm_card_visa_chargeDeclinedStolenCard"),
        decline=Decline("card_declined", _DECLINED, "stolen_card"),
    ),
    Card(
        "4000000000000069",
        ("pm_card_chargeDeclinedExpiredCard",),
        decline=Decline("expired_card", "Your card has expired."),
    ),
    Card(
        "4000000000000127",
        ("pm_card_chargeDeclinedIncorrectCvc",),
        decline=Decline("incorrect_cvc", "Your card's security code is incorrect."),
    ),
    Card(
        "4000000000000119",
        ("pm_card_chargeDeclinedProcessingError",),
        decline=Decline("processing_error", "An error occurred while processing your card. Try again in a little bit."),
    ),
    Card(
        "4000000000006975",
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded",),
        decline=Decline("card_declined", _DECLINED, "card_velocity_exceeded"),
    ),
    Card("4000000000000341", ("pm_card_chargeCustomerFail",), decline=_GENERIC, only_charges_fail=True),
    Card("4000000000000077", ("pm_card_bypassPending",), available_at_once=True),
    Card("4000000000005126", ("pm_card_refundFail",), refund_fails=True),
    Card("4000000000007726", ("pm_card_pendingRefund",), refund_pending=True),
    Card("4000000000000259", ("pm_card_createDispute",), disputed_as="fraudulent"),
    Card("4000000000002685", ("pm_card_createDisputeProductNotReceived",), disputed_as="product_not_received"),
    Card("4000000000001976", ("pm_card_createDisputeInquiry",), disputed_as="fraudulent", inquired=True),
)

BY_NUMBER: Mapping[str, Card] = MappingProxyType({card.number: card for card in TEST_CARDS})
BY_NAME: Mapping[str, Card] = MappingProxyType({name: card for card in TEST_CARDS for name in card.names})


def passes_checksum(number: str) -> bool:
    """Tell whether the digits end in the right check digit (Luhn)."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0
