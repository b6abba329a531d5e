"""What a citizen hears of who can act as them: new devices, closed sessions, passkeys, mandates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from auth import operations
from kit import clock
from kit.database import transaction
from notifications.models import Message
from tests.auth.authenticator import Authenticator
from tests.auth.people import AN, Phone
from tests.auth.test_passkeys import register as register_passkey
from tests.people import Caller, Outside, Person, Work
from tests.privacy.test_act_for_somebody import ACCEPT, PATH, empower

NEW_DEVICE = (
    "Tài khoản của bạn vừa đăng nhập trên thiết bị mới. Nếu không phải bạn, hãy đăng xuất thiết bị đó.",
    "Your account has just signed in on a new device. If it was not you, sign that device out.",
)
CLOSED = (
    "Chúng tôi đã đóng một phiên vì mã đăng nhập bị dùng hai lần. Vui lòng đăng nhập lại.",
    "We closed a session because its sign-in token was used twice. Please sign in again.",
)
PASSKEY = (
    "Một khóa truy cập mới vừa được thêm. Nếu không phải bạn, hãy xóa khóa đó.",
    "A new passkey has just been added. If it was not you, remove that passkey.",
)


@pytest.fixture(autouse=True)
def morning() -> Iterator[Callable[[timedelta], None]]:
    """Half past nine: no budget of an hour turns over while a test runs; `morning(…)` lets time pass."""
    passed = [datetime.combine(clock.today(), time(9, 30), clock.ZONE) - clock.now()]
    clock.move(passed[0])

    def pass_time(length: timedelta) -> None:
        passed.append(length)
        clock.move(sum(passed, timedelta()))

    yield pass_time
    clock.move(timedelta())


@pytest.fixture
def phone(client) -> Phone:
    return Phone(client())


@pytest.fixture
def other_phone(client) -> Phone:
    return Phone(client())


def show_pushes_on(phone: Phone, address: str, language: str = "vi") -> None:
    asked = {"address": address, "address_kind": "fid", "platform": "android", "language": language}
    assert phone.call("POST", "/v1/devices", json=asked).status_code == 201


def inbox(phone: Phone | Caller, language: str = "vi") -> list[tuple[str, str]]:
    headers = {"Accept-Language": language}
    answer = (
        phone.call("GET", "/v1/messages", headers)
        if isinstance(phone, Phone)
        else phone.get("/v1/messages", headers=headers)
    )
    return [(item["kind"], item["body"]) for item in answer.json["items"]]


def session_of(phone: Phone) -> UUID:
    with transaction() as session:
        return operations.list_sessions(session, UUID(phone.tokens["citizen_id"]))[0].id


def test_the_other_devices_hear_of_a_new_one_and_the_new_one_does_not(
    phone: Phone, other_phone: Phone, outside: Outside, work: Work
) -> None:
    phone.sign_in(AN)
    show_pushes_on(phone, "the-old-phone")
    work()

    other_phone.sign_in(AN)
    show_pushes_on(other_phone, "the-new-phone", "en")
    assert work() == []

    (shown,) = outside.shown_on("the-old-phone")
    assert (shown["title"], shown["body"]) == ("Đăng nhập trên thiết bị mới", NEW_DEVICE[0])
    assert outside.shown_on("the-new-phone") == []
    assert inbox(phone) == [("new_device", NEW_DEVICE[0])]
    assert inbox(other_phone, "en") == [("new_device", NEW_DEVICE[1])]
    (told,) = phone.call("GET", "/v1/messages").json["items"]
    assert told["subject_id"] == str(session_of(other_phone))


def test_who_is_signed_in_nowhere_else_is_told_nothing(phone: Phone, outside: Outside, work: Work) -> None:
    phone.sign_in(AN)

    assert work() == []

    assert inbox(phone) == []


def test_a_token_in_two_hands_is_told_on_every_device(
    phone: Phone, other_phone: Phone, outside: Outside, work: Work
) -> None:
    phone.sign_in(AN)
    show_pushes_on(phone, "first")
    other_phone.sign_in(AN)
    show_pushes_on(other_phone, "second", "en")
    work()
    phone.refresh(phone.refresh().json["refresh_token"])

    stolen = phone.refresh()
    assert work() == []

    assert stolen.status_code == 401
    assert outside.shown_on("first")[-1]["body"] == CLOSED[0]
    assert outside.shown_on("second")[-1]["body"] == CLOSED[1]
    assert inbox(other_phone)[0] == ("session_closed", CLOSED[0])


def test_a_new_passkey_is_told_on_every_device(phone: Phone, other_phone: Phone, outside: Outside, work: Work) -> None:
    phone.sign_in(AN)
    show_pushes_on(phone, "first")
    other_phone.sign_in(AN)
    show_pushes_on(other_phone, "second", "en")
    work()

    made = register_passkey(phone, Authenticator())
    assert work() == []

    assert outside.shown_on("first")[-1]["body"] == PASSKEY[0]
    assert outside.shown_on("second")[-1]["body"] == PASSKEY[1]
    (told,) = [item for item in phone.call("GET", "/v1/messages").json["items"] if item["kind"] == "passkey_added"]
    assert told["subject_id"] == made.json["id"]


def test_a_mandate_that_is_taken_on_and_ended_is_told_to_both_sides(
    an: Person, binh: Person, outside: Outside, work: Work
) -> None:
    mandate = empower(an, binh)
    binh.post(ACCEPT, json={"code": "not the one"})
    assert work() == []
    etag = an.get(f"{PATH}/{mandate['id']}").headers["ETag"]
    an.delete(f"{PATH}/{mandate['id']}", headers={"If-Match": etag})
    assert work() == []

    (given_up, given), (lost, held) = inbox(an, "en"), inbox(binh, "en")
    accepted = "The person you chose has accepted and may do for you what you allowed. You can end it at any time."
    assert given == ("mandate_accepted", accepted)
    assert given_up == ("mandate_revoked", "From now on nobody acts for you under this mandate.")
    assert held[1].startswith("You have accepted a mandate")
    assert lost[1] == "You can no longer act under this mandate."


def test_accepting_again_and_withdrawing_an_offer_tell_nobody(an: Person, binh: Person, work: Work) -> None:
    until = (clock.now() + timedelta(days=1)).isoformat()
    offered = an.post(PATH, json={"scopes": ["bills:read"], "ends_at": until})
    an.delete(f"{PATH}/{offered.json['id']}", headers={"If-Match": offered.headers["ETag"]})
    code = an.post(PATH, json={"scopes": ["bills:pay"], "ends_at": until}).json["code"]

    for _twice in range(2):
        assert binh.post(ACCEPT, json={"code": code}).status_code == 200
    assert work() == []

    assert [[kind for kind, _body in inbox(side)] for side in (an, binh)] == [["mandate_accepted"]] * 2


def test_the_agent_of_somebody_who_is_erased_hears_that_the_mandate_is_over_and_nothing_is_kept_of_the_other(
    an: Person, binh: Person, work: Work
) -> None:
    empower(an, binh)
    work()

    erased = an.post("/v1/me/erasure", json={"confirm": "erase everything"})
    assert work() == []

    assert erased.status_code == 204
    assert [kind for kind, _body in inbox(binh)] == ["mandate_revoked", "mandate_accepted"]
    with transaction() as session:
        assert session.scalars(select(Message.id).where(Message.citizen_id == an.id)).all() == []
