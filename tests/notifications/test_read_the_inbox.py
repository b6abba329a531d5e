"""The inbox over HTTP: one's own messages, in one's own language, page by page, marked as read without a race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from kit import database
from tests.notifications.stories import Person, tell_ended, tell_paid


def test_the_newest_message_comes_first(an: Person) -> None:
    paid = tell_paid(an.id)
    ended = tell_ended(an.id, "bill_changed", "cancelled")

    items = an.get("/v1/messages").json["items"]

    assert [item["subject_id"] for item in items] == [str(ended), str(paid)]


def test_a_message_is_told_in_the_language_of_its_reader(an: Person) -> None:
    tell_ended(an.id, "bill_changed", "cancelled")

    vi = an.get("/v1/messages")
    en = an.get("/v1/messages", headers={"Accept-Language": "en-GB"})

    assert (vi.headers["Content-Language"], vi.json["items"][0]["title"]) == ("vi", "Thanh toán đã được hủy")
    assert (en.headers["Content-Language"], en.json["items"][0]["title"]) == ("en", "The payment was cancelled")


def test_pages_follow_each_other_without_gap_or_repetition_while_messages_arrive(an: Person) -> None:
    payments = [str(tell_paid(an.id)) for _ in range(5)]
    first = an.get("/v1/messages?limit=2").json
    tell_paid(an.id)

    second = an.get("/v1/messages", query_string={"limit": 2, "cursor": first["next"]}).json
    third = an.get("/v1/messages", query_string={"limit": 2, "cursor": second["next"]}).json

    told = [item["subject_id"] for page in (first, second, third) for item in page["items"]]
    assert told == payments[::-1]
    assert "next" not in third


def test_a_cursor_of_another_question_or_citizen_is_refused(an: Person, binh: Person) -> None:
    for _ in range(2):
        tell_paid(an.id)
    cursor = an.get("/v1/messages?limit=1").json["next"]

    other_question = an.get("/v1/messages", query_string={"limit": 1, "unread": "true", "cursor": cursor})
    other_citizen = binh.get("/v1/messages", query_string={"limit": 1, "cursor": cursor})

    assert [answer.status_code for answer in (other_question, other_citizen)] == [400, 400]


def test_unread_and_read_messages_can_be_told_apart(an: Person) -> None:
    old, new = tell_paid(an.id), tell_paid(an.id)
    _mark(an, _message_about(an, old), read=True)

    unread = an.get("/v1/messages?unread=true").json["items"]
    read = an.get("/v1/messages?unread=false").json["items"]

    assert [item["subject_id"] for item in unread] == [str(new)]
    assert [item["subject_id"] for item in read] == [str(old)]


def test_an_inbox_is_read_with_one_query_however_long_it_is(an: Person) -> None:
    for _ in range(7):
        tell_paid(an.id)
    statements: list[str] = []
    with database.transaction() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    an.get("/v1/messages")  # who asks, and with which key they signed in, is known from here on
    database.count_statements(engine, statements)

    answer = an.get("/v1/messages")

    assert len(answer.json["items"]) == 7
    assert len([statement for statement in statements if "FROM message" in statement]) == 1
    assert len(statements) == 1


@pytest.mark.parametrize("query", ["unread=yes", "unread=1", "limit=0", "limit=101", "colour=red", "cursor=x"])
def test_a_question_that_makes_no_sense_is_refused(an: Person, query: str) -> None:
    refused = an.get(f"/v1/messages?{query}")

    assert refused.status_code == 400
    assert refused.json["errors"]


def test_a_message_is_unchanged_while_its_etag_is_the_same(an: Person) -> None:
    message = _message_about(an, tell_paid(an.id))
    read = an.get(f"/v1/messages/{message['id']}")

    again = an.get(f"/v1/messages/{message['id']}", headers={"If-None-Match": read.headers["ETag"]})

    assert read.json == message
    assert read.headers["ETag"] == message["etag"]
    assert again.status_code == 304
    assert read.headers["Cache-Control"] == "no-store"


def test_a_message_is_marked_as_read_and_as_unread_again(an: Person) -> None:
    message = _message_about(an, tell_paid(an.id))

    read = _mark(an, message, read=True)
    unread = _mark(an, read.json, read=False)

    assert (read.status_code, unread.status_code) == (200, 200)
    assert message["read_at"] is None
    assert read.json["read_at"].endswith("+07:00")
    assert unread.json["read_at"] is None
    assert len({message["etag"], read.json["etag"], unread.json["etag"]}) == 3
    assert read.headers["ETag"] == read.json["etag"]


def test_marking_twice_keeps_the_first_instant(an: Person) -> None:
    message = _message_about(an, tell_paid(an.id))
    read = _mark(an, message, read=True).json

    again = _mark(an, read, read=True)

    assert again.status_code == 200
    assert again.json == read


def test_marking_needs_the_etag_of_what_was_read(an: Person) -> None:
    message = _message_about(an, tell_paid(an.id))
    _mark(an, message, read=True)

    without = an.patch(f"/v1/messages/{message['id']}", json={"read": False})
    stale = _mark(an, message, read=False)

    assert (without.status_code, without.json["code"]) == (428, "precondition_required")
    assert (stale.status_code, stale.json["code"]) == (412, "precondition_failed")
    assert an.get(f"/v1/messages/{message['id']}").json["read_at"] is not None


def test_of_many_who_mark_the_same_version_at_once_one_succeeds(an: Person) -> None:
    message = _message_about(an, tell_paid(an.id))
    gate = Barrier(6, timeout=30)

    def mark_at_once(_place: int) -> int:
        gate.wait()
        return int(_mark(an, message, read=True).status_code)

    with ThreadPoolExecutor(6) as phones:
        statuses = sorted(phones.map(mark_at_once, range(6)))

    assert statuses == [200] + [412] * 5


@pytest.mark.parametrize("read", [1, 0, "true", None, []])
def test_read_is_true_or_false_and_nothing_like_it(an: Person, read: object) -> None:
    message = _message_about(an, tell_paid(an.id))

    refused = an.patch(f"/v1/messages/{message['id']}", json={"read": read}, headers={"If-Match": message["etag"]})

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/read")


def test_the_message_of_another_citizen_does_not_exist(an: Person, binh: Person) -> None:
    message = _message_about(an, tell_paid(an.id))
    nobodys = {"id": str(uuid4()), "etag": message["etag"]}

    assert binh.get("/v1/messages").json == {"items": []}
    for path in (message, nobodys):
        read = binh.get(f"/v1/messages/{path['id']}")
        marked = _mark(binh, path, read=True)
        for answer in (read, marked):
            assert answer.status_code == 404
            assert _without_instance(answer.json) == _without_instance(read.json)
            assert answer.json["code"] == "not_found"
    assert an.get(f"/v1/messages/{message['id']}").json["read_at"] is None


def test_someone_not_signed_in_reads_nothing(an: Person, chi: Person) -> None:
    message = _message_about(an, tell_paid(an.id))

    answers = [chi.get("/v1/messages"), chi.get(f"/v1/messages/{message['id']}"), _mark(chi, message, read=True)]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def _message_about(person: Person, subject_id: UUID) -> dict[str, Any]:
    return next(item for item in person.get("/v1/messages").json["items"] if item["subject_id"] == str(subject_id))


def _mark(person: Person, message: dict[str, Any], *, read: bool) -> Any:
    return person.patch(f"/v1/messages/{message['id']}", json={"read": read}, headers={"If-Match": message["etag"]})


def _without_instance(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "instance"}
