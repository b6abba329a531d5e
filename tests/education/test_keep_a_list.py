"""A parent's list: schools per child, each reminder once, a calendar, visits that never overfill a day."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

import auth.events
from kit import clock
from kit.database import transaction
from kit.events import emit
from notifications.messages import inbox_words
from notifications.models import Message
from services.education import flows
from services.education.calendar_file import Entry, write
from services.education.models import OpenDay, ReminderKind, RoundReminder, SavedSchool, Visit
from services.education.operations import admissions, lists, personal, reminders, seeding
from tests.education.conftest import change, make_school
from tests.education.test_ask_about_admissions import a_round
from tests.patience import until_somebody_waits_for
from tests.people import all_at_once

SAVED, VISITS, CALENDAR = (f"/v1/education/me/{name}" for name in ("saved-schools", "visits", "calendar"))
CHILD = {"name": "Nguyễn Minh", "relation": "child", "birth_date": "2021-03-04"}
pytestmark = pytest.mark.usefixtures("communes")


def child_of(person: Any, **changes: Any) -> str:
    return person.post("/v1/me/household", json=CHILD | changes).json["id"]


def save(person: Any, school: UUID, member: str | None = None) -> Any:
    answer = person.post(SAVED, json={"school_id": str(school), "member_id": member})
    assert answer.status_code == 201, answer.json
    return answer


def in_days(days: float) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


def open_round(days: float = 20, length: float = 3, **changes: Any) -> dict[str, Any]:
    """A round for children born in 2021, in `days` from now."""
    one = a_round(
        opens_at=in_days(days), closes_at=in_days(days + length), age_from=5, age_to=5, result_on=None, **changes
    )
    with transaction() as session:
        seeding.load_admissions(session, {"rounds": [one]})
    return one


def rewrite(one: dict[str, Any], **changes: Any) -> None:
    """Facts of a round replaced, as an approved proposal would."""
    names = (
        *("province_code", "commune_code", "school_id", "school_year", "level", "grade", "age_from", "age_to"),
        *("channel", "opens_at", "closes_at", "result_on", "papers", "criteria", "source", "source_on", "is_example"),
        "withdrawn_at",
    )
    with transaction() as session:
        found = admissions.get_round(session, UUID(one["id"])).found
        values = {name: getattr(found, name) for name in names} | changes
        admissions.save_round(session, values, found.id, found.version)


def inbox(person: Any, work: Any) -> list[tuple[str, str]]:
    """Messages, the newest first."""
    assert work() == []
    # Read as the inbox does, and not over HTTP: the person's token does not live as long as these stories.
    with transaction() as session:
        found = session.scalars(
            select(Message).where(Message.citizen_id == person.id).order_by(Message.id.desc())
        ).all()
    return [(one.kind.value, inbox_words(one.kind, one.params, "vi").title) for one in found]


def open_day(school: UUID, days: float = 5, places: int = 3) -> UUID:
    given = {
        "school_id": school,
        "starts_at": clock.now() + timedelta(days=days),
        "ends_at": clock.now() + timedelta(days=days, hours=2),
        "campus": "Cơ sở chính",
        "places": places,
    }
    with transaction() as session:
        return lists.save_open_day(session, given, None)


def test_a_saved_school_shows_the_rounds_that_fit_its_child(an):
    school, member = make_school("Một"), child_of(an)
    fits = open_round()

    saved = save(an, school, member).json

    assert saved["child"] == CHILD["name"]
    assert [one["id"] for one in saved["rounds"]] == [fits["id"]]
    assert an.get(SAVED).json["items"][0]["id"] == saved["id"]


def test_rounds_for_children_of_another_age_are_not_shown(an):
    school = make_school("Một")
    open_round()

    elder = save(an, school, child_of(an, birth_date="2012-01-01")).json
    nobody = save(an, school).json

    assert elder["rounds"] == []
    assert len(nobody["rounds"]) == 1


def test_saving_again_gives_the_same_entry_and_removing_needs_its_version(an, binh):
    school, member = make_school("Một"), child_of(an)
    first, again = save(an, school, member), save(an, school, member)
    path = f"{SAVED}/{first.json['id']}"

    not_mine = binh.get(path)
    blind = an.delete(path)
    gone = an.delete(path, headers={"If-Match": first.headers["ETag"]})

    assert first.json["id"] == again.json["id"]
    assert (not_mine.status_code, blind.status_code, gone.status_code) == (404, 428, 204)
    assert an.get(SAVED).json["items"] == []


def test_a_strangers_child_and_a_closed_school_are_refused(an, binh):
    school, gone = make_school("Một"), make_school("Hai")
    change(gone, state="merged", successor_id=str(school), closed_on="2026-08-01")

    stranger = an.post(SAVED, json={"school_id": str(school), "member_id": child_of(binh)})
    closed = an.post(SAVED, json={"school_id": str(gone)})

    assert stranger.status_code == 404
    assert (closed.status_code, closed.json["code"], closed.json["successor_id"]) == (
        409,
        "school_not_open",
        str(school),
    )


def test_each_milestone_of_a_round_is_told_once(an, work, later):
    save(an, make_school("Một"), child_of(an))
    open_round(days=20)
    told = []

    for pause in (1, 6, 10, 3.1, 3):
        later(timedelta(days=pause))
        flows.remind()
        flows.remind()
        told.append(len(inbox(an, work)))
    titles = [title for _, title in inbox(an, work)]

    # Day 1: nothing. 7: papers. 17: three days before. 20, and a few minutes of jitter: open. 23: over.
    assert told == [0, 1, 2, 3, 3]
    assert [title.split(":")[0] for title in titles] == ["Đã mở", "Sắp mở", "Chuẩn bị giấy tờ"]


def test_the_last_day_is_told_too(an, work, later):
    save(an, make_school("Một"), child_of(an))
    open_round(days=20, length=4)

    later(timedelta(days=23, hours=1))
    flows.remind()

    assert [title.split(":")[0] for _, title in inbox(an, work)] == ["Ngày cuối"]


def test_a_parent_of_a_child_of_another_age_is_left_in_peace(an, work, later):
    save(an, make_school("Một"), child_of(an, birth_date="2012-01-01"))
    open_round(days=20)

    later(timedelta(days=18))
    flows.remind()

    assert inbox(an, work) == []


def test_moved_dates_are_told_and_old_reminders_are_counted_anew(an, work, later):
    save(an, make_school("Một"), child_of(an))
    one = open_round(days=10)
    flows.remind()
    before = inbox(an, work)

    rewrite(one, opens_at=clock.now() + timedelta(days=40), closes_at=clock.now() + timedelta(days=43))
    after = inbox(an, work)
    later(timedelta(days=30))
    flows.remind()

    assert [title.split(":")[0] for _, title in before] == ["Chuẩn bị giấy tờ"]
    assert [title.split(":")[0] for _, title in after] == ["Đổi lịch", "Chuẩn bị giấy tờ"]
    assert [title.split(":")[0] for _, title in inbox(an, work)] == ["Chuẩn bị giấy tờ", "Đổi lịch", "Chuẩn bị giấy tờ"]


def test_a_round_that_does_not_take_place_is_told_as_such(an, work, later):
    save(an, make_school("Một"), child_of(an))
    one = open_round(days=10)

    rewrite(one, withdrawn_at=clock.now())
    told = inbox(an, work)
    later(timedelta(days=8))
    flows.remind()

    assert [title.split(":")[0] for _, title in told] == ["Đợt tuyển sinh đã hủy"]
    assert inbox(an, work) == told


def test_parents_beyond_the_first_batch_and_younger_children_are_reminded_too(an, binh, work, monkeypatch):
    monkeypatch.setattr(reminders, "_BATCH", 1)
    one, two = make_school("Một"), make_school("Hai")
    save(an, one, child_of(an, birth_date="2012-01-01"))
    save(an, two, child_of(an))
    save(binh, one, child_of(binh))
    open_round(days=10)

    flows.remind()

    assert [len(inbox(person, work)) for person in (an, binh)] == [1, 1]


def test_each_parent_hears_of_the_opening_at_a_moment_of_their_own(an, binh, later):
    school = make_school("Một")
    for person in (an, binh):
        save(person, school)
    one = open_round(days=2)
    waits = {person.id: timedelta(seconds=(person.id.int & 0xFFFFFFF) % 900) for person in (an, binh)}
    flows.remind()

    later(timedelta(days=2))
    at_once = told_open()
    later(min(waits.values()) + timedelta(seconds=1))
    flows.remind()
    first = told_open()
    later(timedelta(minutes=15))
    flows.remind()

    opens_at = datetime.fromisoformat(one["opens_at"])
    assert at_once == set()
    assert {key for key, wait in waits.items() if opens_at + wait <= clock.now() - timedelta(minutes=15)} <= first
    assert told_open() == set(waits)


def told_open() -> set[UUID]:
    """The parents who were told that a round is open."""
    with transaction() as session:
        given = select(RoundReminder.citizen_id).where(RoundReminder.kind == ReminderKind.OPEN, RoundReminder.is_told)
        return set(session.scalars(given))


def test_who_saved_a_school_hears_that_it_is_gone_and_what_took_its_place(an, work):
    heir, gone = make_school("Trường Tiểu học Còn"), make_school("Trường Tiểu học Mất")
    save(an, gone)

    change(gone, state="merged", successor_id=str(heir), closed_on="2026-08-01")

    assert inbox(an, work) == [("school_gone", "Trường bạn lưu đã đóng cửa")]
    assert "Trường kế thừa: Trường Tiểu học Còn" in an.get("/v1/messages").json["items"][0]["body"]


def test_one_calendar_holds_rounds_and_visits_under_names_that_stay(an):
    school = make_school("Trường Tiểu học Kim Đồng")
    save(an, school, child_of(an))
    save(an, school)
    one = open_round()
    visit = an.post(VISITS, json={"open_day_id": str(open_day(school)), "people": 2}).json

    file = an.get(CALENDAR)
    again = an.get(CALENDAR)

    uids = re.findall(r"^UID:(.+)\r$", file.text, re.MULTILINE)
    assert file.content_type == "text/calendar; charset=utf-8"
    assert file.headers["Cache-Control"] == "no-store"
    assert [uid.split("@")[0] for uid in uids] == [f"visit-{visit['id']}", f"round-{one['id']}"]
    assert re.findall(r"^UID:(.+)\r$", again.text, re.MULTILINE) == uids
    assert CHILD["name"] not in file.text


def test_a_line_of_a_calendar_is_folded_between_letters():
    now = clock.now()
    entry = Entry("k", 1, now, now + timedelta(hours=1), "Tuyển sinh, lớp 1; năm học " * 6, "một\nhai")

    written = write([entry], name="Lịch", now=now)

    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    unfolded = written.decode().replace("\r\n ", "")
    assert "SUMMARY:" + r"Tuyển sinh\, lớp 1\; năm học " * 6 in unfolded
    assert r"DESCRIPTION:một\nhai" in unfolded


def test_families_at_once_never_overfill_an_open_day(an, binh):
    school = make_school("Một")
    day = open_day(school, places=3)
    people = [person.again() for person in (an, binh)]

    answers = all_at_once(
        6, lambda number: people[number % 2].post(VISITS, json={"open_day_id": str(day), "people": 2})
    )

    statuses = sorted(answer.status_code for answer in answers)
    with transaction() as session:
        found = session.get_one(OpenDay, day)
        visits = session.scalars(select(Visit).where(Visit.open_day_id == day)).all()
    assert statuses.count(201) == 1
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} <= {"open_day_full", "visit_exists"}
    assert (found.taken, [visit.people for visit in visits]) == (2, [2])


def test_a_cancelled_visit_gives_its_places_back(an, binh):
    day = open_day(make_school("Một"), places=2)
    visit = an.post(VISITS, json={"open_day_id": str(day), "people": 2})
    full = binh.post(VISITS, json={"open_day_id": str(day)})

    gone = an.delete(f"{VISITS}/{visit.json['id']}", headers={"If-Match": visit.headers["ETag"]})
    free = binh.post(VISITS, json={"open_day_id": str(day)})

    assert (full.json["code"], gone.status_code, free.status_code) == ("open_day_full", 204, 201)


def test_who_cancels_a_visit_waits_for_who_cancels_the_day_before_anything_is_locked(an):
    day = open_day(make_school("Một"))
    visit = an.post(VISITS, json={"open_day_id": str(day)})
    known = {"If-Match": visit.headers["ETag"]}

    with ThreadPoolExecutor(1) as pool, transaction() as office:
        office.execute(select(OpenDay.id).where(OpenDay.id == day).with_for_update())
        cancelling = pool.submit(an.again().delete, f"{VISITS}/{visit.json['id']}", headers=known)
        until_somebody_waits_for(office)
        lists.save_open_day(office, {}, day)
        office.commit()
        refused = cancelling.result(10)

    assert (refused.status_code, refused.json["code"]) == (412, "precondition_failed")


def test_visits_close_a_day_before(an):
    day = open_day(make_school("Một"), days=0.9)

    assert an.post(VISITS, json={"open_day_id": str(day)}).json["code"] == "open_day_over"


def test_erasing_and_exporting_leave_nothing_out(an):
    school = make_school("Trường Tiểu học Kim Đồng")
    save(an, school)
    day = open_day(school)
    an.post(VISITS, json={"open_day_id": str(day), "people": 2})

    with transaction() as session:
        told = personal.export_citizen(session, an.id)
        personal.erase_citizen(session, an.id)
    with transaction() as session:
        left = personal.export_citizen(session, an.id)
        taken = session.get_one(OpenDay, day).taken

    assert [one["school"] for one in told["saved_schools"]] == ["Trường Tiểu học Kim Đồng"]
    assert [one["people"] for one in told["visits"]] == [2]
    assert left == {"saved_schools": [], "round_reminders": [], "visits": []}
    assert taken == 0


def test_two_citizens_who_are_one_have_one_list(an, binh, work):
    both, only = make_school("Cả hai"), make_school("Một người")
    day = open_day(both, places=10)
    for person in (an, binh):
        save(person, both)
        person.post(VISITS, json={"open_day_id": str(day), "people": 2})
    save(binh, only)

    for _ in range(2):
        with transaction() as session:
            emit(session, auth.events.CitizensJoined(kept_id=an.id, joined_id=binh.id))
        assert work() == []

    with transaction() as session:
        entries = session.execute(select(SavedSchool.citizen_id, SavedSchool.school_id)).all()
        taken = session.get_one(OpenDay, day).taken
    assert {tuple(entry) for entry in entries} == {(an.id, both), (an.id, only)}
    assert taken == 2
