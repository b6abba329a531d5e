"""Sessions: refreshed by a chain of tokens of which each works once, and ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from auth import operations
from auth.models import RefreshToken, SignInSession
from kit import clock
from kit.database import transaction
from tests.auth.people import AN, Phone, bearer
from tests.people import all_at_once


def live_tokens() -> int:
    with transaction() as session:
        return session.execute(
            select(func.count())
            .select_from(RefreshToken)
            .join(SignInSession, SignInSession.id == RefreshToken.session_id)
            .where(RefreshToken.spent_at.is_(None), SignInSession.ended_at.is_(None))
        ).scalar_one()


def assert_over(refused) -> None:
    assert (refused.status_code, refused.json["code"]) == (401, "session_over")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.json["next_action"] == "start_phone_sign_in"


def test_a_refresh_gives_new_tokens_and_the_chain_goes_on(phone):
    tokens = phone.sign_in()

    seen = [tokens["refresh_token"]]
    for _ in range(5):
        refreshed = phone.refresh(seen[-1])
        assert refreshed.status_code == 200
        seen.append(refreshed.json["refresh_token"])

    assert len(set(seen)) == 6
    assert refreshed.json["citizen_id"] == tokens["citizen_id"]
    assert phone.me(refreshed.json["access_token"]).status_code == 200
    assert live_tokens() == 1


def test_refresh_tokens_are_long_random_and_not_in_the_database(phone):
    first = phone.sign_in()["refresh_token"]
    second = phone.refresh().json["refresh_token"]

    with transaction() as session:
        stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM refresh_token t")).scalar_one()
    assert min(len(first), len(second)) >= 43
    assert not any(token in stored or token.encode().hex() in stored for token in (first, second))


def test_an_honest_retry_within_a_minute_gets_the_same_successor(phone, later):
    phone.sign_in()
    lost = phone.refresh().json
    later(timedelta(seconds=59))
    retried = phone.refresh()

    assert retried.status_code == 200
    assert retried.json["refresh_token"] == lost["refresh_token"]
    assert retried.json["refresh_expires_at"] == lost["refresh_expires_at"]
    assert phone.refresh(lost["refresh_token"]).status_code == 200
    assert live_tokens() == 1


def test_a_spent_token_used_again_after_a_minute_ends_the_session(phone, later):
    phone.sign_in()
    successor = phone.refresh().json["refresh_token"]
    later(timedelta(seconds=61))

    assert_over(phone.refresh())
    assert_over(phone.refresh(successor))
    assert live_tokens() == 0


def test_a_spent_token_used_again_after_its_successor_ends_the_session(phone):
    phone.sign_in()
    successor = phone.refresh().json["refresh_token"]
    newest = phone.refresh(successor).json["refresh_token"]

    assert_over(phone.refresh())
    assert_over(phone.refresh(newest))
    with transaction() as session:
        assert session.execute(select(SignInSession.ended_by)).scalar_one() == "token_reused"


def test_the_end_of_one_session_leaves_the_others_alone(phone, other_phone):
    phone.sign_in()
    other_phone.sign_in()
    phone.refresh(phone.refresh().json["refresh_token"])
    phone.refresh()

    assert other_phone.refresh().status_code == 200


def test_a_token_expires_after_thirty_idle_days(phone, later):
    phone.sign_in()
    later(timedelta(days=29, hours=23))
    in_time = phone.refresh().json
    later(timedelta(days=30, seconds=1))

    assert_over(phone.refresh(in_time["refresh_token"]))


def test_a_session_ends_after_180_days_however_often_it_is_used(phone, later):
    started = clock.now()
    phone.sign_in()
    for _ in range(7):
        later(timedelta(days=25))
        refreshed = phone.refresh()
        assert refreshed.status_code == 200
        phone.tokens = refreshed.json
    last_day = datetime.fromisoformat(phone.tokens["refresh_expires_at"])
    later(timedelta(days=5, seconds=1))

    assert timedelta(0) <= last_day - (started + timedelta(days=180)) < timedelta(seconds=5)
    assert_over(phone.refresh())


@pytest.mark.parametrize("token", ["nobody-was-given-this", "x" * 200, "đ", "' OR 1=1 --"])
def test_an_unknown_token_is_refused(phone, token):
    phone.sign_in()

    assert_over(phone.refresh(token))
    assert live_tokens() == 1


def test_an_access_token_refreshes_nothing(phone):
    phone.sign_in()

    refused = phone.refresh(phone.tokens["access_token"][:200])

    assert_over(refused)


def test_twenty_refreshes_of_one_token_at_once_all_get_the_same_successor(client, phone):
    token = phone.sign_in()["refresh_token"]

    answers = all_at_once(20, lambda _: Phone(client()).refresh(token))

    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert live_tokens() == 1


def test_a_thief_and_the_owner_racing_never_hold_two_live_successors(client, phone):
    token = phone.sign_in()["refresh_token"]

    def run_ahead(_: int) -> int:
        hand, held, status = Phone(client()), token, 0
        for _step in range(5):
            answer = hand.refresh(held)
            status = answer.status_code
            if status != 200:
                break
            held = answer.json["refresh_token"]
        return status

    statuses = all_at_once(6, run_ahead)

    assert set(statuses) <= {200, 401}
    assert live_tokens() <= 1


def test_the_database_itself_refuses_a_second_live_token_of_a_session(phone):
    phone.sign_in()
    with transaction() as session:
        session_id = session.execute(select(SignInSession.id)).scalar_one()

    with pytest.raises(IntegrityError, match="uq_refresh_token_live"), transaction() as session:
        session.add(RefreshToken(token_hash=b"second", session_id=session_id, expires_at=clock.now()))


def test_signing_out_ends_the_session_of_this_device_alone(phone, other_phone):
    phone.sign_in()
    other_phone.sign_in()

    gone = phone.sign_out()

    assert (gone.status_code, gone.data) == (204, b"")
    assert_over(phone.refresh())
    assert other_phone.refresh().status_code == 200
    with transaction() as session:
        ended = session.execute(select(SignInSession.ended_by).where(SignInSession.ended_at.is_not(None))).scalars()
        assert list(ended) == ["signed_out"]


def test_signing_out_twice_is_harmless(phone):
    phone.sign_in()

    assert [phone.sign_out().status_code, phone.sign_out().status_code] == [204, 204]


def test_nobody_signs_out_without_a_token(phone):
    refused = phone.http.post("/v1/auth/sessions/end")

    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="citizen"'


def test_me_shows_the_masked_number_and_is_not_kept_by_anyone(phone):
    tokens = phone.sign_in(AN)

    me = phone.me()

    assert me.headers["Cache-Control"] == "no-store"
    told = dict(me.json)
    assert datetime.fromisoformat(told.pop("created_at")).utcoffset() == timedelta(hours=7)
    assert told == {"id": tokens["citizen_id"], "phone": "0912 *** 678", "language": "vi", "assurance": "phone"}


def test_a_citizen_who_is_gone_is_signed_out(phone):
    tokens = phone.sign_in()
    with transaction() as session:
        session.execute(text("DELETE FROM sign_in_session"))
        session.execute(text("DELETE FROM citizen"))

    refused = phone.me(tokens["access_token"])

    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")


def test_old_sessions_and_old_links_are_forgotten_and_living_sessions_go_on(phone, other_phone, later):
    phone.sign_in()
    phone.sign_out()
    other_phone.sign_in()
    for _ in range(3):
        later(timedelta(days=20, hours=1))
        other_phone.tokens = other_phone.refresh().json

    with transaction() as session:
        operations.forget_old_sessions(session)

    with transaction() as session:
        assert session.execute(select(func.count()).select_from(SignInSession)).scalar_one() == 1
        # Of its four links the first was spent more than thirty days ago.
        assert session.execute(select(func.count()).select_from(RefreshToken)).scalar_one() == 3
    assert other_phone.refresh().status_code == 200


def test_a_session_belongs_to_its_citizen(phone):
    phone.sign_in()
    with transaction() as session:
        session_id = session.execute(select(SignInSession.id)).scalar_one()
        operations.end_session(session, session_id, UUID(int=7))

    assert phone.http.get("/v1/me", headers=bearer(phone.tokens["access_token"])).status_code == 200
    assert phone.refresh().status_code == 200
