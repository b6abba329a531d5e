"""Who an app shows itself to be at the token endpoint, and how it is answered."""

from __future__ import annotations

import base64
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from auth import operations
from auth.app_models import Review
from auth.operations import apps
from kit.database import transaction
from tests.auth.app_stories import assert_refused, decide, register, sign_in
from tests.people import Person, make_organisation

BILLS = "/v1/utilities/bills"


# -- who the app is ----------------------------------------------------------------------------------------------------


def basic(client_id: object, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_a_confidential_app_shows_its_secret_in_one_of_two_ways(client):
    app = register(client(), is_confidential=True)
    tokens = sign_in(app, client)

    by_basic = app.refresh(tokens["refresh_token"], headers=basic(app.id, app.secret), client_secret=None)

    assert by_basic.status_code == 200
    assert_refused(app.refresh("x", headers=basic(app.id, app.secret)), "invalid_request")  # both at once


def test_an_app_that_does_not_show_who_it_is_is_refused_in_the_same_words(client):
    app, public = register(client(), is_confidential=True), register(client())
    suspended = register(client())
    decide(suspended, Review.SUSPEND)
    refusals = [
        app.refresh("x", client_secret=None),
        app.refresh("x", client_secret=""),
        app.refresh("x", client_secret="wrong"),
        app.refresh("x", client_secret=None, headers=basic(app.id, "wrong")),
        app.refresh("x", client_id=str(uuid4())),
        app.refresh("x", client_id="app"),
        app.refresh("x", client_id=None, client_secret=None),
        public.refresh("x", client_secret="made-up"),
        suspended.refresh("x"),
        register(client(), is_confidential=True).refresh("x", client_secret=app.secret),
    ]

    said = [{name: value for name, value in answer.json.items() if name != "instance"} for answer in refusals]
    assert said == [said[0]] * len(refusals)
    assert {(answer.status_code, answer.headers["WWW-Authenticate"]) for answer in refusals} == {
        (401, 'Basic realm="citizen"')
    }
    assert (said[0]["code"], said[0]["error"]) == ("invalid_client", "invalid_client")


def test_a_confidential_app_that_never_asked_for_a_secret_has_none_to_show(client):
    app = register(client(), is_confidential=True)
    with transaction() as session:
        session.execute(text("UPDATE app SET secret_hash = NULL"))

    errors = [app.refresh("x", client_secret=secret).json["error"] for secret in (None, "", "x")]

    assert errors == ["invalid_client"] * 3


def test_a_secret_that_was_replaced_is_good_for_a_day_more(client, later):
    app = register(client(), is_confidential=True)
    secrets = [app.secret]
    for _time in range(2):
        with transaction() as session:
            secrets.append(apps.issue_app_secret(session, apps.get_app(session, app.id)))

    def good() -> list[bool]:
        return [app.refresh("x", client_secret=secret).json["error"] == "invalid_grant" for secret in secrets]

    at_once = good()
    later(timedelta(days=1, seconds=1))

    assert (at_once, good()) == ([False, True, True], [False, False, True])


def test_a_providers_system_is_no_app_and_an_app_no_providers_system(client, app_of_others):
    organisation_id = make_organisation("provider")
    with transaction() as session:
        made = operations.create_client(session, organisation_id=organisation_id, scopes=["bills:write"], name="PC")
        _, secret = operations.add_secret(session, made.id, expires_at=None)
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": str(made.id), "client_secret": secret}

    as_app = client().post("/token", data=form)
    as_machine = app_of_others.send("/v1/auth/token", grant_type="client_credentials")

    assert (as_app.json["error"], as_machine.json["error"]) == ("invalid_client", "invalid_client")


# -- how it speaks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "status", "error", "missing"),
    [
        ({}, 400, "invalid_request", ["grant_type"]),
        ({"grant_type": ""}, 400, "invalid_request", ["grant_type"]),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", None),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type", None),
        ({"grant_type": "authorization_code"}, 400, "invalid_request", ["code", "code_verifier"]),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_request", ["code_verifier"]),
        ({"grant_type": "refresh_token"}, 400, "invalid_request", ["refresh_token"]),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 500}, 422, "invalid_request", None),
    ],
)
def test_every_refusal_has_the_word_that_oauth_libraries_read(app_of_others, form, status, error, missing):
    refused = app_of_others.send("/token", **form)

    assert_refused(refused, error, status)
    assert refused.json.get("missing") == missing
    assert refused.headers["Cache-Control"] == "no-store"


def test_refusals_of_http_itself_have_it_too(app_of_others):
    twice = app_of_others.http.post(
        "/token", data="grant_type=refresh_token&grant_type=x", content_type="application/x-www-form-urlencoded"
    )
    as_json = app_of_others.http.post("/token", json={"grant_type": "refresh_token"})

    assert [(answer.status_code, answer.json["error"]) for answer in (twice, as_json)] == [
        (400, "invalid_request"), (415, "invalid_request")
    ]  # fmt: skip


def test_a_library_that_asks_for_plain_json_is_refused_in_it(app_of_others):
    kinds = {
        accepted: app_of_others.send("/token", headers={"Accept": accepted}, grant_type="x").mimetype
        for accepted in ("application/json", "*/*", "application/problem+json, application/json")
    }

    assert list(kinds.values()) == ["application/json", "application/problem+json", "application/problem+json"]


def test_parameters_of_extensions_are_passed_over(app_of_others, code):
    assert app_of_others.redeem(code, resource="https://api.example", device_id="x").status_code == 200


def test_the_metadata_names_what_there_is(client):
    told = client().get("/.well-known/oauth-authorization-server")

    assert (told.status_code, told.mimetype, told.headers["Cache-Control"].startswith("public")) == (
        200, "application/json", True
    )  # fmt: skip
    base = told.json["issuer"]
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
        path = told.json[name].removeprefix(base)
        assert client().open(path, method="OPTIONS").status_code == 200, path
    assert told.json["code_challenge_methods_supported"] == ["S256"]
    assert told.json["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert told.json["scopes_supported"] == ["bills:read", "identity:read", "payments:read", "profile:read"]


def test_the_owner_who_takes_an_app_back_ends_all_it_has(client):
    app = register(client())
    token = sign_in(app, client)["access_token"]
    owner = Person(client(), "+84909000111")
    etag = owner.get(f"/v1/apps/{app.id}").headers["ETag"]

    gone = owner.delete(f"/v1/apps/{app.id}", headers={"If-Match": etag})

    assert gone.status_code == 204
    assert app.get(BILLS, token).status_code == 401
    assert owner.get("/v1/apps").json == {"items": []}
