"""What the identity provider refuses to an application, or to a thief who found a code."""

import threading
from typing import Any

import pytest
import requests

from sandbox import Server
from tests.sandbox.relying_party import RETURN, RelyingParty, challenge_of


@pytest.fixture
def party(world: Server) -> RelyingParty:
    return RelyingParty(world.url)


@pytest.mark.parametrize("address", [
    f"{RETURN}/", f"{RETURN}?", f"{RETURN}?a=b", f"{RETURN}#", f"{RETURN}/../return", RETURN.upper(), f"{RETURN} ",
    RETURN.replace("https", "http"), RETURN.replace("app.example", "app.example.evil.example"),
    RETURN.replace("app.example", "app.example:443"), RETURN.replace("app.example", "app.example@evil.example"),
    RETURN.replace("/return", "//return"), RETURN.replace("return", "%72eturn"), "", "javascript:alert(1)", None,
])  # fmt: skip
def test_an_answer_goes_to_a_registered_address_only(party: RelyingParty, address: str | None) -> None:
    refused = [party.visit(redirect_uri=address).response, party.sign_in("an", redirect_uri=address).response]

    assert [(page.status_code, page.headers.get("Location")) for page in refused] == [(400, None), (400, None)]
    assert all("invalid_redirect_uri" in page.text for page in refused)


@pytest.mark.parametrize("client_id", ["unknown", "", None])
def test_an_unknown_client_gets_no_answer(party: RelyingParty, client_id: str | None) -> None:
    refused = party.visit(client_id=client_id).response

    assert (refused.status_code, refused.headers.get("Location")) == (400, None)


@pytest.mark.parametrize(("changes", "error"), [
    ({"code_challenge": None}, "invalid_request"), ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge": "short"}, "invalid_request"),
    ({"nonce": None}, "invalid_request"), ({"nonce": "n" * 2000}, "invalid_request"),
    ({"response_type": None}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"), ({"scope": "profile"}, "invalid_scope"),
    ({"scope": None}, "invalid_scope"), ({"response_mode": "fragment"}, "invalid_request"),
    ({"request": "e30.e30."}, "request_not_supported"), ({"request_uri": "urn:x"}, "request_uri_not_supported"),
    ({"prompt": "none login"}, "invalid_request"), ({"prompt": "shout"}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"), ({"max_age": "soon"}, "invalid_request"),
])  # fmt: skip
def test_a_faulty_request_returns_with_its_error(
    party: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    answers = [party.visit(**changes), party.sign_in("an", **changes)]

    assert [answer.address for answer in answers] == [RETURN, RETURN]
    assert all((answer["error"], answer["state"]) == (error, party.state) for answer in answers)
    assert not any("code" in answer for answer in answers)


def test_a_request_without_state_is_refused(party: RelyingParty) -> None:
    answer = party.visit(state=None)

    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_a_repeated_parameter_is_refused(party: RelyingParty) -> None:
    question = [*party.question().items(), ("nonce", "another")]

    answer = requests.get(party.metadata["authorization_endpoint"], params=question, allow_redirects=False, timeout=5)
    token = requests.post(
        party.metadata["token_endpoint"], data=[("code", "a"), ("code", "b")], auth=(party.client_id, party.secret),
        timeout=5)  # fmt: skip

    assert "error=invalid_request" in answer.headers["Location"]
    assert (token.status_code, token.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(("changes", "error"), [
    ({"code_verifier": "w" * 43}, "invalid_grant"), ({"code_verifier": None}, "invalid_grant"),
    ({"code_verifier": "short"}, "invalid_grant"), ({"redirect_uri": None}, "invalid_grant"),
    ({"redirect_uri": f"{RETURN}/"}, "invalid_grant"), ({"code": "unknown"}, "invalid_grant"),
    ({"code": None}, "invalid_request"), ({"grant_type": None}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
])  # fmt: skip
def test_a_code_is_bound_to_its_request(party: RelyingParty, changes: dict[str, str | None], error: str) -> None:
    code = party.sign_in("an")["code"]

    refused = party.redeem(**{"code": code, **changes})

    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert refused.headers["Cache-Control"] == "no-store"
    assert party.redeem(code).status_code == 200


def test_the_challenge_is_not_its_own_verifier(party: RelyingParty) -> None:
    challenge = challenge_of(party.verifier)

    refused = party.redeem(party.sign_in("an")["code"], code_verifier=challenge)

    assert refused.json()["error"] == "invalid_grant"


def test_a_code_used_twice_takes_its_token_back(party: RelyingParty) -> None:
    code = party.sign_in("an")["code"]
    tokens = party.redeem(code).json()
    before = party.userinfo(tokens["access_token"]).status_code

    again = party.redeem(code)

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (before, party.userinfo(tokens["access_token"]).status_code) == (200, 401)


def test_of_many_at_once_one_gets_the_code(party: RelyingParty) -> None:
    code = party.sign_in("an")["code"]
    start = threading.Barrier(8)
    statuses: list[int] = []

    def redeem() -> None:
        start.wait(10)
        statuses.append(party.redeem(code).status_code)

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [400] * 7


def test_a_code_of_another_client_is_unknown_and_stays_good(world: Server, party: RelyingParty) -> None:
    thief = RelyingParty(world.url, "thief")
    thief.verifier = party.verifier
    code = party.sign_in("an")["code"]

    stolen = thief.redeem(code)

    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert party.redeem(code).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(55, 200), (61, 400)])
def test_a_code_lives_for_a_minute(world: Server, party: RelyingParty, seconds: int, status: int) -> None:
    code = party.sign_in("an")["code"]

    requests.post(f"{world.url}/control/clock", json={"offset_seconds": seconds}, timeout=5)

    assert party.redeem(code).status_code == status


@pytest.mark.parametrize("auth", [("citizen", "wrong"), ("unknown", "secret"), ("citizen", "")])
def test_a_client_that_is_not_who_it_says_gets_nothing(party: RelyingParty, auth: tuple[str, str]) -> None:
    code = party.sign_in("an")["code"]

    refused = party.redeem(code, auth)

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert party.redeem(code).status_code == 200


@pytest.mark.parametrize("proof", [{}, {"client_id": "citizen"}, {"client_id": "citizen", "client_secret": "s"}])
def test_a_secret_travels_by_basic_only(party: RelyingParty, proof: dict[str, str]) -> None:
    refused = requests.post(
        party.metadata["token_endpoint"], data={"grant_type": "authorization_code"} | proof, timeout=5
    )

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_a_secret_may_hold_any_character(world: Server) -> None:
    party = RelyingParty(world.url, client_secret="a:b+c %/ü")
    code = party.sign_in("an")["code"]

    given = party.redeem(code, ("citizen", "a%3Ab%2Bc+%25%2F%C3%BC"))

    assert given.status_code == 200


def test_userinfo_opens_to_a_living_token_only(world: Server, party: RelyingParty) -> None:
    token = party.tokens("an")["access_token"]
    address = party.metadata["userinfo_endpoint"]

    none = requests.get(address, timeout=5)
    foreign = party.userinfo("foreign")
    in_the_address = requests.get(address, params={"access_token": token}, timeout=5)
    good = party.userinfo(token)
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 301}, timeout=5)
    late = party.userinfo(token)

    assert [each.status_code for each in (none, foreign, in_the_address, good, late)] == [401, 401, 401, 200, 401]
    assert late.headers["WWW-Authenticate"] == 'Bearer realm="identity", error="invalid_token"'


@pytest.mark.parametrize("wrong", [
    {}, {"redirect_uris": []}, {"redirect_uris": "https://a.example"}, {"redirect_uris": ["/relative"]},
    {"redirect_uris": ["https://a.example/#part"]}, {"redirect_uris": ["https://*.example/"]},
    {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["https://a@b.example/"]},
    {"redirect_uris": [RETURN], "client_id": "a b"}, {"redirect_uris": [RETURN], "colour": "red"},
    {"redirect_uris": [RETURN], "client_secret": ""}, {"redirect_uris": [RETURN], "jwks": {"keys": []}},
    {"redirect_uris": [RETURN], "token_endpoint_auth_method": "none"},
    {"redirect_uris": [RETURN], "token_endpoint_auth_method": "private_key_jwt"},
    {"redirect_uris": [RETURN], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC"}]}},
    {"redirect_uris": [RETURN], "post_logout_redirect_uris": ["nowhere"]},
])  # fmt: skip
def test_a_client_that_cannot_be_registered_is_refused(party: RelyingParty, wrong: dict[str, Any]) -> None:
    refused = party.control("clients", **wrong)

    assert (refused.status_code, refused.json()["error"][:8]) == (400, "invalid_")
    assert [each["client_id"] for each in requests.get(
        f"{party.url}/control/identity/clients", timeout=5).json()["items"]] == ["citizen"]  # fmt: skip


def test_a_client_is_listed_without_its_secret_and_can_be_forgotten(party: RelyingParty) -> None:
    address = f"{party.url}/control/identity/clients"

    listed = requests.get(address, timeout=5)
    gone = [requests.delete(f"{address}/citizen", timeout=5).status_code for _ in range(2)]

    assert party.secret not in listed.text
    assert "fingerprint" not in listed.text
    assert gone == [200, 404]
    assert party.visit().response.status_code == 400


def test_an_app_may_register_a_scheme_of_its_own(world: Server) -> None:
    address = "vn.example.citizen:/return"
    party = RelyingParty(world.url, redirect_uris=[address])

    answer = party.sign_in("an", redirect_uri=address)

    assert answer.address == address
    assert party.redeem(answer["code"], redirect_uri=address).status_code == 200


@pytest.mark.parametrize(("wrong", "status"), [
    ({"name": "A"}, 400), ({"birthdate": "01/02/1990"}, 400), ({"birthdate": "19900201"}, 400), ({"gender": "x"}, 400),
    ({"phone_number": "0912345678"}, 400), ({"national_id_number": "12345"}, 400), ({"level": 3}, 400),
    ({"level": True}, 400), ({"locked": "no"}, 400), ({"id": "../an"}, 400), ({"colour": "red"}, 400),
    ({"national_id_number": "000090000001"}, 409),
])  # fmt: skip
def test_a_person_that_cannot_be_is_refused(party: RelyingParty, wrong: dict[str, Any], status: int) -> None:
    good = {} if wrong == {"name": "A"} else {"name": "Mai", "birthdate": "1990-02-01", "gender": "female"}

    refused = party.control("people", **(good | wrong))

    assert refused.status_code == status
    assert len(requests.get(f"{party.url}/control/identity/people", timeout=5).json()["items"]) == 7
