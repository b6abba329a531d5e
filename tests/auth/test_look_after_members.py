"""Members: seen, changed, removed and leaving, never without an operator, and all of it kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from auth import operations
from auth.events import CitizensJoined
from auth.models import Citizen
from auth.organisation_models import Membership, StaffRole
from kit import events
from kit.database import transaction
from tests.people import all_at_once


@pytest.fixture
def operator(staff):
    return staff("provider", "operator")


@pytest.fixture
def clerk(staff, operator):
    """Somebody who works with the operator."""
    return staff("provider", "clerk", organisation_id=operator.organisation_id)


def place(member, *rest: object, part="members") -> str:
    return "/".join(map(str, (f"/v1/organisations/{member.organisation_id}/{part}", *rest)))


def members(operator) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in operator.get(place(operator)).json["items"]}


def change(operator, member, *roles):
    etag = members(operator)[str(member.member_id)]["etag"]
    path = place(operator, member.member_id)
    return operator.patch(path, json={"roles": list(roles)}, headers={"If-Match": etag})


def remove(operator, member):
    etag = members(operator)[str(member.member_id)]["etag"]
    return operator.delete(place(operator, member.member_id), headers={"If-Match": etag})


def leave(member):
    mine = {one["id"]: one for one in member.as_citizen().get("/v1/me/organisations").json["items"]}
    path = f"/v1/me/organisations/{member.organisation_id}"
    return member.as_citizen().delete(path, headers={"If-Match": mine[str(member.organisation_id)]["etag"]})


# -- seeing ------------------------------------------------------------------------------------------------------------


def test_an_operator_sees_the_members_masked(operator, clerk):
    listed = members(operator)

    assert set(listed) == {str(operator.member_id), str(clerk.member_id)}
    assert listed[str(clerk.member_id)]["roles"] == ["clerk"]
    assert listed[str(clerk.member_id)]["phone"].endswith(f" *** {clerk.phone[-3:]}")
    assert clerk.phone[3:] not in operator.get(place(operator)).text


def test_members_are_paged(operator, clerk):
    first = operator.get(place(operator), query_string={"limit": 1}).json
    second = operator.get(place(operator), query_string={"limit": 1, "cursor": first["next"]}).json

    assert [one["id"] for one in (*first["items"], *second["items"])] == [str(clerk.member_id), str(operator.member_id)]
    assert "next" not in second


def test_every_member_sees_the_organisation_and_no_stranger_does(operator, clerk, staff):
    path = f"/v1/organisations/{operator.organisation_id}"

    seen = [
        who.get(path).status_code for who in (operator, clerk, staff("clinic", "operator"), staff("province", "clerk"))
    ]

    assert seen == [200, 200, 404, 200]


def test_only_operators_see_members_and_history(operator, clerk, staff):
    stranger = staff("provider", "operator")

    for part in ("members", "member-events", "invitations", "clients"):
        statuses = [who.get(place(operator, part=part)).status_code for who in (operator, clerk, stranger)]
        assert statuses == [200, 403, 404], part


# -- changing ----------------------------------------------------------------------------------------------------------


def test_changed_roles_count_at_once(operator, clerk):
    payments = "/v1/utilities/provider-payments"
    before = clerk.get(payments).status_code

    changed = change(operator, clerk, "approver", "editor")

    assert (changed.status_code, changed.json["roles"]) == (200, ["approver", "editor"])
    assert (before, clerk.get(payments).status_code) == (200, 403)
    change(operator, clerk, "clerk")
    assert clerk.get(payments).status_code == 200


def test_who_is_removed_is_shut_out_at_once_with_the_token_they_hold(operator, clerk):
    payments = "/v1/utilities/provider-payments"
    before = clerk.get(payments).status_code

    removed = remove(operator, clerk)

    assert (before, removed.status_code, clerk.get(payments).status_code) == (200, 204, 403)
    assert set(members(operator)) == {str(operator.member_id)}
    assert clerk.as_citizen().get("/v1/me/organisations").json["items"] == []


def test_a_member_leaves_and_may_come_back(operator, clerk):
    assert leave(clerk).status_code == 204

    with transaction() as session:
        back = operations.add_member(session, operator.organisation_id, clerk.id, [StaffRole.CLERK], actor_id=None)

    assert clerk.get("/v1/utilities/provider-payments").status_code == 200
    assert str(back.id) in members(operator)


def test_a_change_needs_what_was_last_read(operator, clerk):
    stale = members(operator)[str(clerk.member_id)]["etag"]
    change(operator, clerk, "approver")
    path = place(operator, clerk.member_id)

    answers = [
        operator.patch(path, json={"roles": ["editor"]}, headers={"If-Match": stale}),
        operator.patch(path, json={"roles": ["editor"]}),
        operator.delete(path, headers={"If-Match": stale}),
        operator.delete(path),
    ]

    assert [one.status_code for one in answers] == [412, 428, 412, 428]


def test_a_change_of_roles_needs_a_fresh_proof_and_a_removal_does_not(operator, clerk, staff):
    earlier = staff("provider", "operator", organisation_id=operator.organisation_id, age=timedelta(hours=1))

    refused, removed = change(earlier, clerk, "approver"), remove(earlier, clerk)

    assert (refused.status_code, refused.json["code"], refused.json["max_age"]) == (
        401, "insufficient_user_authentication", 300,
    )  # fmt: skip
    assert removed.status_code == 204


def test_a_member_of_another_organisation_is_not_found(operator, clerk, staff):
    stranger = staff("provider", "operator")
    etag = members(operator)[str(clerk.member_id)]["etag"]

    answers = [
        stranger.delete(place(where, clerk.member_id), headers={"If-Match": etag}) for where in (operator, stranger)
    ]

    assert [one.status_code for one in answers] == [404, 404]
    assert str(clerk.member_id) in members(operator)


# -- the last operator -------------------------------------------------------------------------------------------------


def test_the_last_operator_is_neither_removed_nor_changed_nor_leaves(operator, clerk):
    refused = [remove(operator, operator), change(operator, operator, "clerk"), leave(operator)]

    assert [(one.status_code, one.json["code"]) for one in refused] == [(409, "last_operator")] * 3
    assert change(operator, operator, "clerk", "operator").status_code == 200


def test_who_has_handed_over_may_go(operator, clerk):
    change(operator, clerk, "clerk", "operator")

    assert leave(operator).status_code == 204
    assert members(clerk).keys() == {str(clerk.member_id)}
    assert leave(clerk).json["code"] == "last_operator"


def test_an_operator_who_was_removed_does_not_count(operator, clerk):
    change(operator, clerk, "operator")
    remove(operator, clerk)

    assert leave(operator).json["code"] == "last_operator"


def test_operators_who_all_leave_at_once_leave_one_behind(operator, staff):
    others = [staff("provider", "operator", organisation_id=operator.organisation_id) for _nth in range(5)]
    going = [operator, *others]
    etags = {one.id: one.as_citizen().get("/v1/me/organisations").json["items"][0]["etag"] for one in going}
    http = {one.id: one.http.application.test_client() for one in going}

    def go(nth):
        who = going[nth]
        path = f"/v1/me/organisations/{who.organisation_id}"
        headers = {"If-Match": etags[who.id], "Authorization": f"Bearer {who.token}"}
        return http[who.id].delete(path, headers=headers).status_code

    answers = all_at_once(6, go)

    assert sorted(answers) == [204] * 5 + [409]
    stayed = going[answers.index(409)]
    assert set(members(stayed)) == {str(stayed.member_id)}


# -- history and the person --------------------------------------------------------------------------------------------


def test_the_history_tells_who_did_what_to_whom(operator, clerk):
    change(operator, clerk, "approver")
    remove(operator, clerk)

    told = operator.get(place(operator, part="member-events")).json["items"]

    assert [(one["action"], one["citizen_id"], one["actor_id"], one["roles"]) for one in told] == [
        ("removed", str(clerk.id), str(operator.id), []),
        ("roles_changed", str(clerk.id), str(operator.id), ["approver"]),
        ("joined", str(clerk.id), None, ["clerk"]),
        ("joined", str(operator.id), None, ["operator"]),
    ]


def test_a_change_that_changes_nothing_is_not_told(operator, clerk):
    change(operator, clerk, "clerk")

    told = operator.get(place(operator, part="member-events")).json["items"]

    assert [one["action"] for one in told] == ["joined", "joined"]


def test_a_member_takes_along_for_whom_they_worked(operator, clerk):
    remove(operator, clerk)

    told = clerk.as_citizen().post("/v1/me/exports").json["rooms"]["auth"]

    assert [(one["roles"], one["ended_at"] is None) for one in told["memberships"]] == [(["clerk"], False)]
    assert [one["action"] for one in told["member_history"]] == ["joined", "removed"]


def test_who_is_erased_works_for_nobody_and_is_invited_by_nobody(operator, clerk, staff):
    elsewhere = staff("clinic", "operator")
    elsewhere.post(place(elsewhere, part="invitations"), json={"phone": clerk.phone, "roles": ["clerk"]})

    erased = clerk.as_citizen().post("/v1/me/erasure", json={"confirm": "erase everything"})

    assert erased.status_code < 300
    assert set(members(operator)) == {str(operator.member_id)}
    told = operator.get(place(operator, part="member-events")).json["items"][0]
    assert (told["action"], told["citizen_id"], told["citizen_name"]) == ("left", str(clerk.id), None)
    assert elsewhere.get(place(elsewhere, part="invitations")).json["items"][0]["state"] == "declined"


def test_citizens_who_prove_to_be_one_person_are_one_member_with_the_roles_of_both(operator, clerk, staff, work):
    other = staff("provider", "approver", organisation_id=operator.organisation_id)
    elsewhere = staff("clinic", "editor")
    with transaction() as session:
        operations.add_member(session, elsewhere.organisation_id, clerk.id, [StaffRole.FRONT_DESK], actor_id=None)

    with transaction() as session:
        for _time in range(2):
            events.emit(session, CitizensJoined(other.id, clerk.id))
    assert work() == []

    with transaction() as session:
        live = session.execute(
            select(Membership.organisation_id, Membership.roles).where(
                Membership.citizen_id == other.id, Membership.ended_at.is_(None)
            )
        ).all()
        left = session.execute(
            select(Citizen.id)
            .join(Membership, Membership.citizen_id == Citizen.id)
            .where(Citizen.id == clerk.id, Membership.ended_at.is_(None))
        ).all()
    assert dict(map(tuple, live)) == {
        operator.organisation_id: ["approver", "clerk"],
        elsewhere.organisation_id: ["front_desk"],
    }
    assert left == []
