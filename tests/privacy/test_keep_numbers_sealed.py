"""Personal values at rest: sealed per person and field, found by a blind index, gone with the key."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update

from auth import operations
from auth.models import Citizen, Language
from auth.operations import welcome_citizen
from kit import database, sealed, vault
from kit.database import transaction
from kit.renewal import list_renewals
from kit.sealed import VaultEntry, VaultKey
from kit.vault import Unreadable
from tests.people import all_at_once
from tests.privacy.clear_text import places_of

NUMBER = "+84912000111"
CCCD = "034085001234"
OLD, NEW, INDEX = b"v" * 32, b"w" * 32, b"i" * 32


@pytest.fixture(autouse=True)
def keys(clean) -> Iterator[None]:
    yield
    vault.use_keys([OLD], index=INDEX)


def new_citizen(number: str = NUMBER) -> UUID:
    with transaction() as session:
        return welcome_citizen(session, number, Language.VI)


def sealed_value(citizen_id: UUID, field: str) -> bytes:
    with transaction() as session:
        return session.scalars(
            select(VaultEntry.sealed).where(VaultEntry.owner_id == citizen_id, VaultEntry.field == field)
        ).one()


def overwrite(citizen_id: UUID, field: str, value: bytes) -> None:
    with transaction() as session:
        session.execute(
            update(VaultEntry).where(VaultEntry.owner_id == citizen_id, VaultEntry.field == field).values(sealed=value)
        )


def test_a_value_opens_for_its_person_and_field():
    key, wrapped = vault.new_key(uuid4())

    first, second = key.seal("cccd", CCCD), key.seal("cccd", CCCD)

    assert vault.unwrap(key.owner_id, wrapped).unseal("cccd", first) == CCCD
    assert first != second
    assert CCCD.encode() not in first + second
    assert "_key" not in repr(key)


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_a_single_altered_bit_is_refused(place):
    key, _wrapped = vault.new_key(uuid4())
    altered = bytearray(key.seal("cccd", CCCD))
    altered[place] ^= 1

    with pytest.raises(Unreadable) as refused:
        key.unseal("cccd", bytes(altered))

    assert CCCD not in str(refused.value)


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_shortened_value_is_refused(length):
    key, _wrapped = vault.new_key(uuid4())

    with pytest.raises(Unreadable):
        key.unseal("cccd", key.seal("cccd", CCCD)[:length])


def test_a_value_moved_to_another_field_or_person_is_refused():
    key, _wrapped = vault.new_key(uuid4())
    other, wrapped = vault.new_key(uuid4())

    with pytest.raises(Unreadable):
        key.unseal("phone", key.seal("cccd", CCCD))
    with pytest.raises(Unreadable):
        other.unseal("cccd", key.seal("cccd", CCCD))
    with pytest.raises(Unreadable):
        vault.unwrap(key.owner_id, wrapped)


def test_a_number_waiting_for_its_proof_opens_for_its_row_and_purpose_alone():
    row = uuid4()
    waiting = vault.seal_briefly("phone challenge", row, NUMBER)

    assert vault.unseal_briefly("phone challenge", row, waiting) == NUMBER
    for purpose, place, value in [
        ("invitation", row, waiting),
        ("phone challenge", uuid4(), waiting),
        ("phone challenge", row, waiting[:-1] + bytes([waiting[-1] ^ 1])),
        ("phone challenge", row, b"12345678" + waiting[8:]),
        ("phone challenge", row, b""),
    ]:
        with pytest.raises(Unreadable):
            vault.unseal_briefly(purpose, place, value)


def test_the_blind_index_finds_equal_values_and_reveals_none():
    same, again = vault.blind_index("phone", NUMBER), vault.blind_index("phone", NUMBER)
    near, other_field = vault.blind_index("phone", "+84912000112"), vault.blind_index("cccd", NUMBER)
    vault.use_keys([OLD], index=b"j" * 32)
    under_another_key = vault.blind_index("phone", NUMBER)

    assert same == again
    assert len({same, near, other_field, under_another_key}) == 4
    assert len(same) == 16
    # Neighbours share no more bits than strangers do: about half.
    assert 40 < (int.from_bytes(same) ^ int.from_bytes(near)).bit_count() < 88


@pytest.mark.parametrize(
    ("masters", "index"), [([], INDEX), ([b"short"], INDEX), ([OLD], b"short"), ([OLD, INDEX], INDEX)]
)
def test_keys_that_are_too_short_or_serve_twice_are_refused(masters, index):
    with pytest.raises(ValueError, match="key"):
        vault.use_keys(masters, index=index)


def test_a_citizen_is_found_by_number_and_no_table_knows_it():
    first, again = new_citizen(), new_citizen()

    with transaction() as session:
        assert operations.find_phone(session, first) == NUMBER
    assert first == again
    assert places_of(NUMBER, NUMBER[1:], "0912000111", "912000111") == []


def test_the_search_for_clear_text_finds_what_was_planted(an):
    with transaction() as session:
        session.execute(text("UPDATE sign_in_session SET device_name = 'Máy của số 0912000111'"))

    assert places_of("0912000111") == ["sign_in_session.device_name"]


def test_first_sign_ins_at_once_make_one_citizen_with_one_key(clean):
    citizens = all_at_once(8, lambda _number: new_citizen())

    assert len(set(citizens)) == 1
    with transaction() as session:
        counted = [session.scalar(select(func.count()).select_from(table)) for table in (Citizen, VaultKey, VaultEntry)]
    assert counted == [1, 1, 1]


def test_a_number_that_is_only_typed_in_is_found_by_nobody():
    an = new_citizen()

    with transaction() as session:
        kept = sealed.put(session, an, "cccd", CCCD)
    with transaction() as session:
        assert (kept, sealed.find_owner(session, "cccd", CCCD)) == (True, None)
        assert sealed.read(session, an) == {"phone": NUMBER, "cccd": CCCD}
        assert sealed.list_proofs(session, an) == {"phone": "phone_code", "cccd": None}


def test_a_proved_number_has_one_owner_whoever_races():
    citizens = [new_citizen(f"+8491200022{digit}") for digit in range(6)]

    def prove(nth: int) -> bool:
        with transaction() as session:
            return sealed.put(session, citizens[nth], "cccd", CCCD, proved_by="national_identity", alone=True)

    won = all_at_once(6, prove)

    assert sorted(won) == [False] * 5 + [True]
    with transaction() as session:
        assert sealed.find_owner(session, "cccd", CCCD) == citizens[won.index(True)]
        assert [sealed.read(session, one, ["cccd"]) for one in citizens].count({}) == 5


def test_values_swapped_between_rows_are_refused():
    an, binh = new_citizen(), new_citizen("+84912000222")
    with transaction() as session:
        sealed.put(session, an, "cccd", CCCD)
        sealed.put(session, binh, "cccd", "001099000001")

    overwrite(an, "cccd", sealed_value(binh, "cccd"))
    overwrite(binh, "cccd", sealed_value(binh, "phone"))

    for citizen_id in (an, binh):
        with transaction() as session, pytest.raises(Unreadable):
            sealed.read(session, citizen_id, ["cccd"])


def test_without_its_key_everything_of_a_person_is_noise():
    an = new_citizen()
    with transaction() as session:
        key = sealed.get_key(session, an)
        elsewhere = key.seal("household.name", "Nguyễn Thị Hoa")
        sealed.destroy(session, an)

    with transaction() as session:
        assert sealed.find_key(session, an) is None
        assert sealed.read(session, an) == {}
        assert sealed.find_owner(session, "phone", NUMBER) is None
        assert operations.find_phone(session, an) is None
        with pytest.raises(Unreadable):
            sealed.make_key(session, an).unseal("household.name", elsewhere)


def test_a_new_master_key_takes_over_and_the_old_one_may_go():
    an, binh = new_citizen(), new_citizen("+84912000222")
    vault.use_keys([NEW, OLD], index=INDEX)
    chi = new_citizen("+84912000333")

    (keys_of_persons,) = (each for each in list_renewals() if each.name == "vault_key.wrapped")
    with transaction() as session:
        before = keys_of_persons.renew(session, None)
        after = keys_of_persons.renew(session, None)
    vault.use_keys([NEW], index=INDEX)

    assert (before.count, after.count) == (2, 0)
    with transaction() as session:
        assert [operations.find_phone(session, one) for one in (an, binh, chi)] == [
            NUMBER,
            "+84912000222",
            "+84912000333",
        ]
    vault.use_keys([OLD], index=INDEX)
    with transaction() as session, pytest.raises(Unreadable):
        operations.find_phone(session, an)


def test_every_column_is_searched(clean):
    searched = {table.name for table in database.Base.metadata.sorted_tables}

    assert {"citizen", "phone_challenge", "vault_entry", "idempotency_key", "message"} <= searched
