"""Invitations: by phone number, answered once, in time, by whoever has proved the number."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from auth import operations
from auth.cli import commands
from auth.models import Assurance, Language
from auth.operations.invitations import INVITATIONS_PER_DAY
from kit.database import transaction
from tests.people import Person, all_at_once
from tests.privacy.clear_text import places_of

BINH = "0987 654 321"


@pytest.fixture
def operator(staff):
    """Who looks after a clinic."""
    return staff("clinic", "operator")


def place(operator, *rest: object) -> str:
    return "/".join(map(str, (f"/v1/organisations/{operator.organisation_id}/invitations", *rest)))


def invite(operator, phone=BINH, *roles):
    return operator.post(place(operator), json={"phone": phone, "roles": list(roles or ("front_desk",))})


def answer(person, invitation_id, how="acceptance"):
    return person.post(f"/v1/me/invitations/{invitation_id}/{how}")


def withdraw(operator, invitation):
    return operator.delete(place(operator, invitation["id"]), headers={"If-Match": invitation["etag"]})


def history(operator) -> list[tuple[str, list[str]]]:
    path = f"/v1/organisations/{operator.organisation_id}/member-events"
    return [(event["action"], event["roles"]) for event in operator.get(path).json["items"]]


# -- inviting and answering --------------------------------------------------------------------------------------------


def test_who_has_the_number_finds_the_invitation_and_becomes_a_member(operator, binh):
    invited = invite(operator, BINH, "front_desk", "clerk")
    [offered] = binh.get("/v1/me/invitations").json["items"]

    accepted = answer(binh, offered["id"])

    assert (invited.status_code, invited.json["phone"], invited.json["state"]) == (201, "0987 *** 321", "open")
    assert (offered["id"], offered["roles"]) == (invited.json["id"], ["clerk", "front_desk"])
    assert offered["organisation"]["id"] == str(operator.organisation_id)
    assert (accepted.status_code, accepted.json["roles"]) == (200, ["clerk", "front_desk"])
    assert [one["id"] for one in binh.get("/v1/me/organisations").json["items"]] == [str(operator.organisation_id)]
    assert binh.get("/v1/me/invitations").json["items"] == []
    [listed] = operator.get(place(operator)).json["items"]
    assert (listed["state"], listed["phone"]) == ("accepted", None)
    assert history(operator)[:2] == [("joined", ["clerk", "front_desk"]), ("invited", ["clerk", "front_desk"])]


def test_the_number_may_come_to_us_after_the_invitation(operator, client):
    invitation = invite(operator, "0977 000 111").json

    newcomer = Person(client(), "+84977000111")

    assert answer(newcomer, invitation["id"]).status_code == 200


def test_a_text_message_tells_who_invites_and_carries_no_link(operator, outside, work):
    with transaction() as session:
        operations.welcome_citizen(session, "+84966000111", Language.EN)
    invite(operator)
    invite(operator, "0966 000 111")

    assert work() == []

    texts = {to: outside.inbox("sms", to)[0]["text"] for to in ("+84987654321", "+84966000111")}
    names = operator.get(f"/v1/organisations/{operator.organisation_id}").json
    assert texts["+84987654321"].startswith(f"{names['name_vi']} mời bạn làm thành viên.")
    assert texts["+84966000111"].startswith(f"{names['name_en']} invites you to work with them.")
    assert not any("http" in text or "/v1" in text for text in texts.values())


def test_an_invitation_that_was_taken_back_is_not_told(operator, outside, work):
    withdraw(operator, invite(operator).json)

    assert work() == []

    assert outside.inbox("sms", "+84987654321") == []


def test_the_company_that_sends_texts_is_asked_again_when_it_is_down(operator, outside, work):
    invite(operator)
    outside.spoil("sms", "error", status=503, count=1)

    failures = work()

    assert [type(failure).__name__ for failure in failures] == ["TryLater"]
    assert work() == []
    assert len(outside.inbox("sms", "+84987654321")) == 1


def test_an_invitation_is_for_its_number_and_for_nobody_else(operator, an, binh):
    invitation = invite(operator).json

    assert an.get("/v1/me/invitations").json["items"] == []
    assert [answer(an, invitation["id"], how).status_code for how in ("acceptance", "refusal")] == [404, 404]
    assert answer(binh, uuid4()).status_code == 404
    assert answer(binh, invitation["id"]).status_code == 200


def test_an_invitation_is_answered_once_and_the_same_answer_may_be_repeated(operator, binh):
    invitation = invite(operator).json

    accepted = [answer(binh, invitation["id"]) for _time in range(2)]
    declined = answer(binh, invitation["id"], "refusal")

    assert [one.status_code for one in accepted] == [200, 200]
    assert accepted[0].json == accepted[1].json
    assert (declined.status_code, declined.json["code"]) == (410, "invitation_over")
    assert [action for action, _ in history(operator)].count("joined") == 2  # the operator was the first


def test_who_declines_is_no_member_and_may_be_invited_again(operator, binh):
    invitation = invite(operator).json

    declined = [answer(binh, invitation["id"], "refusal").status_code for _time in range(2)]

    assert declined == [204, 204]
    assert answer(binh, invitation["id"]).status_code == 410
    assert binh.get("/v1/me/organisations").json["items"] == []
    assert history(operator)[0] == ("declined", [])
    assert invite(operator).status_code == 201


def test_an_invitation_taken_back_opens_nothing(operator, binh):
    invitation = invite(operator).json

    withdrawn = withdraw(operator, invitation)

    assert (withdrawn.status_code, answer(binh, invitation["id"]).status_code) == (204, 404)
    again = withdraw(operator, operator.get(place(operator)).json["items"][0])
    assert (again.status_code, again.json["code"]) == (410, "invitation_over")
    assert history(operator)[0] == ("invitation_withdrawn", ["front_desk"])


def test_after_a_week_an_invitation_is_over_and_its_number_forgotten(operator, client, later, staff):
    invitation = invite(operator).json
    later(timedelta(days=7, seconds=1))
    binh = Person(client(), "+84987654321")
    late = answer(binh, invitation["id"])

    with transaction() as session:
        operations.forget_old_invitations(session)
        kept = session.execute(text("SELECT phone_index, phone_sealed, ended_by FROM invitation")).one()

    assert (late.status_code, late.json["code"]) == (410, "invitation_over")
    assert binh.get("/v1/me/invitations").json["items"] == []
    assert tuple(kept) == (None, None, "expired")
    again = staff("clinic", "operator", organisation_id=operator.organisation_id)
    assert invite(again).status_code == 201
    later(timedelta(days=91))
    with transaction() as session:
        operations.forget_old_invitations(session)
        operations.forget_old_invitations(session)
        assert session.execute(text("SELECT count(*) FROM invitation")).scalar_one() == 1


def test_whoever_races_one_answer_counts(operator, binh):
    invitation = invite(operator).json
    ways = ["acceptance", "refusal"] * 4

    answers = all_at_once(8, lambda nth: (ways[nth], answer(binh.again(), invitation["id"], ways[nth]).status_code))

    accepted = {status for way, status in answers if way == "acceptance"}
    declined = {status for way, status in answers if way == "refusal"}
    is_member = bool(binh.get("/v1/me/organisations").json["items"])
    assert (accepted, declined) == (({200}, {410}) if is_member else ({410}, {204}))


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_one_open_invitation_per_number_and_organisation(operator, staff):
    first = invite(operator)

    again, elsewhere = invite(operator, "+84 987 654 321"), invite(staff("clinic", "operator"))

    assert (first.status_code, elsewhere.status_code) == (201, 201)
    assert (again.status_code, again.json["code"]) == (409, "already_invited")


def test_who_is_a_member_is_not_invited_again(operator):
    refused = invite(operator, operator.phone)

    assert (refused.status_code, refused.json["code"]) == (409, "already_member")


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": []},
        {"roles": ["doctor"]},
        {"phone": "0243 825 1234"},
        {"phone": "+1 202 555 0100"},
        {"expires_at": "2030-01-01T00:00:00+07:00"},
    ],
)
def test_an_invitation_without_bounds_is_refused(operator, wrong):
    refused = operator.post(place(operator), json={"phone": BINH, "roles": ["clerk"]} | wrong)

    assert refused.status_code == 422
    assert operator.get(place(operator)).json["items"] == []


def test_the_same_request_invites_once(operator):
    key = {"Idempotency-Key": "binh"}
    asked = {"phone": BINH, "roles": ["clerk"]}

    first, again = (operator.post(place(operator), json=asked, headers=key) for _time in range(2))

    assert (first.json["id"], again.headers["Idempotency-Replayed"]) == (again.json["id"], "true")
    assert operator.post(place(operator), json=asked | {"phone": "0966000111"}, headers=key).status_code == 422


def test_an_organisation_sends_fifty_invitations_a_day(operator, later, staff):
    statuses = [invite(operator, f"09{70_000_000 + nth}").status_code for nth in range(INVITATIONS_PER_DAY)]

    refused = invite(operator)

    assert set(statuses) == {201}
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_invitations")
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    later(timedelta(days=1))
    assert invite(staff("clinic", "operator", organisation_id=operator.organisation_id)).status_code == 201


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"roles": ["front_desk", "clerk", "approver", "editor"]}, 403),
        ({"roles": []}, 403),
        ({"roles": ["operator"], "age": timedelta(minutes=6)}, 401),
        ({"roles": ["operator"], "level": Assurance.PHONE}, 401),
        ({"roles": ["operator"], "level": Assurance.IDENTITY}, 201),
    ],
    ids=["all other roles", "no member", "an old proof", "by phone", "by identity"],
)
def test_only_an_operator_who_has_just_proved_themselves_invites(operator, staff, who, status):
    roles = who.pop("roles")
    member = staff("clinic", *roles, organisation_id=operator.organisation_id, **who)

    assert invite(member).status_code == status


def test_an_operator_of_another_organisation_finds_nothing_here(operator, staff):
    stranger, invitation = staff("clinic", "operator"), invite(operator).json

    answers = [
        stranger.get(place(operator)),
        stranger.post(place(operator), json={"phone": BINH, "roles": ["clerk"]}),
        stranger.delete(place(operator, invitation["id"]), headers={"If-Match": invitation["etag"]}),
        stranger.delete(place(stranger, invitation["id"]), headers={"If-Match": invitation["etag"]}),
    ]

    assert [one.status_code for one in answers] == [404] * 4
    assert stranger.get(place(operator), headers={"For-Organisation": str(operator.organisation_id)}).status_code == 403


def test_the_province_invites_for_any_organisation(operator, staff, binh):
    province = staff("province", "operator")

    invitation = province.post(place(operator), json={"phone": BINH, "roles": ["operator"]})

    assert answer(binh, invitation.json["id"]).json["id"] == str(operator.organisation_id)


def test_nobody_joins_while_the_organisation_is_suspended(operator, staff, binh):
    invitation = invite(operator).json
    province = staff("province", "operator")
    for change, status in (("suspension", 404), ("resumption", 200)):
        province.post(f"/v1/organisations/{operator.organisation_id}/{change}")
        listed = binh.get("/v1/me/invitations").json["items"]

        assert (len(listed), answer(binh, invitation["id"]).status_code) == (int(status == 200), status)


def test_no_invited_number_stands_anywhere_in_clear(operator):
    invite(operator, "0977 123 987")

    assert places_of("977123987", "977 123 987") == []


# -- from the command line ---------------------------------------------------------------------------------------------


def test_the_first_operator_of_the_province_is_invited_from_the_command_line(client, binh):
    run = CliRunner().invoke
    made = run(
        commands,
        ["create-organisation", "so-khcn", "--kind", "province", "--name-vi", "Sở KHCN", "--name-en", "Department"],
    )
    invited = run(commands, ["invite", "so-khcn", "--role", "operator"], input=f"{BINH}\n")
    unknown = run(commands, ["invite", "nowhere", "--role", "operator"], input=f"{BINH}\n")

    [offered] = binh.get("/v1/me/invitations").json["items"]

    assert (made.exit_code, invited.exit_code, unknown.exit_code) == (0, 0, 2)
    assert made.output == f"organisation_id={offered['organisation']['id']}\n"
    assert "0987 *** 321" in invited.output
    assert "0987 654" not in invited.output
    assert answer(binh, offered["id"]).json["roles"] == ["operator"]
