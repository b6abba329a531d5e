"""The words of every message, in Vietnamese and English: for the inbox, for a phone's lock screen, for a text message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit import clock
from notifications.models import MessageKind

# Slugs come from other rooms and may grow; what is not known here is told in words that are true of every reason.
OTHER = "other"


@dataclass(frozen=True)
class Words:
    """A headline and what stands under it."""

    title: str
    body: str


INBOX: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.BILLS_PAID: {
        "vi": Words(
            "Đã thanh toán {amount}",
            "Cảm ơn bạn! Nhà cung cấp đã gạch nợ cho bạn. Biên nhận nằm trong mục Thanh toán.",
        ),
        "en": Words(
            "Paid: {amount}",
            "Thank you! The provider has recorded your payment. Your receipt is under Payments.",
        ),
    },
    MessageKind.PAYMENT_ENDED: {
        "vi": Words(
            "{outcome}", "{reason} Bạn không bị trừ tiền; nếu ngân hàng đang tạm giữ, khoản đó sẽ được nhả ra."
        ),
        "en": Words("{outcome}", "{reason} No money was taken; if your bank shows a hold, it will be released."),
    },
    MessageKind.BILLS_RETURNED: {
        "vi": Words("Bạn được hoàn lại {amount}", "{reason} Số tiền {amount} là của bạn và sẽ được hoàn lại."),
        "en": Words("{amount} is coming back to you", "{reason} The {amount} is yours and will be given back."),
    },
}

# Shown on a locked screen to whoever stands near: no amount, no name, no code.
PUSH: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.BILLS_PAID: {
        "vi": Words("Thanh toán đã hoàn tất", "Mở ứng dụng để xem biên nhận."),
        "en": Words("Your payment is complete", "Open the app to see the receipt."),
    },
    MessageKind.PAYMENT_ENDED: {
        "vi": Words("Thanh toán chưa hoàn tất", "Mở ứng dụng để xem lý do. Bạn không bị trừ tiền."),
        "en": Words("Your payment was not completed", "Open the app to see why. No money was taken."),
    },
    MessageKind.BILLS_RETURNED: {
        "vi": Words("Bạn có một khoản được hoàn lại", "Mở ứng dụng để xem chi tiết."),
        "en": Words("Money is coming back to you", "Open the app for the details."),
    },
}

OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "failed": {"vi": "Thanh toán chưa thành công", "en": "The payment did not go through"},
    "cancelled": {"vi": "Thanh toán đã được hủy", "en": "The payment was cancelled"},
    "expired": {"vi": "Thanh toán đã hết hạn", "en": "The payment expired"},
    OTHER: {"vi": "Thanh toán đã kết thúc", "en": "The payment has ended"},
}

REASONS: Mapping[MessageKind, Mapping[str, Mapping[str, str]]] = {
    MessageKind.PAYMENT_ENDED: {
        "card_declined": {
            "vi": "Ngân hàng không chấp nhận thẻ này. Bạn hãy thử thẻ khác hoặc hỏi ngân hàng phát hành thẻ.",
            "en": "The bank declined this card. Please try another card or ask your bank.",
        },
        "payment_method_invalid": {
            "vi": "Thẻ này không dùng được. Bạn hãy kiểm tra lại thông tin hoặc thử thẻ khác.",
            "en": "This card cannot be used. Please check its details or try another card.",
        },
        "bill_changed": {
            "vi": "Hóa đơn vừa thay đổi. Bạn hãy xem lại số tiền rồi thanh toán lại.",
            "en": "The bill has just changed. Please look at the amount and pay again.",
        },
        "bill_paid_elsewhere": {
            "vi": "Hóa đơn đã được thanh toán ở nơi khác, bạn không cần trả nữa.",
            "en": "The bill was paid elsewhere, so you need not pay it again.",
        },
        "nothing_owed": {
            "vi": "Hóa đơn không còn nợ, bạn không cần trả nữa.",
            "en": "Nothing is owed any more, so you need not pay.",
        },
        "expired": {
            "vi": "Đã quá thời gian chờ bạn xác nhận. Bạn có thể thanh toán lại.",
            "en": "The time to confirm has passed. You can pay again.",
        },
        "cancelled_by_citizen": {
            "vi": "Bạn đã hủy lần thanh toán này.",
            "en": "You cancelled this payment.",
        },
        "provider_unreachable": {
            "vi": "Chúng tôi chưa liên lạc được với nhà cung cấp để kiểm tra hóa đơn. Bạn hãy thử lại sau.",
            "en": "We could not reach the provider to check the bill. Please try again later.",
        },
        "never_sent": {
            "vi": "Yêu cầu chưa đến được cổng thanh toán. Bạn hãy thử lại.",
            "en": "The request never reached the payment gateway. Please try again.",
        },
        OTHER: {
            "vi": "Mục Thanh toán có thêm chi tiết.",
            "en": "You will find the details under Payments.",
        },
    },
    MessageKind.BILLS_RETURNED: {
        "bill_paid_elsewhere": {
            "vi": "Hóa đơn đã được thanh toán ở nơi khác trước đó.",
            "en": "The bill had already been paid elsewhere.",
        },
        "bill_changed": {
            "vi": "Hóa đơn đã thay đổi trước khi nhà cung cấp ghi nhận.",
            "en": "The bill changed before the provider could record it.",
        },
        "bill_withdrawn": {
            "vi": "Nhà cung cấp đã thu hồi hóa đơn.",
            "en": "The provider withdrew the bill.",
        },
        OTHER: {
            "vi": "Nhà cung cấp không ghi nhận được khoản thanh toán.",
            "en": "The provider could not record the payment.",
        },
    },
}

# One part of a text message holds 70 characters once a Vietnamese letter is in it, 160 without; a second one costs again.
SIGN_IN_CODE: Mapping[str, str] = {
    "vi": "{code} là mã đăng nhập của bạn, hạn đến {until}. Đừng đưa mã cho ai.",
    "en": "{code} is your sign-in code, valid until {until}. Never share it with anyone, not even with us.",
}


def inbox_words(kind: MessageKind, params: Mapping[str, Any], language: str) -> Words:
    """A message as its citizen reads it; raises KeyError when `params` lacks what the kind speaks of.

    `params` holds what the event told: `amount_vnd`, `state` and `reason` slugs. Unknown slugs get words that are true
    of any.
    """
    words = INBOX[kind][language]
    told: dict[str, str] = {}
    if "amount_vnd" in params:
        told["amount"] = money(params["amount_vnd"])
    if "state" in params:
        told["outcome"] = OUTCOMES.get(params["state"], OUTCOMES[OTHER])[language]
    if "reason" in params:
        reasons = REASONS[kind]
        told["reason"] = reasons.get(params["reason"], reasons[OTHER])[language]
    return Words(words.title.format_map(told), words.body.format_map(told))


def push_words(kind: MessageKind, language: str) -> Words:
    """What a phone shows while it is locked; nothing in it is personal."""
    return PUSH[kind][language]


def sign_in_text(code: str, expires_at: datetime, language: str) -> str:
    """The text message that carries a one-time code; the same arguments always make the same text."""
    return SIGN_IN_CODE[language].format(code=code, until=f"{clock.local(expires_at):%H:%M}")


def money(amount_vnd: int) -> str:
    """1235000 -> "1.235.000 đ", in both languages, as bills in Vietnam print it."""
    return f"{amount_vnd:,} đ".replace(",", ".")
