"""Pushes: each phone hears of a message once, says nothing personal, and is let be when it is gone."""

from __future__ import annotations

from uuid import UUID

import pytest

from kit.events import TryLater
from notifications import flows
from notifications.events import MessagePosted
from tests.notifications.stories import Person, push_states, pushes_ordered, register, tell_ended, tell_paid
from tests.people import Outside


def test_every_phone_of_the_citizen_hints_at_the_message_in_its_own_language(
    an: Person, binh: Person, outside: Outside
) -> None:
    register(an, "an-phone", address_kind="token")
    register(an, "an-tablet", language="en", platform="ios")
    register(binh, "binh-phone")
    message_id = _posted(an)

    flows.push_message(MessagePosted(message_id))

    (phone,), (tablet,) = outside.shown_on("an-phone"), outside.shown_on("an-tablet")
    assert (phone["title"], tablet["title"]) == ("Thanh toán đã hoàn tất", "Your payment is complete")
    assert phone["data"] == {"message_id": str(message_id), "kind": "bills_paid"}
    assert outside.shown_on("binh-phone") == []
    assert push_states() == {"an-phone": ("sent", 1), "an-tablet": ("sent", 1)}


def test_a_push_holds_nothing_of_what_the_message_says(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    told = an.get(f"/v1/messages/{message_id}").json

    flows.push_message(MessagePosted(message_id))

    (shown,) = outside.shown_on("an-phone")
    for secret in ("1.235.000", "1235000", "Bắc Ninh", "912345678", told["title"], told["subject_id"]):
        assert secret in f"{told} 1235000 912345678"
        assert secret not in str(shown)


def test_an_event_that_comes_twice_is_shown_once(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)

    flows.push_message(MessagePosted(message_id))
    flows.push_message(MessagePosted(message_id))

    assert len(outside.shown_on("an-phone")) == 1


def test_a_citizen_without_phones_is_not_waited_for(an: Person, outside: Outside) -> None:
    message_id = _posted(an)

    flows.push_message(MessagePosted(message_id))

    assert outside.inbox("push") == []
    assert push_states() == {}


def test_a_message_that_was_read_meanwhile_needs_no_push(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    told = an.get(f"/v1/messages/{message_id}").json
    an.patch(f"/v1/messages/{message_id}", json={"read": True}, headers={"If-Match": told["etag"]})

    flows.push_message(MessagePosted(message_id))

    assert outside.inbox("push") == []


def test_a_phone_whose_address_is_gone_is_forgotten_and_the_others_are_told(an: Person, outside: Outside) -> None:
    register(an, "unregistered-phone")
    register(an, "an-tablet")
    message_id = _posted(an)

    flows.push_message(MessagePosted(message_id))

    assert push_states() == {"an-tablet": ("sent", 1)}
    assert [device["address_ending"] for device in an.get("/v1/devices").json["items"]] == ["blet"]


def test_after_a_failure_only_what_was_not_sent_is_sent_again(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    register(an, "an-tablet")
    message_id = _posted(an)
    outside.spoil("push", "error", status=503, nth=2)

    with pytest.raises(TryLater):
        flows.push_message(MessagePosted(message_id))
    interrupted = push_states()
    flows.push_message(MessagePosted(message_id))

    assert sorted(interrupted.values()) == [("due", 1), ("sent", 1)]
    assert {state for state, _attempts in push_states().values()} == {"sent"}
    assert len(outside.shown_on("an-phone")) == len(outside.shown_on("an-tablet")) == 1


def test_a_phone_that_keeps_failing_does_not_hold_up_the_others(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    register(an, "an-tablet")
    message_id = _posted(an)
    outside.spoil("push", "error", status=500, nth=1)
    with pytest.raises(TryLater):
        flows.push_message(MessagePosted(message_id))
    outside.spoil("push", "error", status=500, nth=2)

    with pytest.raises(TryLater):
        flows.push_message(MessagePosted(message_id))

    assert sorted(push_states().values()) == [("due", 2), ("sent", 1)]


def test_firebase_says_how_long_it_wants_to_be_left_alone(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    outside.spoil("push", "rate_limit", seconds=77)

    with pytest.raises(TryLater) as asked:
        flows.push_message(MessagePosted(message_id))

    assert asked.value.seconds == 77


def test_nobody_can_make_a_push_wait_for_more_than_an_hour(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    outside.spoil("push", "rate_limit", seconds=3600)
    with pytest.raises(TryLater) as asked:
        flows.push_message(MessagePosted(message_id))
    assert asked.value.seconds == 3600


def test_without_a_wish_of_firebase_the_waits_double(an: Person, outside: Outside) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    outside.spoil("push", "down")
    waits = []

    for _attempt in range(3):
        with pytest.raises(TryLater) as asked:
            flows.push_message(MessagePosted(message_id))
        waits.append(asked.value.seconds)

    assert waits == [2, 4, 8]
    assert push_states() == {"an-phone": ("due", 3)}


@pytest.mark.parametrize("action", ["cut", "timeout_before"])
def test_a_broken_line_is_tried_again(an: Person, outside: Outside, action: str) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    outside.spoil("push", action, seconds=0)

    with pytest.raises(TryLater):
        flows.push_message(MessagePosted(message_id))
    flows.push_message(MessagePosted(message_id))

    assert push_states() == {"an-phone": ("sent", 2)}


@pytest.mark.parametrize("status", [400, 403])
def test_a_push_that_firebase_will_never_take_is_not_tried_again_and_the_phone_is_kept(
    an: Person, outside: Outside, status: int
) -> None:
    register(an, "an-phone")
    message_id = _posted(an)
    outside.spoil("push", "error", status=status)

    flows.push_message(MessagePosted(message_id))
    flows.push_message(MessagePosted(message_id))

    assert push_states() == {"an-phone": ("failed", 1)}
    assert outside.inbox("push") == []


def test_a_job_of_a_quiet_message_does_not_exist(an: Person, outside: Outside) -> None:
    register(an, "an-phone")

    tell_ended(an.id, "card_declined")

    assert pushes_ordered() == []


def _posted(person: Person) -> UUID:
    """The id of a new message, as the job that pushes it gets it."""
    tell_paid(person.id)
    return pushes_ordered()[-1]
