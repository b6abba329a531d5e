"""How requests are read beside their body: queries, paths, headers and forms, each as strictly as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from kit.parsing import MAX_BODY_BYTES
from tests.kit.refusals import as_refusal, named
from tests.people import Person

START, LOOK_UP, TOKEN = "/v1/auth/phone-challenges", "/v1/utilities/lookups", "/v1/auth/token"
JSON, FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = b"grant_type=client_credentials"


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
