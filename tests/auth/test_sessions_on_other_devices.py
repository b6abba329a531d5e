"""A citizen's devices: listed, named, ended; the others hear of a new one, and what is ended is over in seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from auth import events as auth_events, guard
from kit import clock, events
from kit.database import transaction
from tests.auth.people import AN, BINH, Phone

heard: list[Any] = []


def hear(session, event) -> None:
    heard.append(event)


@pytest.fixture(autouse=True)
def ears(client):
    """A listener for what sign-in tells, in place of the room that writes to citizens."""
    for kind in (auth_events.DeviceSignedIn, auth_events.SessionEndedByReuse):
        events.listen(kind, hear)
    heard.clear()
    yield
    for kind in (auth_events.DeviceSignedIn, auth_events.SessionEndedByReuse):
        task = events._heard_by[kind].pop(f"{hear.__module__}.hear")
        del events.app.tasks[task.name]


def sessions_of(phone: Phone):
    return phone.call("GET", "/v1/me/sessions").json["items"]


def current(phone: Phone):
    return next(item for item in sessions_of(phone) if item["is_current"])


def test_a_citizen_sees_all_their_devices_and_nobody_elses(phone, other_phone, client):
    phone.sign_in(AN, device_name="Điện thoại của An")
    other_phone.sign_in(AN)
    Phone(client()).sign_in(BINH)

    seen = sessions_of(phone)

    assert [(item["device_name"], item["is_current"]) for item in seen] == [(None, False), ("Điện thoại của An", True)]
    assert {item["assurance"] for item in seen} == {"phone"}
    answer = phone.call("GET", f"/v1/me/sessions/{seen[0]['id']}")
    assert answer.json == seen[0]
    assert answer.headers["ETag"] == seen[0]["etag"]


def test_a_device_is_named_by_who_read_it_last(phone):
    phone.sign_in(AN)
    read = current(phone)
    path = f"/v1/me/sessions/{read['id']}"

    named = phone.call("PATCH", path, {"If-Match": read["etag"]}, json={"device_name": "Máy cũ"})
    stale = phone.call("PATCH", path, {"If-Match": read["etag"]}, json={"device_name": "Máy mới"})
    blind = phone.call("PATCH", path, json={"device_name": "Máy mới"})

    assert (named.status_code, named.json["device_name"]) == (200, "Máy cũ")
    assert (stale.status_code, blind.status_code) == (412, 428)
    assert current(phone)["device_name"] == "Máy cũ"


def test_another_device_is_signed_out_within_ten_seconds(phone, other_phone, later):
    phone.sign_in(AN)
    other_phone.sign_in(AN)
    other_phone.me()  # this process has read what was ended, and keeps it for a while
    lost = current(other_phone)

    gone = phone.call("DELETE", f"/v1/me/sessions/{lost['id']}", {"If-Match": lost["etag"]})
    refresh = other_phone.refresh()
    later(timedelta(seconds=5))
    refused = other_phone.me()

    assert (gone.status_code, refresh.status_code) == (204, 401)
    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
    assert phone.me().status_code == 200
    assert [item["is_current"] for item in sessions_of(phone)] == [True]


def test_a_stranger_can_neither_see_nor_end_a_session(phone, other_phone):
    phone.sign_in(AN)
    other_phone.sign_in(BINH)
    read = current(phone)
    path = f"/v1/me/sessions/{read['id']}"

    answers = [
        other_phone.call("GET", path),
        other_phone.call("DELETE", path, {"If-Match": read["etag"]}),
        other_phone.call("PATCH", path, {"If-Match": read["etag"]}, json={"device_name": "của tôi"}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert phone.refresh().status_code == 200


def test_all_other_devices_are_signed_out_at_once(phone, client, later):
    others = [Phone(client()) for _ in range(3)]
    for other in others:
        other.sign_in(AN)
    phone.sign_in(AN)
    stranger = Phone(client())
    stranger.sign_in(BINH)

    ended = phone.call("POST", "/v1/me/sessions/end-others")
    later(timedelta(seconds=5))

    assert (ended.status_code, ended.json) == (200, {"ended": 3})
    assert [other.me().status_code for other in others] == [401] * 3
    assert (phone.me().status_code, stranger.me().status_code) == (200, 200)
    assert phone.call("POST", "/v1/me/sessions/end-others").json == {"ended": 0}


def test_a_new_device_is_announced_where_there_are_others(phone, other_phone, work, outside):
    first = phone.sign_in(AN)
    assert work() == []
    assert heard == []

    other_phone.sign_in(AN)
    assert work() == []

    [told] = heard
    assert isinstance(told, auth_events.DeviceSignedIn)
    assert (told.citizen_id, told.session_id) == (UUID(first["citizen_id"]), UUID(current(other_phone)["id"]))


def test_the_citizen_hears_of_a_spent_token_that_came_again(phone, work, later, outside):
    signed_in = phone.sign_in(AN)
    session_id = UUID(current(phone)["id"])
    phone.refresh()
    later(timedelta(seconds=61))

    phone.refresh()
    phone.refresh()
    assert work() == []

    assert heard == [auth_events.SessionEndedByReuse(UUID(signed_in["citizen_id"]), session_id)]


def test_what_was_ended_is_read_once_in_five_seconds(phone, later, app):
    phone.sign_in(AN)
    guard._revoked._read_at = None
    phone.me()
    with transaction() as session:
        ended = text("UPDATE sign_in_session SET ended_at = :now, ended_by = 'signed_out'")
        session.execute(ended, {"now": clock.now()})

    at_once = [phone.me().status_code for _ in range(3)]
    later(timedelta(seconds=4))
    nearly = phone.me().status_code
    later(timedelta(seconds=1))

    assert ([*at_once, nearly], phone.me().status_code) == ([200] * 4, 401)
