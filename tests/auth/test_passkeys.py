"""Passkeys: registered, signed in with, stepped up with and removed, by a software authenticator, honest or not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text, update

from auth import assurance
from auth.assurance import PayingLimits
from auth.models import Passkey
from kit import sealed
from kit.database import transaction
from tests.auth.authenticator import USER_PRESENT, USER_VERIFIED, Authenticator, encode
from tests.auth.people import AN, BINH, Phone
from tests.people import all_at_once

PASSKEYS = "/v1/me/passkeys"


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator()


def ask_to_register(phone: Phone):
    return phone.call("POST", f"{PASSKEYS}/options")


def register(phone: Phone, authenticator: Authenticator, **lies: Any):
    asked = ask_to_register(phone)
    assert asked.status_code == 201, asked.json
    credential = authenticator.make(asked.json["public_key"], **lies)
    body = {"challenge_id": asked.json["id"], "credential": credential, "name": "Điện thoại của An"}
    return phone.call("POST", PASSKEYS, json=body)


def ask_to_sign_in(phone: Phone):
    return phone.http.post("/v1/auth/passkey-challenges").json


def answer(phone: Phone, challenge: str, credential: dict[str, Any], **more: str):
    path = f"/v1/auth/passkey-challenges/{challenge}/answer"
    return phone.http.post(path, json={"credential": credential, **more})


def sign_in(phone: Phone, authenticator: Authenticator, **lies: Any):
    asked = ask_to_sign_in(phone)
    answered = answer(phone, asked["id"], authenticator.sign(asked["public_key"], **lies))
    if answered.status_code == 200:
        phone.tokens = answered.json
    return answered


def step_up(phone: Phone, authenticator: Authenticator, **lies: Any):
    asked = phone.call("POST", "/v1/me/step-ups/passkey").json
    credential = authenticator.sign(asked["public_key"], **lies)
    return phone.call("POST", f"/v1/me/step-ups/passkey/{asked['id']}/answer", json={"credential": credential})


def remove(phone: Phone, passkey_id: str):
    path = f"{PASSKEYS}/{passkey_id}"
    read = phone.call("GET", path)
    return phone.call("DELETE", path, {"If-Match": read.headers["ETag"]})


def said(token: str):
    return jwt.decode(token, options={"verify_signature": False})


def assert_refused(answered) -> None:
    assert (answered.status_code, answered.json["code"]) == (422, "passkey_refused"), answered.json


def test_a_passkey_is_registered_and_signs_in_without_a_number(phone, other_phone, authenticator):
    citizen_id = phone.sign_in(AN)["citizen_id"]

    registered = register(phone, authenticator)
    signed_in = sign_in(other_phone, authenticator)

    assert (registered.status_code, registered.json["name"]) == (201, "Điện thoại của An")
    assert (signed_in.status_code, signed_in.json["citizen_id"]) == (200, citizen_id)
    assert said(signed_in.json["access_token"])["acr"] == "passkey"
    assert other_phone.me().json["assurance"] == "passkey"
    assert phone.call("GET", PASSKEYS).json["items"][0]["last_used_at"] is not None


def test_what_the_authenticator_is_asked_is_strict(phone):
    phone.sign_in(AN)

    to_register = ask_to_register(phone).json["public_key"]
    to_sign = ask_to_sign_in(phone)["public_key"]

    chosen = to_register["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert (to_register["rp"]["id"], to_register["user"]["name"]) == ("localhost", "0912 *** 678")
    assert "912345678" not in str(to_register)
    assert (to_sign["rpId"], to_sign["userVerification"], to_sign["allowCredentials"]) == ("localhost", "required", [])


def test_a_passkey_raises_a_running_session(phone, authenticator, later):
    before = phone.sign_in(AN)
    register(phone, authenticator)
    later(timedelta(minutes=3))

    raised = step_up(phone, authenticator)

    assert (raised.status_code, raised.json["acr"], raised.json["expires_in"]) == (200, "passkey", 300)
    old, new = said(before["access_token"]), said(raised.json["access_token"])
    assert (new["sid"], new["sub"], new["acr"]) == (old["sid"], old["sub"], "passkey")
    assert new["auth_time"] - old["auth_time"] == pytest.approx(180, abs=3)
    assert new["known_since"] == old["known_since"]
    assert said(phone.refresh().json["access_token"])["acr"] == "passkey"


LIES = {
    "a page of another origin": {"origin": "https://citizen.example.evil"},
    "our page without its port": {"origin": "http://localhost"},
    "another domain": {"rp_id": "evil.example"},
    "nobody was verified": {"flags": USER_PRESENT},
    "nobody was there": {"flags": USER_VERIFIED},
    "another question": {"challenge": encode(bytes(32))},
    "another kind of answer": {"type": "webauthn.other"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_registers_no_passkey(phone, authenticator, lie):
    phone.sign_in(AN)

    assert_refused(register(phone, authenticator, **lie))

    assert phone.call("GET", PASSKEYS).json == {"items": []}


@pytest.mark.parametrize(
    "lie",
    [*LIES.values(), {"key": ec.generate_private_key(ec.SECP256R1())}, {"user": encode(bytes(16))}],
    ids=[*LIES.keys(), "signed by another key", "of another citizen"],
)
def test_a_lie_signs_nobody_in_and_raises_nothing(phone, other_phone, authenticator, lie):
    phone.sign_in(AN)
    assert register(phone, authenticator).status_code == 201

    assert_refused(sign_in(other_phone, authenticator, **lie))
    assert_refused(step_up(phone, authenticator, **lie))

    assert said(phone.refresh().json["access_token"])["acr"] == "phone"


def test_a_question_is_answered_once_well_or_not(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    asked, spoiled = ask_to_sign_in(phone), ask_to_sign_in(phone)
    good = authenticator.sign(asked["public_key"])

    first = answer(other_phone, asked["id"], good)
    replayed = answer(other_phone, asked["id"], good)
    wrong = answer(other_phone, spoiled["id"], authenticator.sign(spoiled["public_key"], origin="http://evil.example"))
    right_too_late = answer(other_phone, spoiled["id"], authenticator.sign(spoiled["public_key"]))

    assert first.status_code == 200
    assert_refused(wrong)
    for late in (replayed, right_too_late):
        assert (late.status_code, late.json["code"]) == (410, "passkey_challenge_over")


def test_one_answer_sent_ten_times_at_once_signs_in_once(phone, client, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    asked = ask_to_sign_in(phone)
    good = authenticator.sign(asked["public_key"])

    answers = all_at_once(10, lambda _: answer(Phone(client()), asked["id"], good))

    assert sorted(each.status_code for each in answers) == [200] + [410] * 9


def test_a_question_expires_after_five_minutes(phone, other_phone, authenticator, later):
    phone.sign_in(AN)
    register(phone, authenticator)
    asked = ask_to_sign_in(phone)
    later(timedelta(minutes=5, seconds=1))

    late = answer(other_phone, asked["id"], authenticator.sign(asked["public_key"]))

    assert (late.status_code, late.json["code"]) == (410, "passkey_challenge_over")


def test_an_answer_for_one_purpose_serves_no_other(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    to_sign_in = ask_to_sign_in(phone)
    to_step_up = phone.call("POST", "/v1/me/step-ups/passkey").json

    crossed = [
        answer(other_phone, to_step_up["id"], authenticator.sign(to_step_up["public_key"])),
        phone.call(
            "POST",
            f"/v1/me/step-ups/passkey/{to_sign_in['id']}/answer",
            json={"credential": authenticator.sign(to_sign_in["public_key"])},
        ),
    ]

    assert [each.status_code for each in crossed] == [410, 410]


def test_a_question_to_one_session_is_not_answered_in_another(phone, other_phone, authenticator):
    phone.sign_in(AN)
    other_phone.sign_in(AN)
    asked = ask_to_register(phone).json
    credential = authenticator.make(asked["public_key"])

    stolen = other_phone.call("POST", PASSKEYS, json={"challenge_id": asked["id"], "credential": credential})

    assert (stolen.status_code, stolen.json["code"]) == (410, "passkey_challenge_over")


def test_a_passkey_nobody_registered_signs_nobody_in(phone, authenticator):
    authenticator.user = encode(bytes(16))

    assert_refused(sign_in(phone, authenticator))


def test_a_citizen_does_not_step_up_by_the_passkey_of_another(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    other_phone.sign_in(BINH)

    assert_refused(step_up(other_phone, authenticator))


def test_a_count_that_goes_back_is_refused(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    for _ in range(3):
        assert sign_in(other_phone, authenticator).status_code == 200

    copied = sign_in(other_phone, authenticator, count=2)
    stood_still = sign_in(other_phone, authenticator, count=3)
    never_counted = sign_in(other_phone, authenticator, count=0)

    for refused in (copied, stood_still, never_counted):
        assert_refused(refused)
    assert sign_in(other_phone, authenticator).status_code == 200


def test_a_synced_passkey_that_never_counts_is_welcome_every_time(phone, other_phone):
    synced = Authenticator(count=None)
    phone.sign_in(AN)
    register(phone, synced)

    assert [sign_in(other_phone, synced).status_code for _ in range(3)] == [200] * 3


def test_the_same_passkey_is_registered_once(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    other_phone.sign_in(BINH)

    again = register(other_phone, authenticator)

    assert (again.status_code, again.json["code"]) == (409, "passkey_known")


def test_a_second_passkey_needs_the_first(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    other_phone.sign_in(AN)  # whoever has taken over the number

    refused = ask_to_register(other_phone)
    raised = step_up(other_phone, authenticator)
    other_phone.tokens["access_token"] = raised.json["access_token"]

    assert (refused.status_code, refused.json["acr_values"]) == (401, "passkey identity")
    assert register(other_phone, Authenticator()).status_code == 201


def test_a_passkey_is_as_new_as_the_device_it_was_registered_on(phone, other_phone, authenticator, settings, later):
    phone.sign_in(AN)
    since = said(phone.tokens["access_token"])["known_since"]
    later(timedelta(days=2))
    phone.tokens = phone.refresh().json
    register(phone, authenticator)

    sign_in(other_phone, authenticator)

    assurance.use_limits(PayingLimits())
    try:
        assert said(other_phone.tokens["access_token"])["known_since"] == since
    finally:
        assurance.use_limits(settings.paying_limits)


def test_removing_a_passkey_needs_a_passkey_of_the_last_five_minutes(phone, authenticator, later):
    phone.sign_in(AN)
    passkey_id = register(phone, authenticator).json["id"]

    by_code = remove(phone, passkey_id)
    phone.tokens["access_token"] = step_up(phone, authenticator).json["access_token"]
    phone.tokens = phone.refresh().json
    later(timedelta(minutes=5, seconds=1))
    phone.tokens = phone.refresh().json
    too_old = remove(phone, passkey_id)
    phone.tokens["access_token"] = step_up(phone, authenticator).json["access_token"]
    gone = remove(phone, passkey_id)

    for refused in (by_code, too_old):
        assert (refused.status_code, refused.json["code"]) == (401, "insufficient_user_authentication")
        assert 'acr_values="passkey identity", max_age="300"' in refused.headers["WWW-Authenticate"]
    assert gone.status_code == 204
    assert_refused(sign_in(phone, authenticator))


def test_the_last_way_in_stays(phone, authenticator):
    citizen_id = phone.sign_in(AN)["citizen_id"]
    passkey_id = register(phone, authenticator).json["id"]
    phone.tokens["access_token"] = step_up(phone, authenticator).json["access_token"]
    with transaction() as session:
        sealed.remove(session, citizen_id, ["phone"])

    refused = remove(phone, passkey_id)

    assert (refused.status_code, refused.json["code"]) == (409, "last_way_in")


def test_two_passkeys_removed_at_once_leave_one_way_in(phone, client):
    citizen_id = phone.sign_in(AN)["citizen_id"]
    first, second = Authenticator(), Authenticator()
    ids = [register(phone, first).json["id"]]
    phone.tokens["access_token"] = step_up(phone, first).json["access_token"]
    ids.append(register(phone, second).json["id"])
    with transaction() as session:
        sealed.remove(session, citizen_id, ["phone"])

    answers = all_at_once(2, lambda place: remove(Phone(client(), phone.tokens), ids[place]))

    assert sorted(each.status_code for each in answers) == [204, 409]


def test_a_strangers_passkey_is_not_there(phone, other_phone, authenticator):
    phone.sign_in(AN)
    passkey_id = register(phone, authenticator).json["id"]
    other_phone.sign_in(BINH)

    assert other_phone.call("GET", f"{PASSKEYS}/{passkey_id}").status_code == 404
    assert other_phone.call("GET", PASSKEYS).json == {"items": []}


def test_only_the_public_half_is_stored(phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)

    private = authenticator.key.private_numbers().private_value.to_bytes(32, "big").hex()
    with transaction() as session:
        stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM passkey t")).scalar_one()
        kept = session.execute(select(Passkey.public_key)).scalar_one()
    assert private not in stored
    assert kept


@pytest.mark.parametrize(
    "spoil",
    [
        lambda credential: credential["response"].update(clientDataJSON="AAAA"),
        lambda credential: credential["response"].update(authenticatorData="AAAA"),
        lambda credential: credential["response"].update(signature="AAAA"),
        lambda credential: credential["response"].pop("signature"),
        lambda credential: credential["response"].update(userHandle="A"),
        lambda credential: credential.update(rawId="AAAA"),
        lambda credential: credential.update(id="A"),
    ],
)
def test_a_broken_answer_is_refused_and_breaks_nothing(phone, other_phone, authenticator, spoil):
    phone.sign_in(AN)
    register(phone, authenticator)
    asked = ask_to_sign_in(phone)
    credential = authenticator.sign(asked["public_key"])
    spoil(credential)

    assert_refused(answer(other_phone, asked["id"], credential))


def test_a_passkey_whose_stored_key_was_spoiled_is_refused(phone, other_phone, authenticator):
    phone.sign_in(AN)
    register(phone, authenticator)
    with transaction() as session:
        session.execute(update(Passkey).values(public_key=b"spoiled"))

    assert_refused(sign_in(other_phone, authenticator))
