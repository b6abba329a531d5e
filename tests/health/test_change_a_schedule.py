"""Schedules: places are made by one writer, no taken one is ever deleted, holidays are the province's to decide."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from kit import clock, lunar, vault
from kit.database import transaction
from services.health import flows, operations
from services.health.models import (
    Booking,
    BookingState,
    Facility,
    MoveState,
    MoveTask,
    ScheduleRule,
    Service,
    Slot,
    SlotState,
)
from services.health.operations import moves
from services.health.timetable import usual_holidays
from tests.health.clinics import (
    BOOKINGS,
    DESK,
    add_child,
    any_place,
    at,
    book,
    booking_now,
    hold,
    make_service,
    make_slot,
    slot_now,
    states,
)
from tests.people import all_at_once

MONDAY = date(2026, 12, 7)


@pytest.fixture(autouse=True)
def week_before_monday(counters):
    """Every story begins on the Monday before, at nine."""
    clock.move(clock._offset + (at(MONDAY - timedelta(days=7), 9) - clock.now()))


@pytest.fixture
def nurse(week_before_monday, staff):
    return staff("clinic", "front_desk", "clerk")


def rule(service, **more):
    return {
        "service_id": str(service.id), "weekday": 1, "opens": "07:00", "closes": "09:00", "slot_minutes": 15,
        "capacity": 5, "kept": 1, "valid_from": "2026-12-01",
    } | more  # fmt: skip


def add_rule(nurse, service, **more):
    answer = nurse.post(f"{DESK}/rules", json=rule(service, **more))
    assert answer.status_code == 201, answer.json
    return answer.json


def close(nurse, *, service=None, from_on=MONDAY, to_on=MONDAY, **more):
    asked = {"kind": "closed", "from_on": str(from_on), "to_on": str(to_on), "reason": "Nghỉ Tết"} | more
    return nurse.post(f"{DESK}/exceptions", json=asked | ({"service_id": str(service.id)} if service else {}))


def slots_of(service, day=MONDAY):
    with transaction() as session:
        return session.scalars(
            select(Slot).where(Slot.service_id == service.id, Slot.day == day).order_by(Slot.starts_at)
        ).all()


def test_a_weekly_rule_makes_places_with_a_share_kept_for_walk_ins(service, nurse):
    add_rule(nurse, service, release_days=3, release_time="07:00")

    slots = slots_of(service)

    assert [clock.local(one.starts_at).time() for one in slots] == [
        time(7, 0), time(7, 15), time(7, 30), time(7, 45), time(8, 0), time(8, 15), time(8, 30), time(8, 45),
    ]  # fmt: skip
    assert {(one.capacity, one.kept) for one in slots} == {(4, 1)}
    assert {one.release_at for one in slots} == {at(MONDAY - timedelta(days=3), 7)}
    assert {one.closes_at - one.starts_at for one in slots} == {-timedelta(minutes=60)}


def test_two_writers_at_once_make_every_place_once(service, nurse):
    with transaction() as session:
        session.add(ScheduleRule(
            service_id=service.id, weekday=1, opens=time(7), closes=time(9), slot_minutes=15, capacity=5,
            valid_from=MONDAY,
        ))  # fmt: skip

    def write(_number):
        with transaction() as session:
            return operations.write_slots(session, service.id).made

    made = all_at_once(6, write)

    assert sorted(made)[:5] == [0] * 5
    assert len(slots_of(service)) == 8


def test_writing_again_changes_nothing(service, nurse):
    add_rule(nurse, service)

    with transaction() as session:
        again = operations.write_slots(session, service.id)

    assert (again.made, again.changed, again.withdrawn) == (0, 0, 0)


def test_closing_a_day_over_forty_bookings_deletes_none_and_owes_forty_places(crowd, service, nurse, work):
    add_rule(nurse, service, capacity=5, kept=0)
    slots = slots_of(service)
    people = crowd(40)
    booked = [book(person, slots[number % 8]) for number, person in enumerate(people)]

    closed = close(nurse, service=service)

    assert (closed.json["withdrawn"], closed.json["people"]) == (8, 40)
    assert {slot_now(one).state for one in slots} == {SlotState.WITHDRAWN}
    assert states(*(one["id"] for one in booked)) == [BookingState.BOOKED] * 40
    assert len(nurse.get(f"{DESK}/moves").json["items"]) == 40
    assert people[0].get(f"{BOOKINGS}/{booked[0]['id']}").json["must_move"] is True
    assert hold(crowd(41)[40], window=any_place(service, MONDAY)).status_code == 409


def test_everybody_is_offered_the_nearest_other_place_with_priority(an, binh, service, nurse, work):
    add_rule(nurse, service)
    add_rule(nurse, service, weekday=2, opens="10:00", closes="10:15", capacity=2, kept=1, release_days=0)
    booked = [book(person, slots_of(service)[0]) for person in (an, binh)]
    close(nurse, service=service)

    failures = work()

    tuesday = slots_of(service, MONDAY + timedelta(days=1))
    offers = [person.get(BOOKINGS, query_string={"live": "true"}).json["items"] for person in (an, binh)]
    assert failures == []
    assert [one["slot_id"] for one in offers[0] if one["offer"] == "move"] == [str(tuesday[0].id)]
    # For the second one there is no place near, so another week has to do.
    assert [one["offer"] for one in offers[1]] == ["move"]
    assert states(*(one["id"] for one in booked)) == [BookingState.CANCELLED_BY_CLINIC] * 2


def test_who_cannot_be_moved_yet_keeps_the_booking_until_there_is_a_place(an, nurse, work):
    service = make_service_of(nurse)
    slot = make_slot(service, at(MONDAY, 8))
    booked = book(an, slot)
    close(nurse, service=service)
    work()
    before = states(booked["id"])

    free = make_slot(service, at(MONDAY + timedelta(days=2), 8))
    flows.move_all()

    (offer,) = an.get(BOOKINGS, query_string={"live": "true"}).json["items"]
    assert before == [BookingState.BOOKED]
    assert (offer["slot_id"], offer["state"]) == (str(free.id), "held")


def test_people_without_a_place_never_keep_those_behind_them_from_theirs(an, binh, nurse, monkeypatch):
    monkeypatch.setattr(moves, "_BATCH", 1)
    stuck = make_service_of(nurse)
    with transaction() as session:
        other = make_service(session.get_one(Facility, stuck.facility_id), code="other")
    waiting = book(an, make_slot(stuck, at(MONDAY, 8)))
    book(binh, make_slot(other, at(MONDAY, 10)))
    close(nurse)
    free = make_slot(other, at(MONDAY + timedelta(days=2), 8))

    flows.move_all()

    (offer,) = binh.get(BOOKINGS, query_string={"live": "true"}).json["items"]
    assert (offer["slot_id"], offer["state"]) == (str(free.id), "held")
    assert states(waiting["id"]) == [BookingState.BOOKED]


def test_a_patient_who_cannot_be_moved_for_an_error_never_stops_the_others(an, binh, nurse):
    service = make_service_of(nurse)
    first = book(an, make_slot(service, at(MONDAY, 8)), members=[add_child(an)])
    second = book(binh, make_slot(service, at(MONDAY, 9)))
    close(nurse)
    for hour in (8, 9):
        make_slot(service, at(MONDAY + timedelta(days=2), hour))
    sealed = booking_now(first["id"]).patient_sealed
    seal_as(first["id"], b"spoiled, much too short for a seal")

    with pytest.raises(vault.Unreadable):
        flows.move_all()

    assert states(first["id"], second["id"]) == [BookingState.BOOKED, BookingState.CANCELLED_BY_CLINIC]
    seal_as(first["id"], sealed)
    flows.move_all()
    assert states(first["id"]) == [BookingState.CANCELLED_BY_CLINIC]


def seal_as(booking_id, value):
    with transaction() as session:
        session.execute(update(Booking).where(Booking.id == UUID(booking_id)).values(patient_sealed=value))


def test_a_service_that_cannot_be_planned_leaves_no_other_without_places(nurse):
    spoiled = make_service_of(nurse)
    with transaction() as session:
        sound = make_service(session.get_one(Facility, spoiled.facility_id), code="other")
    for one in (spoiled, sound):
        add_rule(nurse, one)
    with transaction() as session:
        session.execute(delete(Slot))
        # Its places would close before there was a calendar.
        session.execute(update(Service).where(Service.id == spoiled.id).values(lead_minutes=2_000_000_000))

    with pytest.raises(OverflowError):
        flows.write_schedules()

    assert (len(slots_of(spoiled)), len(slots_of(sound))) == (0, 8)


def make_service_of(nurse):
    from tests.health.clinics import make_facility  # noqa: PLC0415

    return make_service(make_facility(organisation_id=nurse.organisation_id))


def test_a_moved_patient_may_choose_another_place_beyond_cut_off_and_count(an, nurse):
    service = make_service_of(nurse)
    slot = make_slot(service, clock.now() + timedelta(hours=2))
    booked = book(an, slot)
    close(nurse, service=service, from_on=clock.today(), to_on=clock.today())
    other = make_slot(service, at(MONDAY, 15))

    moved = an.post(f"{BOOKINGS}/{booked['id']}/move", json={"slot_id": str(other.id)})

    assert (moved.status_code, moved.json["moves_left"], moved.json["must_move"]) == (200, 2, False)
    with transaction() as session:
        assert session.scalar(select(func.count()).where(MoveTask.state == MoveState.OPEN)) == 0


def test_ending_a_rule_withdraws_what_comes_after(an, service, nurse):
    added = add_rule(nurse, service)
    booked = book(an, slots_of(service)[0])

    nurse.post(f"{DESK}/rules/{added['id']}/end", json={"last_on": str(MONDAY - timedelta(days=1))})

    assert {one.state for one in slots_of(service)} == {SlotState.WITHDRAWN}
    assert states(booked["id"]) == [BookingState.BOOKED]
    assert len(nurse.get(f"{DESK}/moves").json["items"]) == 1


def test_fewer_places_never_fall_below_those_taken(an, binh, service, nurse):
    add_rule(nurse, service)
    first, second = slots_of(service)[:2]
    for person in (an, binh):
        book(person, first)

    close(nurse, service=service, kind="capacity", capacity=1)

    assert (slot_now(first).capacity, slot_now(first).taken, slot_now(second).capacity) == (2, 2, 1)


def test_more_places_are_given_by_a_colleague_with_a_reason(an, binh, service, nurse):
    slot = make_slot(service, at(MONDAY, 8))
    book(an, slot)

    raised = nurse.post(f"{DESK}/slots/{slot.id}/capacity", json={"more": 1, "reason": "Thêm bác sĩ"})

    assert (raised.status_code, raised.json["capacity"]) == (200, 2)
    assert hold(binh, slot).status_code == 201


def test_a_holiday_has_no_places_and_a_worked_saturday_has(service, nurse):
    add_rule(nurse, service)
    saturday = MONDAY + timedelta(days=5)
    words = {"name_vi": "Làm bù", "name_en": "Made up", "source": "notice"}
    days = [
        {"day": str(MONDAY), "kind": "off", "as_weekday": "", **words},
        {"day": str(saturday), "kind": "working", "as_weekday": "1", **words},
    ]

    with transaction() as session:
        operations.save_holidays(session, days)
        operations.write_slots(session, service.id)

    assert {one.state for one in slots_of(service)} == {SlotState.WITHDRAWN}
    assert [one.state for one in slots_of(service, saturday)] == [SlotState.OPEN] * 8


@pytest.mark.parametrize(
    ("year", "tet"),
    [(1968, date(1968, 1, 29)), (1985, date(1985, 1, 21)), (2007, date(2007, 2, 17)), (2026, date(2026, 2, 17)),
     (2027, date(2027, 2, 6)), (2030, date(2030, 2, 2))],
)  # fmt: skip
def test_tet_is_on_the_day_it_is_in_vietnam(year, tet):
    assert lunar.new_year(year) == tet
    assert tet in {day["day"] for day in usual_holidays(year)}


def test_a_day_ends_at_midnight_in_vietnam(service, nurse):
    add_rule(nurse, service, opens="23:00", closes="23:45", slot_minutes=45)
    add_rule(nurse, service, weekday=2, opens="00:15", closes="01:00", slot_minutes=45)

    (late,), (early,) = slots_of(service), slots_of(service, MONDAY + timedelta(days=1))

    assert late.starts_at.astimezone(UTC).date() == early.starts_at.astimezone(UTC).date() == MONDAY
    assert (late.day, early.day) == (MONDAY, MONDAY + timedelta(days=1))


def test_a_phone_abroad_sees_the_clinics_clock_whatever_summer_time_does(an, service):
    # Paris leaves summer time on 25 October 2026, between these two visits.
    clock.move(clock._offset + (at(date(2026, 10, 20), 9) - clock.now()))
    from tests.health.clinics import sign_in_again  # noqa: PLC0415

    sign_in_again(an)
    slots = [make_slot(service, at(date(2026, 10, day), 8)) for day in (24, 26)]

    told = [book(an, slot)["starts_at"] for slot in slots]

    assert told == ["2026-10-24T08:00:00.000+07:00", "2026-10-26T08:00:00.000+07:00"]
    assert datetime.fromisoformat(told[1]) - datetime.fromisoformat(told[0]) == timedelta(days=2)


@pytest.mark.parametrize(
    ("more", "field"),
    [({"closes": "06:00"}, "closes"), ({"kept": 5}, "kept"), ({"valid_to": "2026-11-01"}, "valid_to")],
)
def test_a_rule_that_does_not_add_up_is_refused(service, nurse, more, field):
    refused = nurse.post(f"{DESK}/rules", json=rule(service, **more))

    assert (refused.status_code, refused.json["code"], refused.json["field"]) == (422, "schedule_unclear", field)


def test_nobody_changes_the_schedule_of_another_clinic(service, staff):
    stranger = staff("clinic", "clerk")
    from tests.health.clinics import make_facility  # noqa: PLC0415

    make_facility(organisation_id=stranger.organisation_id)

    assert stranger.post(f"{DESK}/rules", json=rule(service)).status_code == 404
    assert stranger.get(f"{DESK}/rules").json["items"] == []
