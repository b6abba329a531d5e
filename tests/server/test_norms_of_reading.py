"""How requests are read: whatever PostgreSQL, JSON or a reader could choke on is refused with 4xx, never with 500."""

from __future__ import annotations

import gzip
import unicodedata

import pytest
from sqlalchemy import select

from auth.models import SignInSession
from kit.database import transaction
from kit.parsing import MAX_BODY_BYTES, MAX_DEPTH
from tests.kit.refusals import as_refusal, named
from tests.people import Outside, Person, Work

START, LOOK_UP = "/v1/auth/phone-challenges", "/v1/utilities/lookups"
JSON = {"Content-Type": "application/json"}


def with_amount(literal: bytes) -> bytes:
    return b'{"provider":"pc-x","customer_code":"PX0000001","last_amount_vnd":' + literal + b"}"


@pytest.mark.parametrize(
    ("body", "flaw"),
    named(
        escaped_nul=(rb'{"phone":"0912\u0000345678"}', "nul"),
        nul_in_a_key=(rb'{"phone":"0912345678","\u0000":1}', "nul"),
        raw_nul=(b'{"phone":"0912\x00345678"}', "syntax"),
        raw_control_character=(b'{"phone":"0912\x01345678"}', "syntax"),
        lone_surrogate=(rb'{"phone":"\ud800"}', "surrogate"),
        lone_low_surrogate=(rb'{"phone":"\udc00\ud800"}', "surrogate"),
        lone_surrogate_in_a_key=(rb'{"\ud800":1}', "surrogate"),
        lone_surrogate_deep_inside=(rb'{"a":[{"b":["\udfff"]}]}', "surrogate"),
        key_twice=(b'{"phone":"0912345678","phone":"0987654321"}', "duplicate_key"),
        key_twice_deep_inside=(b'{"a":[{"b":1,"b":1}]}', "duplicate_key"),
        key_twice_once_escaped=(rb'{"phone":"0912345678","phon\u0065":"0987654321"}', "duplicate_key"),
        key_twice_in_two_forms=('{"e\u0301":1,"\u00e9":2}'.encode(), "duplicate_key"),
        not_a_number=(b'{"phone":NaN}', "not_a_number"),
        infinity=(b'{"phone":Infinity}', "not_a_number"),
        minus_infinity=(b'{"phone":[-Infinity]}', "not_a_number"),
        two_to_the_63rd=(b'{"phone":9223372036854775808}', "integer_too_big"),
        below_minus_two_to_the_63rd=(b'{"phone":-9223372036854775809}', "integer_too_big"),
        ten_to_the_5000th=(b'{"phone":1' + b"0" * 5000 + b"}", "integer_too_big"),
        lists_33_deep=(b'{"phone":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "depth"),
        lists_100_000_deep=(b"[" * 100_000, "depth"),
        lists_100_000_deep_and_closed=(b"[" * 100_000 + b"]" * 100_000, "depth"),
        lists_500_deep_in_a_list=(b"[1," + b"[" * 500 + b"]" * 500 + b"]", "depth"),
        objects_100_000_deep=(b'{"a":' * 100_000, "depth"),
        latin_1=('{"phone":"é"}'.encode("latin-1"), "syntax"),
        utf_16=('{"phone":"0912345678"}'.encode("utf-16"), "syntax"),
        overlong_utf_8=(b'{"phone":"\xc0\xaf"}', "syntax"),
        surrogate_in_utf_8=(b'{"phone":"\xed\xa0\x80"}', "syntax"),
        byte_order_mark=(b'\xef\xbb\xbf{"phone":"0912345678"}', "syntax"),
        trailing_comma=(b'{"phone":"0912345678",}', "syntax"),
        two_documents=(b"{} {}", "syntax"),
        no_document=(b"", "syntax"),
        a_megabyte_of_quotes=(b'"' + b'\\"' * 499_000, "syntax"),
        a_megabyte_of_backslashes=(b'"\\' * 330_000, "syntax"),
        a_megabyte_without_an_end=(b'{"a":"' + b"x" * 990_000, "syntax"),
        a_megabyte_of_quotes_and_brackets=(b"[" * 32 + b'"],[' * 200_000, "syntax"),
        half_a_document=(b'{"phone":"09123', "syntax"),
        lone_backslash=(b'{"phone":"\\', "syntax"),
        comment=(b'{"phone":"0912345678"/* mine */}', "syntax"),
        single_quotes=(b"{'phone':'0912345678'}", "syntax"),
    ),
)
def test_a_body_that_is_no_strict_json_is_bad_syntax(chi: Person, body: bytes, flaw: str) -> None:
    refused = chi.post(START, data=body, headers=JSON)

    assert as_refusal(refused) == (400, "malformed_request", flaw)


@pytest.mark.parametrize("document", ["null", "[]", '"0912345678"', "12", "true"])
def test_json_that_is_no_object_has_no_meaning_here(chi: Person, document: str) -> None:
    refused = chi.post(START, data=document, headers=JSON)

    assert as_refusal(refused) == (422, "invalid_request", "not_an_object")


def test_brackets_inside_of_a_text_are_not_depth(chi: Person) -> None:
    refused = chi.post(START, json={"phone": '[{\\"' * 9 + "]" * 4})

    assert as_refusal(refused) == (422, "not_vietnamese_mobile", "")


def test_32_levels_are_read(chi: Person) -> None:
    inner = MAX_DEPTH - 1

    refused = chi.post(START, data=b'{"phone":' + b"[" * inner + b"]" * inner + b"}", headers=JSON)

    assert as_refusal(refused) == (422, "invalid_request", "not_a_string")


def test_a_body_of_a_megabyte_is_read_and_one_byte_more_is_not(chi: Person) -> None:
    frame = b'{"phone":"%s"}'
    filling = b"0" * (MAX_BODY_BYTES - len(frame) + 2)

    whole = chi.post(START, data=frame % filling, headers=JSON)
    too_much = chi.post(START, data=frame % (filling + b"0"), headers=JSON)

    assert as_refusal(whole) == (422, "not_vietnamese_mobile", "")
    assert as_refusal(too_much) == (413, "request_entity_too_large", "")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_declared_as_something_else_is_not_read(an: Person, content_type: str) -> None:
    refused = an.post(LOOK_UP, data=with_amount(b"12"), headers={"Content-Type": content_type})

    assert as_refusal(refused) == (415, "unsupported_media_type", "")


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_a_compressed_body_is_not_unpacked(an: Person, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)

    refused = an.post(LOOK_UP, data=bomb, headers=JSON | {"Content-Encoding": encoding})

    assert as_refusal(refused) == (415, "unsupported_media_type", "")


@pytest.mark.parametrize(
    ("literal", "flaw"),
    named(
        minus_one=(b"-1", "out_of_range"),
        zero=(b"0", "out_of_range"),
        minus_zero=(b"-0", "out_of_range"),
        one_more_than_the_most=(b"100000000000", "out_of_range"),
        two_to_the_53rd_and_one=(b"9007199254740993", "out_of_range"),
        the_largest_64_bit_integer=(b"9223372036854775807", "out_of_range"),
        with_an_exponent=(b"1e3", "not_an_integer"),
        with_a_point=(b"1.0", "not_an_integer"),
        with_a_fraction=(b"1.5", "not_an_integer"),
        a_fraction_no_float_can_hold=(b"100.00000000000000001", "not_an_integer"),
        beyond_every_float=(b"1e400", "not_an_integer"),
        as_text=(b'"12"', "not_an_integer"),
        true=(b"true", "not_an_integer"),
        false=(b"false", "not_an_integer"),
        a_list=(b"[12]", "not_an_integer"),
        an_object=(b"{}", "not_an_integer"),
    ),
)
def test_an_amount_that_is_not_whole_dong_is_refused_and_never_rounded(an: Person, literal: bytes, flaw: str) -> None:
    refused = an.post(LOOK_UP, data=with_amount(literal), headers=JSON)

    assert as_refusal(refused) == (422, "invalid_request", flaw)
    assert refused.json["errors"][0]["pointer"] == "/last_amount_vnd"


@pytest.mark.parametrize("literal", [b"1", b"2147483648", b"99999999999"])
def test_every_amount_within_bounds_is_read(an: Person, literal: bytes) -> None:
    refused = an.post(LOOK_UP, data=with_amount(literal), headers=JSON)

    assert as_refusal(refused) == (404, "provider_unknown", "")


@pytest.mark.parametrize(
    "name",
    ["\ufffe", "\u202eAn", "A\u200bn", "Bình 😀", "a%' OR '1'='1", "=cmd|' /C calc'!A0", "$.name", "x" * 200],
    ids=["noncharacter", "bidi", "zero width", "emoji", "SQL", "formula", "JSONPath", "as long as may be"],
)
def test_a_strange_but_possible_text_is_only_text(an: Person, name: str) -> None:
    refused = an.post(LOOK_UP, json={"provider": "pc-x", "customer_code": "PX0000001", "holder_name": name})

    assert as_refusal(refused) == (404, "provider_unknown", "")


def test_text_longer_than_its_field_is_refused(an: Person) -> None:
    refused = an.post(LOOK_UP, json={"provider": "pc-x", "customer_code": "PX0000001", "holder_name": "x" * 201})

    assert as_refusal(refused) == (422, "invalid_request", "length")


def test_text_in_nfd_is_stored_in_nfc(chi: Person, outside: Outside, work: Work) -> None:
    name = "Điện thoại của Thuỷ"
    challenge = chi.post(START, json={"phone": "0912345678"}).json
    work()
    code = outside.inbox("sms")[-1]["text"].split()[0]

    signed_in = chi.post(
        f"{START}/{challenge['id']}/answer",
        json={"code": code, "device_name": unicodedata.normalize("NFD", name)},
    )

    assert signed_in.status_code == 200, signed_in.json
    with transaction() as session:
        assert session.execute(select(SignInSession.device_name)).scalar_one() == name


def test_members_that_no_one_knows_are_named_by_json_pointers(chi: Person) -> None:
    refused = chi.post(START, json={"phone": "0912345678", "a/b~c": 1, "role": "operator"})

    assert as_refusal(refused) == (422, "invalid_request", "unknown")
    assert sorted(flaw["pointer"] for flaw in refused.json["errors"]) == ["/a~1b~0c", "/role"]


def test_of_very_many_flaws_a_hundred_are_named(chi: Person) -> None:
    refused = chi.post(START, json={f"unknown-{number}": 1 for number in range(5_000)})

    assert (refused.status_code, len(refused.json["errors"])) == (422, 100)
