"""Two citizens who turn out to be one person, and the apps of others they have allowed something."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from auth.app_models import AppGrant, AppUser
from auth.operations import grants
from kit.database import transaction
from tests.auth.app_stories import Browser, ThirdParty, allow, assert_refused, register, sign_in as sign_in_to
from tests.privacy.joining import sign_in, step_up, tell_again

BILLS = "/v1/utilities/bills"


@pytest.fixture
def app_of_others(client) -> ThirdParty:
    return register(client())


def allowed(person) -> list[tuple[bool, str]]:
    """Whether each consent has ended, and what the app calls the citizen."""
    told = person.post("/v1/me/exports").json["rooms"]["auth"]["allowed_apps"]
    return [(one["ended_at"] is not None, one["alias"]) for one in told]


def test_what_the_one_has_allowed_is_over_and_the_others_history(client, app_of_others, an):
    tokens = sign_in_to(app_of_others, client)
    [(_, alias)] = allowed(an)
    sign_in(client())

    after = step_up(an)

    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 401
    assert_refused(app_of_others.refresh(tokens["refresh_token"]))
    assert after.get("/v1/me/apps").json["items"] == []
    assert allowed(after) == [(True, alias)]


def test_the_app_knows_the_one_who_is_kept_again(client, app_of_others, an):
    sign_in_to(app_of_others, client)
    [(_, alias)] = allowed(an)
    sign_in(client())
    after = step_up(an)

    tokens = sign_in_to(app_of_others, client)

    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 200
    assert allowed(after) == [(True, alias), (False, alias)]


def test_a_question_under_way_is_answered_by_the_one_who_is_kept(client, app_of_others, an):
    browser = Browser(client())
    browser.open(app_of_others.question())
    browser.prove()
    sign_in(client())

    after = step_up(an)
    tokens = app_of_others.redeem(browser.decide()["code"]).json

    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 200
    assert [one["id"] for one in after.get("/v1/me/apps").json["items"]] == [str(app_of_others.id)]


def test_a_consent_that_was_given_in_the_very_moment_is_ended_when_it_is_told_again(client, app_of_others, an):
    kept = sign_in(client())
    step_up(an)
    code = allow(client, app_of_others)
    with transaction() as session:
        # As if the answer had been on its way when the two were joined.
        for table in (AppUser, AppGrant):
            session.execute(update(table).values(citizen_id=an.id))
    before = allowed(kept)

    tell_again(kept, an)

    assert_refused(app_of_others.redeem(code))
    assert (before, [is_over for is_over, _ in allowed(kept)]) == ([], [True])


def test_an_app_that_knows_both_goes_on_to_call_the_one_who_is_kept_as_before(client, app_of_others, an):
    kept = sign_in(client())
    sign_in_to(app_of_others, client)
    [(_, of_an)] = allowed(an)
    with transaction() as session:
        grants.hand_over_grants(session, an.id, kept.id)
    sign_in_to(app_of_others, client)

    after = step_up(an)

    assert {alias for _, alias in allowed(after)} == {of_an}
