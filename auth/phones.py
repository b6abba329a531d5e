"""Vietnamese mobile numbers: as citizens type them, as they are stored (E.164), as they are shown."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from auth.errors import NotVietnameseMobile

_COUNTRY = 84
# phonenumbers also reads letters as on old keypads, extensions and other alphabets' digits; nobody means those here.
_AS_TYPED = re.compile(r"\+?[0-9 .()\-]{9,24}")
# Mobile numbers have nine national digits and begin with 3, 5, 7, 8 or 9 in the
# national numbering plan. The metadata also calls a few short service ranges (0140 …) mobile.
_NATIONAL = re.compile(r"[35789][0-9]{8}")


def parse(typed: str) -> str:
    """The E.164 form of a Vietnamese mobile number: 0912 345 678, 84912345678 and +84912345678 are the same.

    Raises NotVietnameseMobile for anything else.
    """
    if not _AS_TYPED.fullmatch(typed.strip()):
        raise NotVietnameseMobile
    try:
        number = phonenumbers.parse(typed, "VN")
    except NumberParseException as exc:
        raise NotVietnameseMobile from exc
    if (
        number.country_code != _COUNTRY
        or not _NATIONAL.fullmatch(str(number.national_number))
        or number.italian_leading_zero
        or not phonenumbers.is_valid_number(number)
        or phonenumbers.number_type(number) != PhoneNumberType.MOBILE
    ):
        raise NotVietnameseMobile
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def prefix_of(phone: str) -> str:
    """The block of ten thousand numbers an E.164 number lies in."""
    return phone[:-4]


def country_of(phone: str) -> str:
    """The country calling code of an E.164 number: "84"."""
    return str(phonenumbers.parse(phone).country_code)


def mask(phone: str) -> str:
    """An E.164 number as its owner recognises it and a bystander does not: "0912 *** 678"."""
    national = f"0{phone.removeprefix('+84')}"
    return f"{national[:4]} *** {national[-3:]}"
