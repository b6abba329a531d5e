"""Two citizens who turn out to be one person: every room lets what was the one's go on as the other's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

import auth.operations
import notifications.operations
import payments.operations
import services.utilities.operations
from auth.errors import IdentityOfAnother
from auth.events import CitizensJoined
from auth.identity import Person as VerifiedPerson
from auth.models import Citizen, Language, LinkedIdentity
from kit import clock, sealed, vault
from kit.database import transaction
from kit.errors import NotFound
from notifications.listeners import tell_payment_ended
from notifications.models import AddressKind, Device, MessageKind, Platform
from payments.events import PaymentEnded
from payments.models import Payment
from persons.models import ConsentAction, ConsentEvent, Mandate
from server import wiring
from services.utilities.models import Account, Lookup
from tests.factories import link, make_bill, make_provider
from tests.people import Person, all_at_once
from tests.privacy.clear_text import places_of
from tests.privacy.joining import AN, CCCD, sign_in, step_up, tell_again
from tests.privacy.test_act_for_somebody import empower, offer
from tests.privacy.test_use_the_rights_of_data_law import CONFIRMED, INSURANCE, MOTHER, books, tell_everything

# What keeps the old id for good: the citizen who was given up, what was booked, how they signed in, and the key that
# rooms may have sealed rows with. The queue's table of jobs is empty by then.
STAYS = {
    "citizen.id", "sign_in_session.citizen_id", "journal_entry.citizen_id", "vault_key.owner_id",
    "idempotency_key.caller",
}  # fmt: skip


def kept_of(person: Person) -> dict[str, str]:
    with transaction() as session:
        return sealed.read(session, person.id)


def members_of(person: Person) -> list[str]:
    return [member["name"] for member in person.get("/v1/me/household").json["items"]]


def test_nothing_but_the_books_knows_the_citizen_who_was_given_up(client, an, work):
    payment_id = tell_everything(an)
    before = books()
    kept = sign_in(client())

    after = step_up(an)
    assert work() == []

    assert after.id == kept.id
    assert set(places_of(str(an.id))) == STAYS
    assert books() == before
    assert after.get(f"/v1/payments/{payment_id}").status_code == 200
    assert [message["kind"] for message in after.get("/v1/messages").json["items"]] == ["bills_paid"]
    assert [device["address_ending"] for device in after.get("/v1/devices").json["items"]] == ["f-an"]
    assert [mandate["state"] for mandate in after.get("/v1/me/mandates").json["items"]] == ["offered"]
    given = [consent for consent in after.get("/v1/me/consents").json["items"] if consent["given"]]
    assert [consent["purpose"] for consent in given] == ["bill_reminders"]
    assert len(after.get("/v1/me/accesses").json["items"]) == 1


def test_hearing_of_it_again_changes_nothing(client, an, work):
    tell_everything(an)
    kept = sign_in(client())
    step_up(an)
    work()
    before = kept.post("/v1/me/exports").json["rooms"]

    tell_again(kept, an)

    after = kept.post("/v1/me/exports").json["rooms"]
    before["persons"].pop("data_requests")
    after["persons"].pop("data_requests")
    assert after == before


def test_what_was_proved_of_the_kept_one_stays_and_what_they_lack_is_added(client, an, work):
    tell_everything(an)  # with another name and CCCD, typed in
    sign_in(client())

    after = step_up(an)
    work()

    kept = kept_of(after)
    assert (kept["name"], kept["cccd"], kept["phone"]) == (AN.facts["name"], CCCD, "+84912345678")
    assert kept["health_insurance_no"] == INSURANCE
    assert kept_of(an) == {}


def test_a_proved_value_takes_the_place_of_one_that_was_typed_in(clean):
    giver, receiver = uuid4(), uuid4()
    with transaction() as session:
        sealed.put(session, giver, "name", "Nguyễn Văn An", proved_by="national_identity")
        sealed.put(session, giver, "cccd", CCCD, proved_by="national_identity", alone=True)
        sealed.put(session, receiver, "name", "An")

    for _twice in range(2):
        with transaction() as session:
            sealed.hand_over(session, giver, receiver)

    with transaction() as session:
        assert sealed.read(session, receiver) == {"name": "Nguyễn Văn An", "cccd": CCCD}
        assert set(sealed.list_proofs(session, receiver).values()) == {"national_identity"}
        assert sealed.find_owner(session, "cccd", CCCD) == receiver


def test_an_account_that_both_have_linked_is_linked_once(client, an, work):
    kept = sign_in(client())
    shared, only_an = make_bill(), make_bill()
    kept_account = link(kept, shared)[0]["id"]
    link(an, shared, only_an)

    after = step_up(an)
    assert work() == []
    tell_again(kept, an)

    accounts = after.get("/v1/utilities/accounts").json["items"]
    assert len(accounts) == 2
    assert kept_account in {account["id"] for account in accounts}
    with transaction() as session:
        assert set(session.scalars(select(Account.citizen_id))) == {kept.id}
        assert set(session.scalars(select(Lookup.citizen_id))) == {kept.id}


def test_an_account_linked_at_the_very_moment_of_joining_is_linked_once(client, an, work):
    kept = sign_in(client())
    bill = make_bill()
    link(an, bill)
    step_up(an)
    hands = [kept.again() for _ in range(4)]
    with transaction() as session:
        jobs = session.execute(text("SELECT count(*) FROM procrastinate_jobs WHERE args ? 'kept_id'")).scalar_one()

    def race(number: int) -> None:
        if number == 4:
            work()
        else:
            again = Person.__new__(Person)
            again.http, again.token = hands[number].http, hands[number].token
            link(again, bill)

    all_at_once(5, race)
    assert work() == []

    assert jobs == len(wiring.LISTENERS[CitizensJoined])
    assert len(kept.get("/v1/utilities/accounts").json["items"]) == 1
    with transaction() as session:
        assert session.execute(select(Account.id).where(Account.citizen_id == an.id)).all() == []


def test_misses_of_both_count_together(client, an, work):
    kept = sign_in(client())
    make_provider()
    proof = {"provider": "pc-thanh-hoa", "customer_code": "PA07TH9999999", "holder_name": "Ai đó"}
    for number in range(11):
        missed = {**proof, "customer_code": f"PA07TH{9_000_000 + number}"}
        assert an.post("/v1/utilities/lookups", json=missed).status_code == 404
        missed = {**proof, "customer_code": f"PA07TH{8_000_000 + number}"}
        assert kept.post("/v1/utilities/lookups", json=missed).status_code == 404

    after = step_up(an)
    work()

    assert after.post("/v1/utilities/lookups", json=proof).status_code == 429


def test_what_both_were_told_is_told_once_and_twenty_phones_stay(client, an, work):
    kept = sign_in(client())
    shared, own = uuid4(), uuid4()
    with transaction() as session:
        for citizen_id, subject_id in ((an.id, shared), (kept.id, shared), (an.id, own)):
            notifications.operations.post_message(session, citizen_id, MessageKind.PASSKEY_ADDED, subject_id, {})
        for number in range(15):
            for person in (an, kept):
                asked = notifications.operations.Registration(
                    f"{person.id}-{number:02d}", AddressKind.FID, Platform.ANDROID, Language.VI
                )
                notifications.operations.register_device(session, person.id, asked)

    after = step_up(an)
    assert work() == []

    told = [item for item in after.get("/v1/messages").json["items"] if item["kind"] == "passkey_added"]
    assert sorted(item["subject_id"] for item in told) == sorted([str(shared), str(own)])
    with transaction() as session:
        assert len(session.scalars(select(Device.id).where(Device.citizen_id == kept.id)).all()) == 20


def test_a_household_grown_beyond_six_loses_nobody_and_takes_nobody_in(client, an, work):
    kept = sign_in(client())
    for number in range(5):
        for person in (an, kept):
            member = {"name": f"Người {'abcde'[number]}", "relation": "other", "birth_date": "1990-01-01"}
            assert person.post("/v1/me/household", json=member).status_code == 201
    ids = {member["id"] for person in (an, kept) for member in person.get("/v1/me/household").json["items"]}

    after = step_up(an)
    assert work() == []
    members = after.get("/v1/me/household").json["items"]
    one_more = {"name": MOTHER, "relation": "parent", "birth_date": "1955-09-02"}
    full = after.post("/v1/me/household", json=one_more)
    for member in members[:4]:
        etag = after.get(f"/v1/me/household/{member['id']}").headers["ETag"]
        after.delete(f"/v1/me/household/{member['id']}", headers={"If-Match": etag})
    still_full = after.post("/v1/me/household", json=one_more)
    etag = after.get(f"/v1/me/household/{members[4]['id']}").headers["ETag"]
    after.delete(f"/v1/me/household/{members[4]['id']}", headers={"If-Match": etag})

    assert {member["id"] for member in members} == ids
    assert [answer.json["code"] for answer in (full, still_full)] == ["household_full"] * 2
    assert after.post("/v1/me/household", json=one_more).status_code == 201
    assert len(members_of(after)) == 6


def test_a_mandate_between_the_two_ends_and_those_of_others_go_on(client, an, binh, work):
    kept = sign_in(client())
    empower(an, kept)
    empower(kept, an)
    empower(an, binh)
    empower(binh, an)
    code = offer(an).json["code"]
    work()

    after = step_up(an)
    assert work() == []
    tell_again(kept, an)

    states = {}
    with transaction() as session:
        for mandate in session.scalars(select(Mandate)):
            states[mandate.principal_id, mandate.agent_id] = mandate.revoked_at is None
    assert states == {
        (an.id, kept.id): False,
        (kept.id, an.id): False,
        (kept.id, binh.id): True,
        (binh.id, kept.id): True,
        (kept.id, None): True,
    }
    assert after.post("/v1/me/mandate-acceptances", json={"code": code}).status_code == 422


def test_the_last_word_of_either_counts_for_a_consent(client, an, work):
    kept = sign_in(client())
    kept.post("/v1/me/consents", json={"purpose": "bill_reminders", "version": 1})
    with transaction() as session:
        session.add(
            ConsentEvent(citizen_id=an.id, purpose="bill_reminders", text_version=1, action=ConsentAction.WITHDRAWN)
        )

    after = step_up(an)
    work()

    (consent,) = [each for each in after.get("/v1/me/consents").json["items"] if each["purpose"] == "bill_reminders"]
    assert consent["given"] is False


def test_a_chain_of_joins_ends_at_the_last_one_in_whatever_order_it_is_heard(client, an, binh, work):
    first, second = sign_in(client()), sign_in(client(), VerifiedPerson("https://other.example", "x", "2", {}))
    claim = payments.operations.Claim(uuid4(), uuid4(), 1_000, "Tiền điện", "Electricity")
    with transaction() as session:
        payments.operations.open_payment(session, an.id, [claim])
        # Nobody does this by two step-ups within a second; but an operator's repair may, and the rooms must bear it.
        for joined_id, kept_id in ((an.id, second.id), (second.id, first.id)):
            session.execute(update(Citizen).where(Citizen.id == joined_id).values(joined_into=kept_id))

    tell_again(first, second)
    tell_again(second, an)

    with transaction() as session:
        assert session.scalars(select(Payment.citizen_id)).all() == [first.id]
        assert auth.operations.find_present_id(session, an.id) == first.id
        assert auth.operations.find_present_id(session, binh.id) == binh.id


def test_what_a_request_of_the_last_seconds_left_behind_moves_an_hour_later(client, an, work):
    kept = sign_in(client())
    step_up(an)
    work()
    bill = make_bill()
    with transaction() as session:  # a request that the token of the citizen who was given up had still let in
        services.utilities.operations.link_account(session, an.id, bill.customer_id)

    wiring.tidy()
    assert work() == []

    assert len(kept.get("/v1/utilities/accounts").json["items"]) == 1


def test_old_joins_are_not_told_for_ever(client, an, work, later):
    sign_in(client())
    step_up(an)
    work()
    later(timedelta(hours=3))

    wiring.tidy()

    with transaction() as session:
        assert session.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one() == 0


def test_nobody_signs_in_as_the_citizen_who_was_given_up(client, an, work):
    kept = sign_in(client())
    step_up(an)

    with transaction() as session:
        opened = auth.operations.start_session(session, an.id, None)

    assert opened.citizen_id == kept.id


def test_what_happened_to_the_one_before_is_told_to_the_other(client, an, work):
    payment_id = tell_everything(an)
    kept = sign_in(client())
    after = step_up(an)
    work()

    with transaction() as session:
        notifications.operations.erase_citizen(session, kept.id)
        tell_payment_ended(session, PaymentEnded(payment_id, an.id, "failed", "expired"))

    (told,) = after.get("/v1/messages").json["items"]
    assert told["subject_id"] == str(payment_id)


def test_who_is_erased_is_erased_with_what_no_room_has_moved_yet(client, an, work):
    tell_everything(an)
    sign_in(client())
    after = step_up(an)  # and no room has heard of it

    answered = after.post("/v1/me/erasure", json=CONFIRMED)
    assert work() == []

    assert answered.status_code == 204, answered.json
    assert places_of(MOTHER, INSURANCE, "912345678", CCCD) == []
    with transaction() as session:
        assert session.execute(text("SELECT count(*) FROM message")).scalar_one() == 0
        assert session.execute(text("SELECT count(*) FROM vault_key")).scalar_one() == 0
        assert auth.operations.find_recipient(session, an.id) is None
        with pytest.raises(NotFound):
            auth.operations.get_language(session, UUID(int=0))


def test_who_is_proved_to_be_two_persons_is_not_joined(client, an, work):
    sign_in(client())
    with transaction() as session:
        sealed.put(session, an.id, "cccd", "000090000002", proved_by="national_identity", alone=True)

    with pytest.raises(IdentityOfAnother):
        step_up(an)

    assert kept_of(an)["cccd"] == "000090000002"


def test_ways_in_at_other_providers_move_too(client, an, work):
    other = VerifiedPerson("https://other.example", "an-there", "2", {})
    kept = sign_in(client())
    with transaction() as session:
        session.add(
            LinkedIdentity(
                citizen_id=an.id,
                issuer=other.issuer,
                subject_index=vault.blind_index("identity subject", f"{other.issuer} {other.subject}"),
                level="2",
                verified_at=clock.now(),
            )
        )

    step_up(an)

    assert sign_in(client(), other).id == kept.id
    assert places_of(other.subject) == []  # a blind index finds them
