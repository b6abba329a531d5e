"""A look of a member of staff is written down with organisation, purpose and fields, and read by the citizen."""

from __future__ import annotations

import pytest
from flask import g

from auth import operations
from auth.guard import Caller, Role
from auth.organisation_models import StaffRole
from kit.database import transaction
from kit.errors import NotAllowed
from persons.errors import PurposeMissing
from persons.guard import note_look

ROLES = {
    "provider": "provider", "clinic": "clinic", "school_office": "school", "tourism_office": "tourism",
    "province": "operator",
}  # fmt: skip


@pytest.fixture
def look(app):
    """`look(who, citizen, *fields, purpose=…)` as a view does inside a request of a member of staff."""

    def at(who, citizen, *fields, purpose="complaint"):
        with app.test_request_context(headers={"Access-Purpose": purpose}), transaction() as session:
            staff = operations.find_staff(session, who.id, who.organisation_id)
            g.operation_id = "getBooking"
            g.caller = Caller(Role.STAFF, who.id, staff=staff) if staff else Caller(Role.CITIZEN, who.id)
            note_look(session, citizen.id, *fields)

    return at


@pytest.mark.parametrize(("kind", "role"), ROLES.items())
def test_the_citizen_reads_who_looked_for_which_organisation_and_why(an, staff, look, kind, role):
    clerk = staff(kind, StaffRole.CLERK)

    look(clerk, an, "phone", "name")

    [seen] = an.get("/v1/me/accesses").json["items"]
    [organisation] = clerk.as_citizen().get("/v1/me/organisations").json["items"]
    assert (seen["role"], seen["organisation"], seen["actor_id"]) == (role, organisation["name_vi"], str(clerk.id))
    assert (seen["purpose"], seen["operation"], seen["fields_seen"]) == ("complaint", "getBooking", ["name", "phone"])


def test_without_a_purpose_nothing_is_noted_and_the_look_fails(an, staff, look):
    with pytest.raises(PurposeMissing):
        look(staff("clinic", "front_desk"), an, "name", purpose="curiosity")

    assert an.get("/v1/me/accesses").json["items"] == []


def test_who_is_not_staff_notes_no_look(an, staff, look):
    with pytest.raises(NotAllowed):
        look(staff("clinic"), an, "name")
