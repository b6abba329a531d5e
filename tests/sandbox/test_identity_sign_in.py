"""Signing in with a national identity account: the honest way, who is refused, sessions and signing out."""

import re
import time
from html import unescape
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sandbox import Server
from tests.sandbox.relying_party import ALL_SCOPES, OUT, RETURN, RelyingParty


@pytest.fixture
def party(world: Server) -> RelyingParty:
    return RelyingParty(world.url)


def test_a_citizen_is_identified(party: RelyingParty) -> None:
    answer = party.sign_in("an", acr_values="2")
    given = party.redeem(answer["code"])

    tokens = given.json()
    claims = jwt.decode(
        tokens["id_token"], jwt.PyJWK.from_dict(party.jwks()[jwt.get_unverified_header(tokens["id_token"])["kid"]]),
        ["ES256"], audience=party.client_id, issuer=party.metadata["issuer"])  # fmt: skip
    assert (answer.address, answer["state"], answer["iss"]) == (RETURN, party.state, party.metadata["issuer"])
    assert (given.headers["Cache-Control"], tokens["token_type"], tokens["scope"]) == ("no-store", "Bearer", ALL_SCOPES)
    assert party.broken_promises(claims, tokens) == set()
    assert {name: claims[name] for name in claims.keys() & {"name", "birthdate", "gender", "national_id_number",
            "phone_number", "phone_number_verified"}} == {
        "name": "Nguyễn Văn An", "birthdate": "1990-05-12", "gender": "male", "national_id_number": "000090000001",
        "phone_number": "+84912345678", "phone_number_verified": True}  # fmt: skip


def test_everything_stands_where_discovery_says(party: RelyingParty) -> None:
    metadata = party.metadata

    assert metadata["issuer"] == f"{party.url}/identity"
    endpoints = [value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(endpoints) == 5
    assert all(requests.options(address, timeout=5).status_code == 200 for address in endpoints)
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert set(metadata["claims_supported"]) == jwt.decode(
        party.tokens()["id_token"], options={"verify_signature": False}).keys()  # fmt: skip


def test_a_scope_opens_its_claims_and_no_other(party: RelyingParty) -> None:
    tokens = party.tokens(scope="openid phone unheard_of")

    told = party.userinfo(tokens["access_token"]).json()

    assert told.keys() == {"sub", "phone_number", "phone_number_verified"}
    assert tokens["scope"] == "openid phone"


def test_a_citizen_has_another_name_for_each_client(world: Server, party: RelyingParty) -> None:
    other = RelyingParty(world.url, "other")

    subjects = [party.signed(each.tokens("an")["id_token"])["sub"] for each in (party, other, party)]

    assert subjects[0] == subjects[2] != subjects[1]
    assert all("000090000001" not in subject for subject in subjects)


@pytest.mark.parametrize(("person", "acr_values", "acr"), [
    ("an", None, "2"), ("an", "1", "1"), ("an", "1 2", "1"), ("dung", None, "1"), ("dung", "2 1", "1"),
    ("dung", "gold 1", "1"),
])  # fmt: skip
def test_the_level_is_the_first_wanted_one_that_the_account_has(
    party: RelyingParty, person: str, acr_values: str | None, acr: str
) -> None:
    tokens = party.tokens(person, acr_values=acr_values)

    assert party.broken_promises(party.signed(tokens["id_token"]), tokens, acr) == set()


@pytest.mark.parametrize(("person", "changes", "error"), [
    ("dung", {"acr_values": "2"}, "unmet_authentication_requirements"),
    ("an", {"acr_values": "3"}, "unmet_authentication_requirements"),
    ("giang", {}, "access_denied"), ("khoi", {}, "access_denied"), ("lan", {}, "access_denied"),
    ("an", {"decision": "refuse"}, "access_denied"),
])  # fmt: skip
def test_a_refused_citizen_returns_without_a_code(
    party: RelyingParty, person: str, changes: dict[str, str], error: str
) -> None:
    answer = party.sign_in(person, **changes)

    assert (answer.address, answer["error"], answer["state"]) == (RETURN, error, party.state)
    assert answer.keys() == {"error", "error_description", "state", "iss"}
    assert party.visit(prompt="none")["error"] == "login_required"


def test_a_child_grows_up(world: Server, party: RelyingParty) -> None:
    requests.post(f"{world.url}/control/clock", json={"now": "2030-09-01T23:00:00+07:00"}, timeout=5)
    the_day_before = party.sign_in("khoi")
    requests.post(f"{world.url}/control/clock", json={"now": "2030-09-02T00:00:05+07:00"}, timeout=5)

    at_fourteen = party.sign_in("khoi")

    assert the_day_before["error"] == "access_denied"
    assert "code" in at_fourteen


def test_a_person_is_added_and_changed(party: RelyingParty) -> None:
    wanted = {"id": "mai", "name": "Ngô Thị Mai", "birthdate": "2004-02-29", "gender": "female"}
    added = party.control("people", **wanted)
    told = party.userinfo(party.tokens("mai")["access_token"]).json()
    changed = party.control("people", id="mai", locked=True, phone_number="+84912000111")

    assert (added.status_code, changed.status_code) == (201, 200)
    assert told.keys() == {"sub", "name", "birthdate", "gender", "national_id_number"}
    assert re.fullmatch(r"000304\d{6}", told["national_id_number"])
    assert changed.json() == added.json() | {"locked": True, "phone_number": "+84912000111"}
    assert party.sign_in("mai")["error"] == "access_denied"
    listed = requests.get(f"{party.url}/control/identity/people", timeout=5).json()["items"]
    assert [person["id"] for person in listed] == ["an", "binh", "chi", "dung", "giang", "khoi", "lan", "mai"]


def test_the_national_numbers_of_the_samples_fit_the_pattern_and_belong_to_nobody(party: RelyingParty) -> None:
    people = requests.get(f"{party.url}/control/identity/people", timeout=5).json()["items"]

    for person in people:
        century, year = divmod(int(person["birthdate"][:4]), 100)
        digit = 2 * (century - 19) + ("male", "female").index(person["gender"])
        assert re.fullmatch(rf"000{digit}{year:02d}\d{{6}}", person["national_id_number"]), person


def test_who_signed_in_before_is_not_asked_again(party: RelyingParty) -> None:
    first = party.signed(party.tokens("an")["id_token"])

    silent = party.visit(prompt="none")
    plain = party.visit()

    again = party.signed(party.redeem(silent["code"]).json()["id_token"])
    assert {name: again[name] for name in ("sub", "auth_time", "sid")} == {
        name: first[name] for name in ("sub", "auth_time", "sid")}  # fmt: skip
    assert plain["code"] != silent["code"]


def test_who_chooses_on_the_page_takes_the_place_of_who_was_there(party: RelyingParty) -> None:
    old = party.tokens("an")

    new = party.tokens("binh")

    assert party.userinfo(new["access_token"]).json()["name"] == "Trần Thị Bình"
    silent = party.redeem(party.visit(prompt="none")["code"]).json()
    assert party.signed(silent["id_token"])["sub"] == party.signed(new["id_token"])["sub"]
    assert party.signed(silent["id_token"])["sub"] != party.signed(old["id_token"])["sub"]


def test_a_silent_request_says_what_is_missing(world: Server, party: RelyingParty) -> None:
    nobody = party.visit(prompt="none")
    party.sign_in("an", acr_values="1", scope="openid")
    higher = party.visit(prompt="none", acr_values="2")
    more = party.visit(prompt="none")
    other = RelyingParty(world.url, "other")
    other.browser = party.browser
    stranger = other.visit(prompt="none", scope="openid")
    party.control("people", id="an", locked=True)
    locked = party.visit(prompt="none", scope="openid")

    assert [answer["error"] for answer in (nobody, higher, more, stranger, locked)] == [
        "login_required", "login_required", "consent_required", "consent_required", "access_denied"]  # fmt: skip


@pytest.mark.parametrize("changes", [
    {"prompt": "login"}, {"prompt": "consent"}, {"prompt": "select_account login"}, {"max_age": "0"},
    {"acr_values": "3"},
])  # fmt: skip
def test_a_signed_in_citizen_is_asked_again_on_demand(party: RelyingParty, changes: dict[str, str]) -> None:
    party.sign_in("an")

    page = party.visit(**changes).response

    assert page.status_code == 200
    assert 'name="person"' in page.text


def test_a_sign_in_grows_old(world: Server, party: RelyingParty) -> None:
    before = party.signed(party.tokens("an")["id_token"])["auth_time"]
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 600}, timeout=5)

    young_enough, too_old = party.visit(max_age="700", prompt="none"), party.visit(max_age="500", prompt="none")
    after = party.signed(party.tokens("an", max_age="500")["id_token"])["auth_time"]
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 600 + 9 * 3600}, timeout=5)

    assert "code" in young_enough
    assert too_old["error"] == "login_required"
    assert after - before >= 600
    assert party.visit(prompt="none")["error"] == "login_required"


@pytest.mark.parametrize(("language", "words"), [
    ("vi", ("Chọn một công dân mẫu", "số định danh cá nhân", "Đồng ý và tiếp tục", "Mức độ")),
    ("en", ("Choose a sample citizen", "national id number", "Agree and continue", "under 14")),
])  # fmt: skip
def test_the_page_is_a_form_that_leads_back(party: RelyingParty, language: str, words: tuple[str, ...]) -> None:
    page = party.visit(ui_locales=language).response
    hidden = {unescape(name): unescape(value) for name, value in re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)}  # fmt: skip

    (action,) = re.findall(r'action="([^"]*)"', page.text)
    form = hidden | {"person": "binh", "decision": "agree"}
    back = party.browser.post(f"{party.url}{action}", data=form, allow_redirects=False, timeout=5)

    assert f'<html lang="{language}">' in page.text
    assert all(word in page.text for word in words)
    assert not re.search(r"\d{12}|\+84", page.text)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert back.status_code == 303
    assert back.headers["Location"].startswith(f"{RETURN}?code=")


def test_the_page_in_the_other_language_asks_the_same(party: RelyingParty) -> None:
    page = party.visit(ui_locales="fr en").response
    (link,) = re.findall(r'<a href="([^"]*)" lang="vi">', page.text)

    other = party.browser.get(f"{party.url}{unescape(link)}", timeout=5)

    assert '<html lang="vi">' in other.text
    assert f'value="{party.nonce}"' in other.text


def test_a_choice_that_is_none_is_asked_again(party: RelyingParty) -> None:
    wrong = [party.sign_in(*choice).response for choice in (("nobody",), ("an", "maybe"))]

    assert [page.status_code for page in wrong] == [400, 400]
    assert all("Bạn hãy chọn một công dân" in page.text for page in wrong)


def signed_assertion(party: RelyingParty, key: ec.EllipticCurvePrivateKey, **changes: Any) -> dict[str, str]:
    claims = {"iss": party.client_id, "sub": party.client_id, "aud": party.metadata["token_endpoint"], "jti": "1",
              "exp": int(time.time()) + 60} | changes  # fmt: skip
    return {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode(claims, key, "ES256", headers={"kid": "k1"})}  # fmt: skip


def test_a_client_may_prove_itself_with_a_key(world: Server) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwks = {"keys": [ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k1"}]}
    party = RelyingParty(world.url, token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    form = {"grant_type": "authorization_code", "code": party.sign_in("an")["code"], "redirect_uri": RETURN,
            "code_verifier": party.verifier}  # fmt: skip

    def ask(proof: dict[str, str]) -> tuple[int, str | None]:
        answer = requests.post(party.metadata["token_endpoint"], data=form | proof, timeout=5)
        return answer.status_code, answer.json().get("error")

    stranger = ec.generate_private_key(ec.SECP256R1())
    assert party.secret is None
    for wrong in (
        signed_assertion(party, stranger), signed_assertion(party, key, aud="https://elsewhere.example"),
        signed_assertion(party, key, exp=int(time.time()) - 120), signed_assertion(party, key, iss="other"),
        signed_assertion(party, key, exp=int(time.time()) + 3600), {"client_id": party.client_id},
    ):  # fmt: skip
        assert ask(wrong) == (401, "invalid_client")
    assert ask(signed_assertion(party, key)) == (200, None)
    assert ask(signed_assertion(party, key)) == (401, "invalid_client")
    assert ask(signed_assertion(party, key, jti="2", aud=[party.metadata["issuer"]])) == (400, "invalid_grant")


def test_signing_out_ends_the_session_and_its_tokens(party: RelyingParty) -> None:
    tokens = party.tokens("an")
    address = party.metadata["end_session_endpoint"]

    # By POST: the id_token holds personal numbers, which have no place in an address.
    out = party.browser.post(address, timeout=5, allow_redirects=False, data={
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": OUT, "state": "bye"})  # fmt: skip

    assert (out.status_code, out.headers["Location"]) == (303, f"{OUT}?state=bye")
    assert party.visit(prompt="none")["error"] == "login_required"
    assert party.userinfo(tokens["access_token"]).status_code == 401


def test_signing_out_without_a_proof_is_confirmed_by_the_citizen(party: RelyingParty) -> None:
    tokens = party.tokens("an")
    address = party.metadata["end_session_endpoint"]

    asked = party.browser.get(address, params={"client_id": party.client_id, "ui_locales": "en"}, timeout=5)
    still_there = party.visit(prompt="none")
    confirmed = party.browser.post(address, data={"confirmed": "yes"}, timeout=5)

    assert 'name="confirmed"' in asked.text
    assert "code" in still_there
    assert "Bạn đã đăng xuất" in confirmed.text
    assert party.userinfo(tokens["access_token"]).status_code == 401


def test_the_session_id_is_proof_enough_in_its_own_browser(party: RelyingParty) -> None:
    sid = party.signed(party.tokens("an")["id_token"])["sid"]
    question = {"logout_hint": sid, "client_id": party.client_id, "post_logout_redirect_uri": OUT}
    address = party.metadata["end_session_endpoint"]

    elsewhere = requests.get(address, params=question, allow_redirects=False, timeout=5)
    alive = party.visit(prompt="none")
    out = party.browser.get(address, params=question, allow_redirects=False, timeout=5)

    assert elsewhere.headers["Location"] == out.headers["Location"] == OUT
    assert "code" in alive
    assert party.visit(prompt="none")["error"] == "login_required"


@pytest.mark.parametrize("changes", [
    {"post_logout_redirect_uri": f"{OUT}/"}, {"post_logout_redirect_uri": RETURN}, {"client_id": "other"},
    {"client_id": ""},
])  # fmt: skip
def test_signing_out_leads_to_registered_addresses_only(party: RelyingParty, changes: dict[str, str]) -> None:
    party.sign_in("an")
    question = {"client_id": party.client_id, "post_logout_redirect_uri": OUT} | changes

    refused = party.browser.post(
        party.metadata["end_session_endpoint"], data=question, allow_redirects=False, timeout=5)  # fmt: skip

    assert (refused.status_code, refused.headers.get("Location")) == (400, None)
    assert "code" in party.visit(prompt="none")
