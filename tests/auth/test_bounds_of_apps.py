"""What an app may do with its tokens, what it never may, and all that ends them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from sqlalchemy import text

from auth import operations
from auth.app_models import Review
from auth.operations import authorizations, grants
from kit.database import transaction
from tests.auth.app_stories import allow, assert_refused, decide, register, sign_in
from tests.auth.people import bearer
from tests.people import StaffMember

BILLS = "/v1/utilities/bills"
CANCEL = f"/v1/payments/{uuid4()}/cancellation"


# -- what a token may do -----------------------------------------------------------------------------------------------


def test_an_app_may_ask_for_less_and_not_for_more(client):
    app = register(client(), scopes=["bills:read", "payments:read", "profile:read"])
    tokens = sign_in(app, client, scope="bills:read payments:read")

    less = app.refresh(tokens["refresh_token"], scope="bills:read").json
    more = app.refresh(less["refresh_token"], scope="bills:read profile:read")
    all_of_it = app.refresh(less["refresh_token"]).json

    assert less["scope"] == "bills:read"
    assert [app.get(path, less["access_token"]).status_code for path in (BILLS, "/v1/payments")] == [200, 403]
    assert_refused(more, "invalid_scope")
    assert all_of_it["scope"] == "bills:read payments:read"


def test_a_scope_that_is_missing_is_named_as_rfc_6750_has_it(app_of_others, client):
    token = sign_in(app_of_others, client)["access_token"]

    refused = app_of_others.get("/v1/me", token)

    assert (refused.status_code, refused.json["code"], refused.json["scope"]) == (403, "not_allowed", "profile:read")
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="citizen", error="insufficient_scope", scope="profile:read"'
    )


def test_an_app_never_pays_steps_up_changes_or_allows_for_a_citizen(client):
    app = register(client(), scopes=["bills:read", "identity:read", "payments:read", "profile:read"])
    token = sign_in(app, client, scope="bills:read identity:read payments:read profile:read")["access_token"]
    asked = [
        ("POST", "/v1/utilities/payments"), ("GET", f"/v1/payments/{uuid4()}"), ("POST", CANCEL),
        ("POST", "/v1/me/step-ups/passkey"), ("POST", "/v1/me/passkeys/options"), ("PATCH", "/v1/me/identity"),
        ("POST", "/v1/me/exports"), ("POST", "/v1/me/erasure"), ("GET", "/v1/me/sessions"),
        ("POST", "/v1/me/sessions/end-others"), ("POST", "/v1/auth/sessions/end"), ("POST", "/v1/me/mandates"),
        ("POST", "/v1/me/consents"), ("GET", "/v1/me/apps"), ("POST", f"/v1/me/apps/{app.id}/withdrawal"),
        ("POST", "/v1/apps"), ("GET", "/v1/messages"), ("POST", "/v1/utilities/lookups"), ("GET", "/v1/me/household"),
    ]  # fmt: skip
    headers = bearer(token) | {"Idempotency-Key": str(uuid4())}

    answers = [(path, client().open(path, method=method, headers=headers).status_code) for method, path in asked]

    assert [answer for answer in answers if answer[1] != 403] == []


@pytest.mark.parametrize("header", ["Act-For", "For-Organisation"])
def test_an_app_acts_for_nobody_else_and_nothing_is_written_down(app_of_others, client, an, binh, header):
    token = sign_in(app_of_others, client)["access_token"]
    named = {"Act-For": binh.id, "For-Organisation": StaffMember(client(), "province", "operator").organisation_id}

    refused = client().get(BILLS, headers=bearer(token) | {header: str(named[header])})

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
    assert an.get("/v1/me/accesses").json["items"] == []
    assert app_of_others.get(BILLS, token).status_code == 200
    assert len(an.get("/v1/me/accesses").json["items"]) == 1


def test_a_token_with_more_than_was_allowed_is_cut_down_to_it(app_of_others, client, an):
    """Even who could sign would get no more than the citizen has allowed."""
    tokens = sign_in(app_of_others, client, scope="bills:read")
    said = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    with transaction() as session:
        more = operations.issue_token(
            session,
            role="developer",
            subject=UUID(said["sub"]),
            session_id=UUID(said["sid"]),
            client_id=app_of_others.id,
            scopes=["bills:read", "profile:read", "identity:read"],
        )

    statuses = [app_of_others.get(path, more).status_code for path in (BILLS, "/v1/me", "/v1/me/identity")]

    assert statuses == [200, 403, 403]


def test_claims_of_an_app_and_of_a_citizen_do_not_mix(app_of_others, client, an):
    said = jwt.decode(sign_in(app_of_others, client)["access_token"], options={"verify_signature": False})
    ids = {"subject": UUID(said["sub"]), "session_id": UUID(said["sid"]), "client_id": app_of_others.id}
    good = {"role": "developer", **ids}
    other = register(client())
    mixed = [
        good | {"role": "citizen"},
        good | {"client_id": None},
        good | {"session_id": None},
        good | {"session_id": uuid4()},
        good | {"client_id": other.id},
        good | {"subject": an.id},
        good | {"subject": uuid4()},
    ]

    statuses = []
    for claims in (good, *mixed):
        with transaction() as session:
            token = operations.issue_token(session, scopes=["bills:read"], **claims)
        statuses.append(client().get(BILLS, headers=bearer(token)).status_code)

    assert statuses == [200] + [401] * 7


def test_a_consent_that_slipped_in_while_its_citizen_left_is_no_consent(app_of_others, client, an):
    token = sign_in(app_of_others, client)["access_token"]
    with transaction() as session:
        session.execute(text("UPDATE citizen SET erased_at = now() WHERE id = :id"), {"id": an.id})

    assert app_of_others.get(BILLS, token).status_code == 401


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_suspended_app_gets_nothing_and_goes_on_when_it_is_reinstated(app_of_others, client):
    tokens, code = sign_in(app_of_others, client), allow(client, app_of_others)
    decide(app_of_others, Review.SUSPEND)

    statuses = [
        app_of_others.get(BILLS, tokens["access_token"]).status_code,
        app_of_others.refresh(tokens["refresh_token"]).status_code,
        app_of_others.redeem(code).status_code,
        app_of_others.revoke(tokens["refresh_token"]).status_code,
    ]
    decide(app_of_others, Review.REINSTATE)

    assert statuses == [401] * 4
    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 200
    assert app_of_others.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_an_app_gives_its_tokens_back(app_of_others, client, kind):
    tokens, other = sign_in(app_of_others, client), sign_in(app_of_others, client)

    answers = [app_of_others.revoke(tokens[kind], token_type_hint="refresh_token") for _time in range(2)]

    assert [(answer.status_code, answer.data) for answer in answers] == [(200, b"")] * 2
    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 401
    assert_refused(app_of_others.refresh(tokens["refresh_token"]))
    assert app_of_others.refresh(other["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", ["x" * 43, "a.b.c", "đ"])
def test_giving_back_what_nobody_knows_is_no_error(app_of_others, token):
    assert app_of_others.revoke(token).status_code == 200


def test_nobody_gives_back_the_tokens_of_another_or_of_a_citizen(app_of_others, client, an):
    tokens = sign_in(app_of_others, client)
    other = register(client())

    refused = [other.revoke(tokens["refresh_token"]), other.revoke(tokens["access_token"])]
    own = other.revoke(an.token)

    assert [answer.json["error"] for answer in refused] == ["invalid_grant"] * 2
    assert own.status_code == 200
    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 200
    assert an.get("/v1/me").status_code == 200


def test_what_nobody_can_use_is_forgotten_and_consents_that_were_used_stay(app_of_others, client, later):
    tokens = sign_in(app_of_others, client)
    app_of_others.refresh(tokens["refresh_token"])
    allow(client, app_of_others)
    later(timedelta(days=61))
    with transaction() as session:
        authorizations.forget_old_authorizations(session)
        grants.forget_old_grants(session)

    with transaction() as session:
        left = {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("authorization_request", "app_refresh_token", "app_grant")
        }
    assert left == {"authorization_request": 0, "app_refresh_token": 0, "app_grant": 1}
