"""What a phone developer sees: public answers that may be kept, and refusals that say what to change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.sample_divisions import seed_divisions


@pytest.fixture
def ask(client: Callable[[], FlaskClient]) -> Callable[..., TestResponse]:
    """Anybody asking, when the sample is loaded."""
    seed_divisions()
    anybody = client()

    def get(path: str, **query: str) -> TestResponse:
        return anybody.get(f"/v1/divisions{path}", query_string=query)

    return get


def test_areas_come_with_both_names_and_may_be_kept(ask: Callable[..., TestResponse]) -> None:
    answer = ask("/areas")

    assert answer.status_code == 200
    assert {"slug": "thanh-hoa", "name": "Thanh Hóa", "name_en": "Thanh Hoa"}.items() <= answer.json["items"][
        -1
    ].items()
    assert answer.headers["Cache-Control"] == "public, max-age=300, stale-if-error=86400"
    assert (answer.headers["Vary"], bool(answer.headers["ETag"])) == ("Accept-Language", True)


def test_provinces_follow_the_day(ask: Callable[..., TestResponse]) -> None:
    today, before = (ask("/provinces", on=day).json["items"] for day in ("2026-11-21", "2025-06-30"))

    assert len(today) == 34
    assert {item["code"]: item["full_name"] for item in before}["24"] == "Tỉnh Bắc Giang"
    assert {item["type"] for item in today} == {"province", "city"}


def test_communes_are_listed_page_by_page(ask: Callable[..., TestResponse]) -> None:
    first = ask("/communes", area="thanh-hoa", limit="5").json
    second = ask("/communes", area="thanh-hoa", limit="5", cursor=first["next"]).json

    names = [item["name"] for item in first["items"] + second["items"]]
    assert names == [
        "Bỉm Sơn", "Đông Tiến", "Đồng Tiến", "Hạc Thành", "Hàm Rồng", "Hậu Lộc", "Sầm Sơn", "Thọ Xuân",
    ]  # fmt: skip
    assert "next" not in second


def test_a_commune_carries_its_province_and_its_source(ask: Callable[..., TestResponse]) -> None:
    commune = ask("/communes/14797", on="2026-01-01").json

    assert (commune["full_name"], commune["name_en"], commune["type"]) == ("Phường Hạc Thành", "Hac Thanh", "ward")
    assert (commune["province_code"], commune["province_name"], commune["valid_to"]) == ("38", "Thanh Hoá", None)
    assert "MIT" in commune["source"]


@pytest.mark.parametrize("code", ["99999", "1479", "abcde", "%00%00%00%00%00", "%F0%9D%9F%8F0000"])
def test_an_unknown_code_is_not_found(ask: Callable[..., TestResponse], code: str) -> None:
    answer = ask(f"/communes/{code}")

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_an_old_address_is_resolved(ask: Callable[..., TestResponse]) -> None:
    by_code = ask("/resolve", code="14758", on="2025-06-30").json
    by_text = ask("/resolve", text="phường Đông Thọ, Thanh Hóa", area="thanh-hoa").json

    for found in (by_code, by_text):
        assert [one["commune"]["name"] for one in found["candidates"]] == ["Hạc Thành", "Hàm Rồng"]
        assert {one["kind"] for one in found["candidates"]} == {"part"}
        assert found["candidates"][0]["old"]["district"] == "Thành phố Thanh Hóa"
        assert found["ask_street"] is True


def test_tones_tell_two_communes_apart(ask: Callable[..., TestResponse]) -> None:
    exact = ask("/resolve", text="Xã Đồng Tiến").json["candidates"]
    folded = ask("/resolve", text="dong tien", area="thanh-hoa").json["candidates"]

    assert [(one["commune"]["code"], one["likeness"]) for one in exact] == [("15724", "exact")]
    assert {(one["commune"]["code"], one["likeness"]) for one in folded} == {("15853", "folded"), ("15724", "folded")}


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/resolve", {}, "code"),
        ("/resolve", {"code": "14758"}, "on"),
        ("/resolve", {"code": "14758", "on": "2025-06-30", "text": "x"}, "code"),
        ("/resolve", {"text": "x", "on": "2025-06-30"}, "on"),
        ("/resolve", {"text": "x" * 201}, "text"),
        ("/provinces", {"on": "yesterday"}, "on"),
        ("/communes", {"province": "038"}, "province"),
        ("/communes", {"limit": "0"}, "limit"),
        ("/communes", {"district": "1"}, "district"),
        ("/communes", {"cursor": "made-up"}, "cursor"),
    ],
)
def test_a_question_that_cannot_be_read_says_where(
    ask: Callable[..., TestResponse], path: str, query: dict[str, str], pointer: str
) -> None:
    answer = ask(path, **query)

    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")
    assert [flaw["pointer"].strip("/") for flaw in answer.json["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("query", "code"), [({"area": "atlantis"}, "unknown_area"), ({"province": "27"}, "unknown_province")]
)
def test_an_unknown_area_or_province_is_named(
    ask: Callable[..., TestResponse], query: dict[str, str], code: str
) -> None:
    answer = ask("/communes", **query)

    assert (answer.status_code, answer.json["code"]) == (404, code)


def test_an_answer_that_has_not_changed_is_not_sent_again(ask: Callable[..., TestResponse], client) -> None:
    etag = ask("/provinces").headers["ETag"]

    again = client().get("/v1/divisions/provinces", headers={"If-None-Match": etag})

    assert (again.status_code, again.data) == (304, b"")
