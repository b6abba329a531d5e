"""How requests are read: whatever PostgreSQL, JSON or a reader could choke on is refused with 4xx, never with 500."""

from __future__ import annotations

import gzip
import json
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auth.models import SignInSession
from kit.database import transaction
from kit.parsing import MAX_BODY_BYTES, MAX_DEPTH
from tests.people import Outside, Person, Work

START, LOOK_UP, TOKEN = "/v1/auth/phone-challenges", "/v1/utilities/lookups", "/v1/auth/token"
JSON, FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = b"grant_type=client_credentials"


def as_refusal(answer: TestResponse) -> tuple[int, str, str]:
    """Status, code, and the code of the first flaw where flaws are listed."""
    assert answer.content_type == "application/problem+json"
    flaws = answer.json.get("errors") or [{"code": ""}]
    return answer.status_code, answer.json["code"], flaws[0]["code"]


def with_amount(literal: bytes) -> bytes:
    return b'{"provider":"pc-x","customer_code":"PX0000001","last_amount_vnd":' + literal + b"}"


def named(**cases: Any) -> list[Any]:
    return [pytest.param(*case, id=name.replace("_", " ")) for name, case in cases.items()]


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
        objects_100_000_deep=(b'{"a":' * 100_000, "depth"),
        latin_1=('{"phone":"é"}'.encode("latin-1"), "syntax"),
        utf_16=('{"phone":"0912345678"}'.encode("utf-16"), "syntax"),
        overlong_utf_8=(b'{"phone":"\xc0\xaf"}', "syntax"),
        surrogate_in_utf_8=(b'{"phone":"\xed\xa0\x80"}', "syntax"),
        byte_order_mark=(b'\xef\xbb\xbf{"phone":"0912345678"}', "syntax"),
        trailing_comma=(b'{"phone":"0912345678",}', "syntax"),
        two_documents=(b"{} {}", "syntax"),
        no_document=(b"", "syntax"),
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


@pytest.mark.parametrize(
    "body",
    [b'"' + b'\\"' * 499_000, b'{"a":"' + b"x" * 990_000, b'"\\' * 330_000, b"[" * 32 + b'"],[' * 200_000],
    ids=["quotes without an end", "text without an end", "backslashes", "quotes and brackets"],
)
def test_a_hostile_megabyte_costs_no_more_than_reading_it(chi: Person, body: bytes) -> None:
    began = time.perf_counter()
    refused = chi.post(START, data=body, headers=JSON)
    took = time.perf_counter() - began

    assert refused.status_code == 400
    assert took < 2


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


# -- query strings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "pointer", "flaw"),
    named(
        nul=("cursor=%00", "cursor", "nul"),
        nul_in_a_name=("%00=1", "", "nul"),
        broken_utf_8=("cursor=%ff", "", "encoding"),
        surrogate=("cursor=%ed%a0%80", "", "encoding"),
        broken_utf_8_in_a_name=("%ff=1", "", "encoding"),
        twice=("limit=1&limit=1", "limit", "duplicate_key"),
        unknown=("sort=amount", "sort", "unknown"),
        unknown_beside_known=("limit=1&offset=1", "offset", "unknown"),
        zero=("limit=0", "limit", "out_of_range"),
        minus_one=("limit=-1", "limit", "out_of_range"),
        one_more_than_a_hundred=("limit=101", "limit", "out_of_range"),
        two_to_the_63rd=("limit=9223372036854775808", "limit", "out_of_range"),
        ten_to_the_5000th=("limit=1" + "0" * 5000, "limit", "not_an_integer"),
        with_an_exponent=("limit=1e1", "limit", "not_an_integer"),
        with_a_point=("limit=1.0", "limit", "not_an_integer"),
        with_an_underscore=("limit=1_0", "limit", "not_an_integer"),
        with_a_space=("limit=+1", "limit", "not_an_integer"),
        in_other_digits=("limit=%EF%BC%91", "limit", "not_an_integer"),
        true=("limit=true", "limit", "not_an_integer"),
        without_a_value=("limit", "limit", "not_an_integer"),
        empty=("cursor=", "cursor", "length"),
        too_long=("cursor=" + "a" * 1001, "cursor", "length"),
        not_a_cursor=("cursor=%F0%9F%98%80", "cursor", "cursor"),
    ),
)
def test_a_query_string_that_does_not_fit_is_bad_syntax(an: Person, query: str, pointer: str, flaw: str) -> None:
    refused = an.get(f"/v1/payments?{query}")

    assert as_refusal(refused) == (400, "malformed_request", flaw)
    assert refused.json["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"),
        ("GET", "/v1/divisions/areas"),
        ("GET", "/v1/utilities/accounts"),
        ("GET", "/v1/payments/019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"),
        ("POST", "/v1/auth/sessions/end"),
        ("POST", LOOK_UP),
    ],
)
def test_an_operation_without_parameters_takes_none(an: Person, method: str, path: str) -> None:
    refused = an.ask(method, f"{path}?debug=1", json={} if method == "POST" else None)

    assert as_refusal(refused) == (400, "malformed_request", "unknown")
    assert refused.json["errors"][0]["pointer"] == "debug"


def test_who_may_not_call_is_not_told_which_parameters_there_are(chi: Person) -> None:
    refused = chi.get("/v1/me?debug=1")

    assert as_refusal(refused) == (401, "not_signed_in", "")


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1/me/",
        "/v1//me",
        "/v1/ME",
        "/v1/me;role=operator",
        "/v1/%2e%2e/v1/me",
        "/v1/payments/../me",
        "/v1/me%00",
        "/v1/payments/%00",
        "/v1/payments/1",
        "/v1/payments/9223372036854775808",
        "/v1/payments/%ff%fe",
        "/v1/payments/019a0c1e7a3b7c0080000a1b2c3d4e5f/extra",
        "/v1/divisions/communes/%00%00%00%00%00",
        "/v1/divisions/communes/%ed%a0%80ab",
        "/v1/divisions/communes/99%25%25%25",
        "/v1/utilities/bills/00000000-0000-0000-0000-000000000000",
        "/nothing-here",
    ],
)
def test_a_path_that_names_nothing_is_not_found(an: Person, path: str) -> None:
    refused = an.get(path)

    assert as_refusal(refused) == (404, "not_found", "")
    assert "Location" not in refused.headers


# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "k" * 256, "khóa", "a\x00b", "a\tb", "\x7f"])
def test_an_idempotency_key_is_1_to_255_ascii_characters(chi: Person, key: str) -> None:
    refused = chi.post(START, json={"phone": "0912345678"}, headers={"Idempotency-Key": key})

    assert as_refusal(refused) == (400, "idempotency_key_missing", "")


@pytest.mark.parametrize("key", ["k", "k" * 255, "a key: with [anything] printable!"])
def test_any_such_key_is_taken_as_it_is(chi: Person, key: str) -> None:
    first = chi.post(START, json={"phone": "0912345678"}, headers={"Idempotency-Key": key})
    second = chi.post(START, json={"phone": "0912345678"}, headers={"Idempotency-Key": key})

    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json["id"], second.headers["Idempotency-Replayed"]) == (second.json["id"], "true")


def test_a_request_without_its_idempotency_key_is_told_so(client: Callable[[], FlaskClient]) -> None:
    refused = client().post(START, json={"phone": "0912345678"})

    assert as_refusal(refused) == (400, "idempotency_key_missing", "")


@pytest.mark.parametrize(
    "token", ["Bearer", "Bearer ", "Bearer é", "Bearer a.b.c", "Bearer \x00", "Basic YTpi", "Bearer " + "a" * 60_000]
)
def test_a_broken_authorization_is_no_authorization(an: Person, token: str) -> None:
    refused = an.get("/v1/me", headers={"Authorization": token})

    assert as_refusal(refused) == (401, "not_signed_in", "")
    assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="citizen"')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept-Language", "\xff\xfe;q=\x00"),
        ("If-None-Match", '"\xff'),
        ("If-None-Match", "W/"),
        ("Content-Length", "12a"),
        ("Range", "bytes=5-1"),
        ("traceparent", "00-zz"),
        ("X-Request-Id", "\x00" * 9),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-User-Id", "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"),
        ("X-Forwarded-For", "not, an, address"),
        ("Host", "evil.example"),
        ("Cookie", "session=;;;=\x00"),
    ],
)
def test_a_broken_or_foreign_header_changes_nothing(an: Person, name: str, value: str) -> None:
    answer = an.get("/v1/me", headers={name: value})

    assert (answer.status_code, answer.json["id"]) == (200, str(an.id))


@pytest.mark.parametrize("accept", ["text/html", "image/*", "nonsense", "application/json;q=0, text/csv"])
def test_who_does_not_take_json_is_told_that_there_is_nothing_else(an: Person, accept: str) -> None:
    refused = an.get("/v1/me", headers={"Accept": accept})

    assert as_refusal(refused) == (406, "not_acceptable", "")


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "text/html, application/json;q=0.1", "application/problem+json"]
)
def test_who_takes_json_gets_it(an: Person, accept: str) -> None:
    answer = an.get("/v1/me", headers={"Accept": accept})

    assert (answer.status_code, answer.content_type) == (200, "application/json")


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "expected"),
    named(
        nul=(GRANT + b"&client_id=%00", (400, "malformed_request", "nul")),
        nul_in_a_name=(GRANT + b"&%00=1", (400, "malformed_request", "nul")),
        broken_utf_8=(b"grant_type=%ff", (400, "malformed_request", "encoding")),
        raw_bytes_that_are_not_utf_8=(b"grant_type=\xff", (400, "malformed_request", "encoding")),
        surrogate=(b"grant_type=%ed%a0%80", (400, "malformed_request", "encoding")),
        twice=(GRANT + b"&" + GRANT, (400, "malformed_request", "duplicate_key")),
        unknown=(GRANT + b"&audience=x", (422, "invalid_request", "unknown")),
        empty=(b"", (422, "invalid_request", "required")),
        too_long=(GRANT + b"&client_id=" + b"x" * 101, (422, "invalid_request", "length")),
        a_megabyte_and_a_byte=(b"a=" + b"b" * (MAX_BODY_BYTES - 1), (413, "request_entity_too_large", "")),
        five_thousand_members=(b"&".join(b"a%d=1" % n for n in range(5000)), (422, "invalid_request", "required")),
    ),
)
def test_the_form_of_the_token_endpoint_is_read_as_strictly(
    chi: Person, form: bytes, expected: tuple[int, str, str]
) -> None:
    refused = chi.post(TOKEN, data=form, headers=FORM)

    assert as_refusal(refused) == expected


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_only_a_form_is_a_form(chi: Person, content_type: str) -> None:
    refused = chi.post(TOKEN, data=GRANT, headers={"Content-Type": content_type})

    assert as_refusal(refused) == (415, "unsupported_media_type", "")


@pytest.mark.parametrize("credentials", ["!!", "AGE6Yg==", "/////w==", "JTAwOiUwMA==", "JWVkJWEwJTgwOng=", "YQ=="])
def test_broken_basic_credentials_are_unknown_credentials(chi: Person, credentials: str) -> None:
    refused = chi.post(TOKEN, data=GRANT, headers=FORM | {"Authorization": f"Basic {credentials}"})

    assert as_refusal(refused) == (401, "invalid_client", "")


def test_what_the_gateway_sends_is_refused_before_it_is_read(chi: Person) -> None:
    for body in (b"", b"\x00", b"[" * 100_000, json.dumps({"id": "evt_1"}).encode(), b"\xff"):
        refused = chi.post("/v1/payments/webhooks/stripe", data=body, headers=JSON | {"Stripe-Signature": "t=1,v1=0"})

        assert as_refusal(refused) == (400, "webhook_refused", "")
