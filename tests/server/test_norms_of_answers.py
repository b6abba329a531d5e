"""What every answer carries: caching, ETags, quotas, its id, its language; and pages that hold while lists grow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from uuid import UUID

import pytest
from flask import Flask, url_for

import server.app
from server.settings import Settings
from tests.people import Person

ME, START, AREAS, DEVICES = "/v1/me", "/v1/auth/phone-challenges", "/v1/divisions/areas", "/v1/devices"
PUBLIC = (AREAS, "/v1/divisions/provinces", "/v1/utilities/providers", "/.well-known/jwks.json")
PERSONAL = (ME, DEVICES, "/v1/messages", "/v1/payments", "/v1/utilities/bills", "/v1/utilities/accounts")
REQUEST_ID = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"


def register(person: Person, *addresses: str) -> list[str]:
    """Register devices; gives their ids."""
    return [
        person.post(
            DEVICES, json={"address": address, "address_kind": "fid", "platform": "android", "language": "vi"}
        ).json["id"]
        for address in addresses
    ]


@pytest.fixture
def app_for_three(app: Flask, settings: Settings, clean: None) -> Flask:
    """The application with a quota of three requests a minute."""
    return server.app.assemble(replace(settings, requests_per_minute=3))


# -- caching and versions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLIC)
def test_public_answers_may_be_kept_and_asked_for_by_version(chi: Person, path: str) -> None:
    answer = chi.get(path)

    again = chi.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    other = chi.get(path, headers={"If-None-Match": '"other", "versions"'})

    assert answer.status_code == 200
    assert re.fullmatch(r"public, max-age=\d+, stale-if-error=86400", answer.headers["Cache-Control"])
    assert answer.headers["Vary"] == "Accept-Language"
    assert re.fullmatch(r'"[^"]+"', answer.headers["ETag"])  # strong
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]
    assert (other.status_code, other.data) == (200, answer.data)


@pytest.mark.parametrize("path", PERSONAL)
def test_personal_answers_may_not_be_kept(an: Person, path: str) -> None:
    answer = an.get(path)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_a_refusal_of_a_public_operation_may_not_be_kept(chi: Person) -> None:
    refused = chi.get("/v1/divisions/communes?area=nowhere")

    assert (refused.status_code >= 400, refused.headers["Cache-Control"]) == (True, "no-store")
    assert "ETag" not in refused.headers


def test_a_resource_has_another_version_in_another_language(an: Person, chi: Person) -> None:
    (device,) = register(an, "address-1")
    vi, en = (
        an.post(
            DEVICES,
            json={"address": "address-1", "address_kind": "fid", "platform": "android", "language": "vi"},
            headers={"Accept-Language": language},
        ).headers["ETag"]
        for language in ("vi", "en")
    )

    removed = an.delete(f"{DEVICES}/{device}", headers={"If-Match": f'"other", {en}'})

    assert vi != en
    assert removed.status_code == 204


# -- quotas ------------------------------------------------------------------------------------------------------------


def test_every_answer_tells_what_is_left_of_the_quota(app_for_three: Flask) -> None:
    http = app_for_three.test_client()

    answers = [http.get(AREAS), http.get(ME), http.get("/v1/nothing"), http.delete(ME), http.post(START, json={})]

    assert [answer.status_code for answer in answers] == [200, 401, 404, 429, 429]
    for answer, left in zip(answers, (2, 1, 0, 0, 0), strict=True):
        assert answer.headers["RateLimit-Policy"] == '"caller";q=3;w=60'
        told = re.fullmatch(r'"caller";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
        assert told
        assert int(told[1]) == left
        assert 1 <= int(told[2]) <= 60


def test_who_asks_too_often_is_told_how_long_to_wait(app_for_three: Flask) -> None:
    http = app_for_three.test_client()

    *_, refused = [http.get(AREAS) for _ in range(4)]

    assert (refused.status_code, refused.json["code"], refused.json["retryable"]) == (429, "too_many_requests", True)
    assert refused.headers["Retry-After"] == refused.headers["RateLimit"].rpartition("t=")[2]


def test_a_signed_in_citizen_has_a_quota_of_their_own(app_for_three: Flask) -> None:
    an = Person(app_for_three.test_client(), "+84912345678")
    binh = Person(app_for_three.test_client(), "+84987654321")

    statuses = [person.get(ME).status_code for person in (an, an, an, an, binh)]

    assert statuses == [200, 200, 200, 429, 200]


def test_a_spoofed_address_has_no_quota_of_its_own(app_for_three: Flask) -> None:
    http = app_for_three.test_client()

    statuses = [http.get(AREAS, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(4)]

    assert statuses == [200, 200, 200, 429]


def test_behind_a_trusted_proxy_the_address_it_names_counts(app: Flask, settings: Settings, clean: None) -> None:
    http = server.app.assemble(replace(settings, requests_per_minute=1, proxies=1)).test_client()

    # The last hop is the trusted one's word; what stands before it is the caller's own.
    statuses = [
        http.get(AREAS, headers={"X-Forwarded-For": f"203.0.113.9, 198.51.100.{n}"}).status_code for n in (1, 2, 2)
    ]

    assert statuses == [200, 200, 429]


def test_probes_are_not_counted(app_for_three: Flask) -> None:
    http = app_for_three.test_client()

    assert [http.get("/livez").status_code for _ in range(5)] == [200] * 5


# -- ids, HEAD and OPTIONS ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [REQUEST_ID, REQUEST_ID.upper(), "{" + REQUEST_ID + "}"])
def test_a_request_keeps_the_id_its_caller_gave_it(an: Person, given: str) -> None:
    for path in (ME, "/v1/nothing", "/livez", "/docs"):
        assert an.get(path, headers={"X-Request-Id": given}).headers["X-Request-Id"] == REQUEST_ID


@pytest.mark.parametrize("given", ["", "0912345678", "x" * 10_000, REQUEST_ID + "0", "<script>"])
def test_what_is_no_uuid_is_no_request_id(an: Person, given: str) -> None:
    told = [an.get(ME, headers={"X-Request-Id": given}).headers["X-Request-Id"] for _ in range(2)]

    assert str(UUID(told[0])) == told[0] != told[1] != given


def test_head_is_get_without_a_body(an: Person) -> None:
    for path in (ME, AREAS):
        got, head = an.get(path), an.ask("HEAD", path)

        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == str(len(got.data))
        assert head.headers.get("ETag") == got.headers.get("ETag")


def test_head_is_guarded_as_get_is(chi: Person) -> None:
    assert chi.ask("HEAD", ME).status_code == 401


def test_options_tell_the_methods_and_nothing_else(chi: Person) -> None:
    answer = chi.ask("OPTIONS", DEVICES)

    assert (answer.status_code, answer.data) == (200, b"")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_browsers_may_not_guess_types_of_content(an: Person) -> None:
    for path in (ME, AREAS, "/v1/nothing", "/docs", "/", "/livez", "/openapi.yaml"):
        assert an.get(path).headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_language_of_an_answer_is_told(an: Person, language: str) -> None:
    for path in (ME, AREAS, "/"):
        assert an.get(path, headers={"Accept-Language": language}).headers["Content-Language"] == language


def test_a_foreign_host_reaches_no_link_of_ours(app: Flask, clean: None) -> None:
    with app.test_client() as http:
        http.get("/livez", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

        assert url_for("site.paid", _external=True) == "http://127.0.0.1:8000/paid"


# -- pages -------------------------------------------------------------------------------------------------------------


def read_pages(person: Person, limit: int, before_each: Callable[[], object] = lambda: None) -> list[list[str]]:
    """The ids of every page of devices."""
    pages, cursor = [], ""
    for _ in range(20):
        before_each()
        page = person.get(f"{DEVICES}?limit={limit}{cursor}").json
        pages.append([device["id"] for device in page["items"]])
        if "next" not in page:
            return pages
        cursor = f"&cursor={page['next']}"
    raise AssertionError("there is no end to it")


def test_pages_cover_a_list_once_and_end_without_a_next(an: Person) -> None:
    devices = register(an, *(f"address-{n}" for n in range(7)))

    pages = read_pages(an, limit=3)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert list(chain(*pages)) == devices[::-1]


def test_a_list_that_fills_its_last_page_has_no_empty_one_after_it(an: Person) -> None:
    register(an, *(f"address-{n}" for n in range(6)))

    assert [len(page) for page in read_pages(an, limit=3)] == [3, 3]


def test_pages_hold_while_the_list_grows(an: Person) -> None:
    devices = register(an, *(f"address-{n}" for n in range(6)))
    numbers = iter(range(100, 200))

    pages = read_pages(an, limit=2, before_each=lambda: register(an, f"address-{next(numbers)}"))

    first_of_all = pages[0].pop(0)  # it came before the first page
    assert list(chain(*pages)) == devices[::-1]
    assert first_of_all not in devices


def test_a_limit_of_a_hundred_is_the_most_and_twenty_the_usual(an: Person) -> None:
    assert an.get(f"{DEVICES}?limit=100").status_code == 200
    assert an.get(f"{DEVICES}?limit=101").status_code == 400


@pytest.mark.parametrize("change", ["signature", "content", "cut", "doubled", "empty signature"])
def test_a_cursor_that_was_touched_is_refused(an: Person, change: str) -> None:
    register(an, "address-1", "address-2")
    cursor = an.get(f"{DEVICES}?limit=1").json["next"]
    content, _, signature = cursor.rpartition(".")
    changed = {
        "signature": f"{content}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "content": f"{'A' if content[0] != 'A' else 'B'}{content[1:]}.{signature}",
        "cut": cursor[:-1],
        "doubled": cursor + cursor,
        "empty signature": f"{content}.",
    }[change]

    refused = an.get(f"{DEVICES}?limit=1&cursor={changed}")

    assert (refused.status_code, refused.json["errors"][0]["code"]) == (400, "cursor")


def test_a_cursor_is_of_no_use_to_anyone_else(an: Person, binh: Person) -> None:
    register(an, "address-1", "address-2")
    cursor = an.get(f"{DEVICES}?limit=1").json["next"]

    refused = binh.get(f"{DEVICES}?limit=1&cursor={cursor}")

    assert (refused.status_code, refused.json["errors"][0]["code"]) == (400, "cursor")


@pytest.mark.parametrize("other", ["/v1/messages?", "/v1/payments?", "/v1/utilities/bills?state=open&"])
def test_a_cursor_is_of_no_use_for_another_question(an: Person, other: str) -> None:
    register(an, "address-1", "address-2")
    cursor = an.get(f"{DEVICES}?limit=1").json["next"]

    refused = an.get(f"{other}cursor={cursor}")

    assert (refused.status_code, refused.json["errors"][0]["code"]) == (400, "cursor")


def test_a_cursor_goes_with_any_size_of_page(an: Person) -> None:
    devices = register(an, *(f"address-{n}" for n in range(5)))
    cursor = an.get(f"{DEVICES}?limit=1").json["next"]

    rest = an.get(f"{DEVICES}?limit=50&cursor={cursor}").json

    assert [device["id"] for device in rest["items"]] == devices[-2::-1]
    assert "next" not in rest
