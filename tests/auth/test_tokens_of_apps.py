"""What an app gets for a code and how it goes on; replays and thieves end it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from auth.app_models import AppGrant, GrantEnd
from kit.database import transaction
from tests.auth.app_stories import BACK, allow, assert_refused, challenge_of, register, sign_in
from tests.people import all_at_once

BILLS = "/v1/utilities/bills"


def how_it_ended() -> GrantEnd | None:
    with transaction() as session:
        return session.scalars(select(AppGrant.ended_by).order_by(AppGrant.id.desc()).limit(1)).one()


# -- codes -------------------------------------------------------------------------------------------------------------


def test_a_code_used_twice_ends_the_tokens_it_gave(app_of_others, code):
    tokens = app_of_others.redeem(code).json

    assert_refused(app_of_others.redeem(code))

    assert app_of_others.get(BILLS, tokens["access_token"]).status_code == 401
    assert_refused(app_of_others.refresh(tokens["refresh_token"]))
    assert how_it_ended() is GrantEnd.CODE_REPLAYED


def test_a_code_of_another_app_is_refused_and_spent(app_of_others, client, code):
    thief = register(client(), name_vi="Ứng dụng khác")
    thief.verifier = app_of_others.verifier

    assert_refused(thief.redeem(code))
    assert_refused(app_of_others.redeem(code))
    assert how_it_ended() is GrantEnd.CODE_MISUSED


def test_a_code_that_was_redeemed_and_comes_to_a_thief_ends_too(app_of_others, client, code):
    token = app_of_others.redeem(code).json["access_token"]

    assert_refused(register(client()).redeem(code, code_verifier="v" * 43))

    assert app_of_others.get(BILLS, token).status_code == 401


@pytest.mark.parametrize("verifier", ["w" * 43, "short", "", "+" * 43, "x" * 129, "đ" * 43])
def test_a_code_without_its_verifier_is_worth_nothing(app_of_others, code, verifier):
    refused = app_of_others.redeem(code, code_verifier=verifier)

    assert refused.status_code == 400
    assert "access_token" not in refused.json
    assert_refused(refused, "invalid_grant" if verifier else "invalid_request")


def test_the_challenge_itself_is_no_verifier(app_of_others, code):
    refused = app_of_others.redeem(code, code_verifier=challenge_of(app_of_others.verifier))

    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("back", ["https://so-chi-tieu.example/other", f"{BACK}/", "https://evil.example/back"])
def test_a_code_is_bound_to_the_way_it_came(client, back):
    app = register(client(), redirect_uris=[BACK, "https://so-chi-tieu.example/other"])
    code = allow(client, app)

    assert app.redeem(code, redirect_uri=back).json["error"] == "invalid_grant"
    assert app.redeem(code).json["error"] == "invalid_grant"


def test_a_code_may_be_redeemed_with_the_way_it_came_or_without_a_word_of_it(client, app_of_others):
    assert app_of_others.redeem(allow(client, app_of_others), redirect_uri=BACK).status_code == 200
    assert app_of_others.redeem(allow(client, app_of_others)).status_code == 200


def test_a_code_is_good_for_a_minute(app_of_others, client, later):
    in_time, late = allow(client, app_of_others), allow(client, app_of_others)
    later(timedelta(seconds=59))
    good = app_of_others.redeem(in_time)
    later(timedelta(seconds=2))

    assert good.status_code == 200
    assert_refused(app_of_others.redeem(late))


@pytest.mark.parametrize("guess", ["x" * 43, "' OR 1=1 --", "đ"])
def test_a_guessed_code_is_refused(app_of_others, guess):
    assert app_of_others.redeem(guess).json["error"] == "invalid_grant"


def test_of_twenty_who_redeem_one_code_at_once_at_most_one_is_given_tokens_and_none_lives_on(app, app_of_others, code):
    def redeem(_number: int):
        return app.test_client().post(
            "/token",
            data={
                "grant_type": "authorization_code",
                "client_id": str(app_of_others.id),
                "code": code,
                "code_verifier": app_of_others.verifier,
            },
        )

    answers = all_at_once(20, redeem)

    given = [answer.json for answer in answers if answer.status_code == 200]
    assert len(given) == 1
    assert app_of_others.get(BILLS, given[0]["access_token"]).status_code == 401
    assert_refused(app_of_others.refresh(given[0]["refresh_token"]))


def test_neither_codes_nor_tokens_stand_in_the_database(app_of_others, code):
    tokens = app_of_others.redeem(code).json

    with transaction() as session:
        stored = session.execute(
            text("SELECT (SELECT string_agg(g::text, ' ') FROM app_grant g)"
                 " || (SELECT string_agg(t::text, ' ') FROM app_refresh_token t)")
        ).scalar_one()  # fmt: skip
    for secret in (code, tokens["refresh_token"], tokens["access_token"]):
        assert len(secret) >= 43
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_the_citizen_is_told_once_that_an_app_was_allowed(client, app_of_others, work, an):
    tokens = app_of_others.redeem(allow(client, app_of_others)).json
    app_of_others.refresh(tokens["refresh_token"])
    allow(client, app_of_others)
    assert work() == []

    told = [item for item in an.get("/v1/messages").json["items"] if item["kind"] == "app_allowed"]

    assert [item["title"] for item in told] == ["Bạn vừa cho phép một ứng dụng"]


# -- refreshing --------------------------------------------------------------------------------------------------------


def test_each_refresh_gives_a_new_token_and_the_chain_goes_on(app_of_others, code):
    seen = [app_of_others.redeem(code).json]
    for _time in range(4):
        seen.append(app_of_others.refresh(seen[-1]["refresh_token"]).json)

    assert len({each["refresh_token"] for each in seen}) == 5
    assert app_of_others.get(BILLS, seen[-1]["access_token"]).status_code == 200


def test_a_spent_refresh_token_that_comes_again_ends_the_whole_family(app_of_others, code):
    first = app_of_others.redeem(code).json
    second = app_of_others.refresh(first["refresh_token"]).json

    assert_refused(app_of_others.refresh(first["refresh_token"]))

    assert_refused(app_of_others.refresh(second["refresh_token"]))
    assert app_of_others.get(BILLS, second["access_token"]).status_code == 401
    assert how_it_ended() is GrantEnd.TOKEN_REUSED


def test_the_end_of_one_family_leaves_the_others_alone(app_of_others, client):
    stolen, other = sign_in(app_of_others, client), sign_in(app_of_others, client)
    app_of_others.refresh(stolen["refresh_token"])
    app_of_others.refresh(stolen["refresh_token"])

    assert app_of_others.refresh(other["refresh_token"]).status_code == 200


def test_a_refresh_token_in_the_hands_of_another_app_ends_the_family(app_of_others, client, code):
    token = app_of_others.redeem(code).json["refresh_token"]

    assert_refused(register(client()).refresh(token))
    assert_refused(app_of_others.refresh(token))
    assert how_it_ended() is GrantEnd.TOKEN_MISUSED


def test_of_twenty_refreshes_at_once_never_two_successors_live(app, app_of_others, code):
    token = app_of_others.redeem(code).json["refresh_token"]

    def refresh(_number: int):
        form = {"grant_type": "refresh_token", "client_id": str(app_of_others.id), "refresh_token": token}
        return app.test_client().post("/token", data=form)

    answers = all_at_once(20, refresh)

    given = [answer.json["refresh_token"] for answer in answers if answer.status_code == 200]
    assert len(given) == 1
    assert_refused(app_of_others.refresh(given[0]))


def test_a_family_ends_after_thirty_idle_days(app_of_others, code, later):
    token = app_of_others.redeem(code).json["refresh_token"]
    later(timedelta(days=30, seconds=1))

    assert_refused(app_of_others.refresh(token))
    assert how_it_ended() is None


@pytest.mark.parametrize("token", ["x" * 43, "' OR 1=1 --", "đ"])
def test_an_unknown_refresh_token_is_refused(app_of_others, token):
    assert app_of_others.refresh(token).json["error"] == "invalid_grant"


def test_a_citizens_own_refresh_token_is_of_no_use_to_an_app_nor_the_other_way_round(app_of_others, code, phone):
    own = phone.sign_in()
    theirs = app_of_others.redeem(code).json

    assert_refused(app_of_others.refresh(own["refresh_token"]))
    assert phone.refresh(theirs["refresh_token"]).status_code == 401
    assert phone.refresh().status_code == 200
