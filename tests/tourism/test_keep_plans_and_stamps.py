"""Favourites, plans and stamps: of a phone nobody has signed in on, and of the citizen it joins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from auth.events import CitizensJoined
from kit import events
from kit.database import transaction
from services.tourism.listeners import follow_citizen
from services.tourism.operations import personal
from tests.kit.refusals import as_refusal
from tests.patience import until_somebody_waits_for
from tests.people import Caller, Person, Work
from tests.tourism.guides import TRANG_AN, make_guide, make_itinerary

T = "/v1/tourism"


class Phone(Caller):
    """A phone nobody has signed in on."""

    def __init__(self, http: FlaskClient) -> None:
        super().__init__(http, None)
        self.visitor_token = self.http.post(f"{T}/visitors").json["token"]

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return super().ask(method, path, {"Visitor-Token": self.visitor_token} | (headers or {}), **more)


@pytest.fixture
def phone(chi: Person) -> Phone:
    return Phone(chi.http)


def stamps(visitor: Caller) -> list[tuple[str, int]]:
    return [(one["title"], one["visits"]) for one in visitor.get(f"{T}/passport").json["stamps"]]


def test_a_phone_keeps_what_it_likes_without_signing_in(phone: Phone) -> None:
    guide = make_guide("Tam Cốc")

    for _ in range(2):
        assert phone.post(f"{T}/favourites", json={"guide_id": str(guide)}).status_code == 204

    assert [one["title"] for one in phone.get(f"{T}/favourites").json["items"]] == ["Tam Cốc"]
    assert phone.post(f"{T}/favourites/{guide}/end").status_code == 204
    assert phone.get(f"{T}/favourites").json["items"] == []


def test_of_two_changes_of_one_version_of_a_plan_the_second_is_refused(an: Person) -> None:
    plan = {"title": "Cuối tuần", "stops": []}
    made = an.post(f"{T}/plans", json=plan)
    path, known = f"{T}/plans/{made.json['id']}", {"If-Match": made.headers["ETag"]}
    answers = []

    for method, sent in (("PUT", {"json": plan | {"title": "Sau"}}), ("DELETE", {})):
        with ThreadPoolExecutor(1) as pool, transaction() as first:
            first.execute(text("UPDATE visitor_plan SET title = 'Trước', version = version + 1"))
            second = pool.submit(an.again().ask, method, path, known, **sent)
            until_somebody_waits_for(first)
            first.commit()
            answers.append(second.result(10).status_code)
        now = an.get(path)
        known = {"If-Match": now.headers["ETag"]}

    assert answers == [412, 412]
    assert now.json["title"] == "Trước"


def test_a_plan_is_changed_by_its_version_and_seen_by_nobody_else(phone: Phone, an: Person, chi: Person) -> None:
    guide = str(make_guide("Tam Cốc"))
    plan = {"title": "Cuối tuần", "starts_on": "2026-12-05", "stops": [{"guide_id": guide, "day": 1}]}
    made = phone.post(f"{T}/plans", json=plan)
    path = f"{T}/plans/{made.json['id']}"

    changed = phone.ask("PUT", path, {"If-Match": made.headers["ETag"]}, json=plan | {"title": "Hai ngày"})
    stale = phone.ask("PUT", path, {"If-Match": made.headers["ETag"]}, json=plan)

    assert (changed.json["title"], changed.json["version"], stale.status_code) == ("Hai ngày", 2, 412)
    assert (an.get(path).status_code, chi.get(path).status_code, Phone(chi.http).get(path).status_code) == (
        404, 401, 404,
    )  # fmt: skip
    assert phone.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert phone.get(f"{T}/plans").json["items"] == []


def test_a_stamp_needs_the_code_at_the_gate_or_to_be_there(phone: Phone, later: Any) -> None:
    guide = make_guide("Tràng An", at=TRANG_AN)
    path = f"{T}/guides/{guide}/visits"
    code = phone.get(f"{T}/guides/{guide}").json["short_code"]

    far = phone.post(path, json={"lat": 20.30, "lon": 105.92})
    wrong = phone.post(path, json={"short_code": "nothing"})
    near = phone.post(path, json={"lat": 20.2530, "lon": 105.9180})
    again = phone.post(path, json={"short_code": code.upper()})
    later(timedelta(days=1))
    next_day = phone.post(path, json={"short_code": code})

    assert [as_refusal(one)[1] for one in (far, wrong)] == ["not_at_the_place"] * 2
    assert [one.json["stamps"][0]["visits"] for one in (near, again, next_day)] == [1, 1, 2]


def test_an_itinerary_is_completed_by_its_last_stop(phone: Phone) -> None:
    guides = [make_guide("Một"), make_guide("Hai")]
    route = make_itinerary(*guides, title="Hai điểm")
    done = []

    for guide in guides:
        told = phone.post(f"{T}/guides/{guide}/visits", json={"lat": TRANG_AN[0], "lon": TRANG_AN[1]}).json
        done.append([one["itinerary_id"] for one in told["completed"]])

    assert done == [[], [str(route)]]


def test_what_a_phone_kept_is_the_citizens_once_they_sign_in(phone: Phone, an: Person) -> None:
    both, only = make_guide("Cả hai"), make_guide("Chỉ máy")
    here = {"lat": TRANG_AN[0], "lon": TRANG_AN[1]}
    an.post(f"{T}/guides/{both}/visits", json=here)
    for guide in (both, only):
        phone.post(f"{T}/guides/{guide}/visits", json=here)
        phone.post(f"{T}/favourites", json={"guide_id": str(guide)})
    an.post(f"{T}/favourites", json={"guide_id": str(both)})
    phone.post(f"{T}/plans", json={"title": "Của máy", "stops": []})

    joined = an.post(f"{T}/visitors/link", headers={"Visitor-Token": phone.visitor_token})

    assert joined.status_code == 204
    assert sorted(stamps(an)) == [("Chỉ máy", 1), ("Cả hai", 1)]
    assert len(an.get(f"{T}/favourites").json["items"]) == 2
    assert [one["title"] for one in an.get(f"{T}/plans").json["items"]] == ["Của máy"]
    assert as_refusal(phone.get(f"{T}/passport"))[:2] == (401, "visitor_unknown")


def test_two_citizens_who_are_one_person_have_one_passport(an: Person, binh: Person, work: Work) -> None:
    guide = make_guide("Tràng An")
    for person in (an, binh):
        person.post(f"{T}/guides/{guide}/visits", json={"lat": TRANG_AN[0], "lon": TRANG_AN[1]})
    binh.post(f"{T}/favourites", json={"guide_id": str(guide)})
    joined = CitizensJoined(kept_id=an.id, joined_id=binh.id)

    with transaction() as session:
        events.emit(session, joined)
    failures = work()
    with transaction() as session:
        follow_citizen(session, joined)

    assert failures == []
    assert stamps(an) == [("Tràng An", 1)]
    assert len(an.get(f"{T}/favourites").json["items"]) == 1


def test_a_visitors_things_are_exported_and_forgotten_with_the_citizen(an: Person) -> None:
    guide = make_guide("Tràng An")
    an.post(f"{T}/favourites", json={"guide_id": str(guide)})
    an.post(f"{T}/guides/{guide}/visits", json={"lat": TRANG_AN[0], "lon": TRANG_AN[1]})

    with transaction() as session:
        told = personal.export_citizen(session, an.id)
        personal.erase_citizen(session, an.id)
        left = personal.export_citizen(session, an.id)

    assert [one["proved_by"] for one in told["visits"]] == ["position"]
    assert len(told["favourites"]) == 1
    assert left == {"favourites": [], "plans": [], "visits": [], "ticket_orders": [], "tickets": []}


def test_who_is_known_by_nothing_is_told_how_to_go_on(chi: Person) -> None:
    refused = chi.get(f"{T}/favourites")

    assert as_refusal(refused)[:2] == (401, "visitor_unknown")
    assert refused.json["next_action"] == "register_visitor"
