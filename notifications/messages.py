"""The words of every message in Vietnamese and English: for the inbox, for a locked screen, for a text message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from kit import clock
from notifications import school_messages, ticket_messages, visit_messages
from notifications.automatic_texts import WHY_LEFT
from notifications.models import MessageKind
from notifications.wording import OTHER, Words

INBOX: Mapping[MessageKind, Mapping[str, Words]] = {
    **school_messages.INBOX,
    **ticket_messages.INBOX,
    **visit_messages.INBOX,
    MessageKind.BILLS_PAID: {
        "vi": Words(
            "Đã thanh toán {amount}",
            "Đã gạch nợ ngày {date}: {bills}. Cảm ơn bạn! Biên nhận nằm trong mục Thanh toán.",
        ),
        "en": Words(
            "Paid: {amount}",
            "Recorded by the provider on {date}: {bills}. Thank you! Your receipt is under Payments.",
        ),
    },
    MessageKind.PAYMENT_ENDED: {
        "vi": Words(
            "{outcome}",
            "{reason} Bạn không bị trừ tiền; nếu ngân hàng đang tạm giữ, khoản đó sẽ được nhả ra. Hóa đơn: {bills}.",
        ),
        "en": Words(
            "{outcome}",
            "{reason} No money was taken; if your bank shows a hold, it will be released. For: {bills}.",
        ),
    },
    MessageKind.BILLS_RETURNED: {
        "vi": Words(
            "Bạn được hoàn lại {amount}",
            "{reason} Số tiền {amount} là của bạn và sẽ được hoàn lại. Hóa đơn: {bills}.",
        ),
        "en": Words(
            "{amount} is coming back to you",
            "{reason} The {amount} is yours and will be given back. For: {bills}.",
        ),
    },
    MessageKind.NEW_DEVICE: {
        "vi": Words(
            "Đăng nhập trên thiết bị mới",
            "Tài khoản của bạn vừa đăng nhập trên thiết bị mới. Nếu không phải bạn, hãy đăng xuất thiết bị đó.",
        ),
        "en": Words(
            "A new device has signed in",
            "Your account has just signed in on a new device. If it was not you, sign that device out.",
        ),
    },
    MessageKind.SESSION_CLOSED: {
        "vi": Words(
            "Một phiên đã được đóng",
            "Chúng tôi đã đóng một phiên vì mã đăng nhập bị dùng hai lần. Vui lòng đăng nhập lại.",
        ),
        "en": Words(
            "A session was closed",
            "We closed a session because its sign-in token was used twice. Please sign in again.",
        ),
    },
    MessageKind.PASSKEY_ADDED: {
        "vi": Words(
            "Có khóa truy cập mới",
            "Một khóa truy cập mới vừa được thêm. Nếu không phải bạn, hãy xóa khóa đó.",
        ),
        "en": Words(
            "There is a new passkey",
            "A new passkey has just been added. If it was not you, remove that passkey.",
        ),
    },
    MessageKind.APP_ALLOWED: {
        "vi": Words(
            "Bạn vừa cho phép một ứng dụng",
            "Ứng dụng này xem được dữ liệu bạn đã chọn. Nếu không phải bạn, hãy rút lại trong Ứng dụng đã cho phép.",
        ),
        "en": Words(
            "You have just allowed an app",
            "It can see the data you chose. If it was not you, withdraw it under Allowed apps.",
        ),
    },
    MessageKind.MANDATE_ACCEPTED: {
        "vi": Words("Ủy quyền đã có hiệu lực", "{reason}"),
        "en": Words("A mandate is in force", "{reason}"),
    },
    MessageKind.MANDATE_REVOKED: {
        "vi": Words("Ủy quyền đã kết thúc", "{reason}"),
        "en": Words("A mandate has ended", "{reason}"),
    },
    MessageKind.AUTOMATIC_ANNOUNCED: {
        "vi": Words(
            "Ngày {date} sẽ tự động thanh toán {amount}",
            "{bills}. Bạn không cần làm gì. Nếu không muốn, hãy bấm Bỏ qua trước ngày {date}.",
        ),
        "en": Words(
            "{amount} will be paid by itself on {date}",
            "{bills}. You need not do anything. If you do not want it, press Skip before {date}.",
        ),
    },
    MessageKind.AUTOMATIC_LEFT: {
        "vi": Words("Mời bạn tự thanh toán {amount}", "{reason} Hóa đơn chưa được trả: {bills}."),
        "en": Words("Please pay {amount} yourself", "{reason} Not paid yet: {bills}."),
    },
}

# Shown on a locked screen to whoever stands near: no amount, no name, no code.
PUSH: Mapping[MessageKind, Mapping[str, Words]] = {
    **school_messages.PUSH,
    **ticket_messages.PUSH,
    **visit_messages.PUSH,
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
    # These are read on another device than the one they are about: what to do stands in them.
    MessageKind.NEW_DEVICE: INBOX[MessageKind.NEW_DEVICE],
    MessageKind.SESSION_CLOSED: INBOX[MessageKind.SESSION_CLOSED],
    MessageKind.PASSKEY_ADDED: INBOX[MessageKind.PASSKEY_ADDED],
    MessageKind.APP_ALLOWED: INBOX[MessageKind.APP_ALLOWED],
    MessageKind.MANDATE_ACCEPTED: {
        "vi": Words("Ủy quyền đã có hiệu lực", "Mở ứng dụng để xem chi tiết."),
        "en": Words("A mandate is in force", "Open the app for the details."),
    },
    MessageKind.MANDATE_REVOKED: {
        "vi": Words("Ủy quyền đã kết thúc", "Mở ứng dụng để xem chi tiết."),
        "en": Words("A mandate has ended", "Open the app for the details."),
    },
    MessageKind.AUTOMATIC_ANNOUNCED: {
        "vi": Words("Sắp tự động thanh toán một hóa đơn", "Mở ứng dụng để xem, hoặc bỏ qua lần này."),
        "en": Words("A bill will be paid by itself soon", "Open the app to see it, or to skip it."),
    },
    MessageKind.AUTOMATIC_LEFT: {
        "vi": Words("Một hóa đơn cần bạn thanh toán", "Không tự động trả được. Mở ứng dụng để thanh toán."),
        "en": Words("A bill needs you", "It could not be paid by itself. Open the app to pay it."),
    },
}

OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "failed": {"vi": "Thanh toán chưa thành công", "en": "The payment did not go through"},
    "cancelled": {"vi": "Thanh toán đã được hủy", "en": "The payment was cancelled"},
    "expired": {"vi": "Thanh toán đã hết hạn", "en": "The payment expired"},
    OTHER: {"vi": "Thanh toán đã kết thúc", "en": "The payment has ended"},
}

REASONS: Mapping[MessageKind, Mapping[str, Mapping[str, str]]] = {
    **ticket_messages.REASONS,
    MessageKind.PAYMENT_ENDED: {
        "card_declined": {
            "vi": "Ngân hàng không chấp nhận thẻ này. Bạn hãy thử thẻ khác hoặc hỏi ngân hàng phát hành thẻ.",
            "en": "The bank declined this card. Please try another card or ask your bank.",
        },
        "insufficient_funds": {
            "vi": "Thẻ không đủ số dư. Bạn hãy nạp thêm hoặc thử thẻ khác.",
            "en": "There is not enough money on the card. Please top it up or try another card.",
        },
        "card_expired": {
            "vi": "Thẻ đã hết hạn. Bạn hãy thử thẻ khác.",
            "en": "The card has expired. Please try another card.",
        },
        "wrong_cvc": {
            "vi": "Mã bảo mật của thẻ chưa đúng. Bạn hãy kiểm tra lại mặt sau của thẻ.",
            "en": "The card's security code is not right. Please check the back of the card.",
        },
        "authentication_needed": {
            "vi": "Ngân hàng cần bạn xác nhận. Bạn hãy thanh toán lại và làm theo hướng dẫn của ngân hàng.",
            "en": "Your bank wants you to confirm. Please pay again and follow your bank's steps.",
        },
        "authentication_failed": {
            "vi": "Ngân hàng chưa xác nhận được đó là bạn. Bạn hãy thanh toán lại.",
            "en": "Your bank could not confirm that it was you. Please pay again.",
        },
        "payment_method_invalid": {
            "vi": "Thẻ này không dùng được. Bạn hãy kiểm tra lại thông tin hoặc thử thẻ khác.",
            "en": "This card cannot be used. Please check its details or try another card.",
        },
        "amount_too_small": {
            "vi": "Số tiền này quá nhỏ để trả bằng thẻ. Bạn có thể trả cùng một hóa đơn khác.",
            "en": "This amount is too small for a card. You can pay it together with another bill.",
        },
        "bill_changed": {
            "vi": "Hóa đơn vừa thay đổi. Bạn hãy xem lại số tiền rồi thanh toán lại.",
            "en": "The bill has just changed. Please look at the amount and pay again.",
        },
        "bill_paid_elsewhere": {
            "vi": "Hóa đơn đã được thanh toán ở nơi khác, bạn không cần trả nữa.",
            "en": "The bill was paid elsewhere, so you need not pay it again.",
        },
        "bill_withdrawn": {
            "vi": "Nhà cung cấp đã thu hồi hóa đơn, bạn không cần trả nữa.",
            "en": "The provider withdrew the bill, so you need not pay it.",
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
        "already_paid": {
            "vi": "Hóa đơn đã được thanh toán ở nơi khác trước đó.",
            "en": "The bill had already been paid elsewhere.",
        },
        "amount_differs": {
            "vi": "Số tiền trên hóa đơn đã thay đổi trước khi nhà cung cấp gạch nợ.",
            "en": "The bill changed before the provider could record the payment.",
        },
        "withdrawn": {
            "vi": "Nhà cung cấp đã thu hồi hóa đơn.",
            "en": "The provider withdrew the bill.",
        },
        "unknown_bill": {
            "vi": "Nhà cung cấp không còn hóa đơn này.",
            "en": "The provider no longer knows this bill.",
        },
        "refunded_by_provider": {
            "vi": "Đơn vị cung cấp hoàn tiền cho bạn.",
            "en": "The provider gives you money back.",
        },
        "came_too_late": {
            "vi": "Khoản thanh toán đến khi hóa đơn không còn cần trả.",
            "en": "The payment came through when the bill was no longer to be paid.",
        },
        "taken_in_excess": {
            "vi": "Khoản đã trừ nhiều hơn số còn nợ.",
            "en": "More was taken than was still owed.",
        },
        OTHER: {
            "vi": "Nhà cung cấp không gạch nợ được cho khoản thanh toán này.",
            "en": "The provider could not record the payment.",
        },
    },
    # To which side of the mandate it is told.
    MessageKind.MANDATE_ACCEPTED: {
        "principal": {
            "vi": "Người được ủy quyền đã nhận và làm được những việc bạn cho phép. Bạn thu hồi được bất cứ lúc nào.",
            "en": "The person you chose has accepted and may do for you what you allowed. You can end it at any time.",
        },
        "agent": {
            "vi": "Bạn đã nhận ủy quyền và có thể làm thay những việc được giao. Người ủy quyền thấy mọi việc bạn làm.",
            "en": "You have accepted a mandate and may do what it allows. The person who gave it sees all you do.",
        },
        OTHER: {
            "vi": "Mục Ủy quyền có thêm chi tiết.",
            "en": "You will find the details under Mandates.",
        },
    },
    MessageKind.MANDATE_REVOKED: {
        "principal": {
            "vi": "Từ bây giờ không ai làm thay bạn theo giấy ủy quyền này nữa.",
            "en": "From now on nobody acts for you under this mandate.",
        },
        "agent": {
            "vi": "Bạn không còn làm thay được theo giấy ủy quyền này nữa.",
            "en": "You can no longer act under this mandate.",
        },
        OTHER: {
            "vi": "Mục Ủy quyền có thêm chi tiết.",
            "en": "You will find the details under Mandates.",
        },
    },
    MessageKind.AUTOMATIC_LEFT: WHY_LEFT,
}

# More of them would hide the sentence around them; the payment itself lists all.
_BILLS_NAMED = 3
_SEVERAL: Mapping[str, str] = {"vi": "{count} hóa đơn ({named})", "en": "{count} bills ({named})"}

# One part of a text message holds 70 characters once a Vietnamese letter is in it, 160 without; each part is charged.
SIGN_IN_CODE: Mapping[str, str] = {
    "vi": "{code} là mã đăng nhập của bạn, hạn đến {until}. Đừng đưa mã cho ai.",
    "en": "{code} is your sign-in code, valid until {until}. Never share it with anyone, not even with us.",
}

# No link: who is invited opens the app they know, and a text that carries one is not from us.
INVITATION: Mapping[str, str] = {
    "vi": "{organisation} mời bạn làm thành viên. Mở ứng dụng trước ngày {until} để trả lời.",
    "en": "{organisation} invites you to work with them. Open the app before {until} to answer.",
}

# To the province's own operator; what it is about stands in the log and in `citizen payments check`, not on a phone.
ALARM = "Sổ kép báo động: {count} điều không khớp. Chạy: citizen payments check"
OVERDUE = "Đối soát: {count} chênh lệch đã quá hạn giải trình, lâu nhất {days} ngày. Xem: listDiscrepancies"


def inbox_words(kind: MessageKind, params: Mapping[str, Any], language: str) -> Words:
    """A message as its citizen reads it; raises KeyError when `params` lacks what the kind speaks of.

    `params` holds, as the kind needs them, `bills`, their names by language; `amount_vnd`, `state` and `reason` as
    slugs, and `posted_on` as an ISO date. Of a visit it holds `place`, `starts_at` and `until_at` as ISO instants.
    Unknown slugs get words that are true of any.
    """
    words = INBOX[kind][language]
    told: dict[str, str] = {}
    if kind in school_messages.INBOX:
        told |= school_messages.words_of(params, language)
    elif kind in ticket_messages.INBOX:
        told |= ticket_messages.words_of(params, language)
    elif kind in visit_messages.INBOX:
        told |= visit_messages.words_of(params)
    elif "bills" in params:
        told["bills"] = _name_bills([bill[language] for bill in params["bills"]], language)
    if "amount_vnd" in params:
        told["amount"] = money(params["amount_vnd"])
    if "posted_on" in params:
        told["date"] = f"{date.fromisoformat(params['posted_on']):%d/%m/%Y}"
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


def invitation_text(organisation: str, expires_at: datetime, language: str) -> str:
    """The text message that tells of an invitation; the same arguments always make the same text."""
    return INVITATION[language].format(organisation=organisation, until=f"{clock.local(expires_at):%d/%m}")


def money(amount_vnd: int) -> str:
    """1235000 -> "1.235.000 đ", in both languages, as bills in Vietnam print it."""
    return f"{amount_vnd:,} đ".replace(",", ".")


def _name_bills(names: Sequence[str], language: str) -> str:
    if len(names) == 1:
        return names[0]
    named = "; ".join(names[:_BILLS_NAMED]) + ("; …" if len(names) > _BILLS_NAMED else "")
    return _SEVERAL[language].format(count=len(names), named=named)
