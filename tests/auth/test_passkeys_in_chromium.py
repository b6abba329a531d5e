"""The story of a passkey in a real browser: made on a page, signed in with on another visit, asked for again."""

from __future__ import annotations

import json
import threading

import flask
import jwt
import pytest
from werkzeug.serving import make_server

from auth import passkeys
from auth.passkeys import RelyingParty
from tests.auth.authenticator import Authenticator
from tests.auth.chromium import browse, find_chromium
from tests.auth.people import AN
from tests.auth.test_passkeys import answer, ask_to_sign_in

chromium = find_chromium()
pytestmark = pytest.mark.skipif(chromium is None, reason="Chromium is not installed here (apt install chromium)")

PAGE = """<!doctype html><html lang="vi"><title>Công dân số</title><script>
async function send(path, token, body) {
  const headers = {'Content-Type': 'application/json'};
  if (token) headers.Authorization = 'Bearer ' + token;
  const answer = await fetch(path, {method: 'POST', headers, body: body && JSON.stringify(body)});
  return {status: answer.status, body: await answer.json()};
}
async function register(token) {
  const asked = await send('/v1/me/passkeys/options', token);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.body.public_key);
  const credential = (await navigator.credentials.create({publicKey})).toJSON();
  return send('/v1/me/passkeys', token, {challenge_id: asked.body.id, credential, name: 'Máy của An'});
}
async function sign(asked) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.public_key);
  return (await navigator.credentials.get({publicKey})).toJSON();
}
async function signIn() {
  const asked = await send('/v1/auth/passkey-challenges');
  return send(`/v1/auth/passkey-challenges/${asked.body.id}/answer`, null,
              {credential: await sign(asked), device_name: 'Máy của An'});
}
async function stepUp(token) {
  const asked = await send('/v1/me/step-ups/passkey', token);
  return send(`/v1/me/step-ups/passkey/${asked.body.id}/answer`, token, {credential: await sign(asked)});
}
</script></html>"""


@pytest.fixture
def page(app, client, settings):
    """The API and one page of an app, served on localhost by a server of the test's own; its address."""
    shop = flask.Flask("page")
    shop.add_url_rule("/page", view_func=lambda: PAGE)

    def serve(environ, start_response):
        return (shop if environ["PATH_INFO"] == "/page" else app)(environ, start_response)

    server = make_server("localhost", 0, serve, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    origin = f"http://localhost:{server.port}"
    passkeys.use_relying_party(RelyingParty(origins=(origin,)))
    yield f"{origin}/page"
    passkeys.use_relying_party(settings.passkeys)
    server.shutdown()
    thread.join(20)
    server.server_close()


@pytest.fixture
def browser(tmp_path):
    with browse(chromium, tmp_path) as opened:
        yield opened


def test_a_citizen_makes_a_passkey_and_comes_back_with_it(phone, page, browser):
    signed_in = phone.sign_in(AN)
    browser.open(page)
    browser.add_authenticator()

    registered = browser.run(f"register({json.dumps(signed_in['access_token'])})")
    back = browser.run("signIn()")
    raised = browser.run(f"stepUp({json.dumps(signed_in['access_token'])})")

    assert (registered["status"], registered["body"]["name"]) == (201, "Máy của An"), registered
    assert (back["status"], back["body"]["citizen_id"]) == (200, signed_in["citizen_id"]), back
    assert (raised["status"], raised["body"]["acr"]) == (200, "passkey"), raised
    said = jwt.decode(back["body"]["access_token"], options={"verify_signature": False})
    assert said["acr"] == "passkey"
    assert phone.me(raised["body"]["access_token"]).json["assurance"] == "passkey"


def test_an_authenticator_that_verifies_nobody_gets_no_passkey(phone, page, browser):
    signed_in = phone.sign_in(AN)
    browser.open(page)
    browser.add_authenticator(hasUserVerification=False, isUserVerified=False)

    refused = browser.run(f"register({json.dumps(signed_in['access_token'])}).catch(error => error.name)")

    assert refused == "NotAllowedError" or refused["status"] == 422, refused
    assert phone.call("GET", "/v1/me/passkeys").json == {"items": []}


def test_what_the_software_authenticator_signs_is_no_answer_on_this_page(phone, page):
    phone.sign_in(AN)
    asked = ask_to_sign_in(phone)
    foreign = Authenticator(user="AAAA").sign(asked["public_key"])

    assert answer(phone, asked["id"], foreign).status_code == 422
