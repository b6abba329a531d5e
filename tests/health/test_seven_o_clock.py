"""Seven o'clock over real connections: every place goes to one, and everybody at the door gets a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import func, insert, select, update

import auth.operations
from auth.guard import Role
from kit import clock
from kit.database import new_id, transaction
from services.health import proofs
from services.health.models import Booking, BookingState, Patient, QueueTicket, Service, Slot
from tests.auth.served import serve
from tests.health.clinics import DESK, HOLDS, any_place, at, make_morning, make_slot
from tests.people import StaffMember, all_at_once

PLACES, CLIENTS, ATTEMPTS = 20, 20, 500
DOORS, COME = 10, 500


@pytest.fixture
def house(app, clean):
    """The address of the application, answered by threads."""
    with serve(app) as port:
        yield f"http://127.0.0.1:{port}"


def connection(token: str, **headers: str) -> Callable[..., requests.Response]:
    """One connection that is kept."""
    http = requests.Session()
    http.trust_env = False
    http.headers.update({"Authorization": f"Bearer {token}", **headers})
    return lambda url, asked: http.post(url, json=asked, headers={"Idempotency-Key": str(uuid4())}, timeout=30)


def test_every_place_of_a_morning_goes_to_one_of_five_hundred_and_the_others_are_told_where_else(house, service):
    """As the benchmark does with 5,000 attempts of 200 clients on 200 places."""
    slots = make_morning(service, PLACES)
    with transaction() as session:
        tokens = [auth.operations.issue_token(session, role=Role.CITIZEN, subject=uuid4()) for _n in range(ATTEMPTS)]
    asked = {"window": any_place(service)}

    def rush(client: int) -> list[requests.Response]:
        mine = tokens[client::CLIENTS]
        return [connection(token)(f"{house}{HOLDS}", asked) for token in mine]

    answers = [answer for several in all_at_once(CLIENTS, rush) for answer in several]

    assert Counter(answer.status_code for answer in answers) == {201: PLACES, 409: ATTEMPTS - PLACES}
    with transaction() as session:
        held = session.execute(select(Booking.slot_id, Booking.patient_id)).all()
        taken = session.scalars(select(Slot.taken).where(Slot.id.in_([slot.id for slot in slots]))).all()
    assert len({row.slot_id for row in held}) == len({row.patient_id for row in held}) == PLACES
    assert list(taken) == [1] * PLACES
    for refusal in (answer.json() for answer in answers if answer.status_code == 409):
        assert refusal["code"] == "place_taken", refusal
        assert refusal["waitlist"]["token"]
        assert "alternatives" in refusal


def test_five_hundred_who_check_in_at_once_draw_five_hundred_numbers_without_a_gap(
    house: str, service: Service, nurse: StaffMember
) -> None:
    booked = come_today(service, COME)

    def stand(door: int) -> list[Any]:
        ask = connection(str(nurse.token), **{"For-Organisation": str(nurse.organisation_id)})
        shown = [{"booking_id": str(one), "code": proofs.code_of(one)} for one in booked[door::DOORS]]
        return [ask(f"{house}{DESK}/check-ins", one) for one in shown]

    answers = [answer for several in all_at_once(DOORS, stand) for answer in several]

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sorted(answer.json()["number"] for answer in answers) == list(range(1, COME + 1))
    with transaction() as session:
        assert session.scalar(select(func.count(QueueTicket.id))) == COME


def come_today(service: Service, count: int) -> list[UUID]:
    """So many people with a booking for today; the ids of the bookings."""
    slot = make_slot(service, at(clock.today(), 11), capacity=count)
    now, people, bookings = clock.now(), [new_id() for _n in range(count)], [new_id() for _n in range(count)]
    of_slot = {name: getattr(slot, name) for name in ("facility_id", "service_id", "day", "starts_at", "ends_at")}
    always = {"created_at": now, "state_since": now, "state": BookingState.BOOKED, "slot_id": slot.id, **of_slot}
    with transaction() as session:
        session.execute(insert(Patient), [{"id": one, "created_at": now} for one in people])
        numbers = {row.id: row.no for row in session.execute(select(Patient.id, Patient.no))}
        session.execute(
            insert(Booking),
            [
                {
                    "id": one,
                    "hold_id": one,
                    "citizen_id": uuid4(),
                    "patient_id": who,
                    "patient_no": numbers[who],
                    **always,
                }
                for one, who in zip(bookings, people, strict=True)
            ],
        )
        session.execute(update(Slot).where(Slot.id == slot.id).values(taken=count))
    return bookings
