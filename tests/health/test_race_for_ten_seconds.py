"""Hold, sweep, yes, no, cancel and move for ten seconds at once: the counters are right all the while."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from kit import clock
from kit.database import transaction
from services.health import flows
from services.health.models import BLOCKING, Booking, BookingState, Slot
from tests.health.clinics import (
    BOOKINGS,
    HOLDS,
    WAITS,
    any_place,
    has_drift,
    hold,
    make_morning,
    make_service,
    tomorrow,
)

SECONDS = 10
PEOPLE = 10


def test_counters_equal_live_bookings_whatever_races(crowd, figure):  # noqa: C901, PLR0915
    services = [make_service(cancel_minutes=0) for _n in range(2)]
    slots = [slot for service in services for slot in make_morning(service, 3, capacity=2)]
    end = time.monotonic() + SECONDS
    answers: Counter[tuple[str, int]] = Counter()
    wrong: list[object] = []
    people = crowd(PEOPLE)

    def live(person, seed):
        chance = random.Random(seed)
        while time.monotonic() < end:
            note("hold", held := try_hold(person, chance))
            if held.status_code == 201:
                act = chance.choice(["confirm", "confirm", "confirm", "release", "leave"])
                if act != "leave":
                    path = "confirmation" if act == "confirm" else "release"
                    note(act, person.post(f"{HOLDS}/{held.json['id']}/{path}"))
            for booking in person.get(BOOKINGS, query_string={"live": "true"}).json["items"]:
                act = chance.choice(["move", "cancellation", "cancellation", "wait", "none"])
                if act == "move":
                    path, asked = f"{BOOKINGS}/{booking['id']}/move", {"slot_id": str(chance.choice(slots).id)}
                    note("move", person.post(path, json=asked))
                elif act == "cancellation":
                    note("cancel", person.post(f"{BOOKINGS}/{booking['id']}/cancellation"))
                elif act == "wait":
                    days = {"from_on": str(tomorrow()), "to_on": str(tomorrow())}
                    note("wait", person.post(WAITS, json={"service_id": str(chance.choice(services).id), **days}))

    def try_hold(person, chance):
        if chance.random() < 0.5:
            held = hold(person, chance.choice(slots))
        else:
            held = hold(person, window=any_place(chance.choice(services)))
        if held.status_code == 201 and chance.random() < 0.5:
            # Its five minutes are over in a moment, so that the sweep meets the yes.
            ours = (Booking.hold_id == UUID(held.json["id"]), Booking.state == BookingState.HELD)
            with transaction() as session:
                soon = clock.now() + timedelta(milliseconds=40)
                session.execute(update(Booking).where(*ours).values(hold_expires_at=soon))
        return held

    def note(what, answer):
        answers[what, answer.status_code] += 1
        if answer.status_code >= 500:
            wrong.append((what, answer.json))

    def sweep():
        while time.monotonic() < end:
            flows.sweep_holds()

    def watch():
        kept = select(func.count(Booking.id)).where(Booking.slot_id == Slot.id, Booking.state.in_(BLOCKING))
        off = select(Slot.id).where((Slot.taken != kept.scalar_subquery()) | (Slot.taken > Slot.capacity))
        while time.monotonic() < end:
            with transaction() as session:  # one statement sees one instant
                wrong.extend(session.scalars(off))

    threads = [threading.Thread(target=live, args=(person, seed)) for seed, person in enumerate(people)]
    threads += [threading.Thread(target=sweep) for _n in range(2)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    figure(f"{sum(answers.values())} requests: {dict(sorted(answers.items()))}")
    assert wrong == []
    assert has_drift() == []
    assert answers["confirm", 200] > 0
    assert answers["cancel", 200] > 0
    assert any(what == "move" for what, _status in answers)
    with transaction() as session:
        assert session.scalar(select(func.count()).where(Booking.state == BookingState.EXPIRED)) > 0
