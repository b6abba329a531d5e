"""Organisations: taken in, suspended and let go on by the province; providers come with their tariffs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from auth import operations
from auth.models import Assurance
from kit.database import transaction
from server.policy import POLICY
from tests.auth.people import bearer
from tests.factories import make_provider
from tests.people import Machine

PATH = "/v1/organisations"
STATION = {
    "kind": "clinic",
    "slug": "tram-y-te-hac-thanh",
    "name_vi": "Trạm Y tế Hạc Thành",
    "name_en": "Hac Thanh Health Station",
}
PAYMENTS = "/v1/utilities/provider-payments"


@pytest.fixture
def province(staff):
    """An operator of the province."""
    return staff("province", "operator")


def test_the_province_takes_an_organisation_in_and_invites_its_first_operator(province, binh, staff):
    made = province.post(PATH, json=STATION)
    invited = province.post(
        f"{made.headers['Location']}/invitations", json={"phone": "0987 654 321", "roles": ["operator"]}
    )

    accepted = binh.post(f"/v1/me/invitations/{invited.json['id']}/acceptance")

    assert (made.status_code, invited.status_code, accepted.status_code) == (201, 201, 200)
    assert {name: made.json[name] for name in STATION} == STATION
    assert (made.json["state"], accepted.json["slug"]) == ("active", STATION["slug"])


def test_a_slug_is_given_once(province):
    province.post(PATH, json=STATION)

    refused = province.post(PATH, json=STATION | {"kind": "tourism_office"})

    assert (refused.status_code, refused.json["code"]) == (409, "organisation_known")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "province"},
        {"kind": "provider"},
        {"slug": "Trạm y tế"},
        {"slug": "-x-"},
        {"slug": "a"},
        {"name_vi": ""},
        {"name_en": "x" * 121},
        {"state": "suspended"},
        {"provider_id": str(uuid4())},
    ],
)
def test_what_the_province_does_not_make_is_refused(province, wrong):
    assert province.post(PATH, json=STATION | wrong).status_code == 422


@pytest.mark.parametrize("kind", ["clinic", "school_office", "tourism_office", "provider"])
def test_nobody_but_the_province_takes_in_suspends_or_lists(staff, province, kind):
    operator = staff(kind, "operator")
    there = f"{PATH}/{province.organisation_id}"

    answers = [
        operator.get(PATH),
        operator.post(PATH, json=STATION),
        operator.post(f"{there}/suspension"),
        operator.post(f"{there}/resumption"),
        operator.post(f"{PATH}/{operator.organisation_id}/suspension"),
    ]

    assert [one.status_code for one in answers] == [403] * 5


def test_the_province_proves_itself_anew_before_it_takes_in_or_suspends(staff):
    earlier = staff("province", "operator", age=timedelta(minutes=6))

    answers = [earlier.post(PATH, json=STATION), earlier.post(f"{PATH}/{uuid4()}/suspension")]

    assert [(one.status_code, one.json["max_age"]) for one in answers] == [(401, 300)] * 2
    assert earlier.get(PATH).status_code == 200


def test_organisations_are_listed_by_kind_and_paged(province, staff):
    clinics = [staff("clinic").organisation_id for _nth in range(3)]
    staff("school_office")

    first = province.get(PATH, query_string={"kind": "clinic", "limit": 2}).json
    rest = province.get(PATH, query_string={"kind": "clinic", "limit": 2, "cursor": first["next"]}).json

    assert [one["id"] for one in (*first["items"], *rest["items"])] == [str(one) for one in clinics[::-1]]
    assert len(province.get(PATH).json["items"]) == 5
    assert province.get(PATH, query_string={"kind": "school_office", "cursor": first["next"]}).status_code == 400


def test_a_suspended_organisation_has_neither_staff_nor_systems_until_it_may_go_on(province, staff, client, later):
    provider_id = uuid4()
    clerk = staff("provider", "clerk", provider_id=provider_id)
    system = Machine(client(), provider_id, ("payments:read",))
    place = f"{PATH}/{clerk.organisation_id}"

    states = []
    for change in ("suspension", "suspension", "resumption", "resumption"):
        told = province.post(f"{place}/{change}").json["state"]
        of_staff = clerk.get(PAYMENTS).status_code
        later(timedelta(seconds=10))
        of_system = client().get(PAYMENTS, headers=bearer(system.token)).status_code
        states.append((told, of_staff, of_system))

    assert states == [("suspended", 403, 401)] * 2 + [("active", 200, 200)] * 2


def test_a_suspended_organisations_systems_get_no_token(province, staff):
    operator = staff("provider", "operator")
    place = f"{PATH}/{operator.organisation_id}"
    made = operator.post(f"{place}/clients", json={"name": "Hóa đơn", "scopes": ["bills:write"]}).json
    form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["client_secret"]}
    before = province.http.post("/v1/auth/token", data=form).status_code

    province.post(f"{place}/suspension")

    assert (before, province.http.post("/v1/auth/token", data=form).status_code) == (200, 401)
    assert operator.as_citizen().get("/v1/me/organisations").json["items"][0]["state"] == "suspended"
    assert operator.get(place).status_code == 403


def test_the_province_is_not_suspended(province):
    refused = province.post(f"{PATH}/{province.organisation_id}/suspension")

    assert (refused.status_code, refused.json["code"]) == (409, "own_organisation")


def test_a_provider_has_its_organisation_from_the_day_it_is_defined(client, province):
    provider = make_provider("pc-thanh-hoa")
    make_provider("pc-thanh-hoa")

    with transaction() as session:
        found = operations.get_organisation_by_slug(session, "pc-thanh-hoa")

    assert (found.provider_id, found.name_vi, found.kind) == (provider.id, provider.name_vi, "provider")
    assert len(province.get(PATH, query_string={"kind": "provider"}).json["items"]) == 1


# -- looking at citizens' data -----------------------------------------------------------------------------------------


@pytest.fixture
def shows_citizens(monkeypatch):
    """As if an operation showed citizens to staff."""
    monkeypatch.setitem(POLICY, "getOrganisation", replace(POLICY["getOrganisation"], shows_citizens=True))


@pytest.mark.parametrize(
    ("stated", "status"),
    [
        ({}, 400),
        ({"Access-Purpose": "curiosity"}, 400),
        ({"Access-Purpose": "mandate"}, 400),
        ({"Access-Purpose": "care"}, 200),
    ],
    ids=["nothing", "no reason", "a mandate", "care"],
)
def test_staff_say_why_they_look_where_citizens_are_shown(staff, shows_citizens, stated, status):
    nurse = staff("clinic", "front_desk")

    answer = nurse.get(f"{PATH}/{nurse.organisation_id}", headers=stated)

    assert answer.status_code == status
    if status == 400:
        assert answer.json["code"] == "purpose_missing"
        assert "care" in answer.json["purposes"]


def test_who_may_not_look_is_not_asked_why(staff, shows_citizens):
    by_phone = staff("clinic", "front_desk", level=Assurance.PHONE)

    assert by_phone.get(f"{PATH}/{by_phone.organisation_id}").status_code == 401
    assert staff("clinic").get(f"{PATH}/{by_phone.organisation_id}").status_code == 403
