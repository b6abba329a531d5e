"""Staff: members who say for whom they act, in their roles there, well proved, until the moment it ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from auth import assurance, operations
from auth.assurance import PayingLimits, Proof
from auth.models import Assurance
from kit import clock
from kit.database import transaction

PAYMENTS = "/v1/utilities/provider-payments"


@pytest.fixture
def clerk(staff):
    return staff("provider", "clerk")


def test_a_clerk_of_a_provider_reads_its_payments(clerk):
    answer = clerk.get(PAYMENTS)

    assert (answer.status_code, answer.json) == (200, {"items": []})


def test_without_the_header_a_clerk_is_a_citizen_and_told_which_header_is_missing(clerk):
    refused = clerk.as_citizen().get(PAYMENTS)

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
    assert refused.json["header"] == "For-Organisation"


@pytest.mark.parametrize("kind_and_role", ["provider approver", "provider editor", "clinic clerk", "province clerk"])
def test_other_roles_and_other_kinds_of_organisation_are_refused(staff, kind_and_role):
    refused = staff(*kind_and_role.split()).get(PAYMENTS)

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_a_stranger_hears_the_same_of_any_organisation(clerk, staff):
    stranger = staff("provider", "clerk")

    answers = [
        stranger.get(PAYMENTS, headers={"For-Organisation": named})
        for named in (str(clerk.organisation_id), str(uuid4()), "pc-thanh-hoa", "")
    ]

    told = [{name: value for name, value in answer.json.items() if name != "instance"} for answer in answers]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert told == [told[0]] * 4


def test_a_system_cannot_act_as_staff(machine, clerk):
    refused = machine(uuid4()).get(PAYMENTS, headers={"For-Organisation": str(clerk.organisation_id)})

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_an_operation_that_is_not_for_staff_is_refused_and_not_done_for_the_citizen_instead(clerk):
    assert clerk.get("/v1/me").status_code == 403
    assert clerk.get("/v1/utilities/providers").status_code == 200
    assert clerk.as_citizen().get("/v1/me").json["id"] == str(clerk.id)


@pytest.mark.parametrize(
    ("level", "minutes", "status"),
    [
        (Assurance.PHONE, 0, 401),
        (Assurance.PASSKEY, 0, 200),
        (Assurance.PASSKEY, 719, 200),
        (Assurance.PASSKEY, 721, 401),
        (Assurance.IDENTITY, 719, 200),
        (Assurance.IDENTITY, 721, 401),
    ],
)
def test_staff_have_proved_themselves_well_within_the_last_twelve_hours(staff, level, minutes, status):
    clerk = staff("provider", "clerk", level=level, age=timedelta(minutes=minutes))

    answer = clerk.get(PAYMENTS)

    assert answer.status_code == status
    if status == 401:
        assert (answer.json["code"], answer.json["acr_values"], answer.json["max_age"]) == (
            "insufficient_user_authentication", "passkey identity", 43_200,
        )  # fmt: skip


def test_who_is_removed_acts_no_more_at_once_with_the_token_they_hold(clerk):
    before = clerk.get(PAYMENTS).status_code

    with transaction() as session:
        member = operations.get_own_membership(session, clerk.id, clerk.organisation_id)
        operations.end_membership(session, member, actor_id=None)

    assert (before, clerk.get(PAYMENTS).status_code) == (200, 403)
    assert clerk.as_citizen().get("/v1/me").status_code == 200


def test_each_provider_sees_its_own_only(staff, machine):
    provider_id = uuid4()
    clerk = staff("provider", "clerk", provider_id=provider_id)

    system = machine(provider_id)

    assert clerk.get(PAYMENTS).status_code == system.get(PAYMENTS).status_code == 200
    assert system.get(PAYMENTS, headers={"For-Organisation": str(clerk.organisation_id)}).status_code == 403


@pytest.fixture
def live_limits(settings):
    """As in live mode a device is new for a day."""
    assurance.use_limits(PayingLimits())
    yield
    assurance.use_limits(settings.paying_limits)


@pytest.mark.parametrize(
    ("level", "hours", "status"),
    [(Assurance.PASSKEY, 23, 401), (Assurance.PASSKEY, 25, 200), (Assurance.IDENTITY, 0, 200)],
)
def test_a_passkey_made_on_a_new_device_does_not_do_and_national_identity_does(
    clerk, live_limits, level, hours, status
):
    now = clock.now()
    with transaction() as session:
        proof = Proof(level, now, known_since=now - timedelta(hours=hours))
        clerk.token = operations.start_session(session, clerk.id, None, proof).access_token

    answer = clerk.get(PAYMENTS)

    assert answer.status_code == status
    if status == 401:
        assert (answer.json["code"], answer.json["acr_values"]) == ("insufficient_user_authentication", "identity")


def test_nobody_acts_for_an_organisation_and_for_a_citizen_at_once(clerk, an):
    refused = clerk.get(PAYMENTS, headers={"Act-For": str(an.id)})

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
