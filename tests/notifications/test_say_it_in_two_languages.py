"""The words of messages: complete in both languages, and silent where strangers can read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications import messages, school_messages
from notifications.models import MessageKind

LANGUAGES = ("vi", "en")
BILLS = [{"vi": "Tiền điện 10/2026, Công ty Điện lực Bắc Ninh", "en": "Electricity 10/2026, Bac Ninh Power Company"}]
PAID = {"bills": BILLS, "amount_vnd": 1_235_000, "posted_on": "2026-11-05"}
VISIT = {"place": {"vi": "Tràng An", "en": "Trang An"}, "visit_on": "2026-11-25"}
EXPECTED_REASONS = {
    MessageKind.PAYMENT_ENDED: {
        "card_declined", "bill_changed", "bill_paid_elsewhere", "expired", "cancelled_by_citizen",
        "provider_unreachable",
    },
    MessageKind.BILLS_RETURNED: {"already_paid", "amount_differs", "withdrawn", "unknown_bill", "taken_in_excess"},
    MessageKind.MANDATE_ACCEPTED: {"principal", "agent"},
    MessageKind.MANDATE_REVOKED: {"principal", "agent"},
    MessageKind.TICKETS_RETURNED: {"returned_in_time", "place_closed", "places_released"},
    MessageKind.AUTOMATIC_LEFT: {"over_ceiling", "too_late", "authentication_needed", "card_declined"},
}  # fmt: skip

CLINIC = {"place": "Bệnh viện Mắt", "starts_at": "2026-12-01T00:30:00+00:00"}


Told = Iterator[tuple[MessageKind, dict[str, Any]]]


def every_message() -> Told:
    yield from of_bills()
    yield from of_ways_in()
    yield from of_schools()
    yield from of_tickets()
    yield from of_visits()


def of_bills() -> Told:
    yield MessageKind.BILLS_PAID, PAID
    for state in (*messages.OUTCOMES, "never_heard_of"):
        for reason in (*messages.REASONS[MessageKind.PAYMENT_ENDED], "never_heard_of"):
            yield MessageKind.PAYMENT_ENDED, {"bills": BILLS, "state": state, "reason": reason}
    for kind in (MessageKind.BILLS_RETURNED, MessageKind.AUTOMATIC_LEFT):
        for reason in (*messages.REASONS[kind], "never_heard_of"):
            yield kind, {"bills": BILLS, "amount_vnd": 1_235_000, "reason": reason}
    yield MessageKind.AUTOMATIC_ANNOUNCED, {"bills": BILLS, "amount_vnd": 1_235_000, "posted_on": "2026-11-22"}


def of_ways_in() -> Told:
    for kind in (MessageKind.MANDATE_ACCEPTED, MessageKind.MANDATE_REVOKED):
        for side in (*messages.REASONS[kind], "never_heard_of"):
            yield kind, {"reason": side}
    for kind in (
        MessageKind.NEW_DEVICE,
        MessageKind.SESSION_CLOSED,
        MessageKind.PASSKEY_ADDED,
        MessageKind.APP_ALLOWED,
    ):
        yield kind, {}


def of_schools() -> Told:
    dates = {"opens_at": "2027-07-01T01:00:00+00:00", "closes_at": "2027-07-03T17:00:00+00:00", "school_year": 2027}
    for milestone in (*school_messages.MILESTONES, "never_heard_of"):
        for grade in (1, None):
            yield MessageKind.SCHOOL_ROUND, {"milestone": milestone, "grade": grade, **dates}
    for successor in ("Trường Tiểu học Lê Lợi", None):
        yield MessageKind.SCHOOL_GONE, {"school": "Trường Tiểu học Kim Đồng", "successor": successor}
    yield MessageKind.OPEN_DAY_CANCELLED, {"school": "Trường Tiểu học Kim Đồng", "day": "2027-05-15"}


def of_tickets() -> Told:
    for number in (1, 2):
        yield MessageKind.TICKETS_READY, {**VISIT, "count": number}
    for reason in (*messages.REASONS[MessageKind.TICKETS_RETURNED], "never_heard_of"):
        yield MessageKind.TICKETS_RETURNED, {**VISIT, "amount_vnd": 100_000, "reason": reason}


def of_visits() -> Told:
    for kind in (MessageKind.VISIT_REMINDER, MessageKind.PLACE_MISSED, MessageKind.VISIT_CANCELLED):
        yield kind, CLINIC
    for kind in (MessageKind.TURN_NEAR, MessageKind.DRAW_LOST):
        yield kind, {"place": CLINIC["place"]}
    yield MessageKind.PLACE_OFFERED, CLINIC | {"until_at": "2026-11-30T02:15:00+00:00"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_has_words_in_each_language_with_nothing_left_to_fill_in(language: str) -> None:
    told = [(kind, messages.inbox_words(kind, params, language)) for kind, params in every_message()]

    assert {kind for kind, _words in told} == set(MessageKind)
    for _kind, words in told:
        for part in (words.title, words.body):
            assert part.strip() == part
            assert len(part) > 3
            assert not re.search(r"[{}]|None|never_heard_of|  ", part), part
            assert unicodedata.is_normalized("NFC", part)


@pytest.mark.parametrize("kind", EXPECTED_REASONS)
def test_every_reason_has_words_of_its_own_in_each_language(kind: MessageKind) -> None:
    reasons = messages.REASONS[kind]

    assert EXPECTED_REASONS[kind] <= set(reasons)
    for language in LANGUAGES:
        assert len({words[language] for words in reasons.values()}) == len(reasons)


def test_no_vietnamese_message_is_left_in_english_or_without_marks() -> None:
    for kind, params in every_message():
        vi, en = (messages.inbox_words(kind, params, language) for language in LANGUAGES)

        assert re.search("[ạảấầẩẫậắằẳẵặẹẻẽếềểễệịỉĩọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđ]", vi.body.lower())
        assert vi.body != en.body
        assert vi.title != en.title


def test_a_message_that_lacks_what_it_speaks_of_is_a_mistake() -> None:
    for kind, params in every_message():
        for missing in params:
            incomplete = {name: value for name, value in params.items() if name != missing}

            with pytest.raises(KeyError):
                messages.inbox_words(kind, incomplete, "vi")


def test_money_and_days_are_told_as_people_write_them() -> None:
    words = messages.inbox_words(MessageKind.BILLS_PAID, PAID, "vi")

    assert words.title == "Đã thanh toán 1.235.000 đ"
    assert "ngày 05/11/2026: Tiền điện 10/2026, Công ty Điện lực Bắc Ninh." in words.body


@pytest.mark.parametrize(
    ("amount_vnd", "told"), [(1, "1 đ"), (999, "999 đ"), (1_000, "1.000 đ"), (99_999_999_999, "99.999.999.999 đ")]
)
def test_thousands_are_set_apart_by_dots(amount_vnd: int, told: str) -> None:
    assert messages.money(amount_vnd) == told


def test_several_bills_are_counted_and_the_first_three_named() -> None:
    five = [
        {"vi": f"Tiền điện {month}/2026, Điện lực", "en": f"Electricity {month}/2026, Power"} for month in range(5, 10)
    ]

    words = messages.inbox_words(MessageKind.BILLS_PAID, {**PAID, "bills": five}, "vi")

    assert (
        "5 hóa đơn (Tiền điện 5/2026, Điện lực; Tiền điện 6/2026, Điện lực; Tiền điện 7/2026, Điện lực; …)"
        in words.body
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MessageKind)
def test_a_push_says_nothing_personal(kind: MessageKind, language: str) -> None:
    words = messages.push_words(kind, language)

    assert words.title
    assert words.body
    assert not re.search(r"[{}0-9]|đồng\b|\bđ\b|VND", words.title + words.body)


def test_a_sign_in_code_fits_into_one_text_message() -> None:
    ends = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)

    vi, en = (messages.sign_in_text("492039", ends, language) for language in LANGUAGES)

    assert vi == "492039 là mã đăng nhập của bạn, hạn đến 09:10. Đừng đưa mã cho ai."
    assert len(vi) <= 70
    assert "492039" in en
    assert "09:10" in en
    assert en.isascii()
    assert len(en) <= 160


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_milestone_of_a_round_has_words_of_its_own_and_hours_of_vietnam(language: str) -> None:
    told = [
        messages.inbox_words(kind, params, language)
        for kind, params in every_message()
        if kind is MessageKind.SCHOOL_ROUND and params["grade"] and params["milestone"] in school_messages.MILESTONES
    ]

    assert len({words.title for words in told}) == len({words.body for words in told}) == len(told)
    assert all("08:00 01/07/2027 – 00:00 04/07/2027" in words.body for words in told)
