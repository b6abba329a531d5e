"""An app on its way: told by its developer, looked at by the province, and what neither of them may do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from auth import operations
from auth.app_models import App, AppReview, AppState, Review
from auth.assurance import Proof
from auth.cli import commands
from auth.models import Assurance
from auth.operations import apps
from kit import clock
from kit.database import transaction
from kit.errors import PreconditionFailed
from tests.auth.app_stories import TOLD, Browser, register
from tests.people import Caller, StaffMember, all_at_once


@pytest.fixture
def reviewer(client) -> StaffMember:
    """Who reviews for the province."""
    return StaffMember(client(), "province", "operator")


def with_passkey(person) -> Caller:
    """The same person, who has just used a passkey."""
    now = clock.now()
    with transaction() as session:
        proof = Proof(Assurance.PASSKEY, now, now - timedelta(days=30))
        token = operations.start_session(session, person.id, None, proof).access_token
    return Caller(person.http, token)


def submit(person, **changes) -> dict[str, Any]:
    answer = person.post("/v1/apps", json=TOLD | changes)
    assert answer.status_code == 201, answer.json
    return answer.json


def judge(reviewer, app: dict[str, Any], decision: str, reason: str | None = None, etag: str | None = None):
    etag = etag or reviewer.get(f"/v1/app-reviews/{app['id']}").json["etag"]
    asked = {"decision": decision} | ({"reason": reason} if reason else {})
    return reviewer.post(f"/v1/app-reviews/{app['id']}", json=asked, headers={"If-Match": etag})


def test_an_app_is_registered_reviewed_and_only_then_asks_citizens(an, reviewer, client):
    app = submit(an)
    question = f"/authorize?client_id={app['id']}&redirect_uri={TOLD['redirect_uris'][0]}&response_type=code"
    before = Browser(client()).open(question).status_code

    waiting = reviewer.get("/v1/app-reviews?state=submitted").json["items"]
    approved = judge(reviewer, app, "approve")

    assert (app["state"], app["reason"]) == ("submitted", None)
    assert {name: app[name] for name in TOLD} == TOLD
    assert [one["id"] for one in waiting] == [app["id"]]
    assert (approved.status_code, approved.json["state"]) == (200, "approved")
    assert an.get(f"/v1/apps/{app['id']}").json["state"] == "approved"
    assert (before, Browser(client()).open(question).status_code) == (400, 303)
    assert reviewer.get("/v1/app-reviews?state=submitted").json == {"items": []}


def test_a_refused_app_says_why_and_may_be_mended_and_submitted_again(an, reviewer):
    app = submit(an)
    judge(reviewer, app, "refuse", "Trang chủ không mở được")
    refused = an.get(f"/v1/apps/{app['id']}")

    mended = an.patch(
        f"/v1/apps/{app['id']}",
        json={"homepage": "https://moi.example", "scopes": ["profile:read"]},
        headers={"If-Match": refused.headers["ETag"]},
    )

    assert (refused.json["state"], refused.json["reason"]) == ("refused", "Trang chủ không mở được")
    assert mended.status_code == 200
    assert {name: mended.json[name] for name in ("state", "reason", "homepage", "scopes", "name_vi")} == {
        "state": "submitted", "reason": None, "homepage": "https://moi.example", "scopes": ["profile:read"],
        "name_vi": "Sổ chi tiêu",
    }  # fmt: skip
    assert judge(reviewer, app, "approve").json["state"] == "approved"


def test_what_was_approved_is_what_runs(an, reviewer):
    app = submit(an)
    judge(reviewer, app, "approve")
    etag = an.get(f"/v1/apps/{app['id']}").headers["ETag"]

    changed = an.patch(
        f"/v1/apps/{app['id']}", json={"redirect_uris": ["https://evil.example/"]}, headers={"If-Match": etag}
    )

    assert (changed.status_code, changed.json["code"], changed.json["state"]) == (409, "app_settled", "approved")


def test_nothing_is_approved_that_the_reviewer_has_not_seen(an, reviewer):
    app = submit(an)
    seen = reviewer.get(f"/v1/app-reviews/{app['id']}").json["etag"]
    an.patch(
        f"/v1/apps/{app['id']}", json={"redirect_uris": ["https://evil.example/"]}, headers={"If-Match": app["etag"]}
    )

    stale = judge(reviewer, app, "approve", etag=seen)
    unconditional = reviewer.post(f"/v1/app-reviews/{app['id']}", json={"decision": "approve"})

    assert (stale.status_code, unconditional.status_code) == (412, 428)
    assert an.get(f"/v1/apps/{app['id']}").json["state"] == "submitted"


def test_a_change_and_a_review_at_once_never_approve_what_was_not_seen(an):
    for _round in range(10):
        app_id = UUID(submit(an)["id"])

        def race(number: int, app_id: UUID = app_id) -> str:
            try:
                with transaction() as session:
                    app = apps.get_app(session, app_id, version=1)
                    if number:
                        apps.change_app(session, app, {"homepage": "https://moi.example"})
                    else:
                        apps.review_app(session, app, Review.APPROVE, reason=None, reviewer_id=None)
            except PreconditionFailed:
                return "too late"
            return "done"

        assert sorted(all_at_once(2, race)) == ["done", "too late"]
        with transaction() as session:
            app = apps.get_app(session, app_id)
            assert (app.state, app.homepage == TOLD["homepage"]) in {
                (AppState.APPROVED, True), (AppState.SUBMITTED, False)
            }  # fmt: skip
            session.execute(text("UPDATE app SET state = 'withdrawn'"))


@pytest.mark.parametrize(
    ("before", "possible"),
    [
        ([], {"approve", "refuse"}),
        (["approve"], {"suspend"}),
        (["refuse"], set()),
        (["approve", "suspend"], {"reinstate"}),
    ],
)
def test_a_decision_has_its_turn(an, reviewer, before, possible):
    for decision in ("approve", "refuse", "suspend", "reinstate"):
        app = submit(an)
        for earlier in before:
            assert judge(reviewer, app, earlier, "Có khiếu nại").status_code == 200
        answer = judge(reviewer, app, decision, "Có khiếu nại")

        wanted = (200, None) if decision in possible else (409, "review_out_of_turn")
        assert (answer.status_code, answer.json.get("code")) == wanted


@pytest.mark.parametrize("decision", ["refuse", "suspend"])
def test_who_refuses_or_suspends_says_why(an, reviewer, decision):
    app = submit(an)

    assert judge(reviewer, app, decision).status_code == 422


def test_every_decision_is_kept_with_who_took_it(an, reviewer):
    app = submit(an)
    judge(reviewer, app, "approve")
    judge(reviewer, app, "suspend", "Có khiếu nại")
    judge(reviewer, app, "reinstate")

    with transaction() as session:
        kept = session.scalars(select(AppReview).order_by(AppReview.id))
        rows = [(row.decision, row.reason, row.reviewer_id is not None) for row in kept]
    assert rows == [("approve", None, True), ("suspend", "Có khiếu nại", True), ("reinstate", None, True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": []},
        {"redirect_uris": ["http://so-chi-tieu.example/back"]},
        {"redirect_uris": ["https://*.example/back"]},
        {"redirect_uris": ["https://so-chi-tieu.example/back#x"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["https://a.example/", "https://a.example/"]},
        {"redirect_uris": [f"https://a.example/{n}" for n in range(11)]},
        {"scopes": []},
        {"scopes": ["bills:pay"]},
        {"scopes": ["bills:read", "bills:read"]},
        {"scopes": ["*"]},
        {"homepage": "http://so-chi-tieu.example"},
        {"homepage": "vn.so-chi-tieu.app:/"},
        {"name_vi": ""},
        {"name_vi": "x" * 61},
        {"name_vi": "Tỉnh\u202eủy quyền"},
        {"owner_name": "Một\nhai"},
        {"is_confidential": "perhaps"},
        {"state": "approved"},
        {"owner_id": str(UUID(int=7))},
        {"approved_at": "2026-11-21T09:00:00+07:00"},
    ],
)
def test_what_no_app_may_be_is_refused(an, changes):
    refused = an.post("/v1/apps", json=TOLD | changes)

    assert refused.status_code == 422
    assert an.get("/v1/apps").json == {"items": []}


@pytest.mark.parametrize("name", sorted(TOLD))
def test_nothing_is_guessed_of_an_app(an, name):
    told = {key: value for key, value in TOLD.items() if key != name}

    refused = an.post("/v1/apps", json=told)

    assert refused.status_code == 422
    assert [(flaw["pointer"], flaw["code"]) for flaw in refused.json["errors"]] == [(f"/{name}", "required")]


def test_an_app_is_its_owners_alone(an, binh, reviewer):
    app = submit(an)
    path, headers = f"/v1/apps/{app['id']}", {"If-Match": app["etag"]}

    strangers = [
        binh.get(path),
        binh.patch(path, json={"name_vi": "Của tôi"}, headers=headers),
        binh.delete(path, headers=headers),
        with_passkey(binh).post(f"{path}/secrets"),
        an.get(f"/v1/app-reviews/{app['id']}"),
        an.post(f"/v1/app-reviews/{app['id']}", json={"decision": "approve"}, headers=headers),
        reviewer.get(path),
    ]

    assert [answer.status_code for answer in strangers] == [404, 404, 404, 404, 403, 403, 403]
    assert binh.get("/v1/apps").json == {"items": []}


def test_one_person_registers_twenty_apps_and_no_more_whoever_races(an):
    for _number in range(15):
        submit(an)

    statuses = all_at_once(10, lambda _: an.again().post("/v1/apps", json=TOLD).status_code)

    assert sorted(statuses) == [201] * 5 + [409] * 5
    first = an.get("/v1/apps").json["items"][0]
    assert an.delete(f"/v1/apps/{first['id']}", headers={"If-Match": first["etag"]}).status_code == 204
    assert an.post("/v1/apps", json=TOLD).status_code == 201


def test_a_secret_is_shown_once_to_who_has_just_used_a_passkey(an):
    app = submit(an, is_confidential=True)
    path = f"/v1/apps/{app['id']}/secrets"

    by_phone = an.post(path)
    first, second = with_passkey(an).post(path), with_passkey(an).post(path)

    assert (by_phone.status_code, by_phone.json["code"]) == (401, "insufficient_user_authentication")
    assert [answer.status_code for answer in (first, second)] == [201, 201]
    secrets = [answer.json["client_secret"] for answer in (first, second)]
    assert len(set(secrets)) == 2
    assert min(map(len, secrets)) >= 43
    assert first.json["former_ends_at"] is None
    assert second.json["former_ends_at"] is not None
    assert not any(secret in an.get(f"/v1/apps/{app['id']}").text for secret in secrets)
    with transaction() as session:
        stored = session.execute(text("SELECT a::text FROM app a")).scalar_one()
    assert not any(secret in stored or secret.encode().hex() in stored for secret in secrets)


def test_a_public_app_has_no_secret(an):
    app = submit(an)

    refused = with_passkey(an).post(f"/v1/apps/{app['id']}/secrets")

    assert (refused.status_code, refused.json["code"]) == (409, "app_public")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE app SET secret_hash = 'x'",
        "UPDATE app SET redirect_uris = '[]'",
        "UPDATE app SET scopes = '[]'",
        "UPDATE app SET state = 'suspended'",
        "UPDATE app SET former_secret_hash = 'x'",
    ],
)
def test_the_database_holds_to_the_rules_too(an, statement):
    submit(an)

    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(text(statement))


# -- from the command line ---------------------------------------------------------------------------------------------


def run(*words: str):
    return CliRunner().invoke(commands, words)


def test_an_operator_reviews_from_the_command_line(an, client):
    app = submit(an)
    listed = run("list-apps").output
    version = re.search(rf"{app['id']} submitted version (\d+)", listed)[1]

    approved = run("review-app", app["id"], "approve", "--version", version)
    stale = run("review-app", app["id"], "suspend", "--version", version, "--reason", "Có khiếu nại")
    silent = run("review-app", app["id"], "suspend", "--version", "2")
    suspended = run("review-app", app["id"], "suspend", "--version", "2", "--reason", "Có khiếu nại")
    again = run("review-app", app["id"], "suspend", "--version", "3", "--reason", "Có khiếu nại")
    unknown = run("review-app", str(uuid4()), "approve", "--version", "1")

    for told in ("Sổ chi tiêu", "Công ty TNHH Sổ Chi Tiêu", "https://so-chi-tieu.example/back", "bills:read", "public"):
        assert told in listed
    assert (approved.exit_code, approved.output) == (0, f"{app['id']} approved\n")
    assert [one.exit_code for one in (stale, silent, suspended, again, unknown)] == [1, 2, 0, 1, 1]
    assert "has changed since you read it" in stale.output
    assert "Có khiếu nại" in run("list-apps", "--state", "suspended").output
    with transaction() as session:
        assert session.scalars(select(App.state)).one() is AppState.SUSPENDED


def test_an_app_of_one_person_goes_with_them_when_two_are_joined(client):
    app = register(client())
    with transaction() as session:
        owner = session.scalars(select(App.owner_id)).one()
        heir = operations.welcome_citizen(session, "+84909000222", operations.get_language(session, owner))
        apps.hand_over_apps(session, owner, heir)

    with transaction() as session:
        assert apps.get_own_app(session, app.id, heir).name_vi == "Sổ chi tiêu"
