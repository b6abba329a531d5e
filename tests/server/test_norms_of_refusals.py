"""How the API refuses: problem documents with a stable code, in the caller's language, with a page behind each code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NoReturn
from uuid import UUID

import psycopg
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.exceptions import HTTPException, abort, default_exceptions
from werkzeug.test import TestResponse

import server.app
from auth.models import Assurance
from kit.database import transaction
from kit.errors import CODES
from kit.web import refuse
from server.settings import Settings
from tests.auth.test_every_operation_and_every_caller import requests_of
from tests.people import Person

ME, START, AREAS = "/v1/me", "/v1/auth/phone-challenges", "/v1/divisions/areas"
UNKNOWN_PAYMENT = "/v1/payments/019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "retryable"}


def check_problem(answer: TestResponse, status: int, code: str) -> None:
    """Every promise about a problem document that holds whatever the problem is."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json
    assert body.keys() >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"http://127.0.0.1:8000/problems/{code}"
    assert code in CODES
    assert body["instance"] == answer.headers["X-Request-Id"] == str(UUID(body["instance"]))
    assert body["title"]
    assert body["detail"]
    assert answer.headers["Content-Language"] in {"vi", "en"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.fixture
def other_app(app: Flask, settings: Settings, clean: None) -> Callable[..., Flask]:
    """Makes the application anew, beside the one of all tests: `other_app(requests_per_minute=3)`."""
    return lambda **changes: server.app.assemble(replace(settings, **changes))


# -- what HTTP itself refuses ------------------------------------------------------------------------------------------


def test_an_unknown_path_is_not_found(an: Person) -> None:
    check_problem(an.get("/v1/nothing"), 404, "not_found")


def test_the_unknown_and_the_hidden_look_the_same(an: Person) -> None:
    unknown_path, unknown_id = an.get("/v1/nothing").json, an.get(UNKNOWN_PAYMENT).json

    assert {**unknown_path, "instance": ""} == {**unknown_id, "instance": ""}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", ME, {"GET", "HEAD", "OPTIONS"}),
        ("PUT", START, {"POST", "OPTIONS"}),
        ("TRACE", AREAS, {"GET", "HEAD", "OPTIONS"}),
        ("BREW", UNKNOWN_PAYMENT, {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    an: Person, method: str, path: str, allowed: set[str]
) -> None:
    refused = an.ask(method, path)

    check_problem(refused, 405, "method_not_allowed")
    assert set(refused.headers["Allow"].split(", ")) == allowed


def test_every_path_refuses_every_method_that_it_has_not(app: Flask, an: Person) -> None:
    paths = app.url_map.bind("localhost")
    wrong = {}
    for path in {path for _operation, _method, path in requests_of(app)}:
        allowed = set(paths.allowed_methods(path))
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"} - allowed:
            refused = an.http.open(path, method=method)
            if (refused.status_code, set(refused.headers.get("Allow", "").split(", "))) != (405, allowed):
                wrong[f"{method} {path}"] = refused.status_code

    assert wrong == {}


def test_who_must_sign_in_is_told_how(chi: Person) -> None:
    refused = chi.get(ME)

    check_problem(refused, 401, "not_signed_in")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="citizen"'
    assert refused.json["next_action"] == "refresh_session"


def test_a_token_that_does_not_hold_is_named_as_the_reason(chi: Person) -> None:
    refused = chi.get(ME, headers={"Authorization": "Bearer x.y.z"})

    check_problem(refused, 401, "not_signed_in")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_who_may_not_is_told_so(an: Person) -> None:
    check_problem(an.get("/v1/utilities/provider-payments"), 403, "not_allowed")


def test_a_change_names_the_version_it_is_meant_for(an: Person) -> None:
    device = an.post(
        "/v1/devices",
        json={"address": "token-1", "address_kind": "fid", "platform": "android", "language": "vi"},
    ).json
    path = f"/v1/devices/{device['id']}"

    missing, stale, weak = (
        an.delete(path, headers=given) for given in ({}, {"If-Match": '"stale"'}, {"If-Match": f"W/{device['etag']}"})
    )

    check_problem(missing, 428, "precondition_required")
    check_problem(stale, 412, "precondition_failed")
    check_problem(weak, 412, "precondition_failed")
    assert an.delete(path, headers={"If-Match": device["etag"]}).status_code == 204


@pytest.fixture(scope="module")
def refusing_app(app: Flask, settings: Settings) -> Flask:
    """The application anew, with a page below /refusing/ for each status that HTTP itself can refuse with."""

    def refuse_with(status: int) -> NoReturn:
        abort(status)

    refusing = server.app.assemble(settings)
    refusing.add_url_rule("/refusing/<int:status>", view_func=refuse_with)
    return refusing


@pytest.mark.parametrize("status", sorted(default_exceptions))
def test_whatever_http_can_refuse_is_a_problem_with_a_page(refusing_app: Flask, clean: None, status: int) -> None:
    http = refusing_app.test_client()

    refused = http.get(f"/refusing/{status}")

    check_problem(refused, status, refused.json["code"])
    assert http.get(f"/problems/{refused.json['code']}").status_code == 200


def test_headers_that_a_refusal_brings_along_are_kept(other_app: Callable[..., Flask]) -> None:
    def view() -> Response:
        raise HTTPException(response=Response("later", 503, {"Retry-After": "120"}))

    app = other_app()
    app.add_url_rule("/refusing", view_func=view)

    refused = app.test_client().get("/refusing")

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "120")


# -- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "told"),
    [
        (None, "vi"),
        ("", "vi"),
        ("*", "vi"),
        ("vi", "vi"),
        ("vi-VN", "vi"),
        ("fr", "vi"),
        ("en", "en"),
        ("EN", "en"),
        ("en-GB", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr,en;q=0.4", "en"),
        ("en;q=0.9,vi;q=0.5", "en"),
        ("en;q=0.5,vi;q=0.9", "vi"),
        ("vi;q=0.1,en;q=0", "vi"),
        ("en;q=0", "vi"),
        ("en;q=two", "vi"),
        ("english", "vi"),
    ],
)
def test_a_refusal_is_told_in_the_callers_language_and_its_code_in_none(
    chi: Person, accepted: str | None, told: str
) -> None:
    refused = chi.get(ME, headers={} if accepted is None else {"Accept-Language": accepted})

    check_problem(refused, 401, "not_signed_in")
    assert refused.headers["Content-Language"] == told
    assert refused.json["title"] == {"vi": "Vui lòng đăng nhập", "en": "Please sign in"}[told]


def test_flaws_are_told_in_the_callers_language_too(chi: Person) -> None:
    vi = chi.post(START, json={}).json["errors"]
    en = chi.post(START, json={}, headers={"Accept-Language": "en"}).json["errors"]

    assert vi == [{"pointer": "/phone", "code": "required", "detail": "Thiếu thông tin bắt buộc."}]
    assert en == [{"pointer": "/phone", "code": "required", "detail": "This is required."}]


# -- codes and their pages ---------------------------------------------------------------------------------------------


def test_every_code_has_a_page_in_both_languages(client: Callable[[], FlaskClient]) -> None:
    assert len(CODES) > 30
    for code, error in CODES.items():
        page = client().get(f"/problems/{code}")

        assert (page.status_code, page.mimetype) == (200, "text/html"), code
        words = page.get_data(as_text=True)
        assert f"HTTP {error.status}" in words
        for language in ("vi", "en"):
            for sentence in error.text(language):
                assert sentence.replace("'", "&#39;").replace('"', "&#34;") in words, code


def test_a_code_that_no_refusal_has_has_no_page(chi: Person) -> None:
    check_problem(chi.get("/problems/no_such_code"), 404, "not_found")


def test_every_refusal_can_be_told_with_its_own_members(app: Flask) -> None:
    needed = {"insufficient_user_authentication": {"levels": [Assurance.PASSKEY]}}
    with app.test_request_context("/"):
        for code, error in CODES.items():
            members = {"bill_id": UUID(int=1)} if code != "not_signed_in" else {}
            told = refuse(error(**needed.get(code, {}), **members))

            assert (told.status_code, told.content_type) == (error.status, "application/problem+json")
            assert told.json["code"] == code
            assert code == "not_signed_in" or told.json["bill_id"] == str(UUID(int=1))


# -- what breaks on our side -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_broken_operation_tells_nothing_of_its_inside(other_app: Callable[..., Flask], language: str) -> None:
    def view() -> Response:
        with transaction() as session:
            session.execute(text("SELECT phone FROM no_such_table WHERE phone = '0912345678'"))
        raise AssertionError

    app = other_app()
    app.add_url_rule("/broken", view_func=view)

    refused = app.test_client().get("/broken", headers={"Accept-Language": language})

    check_problem(refused, 500, "internal_server_error")
    for inside in ("Traceback", "psycopg", "SELECT", "no_such_table", "0912345678", ".py"):
        assert inside not in refused.get_data(as_text=True)


def test_what_breaks_after_the_view_is_told_as_little(other_app: Callable[..., Flask]) -> None:
    def break_down(_answer: Response) -> Response:
        raise RuntimeError("0912345678")

    app = other_app()
    app.after_request_funcs.setdefault("site", []).append(break_down)

    refused = app.test_client().get("/docs")

    assert (refused.status_code, refused.content_type) == (500, "application/problem+json")
    assert "0912345678" not in refused.get_data(as_text=True)


def test_while_the_database_is_away_callers_are_asked_to_come_back(chi: Person, reconnect: Callable[..., None]) -> None:
    reconnect("postgresql://nobody@127.0.0.1:1/none")

    refused = chi.get(AREAS)

    check_problem(refused, 503, "service_unavailable")
    assert (refused.headers["Retry-After"], refused.json["retryable"]) == ("1", True)


def test_when_every_connection_is_taken_callers_are_asked_to_come_back(
    chi: Person, settings: Settings, reconnect: Callable[..., None]
) -> None:
    reconnect(settings.database_url, pool_size=1)
    with ExitStack() as taken:
        for _ in range(3):  # one kept, two on top
            taken.enter_context(transaction()).execute(text("SELECT 1"))

        refused = chi.get(AREAS)

    check_problem(refused, 503, "service_unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert chi.get(AREAS).status_code == 200


def test_a_lock_that_somebody_holds_ends_in_a_refusal_in_time(
    an: Person, database_url: str, reconnect: Callable[..., None]
) -> None:
    reconnect(database_url)
    with psycopg.connect(database_url) as rogue:
        rogue.execute("LOCK TABLE citizen IN ACCESS EXCLUSIVE MODE")

        refused = an.get(ME)

    check_problem(refused, 503, "service_unavailable")
    assert an.get(ME).status_code == 200


def test_after_the_database_was_restarted_the_pool_heals_by_itself(an: Person, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )

    first, second = an.get(ME), an.get(ME)

    check_problem(first, 503, "service_unavailable")
    assert second.status_code == 200
