"""A day drawn by lot: asked for in ten minutes, drawn by a promised seed, given by the writer of all bookings."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text

from kit import clock
from kit.database import transaction
from services.health import flows, lots, operations
from services.health.models import Booking, BookingState, Draw, DrawRequest, Slot
from tests.health.clinics import (
    BOOKINGS,
    DESK,
    HOLDS,
    WAITS,
    add_child,
    any_place,
    book,
    hold,
    make_service,
    make_slot,
    nurse_again,
)
from tests.people import all_at_once

HEALTH = "/v1/health"
REQUESTS = f"{HEALTH}/draw-requests"


@pytest.fixture
def day():
    return clock.today() + timedelta(days=7)


@pytest.fixture
def places(nurse, service, day):
    """Four places on the morning of a day in a week."""
    rule = {
        "service_id": str(service.id), "weekday": day.isoweekday(), "opens": "07:00", "closes": "08:00",
        "slot_minutes": 15, "capacity": 1, "kept": 0, "valid_from": str(day), "valid_to": str(day),
    }  # fmt: skip
    assert nurse.post(f"{DESK}/rules", json=rule).status_code == 201
    return service


@pytest.fixture
def draw(nurse, places, day, later):
    """A draw whose ten minutes have just begun."""
    announced = announce(nurse, places, day)
    assert announced.status_code == 201, announced.json
    later(timedelta(minutes=20))
    nurse_again(nurse)
    return SimpleNamespace(id=announced.json["id"], promised=announced.json["seed_hash"])


def announce(nurse, service, day, after=timedelta(minutes=20)):
    opens_at = clock.local(clock.now() + after).isoformat()
    return nurse.post(f"{DESK}/draws", json={"service_id": str(service.id), "day": str(day), "opens_at": opens_at})


def ask(person, draw, **more):
    return person.post(f"{HEALTH}/draws/{draw.id}/requests", json=more)


def run(later, *people):
    later(timedelta(minutes=10), *people)
    flows.run_draws()


def told(person, entered):
    return person.get(f"{REQUESTS}/{entered.json['id']}").json


def slots_of(service):
    with transaction() as session:
        return session.scalars(select(Slot).where(Slot.service_id == service.id).order_by(Slot.starts_at)).all()


def test_winners_hold_places_in_drawn_order_and_anyone_can_draw_again(draw, chi, people, places, later):
    entered = [ask(person, draw) for person in people[:7]]

    run(later, *people)

    seen, listed = (chi.get(f"{HEALTH}/draws/{draw.id}{what}").json for what in ("", "/tickets"))
    tickets = [one["ticket"] for one in listed["items"]]
    assert [one.status_code for one in entered] == [201] * 7
    assert (seen["state"], seen["seed_hash"]) == ("done", draw.promised)
    assert lots.promise(seen["seed"]) == draw.promised
    assert lots.hash_list(tickets) == seen["list_hash"]
    assert lots.order(seen["seed"], [one.json["ticket"] for one in entered]) == tickets
    assert [one["outcome"] for one in listed["items"]] == ["won"] * 4 + ["lost"] * 3
    requests = {one["ticket"]: one for one in map(told, people, entered)}
    assert [requests[ticket]["rank"] for ticket in tickets] == list(range(1, 8))
    with transaction() as session:
        held = [session.get_one(Booking, requests[ticket]["booking_id"]) for ticket in tickets[:4]]
    assert [one.slot_id for one in held] == [one.id for one in slots_of(places)]
    assert {one.state for one in held} == {BookingState.HELD}


def test_a_winner_says_yes_and_a_loser_waits_in_drawn_order(draw, people, places, later, work, day):
    entered = [ask(person, draw) for person in people[:7]]
    run(later, *people)
    failed = work()
    requests = sorted(
        ((told(person, one), person) for person, one in zip(people, entered, strict=False)),
        key=lambda pair: pair[0]["rank"],
    )
    winners, losers = requests[:4], requests[4:]

    booked = [person.post(f"{HOLDS}/{one['booking_id']}/confirmation") for one, person in winners]
    # Who was drawn last is the first to come to the waiting list.
    waits = [person.post(WAITS, json=one["waitlist"]) for one, person in reversed(losers)]

    assert failed == []
    assert [one.json["items"][0]["state"] for one in booked] == ["booked"] * 4
    assert [one.status_code for one in waits] == [201] * 3
    positions = [person.get(f"{WAITS}/{one.json['id']}").json["position"] for one, (_told, person) in zip(
        reversed(waits), losers, strict=True
    )]  # fmt: skip
    assert positions == [1, 2, 3]
    kinds = [{one["kind"] for one in person.get("/v1/messages").json["items"]} for _told, person in requests]
    assert [one - {"new_device"} for one in kinds] == [{"place_offered"}] * 4 + [{"draw_lost"}] * 3
    # A winner who lets go makes room for the loser who was drawn first.
    winners[0][1].post(f"{BOOKINGS}/{winners[0][0]['booking_id']}/cancellation")
    offered = losers[0][1].get(BOOKINGS, query_string={"live": "true"}).json["items"]
    assert [one["offer"] for one in offered] == ["waitlist"]


def test_until_it_is_drawn_nobody_books_the_day_and_afterwards_what_is_left_is_everybodys(
    draw, an, binh, places, later, day
):
    early = hold(an, window=any_place(places, day))
    chosen = hold(an, slots_of(places)[0])
    listed = an.get(f"{HEALTH}/services/{places.id}/availability", query_string={"day": str(day)}).json
    ask(an, draw)

    run(later, an, binh)

    operations.forget_kept()
    assert [one.status_code for one in (early, chosen)] == [409, 409]
    assert {one.json["code"] for one in (early, chosen)} == {"places_drawn"}
    assert early.json["draw_id"] == draw.id
    assert (listed["draw_id"], {one["band"] for one in listed["items"]}) == (draw.id, {"soon"})
    assert listed["release_at"] == an.get(f"{HEALTH}/draws/{draw.id}").json["closes_at"]
    assert hold(binh, window=any_place(places, day)).status_code == 201
    after = binh.get(f"{HEALTH}/services/{places.id}/availability", query_string={"day": str(day)}).json
    assert (after["draw_id"], [one["band"] for one in after["items"]]) == (None, ["full", "full", "free", "free"])


def test_requests_are_taken_in_their_ten_minutes_only_and_one_a_person(nurse, an, binh, places, day, later):
    announced = announce(nurse, places, day)
    draw = SimpleNamespace(id=announced.json["id"])
    before = ask(an, draw)
    later(timedelta(minutes=20), an, binh)

    first, again = ask(an, draw), ask(an, draw)
    child = ask(an, draw, member_id=add_child(an))
    stranger = ask(binh, draw, member_id=child.json["member_id"])
    withdrawn = an.post(f"{REQUESTS}/{first.json['id']}/withdrawal")
    once_more = ask(an, draw)
    later(timedelta(minutes=10), an, binh)
    late = ask(binh, draw)
    too_late = an.post(f"{REQUESTS}/{once_more.json['id']}/withdrawal")

    assert [(one.status_code, one.json["code"]) for one in (before, again, stranger, late, too_late)] == [
        (409, "draw_not_open"), (409, "already_entered"), (404, "not_found"), (409, "draw_not_open"),
        (409, "draw_not_open"),
    ]  # fmt: skip
    assert [one.status_code for one in (first, child, once_more)] == [201] * 3
    assert withdrawn.json["state"] == "withdrawn"
    assert first.json["ticket"] != once_more.json["ticket"]
    assert binh.get(f"{REQUESTS}/{once_more.json['id']}").status_code == 404
    assert len(an.get(REQUESTS).json["items"]) == 3
    assert binh.get(REQUESTS).json["items"] == []


def test_the_seed_is_nowhere_to_be_read_before_the_draw(draw, chi, an, places):
    ask(an, draw)

    seen = chi.get(f"{HEALTH}/draws/{draw.id}").json
    listed = chi.get(f"{HEALTH}/services/{places.id}/draws").json["items"]
    tickets = chi.get(f"{HEALTH}/draws/{draw.id}/tickets").json["items"]

    with transaction() as session:
        stored = session.execute(text("SELECT seed FROM draw")).scalar_one()
        seed = session.execute(select(Draw.seed)).scalar_one()
    assert (seen["seed"], seen["list_hash"], tickets) == (None, None, [])
    assert listed == [seen]
    assert lots.promise(seed) == seen["seed_hash"]
    assert seed.encode() not in bytes(stored)
    assert bytes.fromhex(seed) not in bytes(stored)


def test_a_draw_is_announced_in_time_by_the_clinic_itself_and_once(nurse, staff, places, day):
    other = staff("clinic", "clerk")
    reader = staff("clinic", "front_desk", organisation_id=nurse.organisation_id)
    elsewhere = make_service()

    refused = [
        announce(nurse, places, day, after=timedelta(minutes=5)),
        announce(nurse, places, day + timedelta(days=1)),
        announce(nurse, places, day, after=timedelta(days=8)),
        announce(nurse, elsewhere, day),
        announce(other, places, day),
        announce(reader, places, day),
    ]
    first, second = announce(nurse, places, day), announce(nurse, places, day)

    assert [(one.status_code, one.json["code"]) for one in refused] == [
        (422, "schedule_unclear"), (422, "schedule_unclear"), (422, "schedule_unclear"), (404, "not_found"),
        (404, "not_found"), (403, "not_allowed"),
    ]  # fmt: skip
    assert (first.status_code, second.status_code, second.json["code"]) == (201, 409, "day_already_drawn")


def test_a_cancelled_draw_gives_the_day_back_to_its_schedule(draw, nurse, staff, an, places, day, later):
    entered = ask(an, draw)
    other = staff("clinic", "clerk").post(f"{DESK}/draws/{draw.id}/cancellation")

    cancelled = nurse.post(f"{DESK}/draws/{draw.id}/cancellation")
    run(later, an)

    assert (other.status_code, cancelled.json["state"]) == (404, "cancelled")
    assert told(an, entered)["state"] == "withdrawn"
    assert hold(an, window=any_place(places, day)).status_code == 201


def test_one_who_cannot_come_is_passed_over_and_the_next_gets_the_place(draw, people, places, later, day):
    entered = [ask(person, draw) for person in people[:5]]
    with transaction() as session:
        seed = session.execute(select(Draw.seed)).scalar_one()
    order = lots.order(seed, [one.json["ticket"] for one in entered])
    first = next(person for person, one in zip(people, entered, strict=False) if one.json["ticket"] == order[0])
    # The first in the order has something else all morning by the time the lots are drawn.
    elsewhere = make_slot(make_service(), slots_of(places)[0].starts_at, minutes=60)
    book(first, elsewhere)

    run(later, *people)

    outcomes = [told(person, one)["state"] for person, one in zip(people, entered, strict=False)]
    assert sorted(outcomes) == ["passed_over", "won", "won", "won", "won"]
    assert outcomes[people.index(first)] == "passed_over"


def test_two_workers_and_a_crash_between_give_every_place_once(draw, people, places, later):
    for person in people[:8]:
        ask(person, draw)
    later(timedelta(minutes=10), *people)
    with transaction() as session:
        operations.draw_lots(session, draw.id)
    with transaction() as session:
        operations.place_next(session, draw.id)

    # One was served when the worker died; now three come at once.
    all_at_once(3, lambda _number: flows.run_draws())
    flows.run_draws()

    with transaction() as session:
        won = session.scalars(select(DrawRequest.rank).where(DrawRequest.booking_id.is_not(None))).all()
        held = session.scalars(select(Booking.slot_id).where(Booking.state == BookingState.HELD)).all()
    assert sorted(won) == [1, 2, 3, 4]
    assert sorted(held) == sorted(one.id for one in slots_of(places))


def test_whoever_asks_while_the_list_closes_is_in_it_or_is_refused(draw, crowd, places, later):
    people = crowd(16)
    later(timedelta(minutes=9, seconds=59), *people)

    def press(number):
        if number == 8:
            clock.move(clock._offset + timedelta(seconds=2))
            flows.run_draws()
            return None
        return ask(people[number].again(), draw)

    answers = [one for one in all_at_once(16, press) if one is not None]
    flows.run_draws()

    with transaction() as session:
        listed = set(session.execute(select(Draw.tickets)).scalar_one())
    given = {one.json["ticket"] for one in answers if one.status_code == 201}
    assert {one.status_code for one in answers} <= {201, 409}
    assert listed == given


def test_who_leaves_stays_in_the_list_as_a_ticket_and_in_no_row(draw, an, binh, places, later):
    entered = ask(an, draw)
    ask(binh, draw)
    run(later, an, binh)

    with transaction() as session:
        exported = operations.export_citizen(session, an.id)["draw_requests"]
        operations.erase_citizen(session, an.id)

    listed = binh.get(f"{HEALTH}/draws/{draw.id}/tickets").json["items"]
    with transaction() as session:
        rows = session.scalars(select(DrawRequest.citizen_id)).all()
    assert [one["ticket"] for one in exported] == [entered.json["ticket"]]
    assert entered.json["ticket"] in {one["ticket"] for one in listed}
    assert rows == [binh.id]


def test_requests_follow_two_citizens_who_are_one(draw, an, binh, places, later):
    entered = ask(an, draw)

    with transaction() as session:
        operations.join_citizens(session, binh.id, an.id)
    run(later, an, binh)

    assert told(binh, entered)["state"] == "won"
    assert an.get(REQUESTS).json["items"] == []


def test_the_same_key_asks_once(draw, an):
    headers = {"Idempotency-Key": "one-intention"}

    first, second = (an.post(f"{HEALTH}/draws/{draw.id}/requests", json={}, headers=headers) for _time in range(2))

    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(an.get(REQUESTS).json["items"]) == 1
