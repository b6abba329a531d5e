"""The story as an app of others lives it: a library that knows nothing of us, real HTTP, a code read off a phone."""

from __future__ import annotations

import re

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from auth.app_models import Review
from tests.auth.app_stories import decide, register

PHONE = "+84912345678"
VERIFIER = "a-verifier-of-the-app-that-nobody-else-has-ever-seen"


def visit(person: requests.Session, url: str, page: str, button: str, **typed: str) -> str:
    """Fill in the form with this button on a page, as a browser without scripts does; the page that follows."""
    (form,) = [form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if f"/{button}" in form and typed]
    action = re.search(r'action="([^"]+)"', form)[1]
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = person.post(url + action, data=hidden | typed, timeout=10)
    assert answer.ok, answer.text
    return answer.text


@pytest.mark.parametrize("is_confidential", [False, True])
def test_an_app_signs_a_citizen_in_and_reads_what_was_allowed(house, home, client, outside, work, is_confidential):
    app = register(client(), redirect_uris=["http://127.0.0.1/back"], is_confidential=is_confidential)
    metadata = AuthorizationServerMetadata(
        requests.get(f"{house}/.well-known/oauth-authorization-server", timeout=10).json()
    )
    library = OAuth2Session(
        str(app.id),
        app.secret,
        scope="bills:read profile:read",
        redirect_uri=f"{home.url}/back",
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if is_confidential else "none",
    )

    address, state = library.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    with requests.Session() as person:
        page = person.get(address, headers={"Accept-Language": "en"}, timeout=10).text
        page = visit(person, house, page, "number", phone="0912 345 678")
        work()
        page = visit(person, house, page, "code", code=outside.inbox("sms", PHONE)[-1]["text"].split()[0])
        assert "Allow “Spending book” to see your data?" in page
        visit(person, house, page, "decision", decision="allow")
    brought = home.wait()
    got = library.fetch_token(
        metadata["token_endpoint"],
        authorization_response=f"{home.url}/back?" + "&".join(f"{name}={value}" for name, value in brought.items()),
        state=state,
        code_verifier=VERIFIER,
    )

    metadata.validate()
    assert (brought["iss"], brought["state"]) == (metadata["issuer"], state) == (house, state)
    me = library.get(f"{house}/v1/me").json()
    assert (me["phone"], me["assurance"]) == ("0912 *** 678", None)
    assert library.get(f"{house}/v1/utilities/bills").json() == {"items": []}
    assert library.get(f"{house}/v1/payments").status_code == 403
    assert jwt.decode(got["access_token"], options={"verify_signature": False})["iss"] == house

    refreshed = library.refresh_token(metadata["token_endpoint"], got["refresh_token"])
    assert refreshed["refresh_token"] != got["refresh_token"]
    assert library.get(f"{house}/v1/me").json() == me
    decide(app, Review.SUSPEND)
    assert library.get(f"{house}/v1/me").status_code == 401
    decide(app, Review.REINSTATE)
    assert library.get(f"{house}/v1/me").json() == me
    assert library.revoke_token(metadata["revocation_endpoint"], refreshed["refresh_token"]).status_code == 200
    assert library.get(f"{house}/v1/me").status_code == 401
    with pytest.raises(OAuthError, match="invalid_grant"):
        library.refresh_token(metadata["token_endpoint"], refreshed["refresh_token"])


def test_a_library_challenges_as_we_expect():
    assert create_s256_code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
