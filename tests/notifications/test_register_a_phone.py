"""Phones over HTTP: one device per address, one citizen per phone, and no address given out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from auth.models import Language
from kit.database import transaction
from notifications import operations
from notifications.models import AddressKind, Device, Platform
from notifications.operations import MOST_DEVICES, Registration
from tests.notifications.stories import Person, register, tell_paid

ADDRESS = "fMx1c0bQTk6v:APA91bH-the-secret-part-q3s"


def test_a_phone_that_registers_again_is_the_same_device(an: Person, later: Callable[[timedelta], None]) -> None:
    first = register(an, ADDRESS)
    later(timedelta(minutes=1))

    again = register(an, ADDRESS)

    assert again["id"] == first["id"]
    assert again["etag"] == first["etag"]
    assert again["registered_at"] > first["registered_at"]
    assert _ids(an) == [first["id"]]


def test_a_change_of_language_makes_a_new_version(an: Person) -> None:
    first = register(an, ADDRESS, language="vi")

    again = register(an, ADDRESS, language="en")

    assert (again["id"], again["language"]) == (first["id"], "en")
    assert again["etag"] != first["etag"]


def test_an_address_is_never_given_out_whole(an: Person) -> None:
    answer = an.post("/v1/devices", json=_asked())

    listed = an.get("/v1/devices")

    assert answer.json["address_ending"] == "-q3s"
    assert listed.json["items"] == [answer.json]
    assert answer.headers["ETag"] == answer.json["etag"]
    for body in (answer.text, listed.text):
        assert "secret" not in body


def test_a_phone_that_changes_hands_moves_to_its_new_owner(an: Person, binh: Person) -> None:
    ans = register(an, ADDRESS)

    register(binh, ADDRESS)

    assert _ids(an) == []
    assert len(_ids(binh)) == 1
    assert an.delete(f"/v1/devices/{ans['id']}", headers={"If-Match": ans["etag"]}).status_code == 404


def test_what_was_on_its_way_to_the_owner_before_is_dropped(an: Person, binh: Person) -> None:
    register(an, ADDRESS)
    tell_paid(an.id)
    message_id = UUID(an.get("/v1/messages").json["items"][0]["id"])
    with transaction() as session:
        assert len(operations.start_pushes(session, message_id)) == 1

    register(binh, ADDRESS)

    with transaction() as session:
        assert operations.start_pushes(session, message_id) == []


def test_of_many_who_register_one_phone_at_once_one_has_it(an: Person, binh: Person) -> None:
    gate = Barrier(8, timeout=30)
    asked = Registration(ADDRESS, AddressKind.FID, Platform.ANDROID, Language.VI)

    def register_at_once(place: int) -> None:
        gate.wait()
        with transaction() as session:
            operations.register_device(session, (an, binh)[place % 2].id, asked)

    with ThreadPoolExecutor(8) as phones:
        list(phones.map(register_at_once, range(8)))

    assert len(_ids(an) + _ids(binh)) == 1


def test_the_phone_not_heard_of_for_longest_makes_room(an: Person, later: Callable[[timedelta], None]) -> None:
    for place in range(MOST_DEVICES):
        register(an, f"phone-{place}")
        later(timedelta(seconds=1))
    register(an, "phone-0")
    later(timedelta(seconds=1))

    register(an, "one-more")

    with transaction() as session:
        kept = set(session.scalars(select(Device.address)))
    assert len(kept) == MOST_DEVICES
    assert {"phone-0", "one-more"} <= kept
    assert "phone-1" not in kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("address", ""),
        ("address", "with a space"),
        ("address", "điện-thoại"),
        ("address", "x" * 1025),
        ("address_kind", "topic"),
        ("platform", "nokia"),
        ("language", "fr"),
        ("owner", "an"),
    ],
)
def test_a_phone_described_wrongly_is_refused(an: Person, name: str, value: str) -> None:
    refused = an.post("/v1/devices", json=_asked() | {name: value})

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, f"/{name}")
    assert _ids(an) == []


def test_a_removed_phone_is_gone(an: Person) -> None:
    device = register(an, ADDRESS)

    removed = an.delete(f"/v1/devices/{device['id']}", headers={"If-Match": device["etag"]})

    assert (removed.status_code, removed.data) == (204, b"")
    assert _ids(an) == []
    assert an.delete(f"/v1/devices/{device['id']}", headers={"If-Match": device["etag"]}).status_code == 404


def test_removing_needs_the_etag_of_what_was_read(an: Person) -> None:
    stale = register(an, ADDRESS, language="vi")
    register(an, ADDRESS, language="en")

    without = an.delete(f"/v1/devices/{stale['id']}")
    changed = an.delete(f"/v1/devices/{stale['id']}", headers={"If-Match": stale["etag"]})

    assert (without.status_code, changed.status_code) == (428, 412)
    assert _ids(an) == [stale["id"]]


def test_the_phone_of_another_citizen_does_not_exist(an: Person, binh: Person) -> None:
    device = register(an, ADDRESS)

    refused = [
        binh.delete(f"/v1/devices/{device_id}", headers={"If-Match": device["etag"]})
        for device_id in (device["id"], uuid4())
    ]

    assert [answer.status_code for answer in refused] == [404, 404]
    assert len({answer.json["detail"] for answer in refused}) == 1
    assert _ids(binh) == []
    assert _ids(an) == [device["id"]]


def test_someone_not_signed_in_has_no_phones(chi: Person) -> None:
    answers = [chi.post("/v1/devices", json=_asked()), chi.get("/v1/devices"), chi.delete(f"/v1/devices/{uuid4()}")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Device)) == 0


def _asked() -> dict[str, str]:
    return {"address": ADDRESS, "address_kind": "token", "platform": "ios", "language": "vi"}


def _ids(person: Person) -> list[str]:
    return [item["id"] for item in person.get("/v1/devices").json["items"]]
