"""Why a bill was not paid by itself, as its citizen reads it."""

from __future__ import annotations

from collections.abc import Mapping

from notifications.wording import OTHER

WHY_LEFT: Mapping[str, Mapping[str, str]] = {
    "over_ceiling": {
        "vi": "Số tiền cao hơn mức bạn cho phép tự động thanh toán.",
        "en": "The amount is above what you let be paid by itself.",
    },
    "too_late": {
        "vi": "Hóa đơn đến quá sát hạn nên không kịp báo trước cho bạn 48 giờ.",
        "en": "The bill came too close to its due date to tell you 48 hours before.",
    },
    "authentication_needed": {
        "vi": "Ngân hàng cần bạn xác nhận khoản này.",
        "en": "Your bank wants you to confirm this one.",
    },
    "insufficient_funds": {
        "vi": "Thẻ không đủ số dư.",
        "en": "There is not enough money on the card.",
    },
    "card_declined": {
        "vi": "Ngân hàng không chấp nhận thẻ đã lưu.",
        "en": "The bank declined the card you keep with us.",
    },
    "card_expired": {
        "vi": "Thẻ đã lưu đã hết hạn.",
        "en": "The card you keep with us has expired.",
    },
    "older_bill_open": {
        "vi": "Đơn vị cung cấp yêu cầu trả hóa đơn cũ trước.",
        "en": "The provider wants an older bill to be paid first.",
    },
    "day_limit_reached": {
        "vi": "Bạn đã dùng hết hạn mức thanh toán trong ngày.",
        "en": "What you may pay in a day is used up.",
    },
    "provider_unreachable": {
        "vi": "Chúng tôi chưa liên lạc được với nhà cung cấp để kiểm tra hóa đơn.",
        "en": "We could not reach the provider to check the bill.",
    },
    OTHER: {
        "vi": "Chúng tôi không tự động thanh toán được hóa đơn này.",
        "en": "We could not pay this bill by itself.",
    },
}
