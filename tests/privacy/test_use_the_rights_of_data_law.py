"""Taking all data along, being forgotten, consenting, and seeing who looked."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, text, update

import auth.operations
import notifications.operations
import payments.operations
import persons.operations
from auth.models import Citizen, Language, LinkedIdentity, Passkey, SignInSession
from auth.operations import SignIn
from auth.organisation_models import StaffRole
from kit import clock, sealed
from kit.database import Base, transaction
from kit.errors import NotSignedIn
from kit.vault import Unreadable
from notifications.models import AddressKind, Device, Message, MessageKind, Platform
from payments.models import Journal, JournalEntry, JournalKind, MoneyState, Payment, PaymentItem, Posting
from persons import duties, holdings
from persons.models import AccessPurpose, AccessRole, RequestKind
from server.holdings import HOLDINGS
from tests.auth.app_stories import allow_an_own_app
from tests.people import Person, make_organisation
from tests.privacy.clear_text import places_of

NAME, BORN, CCCD, INSURANCE = "Nguyễn Văn Thử Nghiệm", "1985-03-21", "034085009876", "DN4340123459999"
MOTHER, MOTHER_CCCD = "Trần Thị Kiểm Tra", "034155007777"
ALL = (NAME, BORN, CCCD, INSURANCE, MOTHER, MOTHER_CCCD, "912345678")
PAID = {
    "bills": [{"vi": "Tiền điện 10/2026", "en": "Electricity 10/2026"}],
    "amount_vnd": 636_768,
    "posted_on": "2026-11-20",
}
CONFIRMED = {"confirm": "erase everything"}


def tell_identity(person: Person) -> None:
    etag = person.get("/v1/me/identity").headers["ETag"]
    told = {"name": NAME, "cccd": CCCD, "birth_date": BORN, "health_insurance_no": INSURANCE}
    changed = person.patch("/v1/me/identity", json=told, headers={"If-Match": etag})
    assert changed.status_code == 200, changed.json


def tell_everything(person: Person) -> UUID:
    """A citizen with something in every room; returns the id of a payment that has arrived."""
    tell_identity(person)
    mother = {"name": MOTHER, "relation": "parent", "birth_date": "1955-09-02", "cccd": MOTHER_CCCD}
    assert person.post("/v1/me/household", json=mother).status_code == 201
    until = (clock.now() + timedelta(days=30)).isoformat()
    assert person.post("/v1/me/mandates", json={"scopes": ["bills:read"], "ends_at": until}).status_code == 201
    assert person.post("/v1/me/consents", json={"purpose": "bill_reminders", "version": 1}).status_code == 200
    clinic = make_organisation("clinic")
    claim = payments.operations.Claim(uuid4(), uuid4(), 636_768, "Tiền điện 10/2026", "Electricity 10/2026")
    with transaction() as session:
        payment_id = payments.operations.open_payment(session, person.id, [claim])
        auth.operations.add_member(session, clinic, person.id, [StaffRole.FRONT_DESK], actor_id=None)
        device = notifications.operations.Registration("fid-of-an", AddressKind.FID, Platform.ANDROID, Language.VI)
        notifications.operations.register_device(session, person.id, device)
        notifications.operations.post_message(session, person.id, MessageKind.BILLS_PAID, payment_id, PAID)
        persons.operations.record_access(
            session,
            person.id,
            role=AccessRole.PROVIDER,
            purpose=AccessPurpose.BILLING,
            operation="test",
            fields=["name"],
            organisation="Điện lực Bắc Ninh",
        )
        session.add_all(
            [
                Passkey(
                    citizen_id=person.id,
                    credential_id=b"credential",
                    public_key=b"key",
                    user_handle=person.id.bytes,
                    sign_count=0,
                    transports=[],
                    is_synced=True,
                    name="Điện thoại",
                    known_since=clock.now(),
                ),
                LinkedIdentity(
                    citizen_id=person.id, issuer="https://id", subject_index=b"s-1", level="2", verified_at=clock.now()
                ),
            ]
        )
        links = {"id": uuid4(), "citizen": person.id, "now": clock.now()}
        session.execute(
            text("INSERT INTO lookup (id, created_at, citizen_id, code_hash) VALUES (:id, :now, :citizen, 'x')"), links
        )
    allow_an_own_app(person.id)
    arrive(person, payment_id)
    return payment_id


def arrive(person: Person, payment_id: UUID) -> None:
    with transaction() as session:
        session.execute(
            update(Payment)
            .where(Payment.id == payment_id)
            .values(state=MoneyState.CAPTURED, captured_vnd=636_768, client_secret="pi_1_secret")
        )
        session.execute(update(PaymentItem).values(taken=True, posting=Posting.POSTED, posted_at=clock.now()))
        journal = {"id": uuid4(), "payment_id": payment_id, "kind": JournalKind.CAPTURED, "created_at": clock.now()}
        journal["subject"] = str(payment_id)
        session.execute(insert(Journal).values(**journal))
        sides = [("card", None, 636_768), ("owed_to_payees", person.id, -636_768)]
        session.execute(
            insert(JournalEntry),
            [
                {"journal_id": journal["id"], "account": account, "citizen_id": citizen, "amount_vnd": amount}
                for account, citizen, amount in sides
            ],
        )


def books() -> list[tuple[str, int]]:
    with transaction() as session:
        rows = session.execute(
            select(JournalEntry.account, func.sum(JournalEntry.amount_vnd))
            .group_by(JournalEntry.account)
            .order_by("account")
        )
        return [(account, int(total)) for account, total in rows]


def count(model: type[Device | Message | Passkey | LinkedIdentity], citizen_id: UUID) -> int:
    with transaction() as session:
        return len(session.scalars(select(model.id).where(model.citizen_id == citizen_id)).all())


# -- identity ----------------------------------------------------------------------------------------------------------


def test_what_a_citizen_types_in_is_shown_masked(an):
    tell_identity(an)

    told = an.get("/v1/me/identity").json

    assert told == {
        "name": NAME,
        "cccd": "*********876",
        "phone": "0912 *** 678",
        "birth_date": BORN,
        "health_insurance_no": "************999",
        "proofs": {"name": None, "cccd": None, "birth_date": None, "health_insurance_no": None, "phone": "phone_code"},
    }


def test_a_change_needs_the_version_that_was_read(an):
    old = an.get("/v1/me/identity").headers["ETag"]
    tell_identity(an)

    stale = an.patch("/v1/me/identity", json={"name": "Ai Đó"}, headers={"If-Match": old})
    blind = an.patch("/v1/me/identity", json={"name": "Ai Đó"})
    fresh = an.patch(
        "/v1/me/identity", json={"cccd": None}, headers={"If-Match": an.get("/v1/me/identity").headers["ETag"]}
    )

    assert (stale.status_code, blind.status_code) == (412, 428)
    assert (fresh.status_code, fresh.json["cccd"], fresh.json["name"]) == (200, None, NAME)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cccd": "03408500123"},
        {"cccd": "03408500123a"},
        {"birth_date": "1899-12-31"},
        {"birth_date": (clock.today() + timedelta(days=2)).isoformat()},
        {"health_insurance_no": "DN434012345999"},
        {"name": ""},
        {"name": "An <b>"},
        {"phone": "0912345678"},
        {"nickname": "An"},
    ],
)
def test_values_that_cannot_be_are_refused(an, wrong):
    etag = an.get("/v1/me/identity").headers["ETag"]

    refused = an.patch("/v1/me/identity", json=wrong, headers={"If-Match": etag})

    assert refused.status_code in {400, 422}
    assert an.get("/v1/me/identity").headers["ETag"] == etag


def test_a_cccd_from_a_province_of_long_ago_is_as_good_as_any(an):
    etag = an.get("/v1/me/identity").headers["ETag"]

    changed = an.patch("/v1/me/identity", json={"cccd": "017085000123"}, headers={"If-Match": etag})

    assert changed.status_code == 200


def test_what_national_identity_proved_cannot_be_typed_over(an):
    with transaction() as session:
        sealed.put(session, an.id, "name", NAME, proved_by="national_identity")
    etag = an.get("/v1/me/identity").headers["ETag"]

    refused = an.patch("/v1/me/identity", json={"name": "Người Khác"}, headers={"If-Match": etag})

    assert (refused.status_code, refused.json["code"], refused.json["field"]) == (409, "value_proved", "name")
    assert an.get("/v1/me/identity").json["name"] == NAME


def test_nothing_personal_stands_in_clear_in_any_table(an, binh):
    tell_everything(an)

    assert places_of(*ALL) == []


# -- export ------------------------------------------------------------------------------------------------------------


def test_every_table_that_names_a_citizen_belongs_to_a_room_that_tells_of_it():
    named = {
        table.name
        for table in Base.metadata.sorted_tables
        if {"citizen_id", "principal_id", "agent_id", "owner_id"} & set(table.columns.keys())
    } | {"citizen"}

    claimed = [table for holding in HOLDINGS.values() for table in holding.tables]

    assert named - set(claimed) == set()
    assert len(claimed) == len(set(claimed))
    assert holdings.declared() == HOLDINGS


def test_a_citizen_takes_everything_along_and_every_room_contributes(an):
    payment_id = tell_everything(an)

    answer = an.post("/v1/me/exports")

    told = answer.json["rooms"]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert set(told) == set(HOLDINGS)
    assert told["persons"]["identity"] == {
        "name": NAME, "cccd": CCCD, "birth_date": BORN, "health_insurance_no": INSURANCE, "phone": "+84912345678"
    }  # fmt: skip
    assert (told["persons"]["household"][0]["name"], told["persons"]["household"][0]["cccd"]) == (MOTHER, MOTHER_CCCD)
    assert told["payments"]["payments"][0]["id"] == str(payment_id)
    assert told["notifications"]["devices"][0]["address_ending"] == "f-an"
    empty = {f"{room}.{part}" for room, parts in told.items() for part, rows in parts.items() if not rows}
    # What rooms hold is told in their own tests: schools in test_keep_a_list.py, visitors in tests/tourism, clinics.
    elsewhere = {f"{room}.{part}" for room in ("education", "tourism", "health") for part in told[room]}
    assert empty - elsewhere == {
        "utilities.accounts", "utilities.automatic_payments", "utilities.planned_payments",
        "utilities.provider_applications",
        "payments.refunds", "payments.cards",
    }  # fmt: skip
    assert "secret" not in answer.text


def test_an_export_holds_nothing_of_a_stranger(an, binh):
    payment_id = tell_everything(an)

    told = binh.post("/v1/me/exports")

    for value in (*ALL, str(payment_id), str(an.id)):
        assert value not in told.text


def test_asking_again_with_one_key_is_one_request(an):
    key = {"Idempotency-Key": "export-1"}

    first, again = an.post("/v1/me/exports", headers=key), an.post("/v1/me/exports", headers=key)

    assert first.json["request"]["id"] == again.json["request"]["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(an.get("/v1/me/data-requests").json["items"]) == 1


@pytest.mark.parametrize(
    ("asked_on", "answer_due_on"),
    [
        (date(2026, 11, 18), date(2026, 11, 20)),  # Wednesday -> Friday
        (date(2026, 11, 19), date(2026, 11, 23)),  # Thursday -> Monday
        (date(2026, 11, 20), date(2026, 11, 24)),  # Friday -> Tuesday
        (date(2026, 11, 21), date(2026, 11, 24)),  # Saturday -> Tuesday
    ],
)
def test_the_clocks_run_as_data_law_says(asked_on, answer_due_on):
    exported, erased = (duties.due_dates(kind, asked_on) for kind in (RequestKind.EXPORT, RequestKind.ERASE))

    assert exported == (answer_due_on, asked_on + timedelta(days=15))
    assert erased == (answer_due_on, asked_on + timedelta(days=20))


def test_a_request_shows_its_clocks_and_that_it_was_in_time(an, binh):
    an.post("/v1/me/exports")

    [listed] = an.get("/v1/me/data-requests").json["items"]

    done = datetime.fromisoformat(listed["done_at"]).date()
    assert listed["kind"] == "export"
    assert done <= date.fromisoformat(listed["answer_due_on"]) < date.fromisoformat(listed["done_due_on"])
    assert binh.get("/v1/me/data-requests").json["items"] == []


# -- erasure -----------------------------------------------------------------------------------------------------------


def test_who_is_erased_leaves_the_books_as_they_were_and_nothing_to_read(an):
    payment_id = tell_everything(an)
    before = books()
    with transaction() as session:
        ciphertext = session.scalars(text("SELECT sealed FROM household_member")).one()

    erased = an.post("/v1/me/erasure", json=CONFIRMED)

    assert erased.status_code == 204
    assert books() == before == [("card", 636_768), ("owed_to_payees", -636_768)]
    assert [count(model, an.id) for model in (Device, Message, Passkey, LinkedIdentity)] == [0] * 4
    with transaction() as session:
        payment = session.get(Payment, payment_id)
        assert (payment.citizen_id, payment.captured_vnd, payment.client_secret) == (an.id, 636_768, None)
        assert sealed.find_key(session, an.id) is None
        assert sealed.read(session, an.id) == {}
        assert session.scalars(select(SignInSession.device_name)).all() == [None]
        assert session.scalars(select(Citizen.erased_at)).one() is not None
        with pytest.raises(Unreadable):
            sealed.make_key(session, an.id).unseal("household", bytes(ciphertext))
    assert places_of(*ALL) == []


def test_after_being_erased_the_same_number_makes_a_new_citizen(an, client):
    tell_everything(an)

    an.post("/v1/me/erasure", json=CONFIRMED)
    later = Person(client(), "+84912345678")

    assert later.id != an.id
    assert later.post("/v1/me/exports").json["rooms"]["payments"]["payments"] == []
    assert later.get("/v1/me").json["phone"] == "0912 *** 678"


def test_nobody_signs_in_as_who_was_erased_meanwhile(an):
    an.post("/v1/me/erasure", json=CONFIRMED)

    with pytest.raises(NotSignedIn), transaction() as session:
        auth.operations.start_session(session, an.id, None)


def test_the_old_token_is_worth_nothing_after_erasure(an):
    an.post("/v1/me/erasure", json=CONFIRMED)

    assert an.get("/v1/me").status_code == 401


def test_erasing_needs_a_sign_in_of_the_last_minutes(an, later):
    with transaction() as session:
        signed_in = auth.operations.start_session(session, an.id, None)
    later(timedelta(minutes=6))
    with transaction() as session:
        refreshed = auth.operations.refresh_session(session, signed_in.refresh_token)
        assert isinstance(refreshed, SignIn)
        an.token = refreshed.access_token

    refused = an.post("/v1/me/erasure", json=CONFIRMED)

    assert refused.status_code == 401
    assert refused.json["code"] == "insufficient_user_authentication"
    assert 'max_age="300"' in refused.headers["WWW-Authenticate"]
    assert an.get("/v1/me").status_code == 200


@pytest.mark.parametrize("words", ["", "yes", "Erase everything"])
def test_erasing_needs_the_exact_words(an, words):
    refused = an.post("/v1/me/erasure", json={"confirm": words})

    assert refused.status_code == 422
    assert an.get("/v1/me").status_code == 200


def test_money_on_its_way_holds_erasing_back(an):
    claim = payments.operations.Claim(uuid4(), uuid4(), 636_768, "Tiền điện 10/2026", "Electricity 10/2026")
    with transaction() as session:
        payment_id = payments.operations.open_payment(session, an.id, [claim])

    refused = an.post("/v1/me/erasure", json=CONFIRMED)
    arrive(an, payment_id)
    erased = an.post("/v1/me/erasure", json=CONFIRMED)

    assert (refused.status_code, refused.json["code"], erased.status_code) == (409, "payment_underway", 204)


def test_erasing_one_citizen_touches_no_other(an, binh):
    tell_identity(binh)
    tell_everything(an)

    an.post("/v1/me/erasure", json=CONFIRMED)

    assert binh.get("/v1/me/identity").json["name"] == NAME
