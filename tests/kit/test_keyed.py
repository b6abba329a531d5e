"""Hashes with a key: equal for equal values, apart for every purpose, and of no use to who has only the database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from kit import keyed
from kit.database import transaction
from server.settings import Settings
from tests.factories import make_bill, make_customer
from tests.people import Person

CODE = "PA07TH7654321"


@pytest.fixture
def own_key(app: Flask, settings: Settings) -> Iterator[None]:
    keyed.use_key(b"k" * 32)
    yield
    keyed.use_key(settings.secret_key)


def test_equal_values_hash_alike_for_one_purpose_only(own_key: None) -> None:
    first, again = keyed.derive("customer code", b"PA01"), keyed.derive("customer code", b"PA01")

    assert first == again
    assert len(first) == 32
    assert first not in {keyed.derive("another purpose", b"PA01"), keyed.derive("customer code", b"PA02")}


def test_the_border_between_purpose_and_value_cannot_be_moved(own_key: None) -> None:
    assert keyed.derive("code", b"A1") != keyed.derive("codeA", b"1")


def test_another_secret_gives_another_hash(own_key: None) -> None:
    first = keyed.derive("customer code", b"PA01")

    keyed.use_key(b"l" * 32)

    assert keyed.derive("customer code", b"PA01") != first


def test_who_has_the_database_alone_cannot_try_out_codes_or_requests(an: Person) -> None:
    household = make_customer(code=CODE)
    make_bill(customer=household)
    key = str(uuid4())
    member = {"name": "Trần Thị Kiểm Tra", "relation": "parent", "birth_date": "1955-09-02", "cccd": "034155007777"}
    an.post("/v1/utilities/lookups", json={"provider": "pc-thanh-hoa", "customer_code": CODE, "holder_name": "Ai"})
    asked = an.post("/v1/me/household", json=member, headers={"Idempotency-Key": key})
    again = an.post("/v1/me/household", json=member, headers={"Idempotency-Key": key})
    other = an.post("/v1/me/household", json={**member, "cccd": "034155007778"}, headers={"Idempotency-Key": key})

    with transaction() as session:
        code_hash = session.execute(text("SELECT code_hash FROM lookup")).scalar_one()
        fingerprint = session.execute(text("SELECT fingerprint FROM idempotency_key")).scalar_one()

    assert (asked.status_code, again.headers["Idempotency-Replayed"], other.status_code) == (201, "true", 422)
    assert code_hash == keyed.derive("customer code", f"pc-thanh-hoa|{CODE}".encode()).hex()
    assert code_hash != hashlib.sha256(f"pc-thanh-hoa|{CODE}".encode()).hexdigest()
    keyed_before = keyed._secrets["key"]
    keyed.use_key(b"o" * 32)
    changed = an.post("/v1/me/household", json=member, headers={"Idempotency-Key": key})
    keyed.use_key(keyed_before)
    assert changed.status_code == 422  # the fingerprint depends on the secret
    assert len(fingerprint) == 64
