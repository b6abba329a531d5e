"""A passkey that is removed takes with it what it has opened and raised, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from auth.models import SessionEnd, SignInSession
from kit.database import transaction
from tests.auth.authenticator import Authenticator
from tests.auth.people import AN, Phone
from tests.auth.test_passkeys import register, remove, said, sign_in, step_up


@pytest.fixture
def own() -> Authenticator:
    return Authenticator()


@pytest.fixture
def planted() -> Authenticator:
    return Authenticator()


def add_another(phone: Phone, own: Authenticator, other: Authenticator) -> str:
    """A second passkey, registered on this phone after a step-up with the first; its id."""
    phone.tokens["access_token"] = step_up(phone, own).json["access_token"]
    registered = register(phone, other)
    assert registered.status_code == 201, registered.json
    return str(registered.json["id"])


def test_what_a_removed_passkey_has_opened_ends_within_ten_seconds(phone, other_phone, own, planted, later):
    phone.sign_in(AN)
    register(phone, own)
    passkey_id = add_another(phone, own, planted)
    sign_in(other_phone, planted)

    removed = remove(phone, passkey_id)
    later(timedelta(seconds=10))

    assert removed.status_code == 204
    assert other_phone.me().status_code == 401
    assert other_phone.refresh().status_code == 401
    assert sign_in(other_phone, planted).status_code == 422
    assert (phone.me().status_code, phone.refresh().status_code) == (200, 200)
    with transaction() as session:
        ends = session.scalars(select(SignInSession.ended_by).where(SignInSession.ended_at.is_not(None))).all()
    assert ends == [SessionEnd.PASSKEY_REMOVED]


def test_what_another_passkey_or_a_code_has_opened_goes_on(phone, other_phone, client, own, planted, later):
    phone.sign_in(AN)
    register(phone, own)
    passkey_id = add_another(phone, own, planted)
    by_code = Phone(client())
    by_code.sign_in(AN)
    sign_in(other_phone, own)

    remove(phone, passkey_id)
    later(timedelta(seconds=10))

    assert [one.me().status_code for one in (phone, other_phone, by_code)] == [200] * 3
    assert [one.refresh().status_code for one in (phone, other_phone, by_code)] == [200] * 3


def test_what_it_has_raised_is_as_sure_as_before(phone, other_phone, client, own, planted):
    phone.sign_in(AN)
    register(phone, own)
    passkey_id = add_another(phone, own, planted)
    by_passkey = Phone(client())
    sign_in(by_passkey, own)
    other_phone.sign_in(AN)
    for raised in (other_phone, by_passkey):
        assert said(step_up(raised, planted).json["access_token"])["acr"] == "passkey"

    remove(phone, passkey_id)

    assert said(other_phone.refresh().json["access_token"])["acr"] == "phone"
    assert said(by_passkey.refresh().json["access_token"])["acr"] == "passkey"


def test_who_removes_the_passkey_they_came_by_signs_themselves_out(phone, other_phone, own, later):
    phone.sign_in(AN)
    passkey_id = register(phone, own).json["id"]
    sign_in(other_phone, own)

    removed = remove(other_phone, passkey_id)
    later(timedelta(seconds=10))

    assert removed.status_code == 204
    assert other_phone.me().status_code == 401
    assert phone.me().status_code == 200
