"""Signing keys: published a day before they sign, retired by the next, withdrawn within seconds when they must be."""

from __future__ import annotations

import stat
from datetime import timedelta

import jwt
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from auth import keyring, operations, tokens
from auth.cli import commands
from auth.models import KeyState
from kit.database import transaction
from kit.errors import NotFound

ISSUER = "http://127.0.0.1:8000"
SECRET = b"s" * 32


@pytest.fixture
def folder(tmp_path, client, signing_key):
    """The house with a folder of keys, as it stands after its first sign-in."""
    tokens.use_key(signing_key, issuer=ISSUER, secret=SECRET, folder=tmp_path)
    yield tmp_path
    tokens.use_key(signing_key, issuer=ISSUER, secret=SECRET)


def run(*arguments: str):
    return CliRunner().invoke(commands, list(arguments), catch_exceptions=False)


def rotate():
    answer = run("rotate-keys")
    assert answer.exit_code == 0, answer.output
    return answer.output.split()[1].rstrip(":")


def advance() -> None:
    with transaction() as session:
        operations.advance_signing_keys(session)


def states() -> dict[str, KeyState]:
    with transaction() as session:
        return {key.kid: key.state for key in operations.list_key_states(session)}


def kid_of(phone):
    return jwt.get_unverified_header(phone.tokens["access_token"])["kid"]


def published(phone):
    return {key["kid"] for key in phone.http.get("/.well-known/jwks.json").json["keys"]}


def test_a_new_key_is_published_a_day_before_it_signs(phone, folder, later):
    phone.sign_in()
    first = kid_of(phone)

    second = rotate()
    advance()
    phone.tokens = phone.refresh().json
    too_early = kid_of(phone)
    later(timedelta(days=1))
    advance()
    phone.tokens = phone.refresh().json

    assert published(phone) == {first, second}
    assert (too_early, kid_of(phone)) == (first, second)
    assert states() == {first: KeyState.RETIRING, second: KeyState.ACTIVE}
    assert phone.me().status_code == 200


def test_a_key_goes_a_day_after_its_last_token(phone, folder, later):
    phone.sign_in()
    first, second = kid_of(phone), rotate()
    later(timedelta(days=1))
    advance()

    later(timedelta(days=1))
    advance()
    kept = published(phone)
    later(timedelta(minutes=5))
    advance()

    assert (kept, published(phone)) == ({first, second}, {second})


def test_no_token_is_refused_while_keys_rotate(phone, folder, later):
    phone.sign_in()
    seen = []
    for _ in range(3):
        rotate()
        for _hour in range(9):
            later(timedelta(hours=3))
            held = phone.tokens
            phone.tokens = phone.refresh().json
            advance()
            seen += [phone.me(held["access_token"]).status_code if _hour else 200, phone.me().status_code]

    assert set(seen[1::2]) == {200}
    assert len(published(phone)) == 2


def test_a_withdrawn_key_is_refused_within_ten_seconds_and_the_next_one_signs(phone, folder, later):
    phone.sign_in()
    stolen, heir = kid_of(phone), rotate()
    phone.me()

    told = run("withdraw-key", stolen)
    later(timedelta(seconds=5))
    refused = phone.me()
    phone.tokens = phone.refresh().json

    assert (told.exit_code, refused.status_code) == (0, 401)
    assert (kid_of(phone), phone.me().status_code) == (heir, 200)
    assert published(phone) == {heir}


def test_without_a_next_key_a_new_one_is_made_and_signs_at_once(phone, folder):
    phone.sign_in()

    run("withdraw-key", kid_of(phone))
    phone.tokens = phone.refresh().json

    assert states()[kid_of(phone)] is KeyState.ACTIVE
    assert len(list(folder.glob("*.pem"))) == 1


def test_a_machine_without_a_good_key_says_so(phone):
    phone.sign_in()

    run("withdraw-key", kid_of(phone))
    refused = phone.refresh()

    assert (refused.status_code, refused.json["code"]) == (503, "service_unavailable")


def test_a_key_file_is_for_the_server_alone_and_the_database_has_no_private_half(folder):
    kid = rotate()

    [file] = folder.glob("*.pem")
    with transaction() as session:
        stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM signing_key t")).scalar_one()
    assert (file.stem, stat.S_IMODE(file.stat().st_mode)) == (kid, 0o600)
    assert '"d"' not in stored
    assert "PRIVATE" not in stored
    assert keyring.thumbprint(keyring.find(kid).jwk) == kid


def test_a_machine_that_got_no_file_goes_on_with_what_it_has(phone, folder, later, signing_key):
    phone.sign_in()
    first, second = kid_of(phone), rotate()
    (folder / f"{second}.pem").unlink()
    tokens.use_key(signing_key, issuer=ISSUER, secret=SECRET, folder=folder)
    later(timedelta(days=1))
    advance()

    phone.tokens = phone.refresh().json

    assert (kid_of(phone), phone.me().status_code) == (first, 200)


def test_without_a_folder_an_operator_is_told(client):
    refused = run("rotate-keys")

    assert refused.exit_code == 1
    assert "SIGNING_KEYS_DIR" in refused.output


def test_an_operator_sees_every_key_and_what_it_is(phone, folder):
    phone.sign_in()
    first, second = kid_of(phone), rotate()

    lines = run("list-keys").output.splitlines()

    assert [line.split()[:2] for line in lines] == [[first, "active"], [second, "published"]]


def test_a_thumbprint_that_begins_with_a_dash_is_no_option(phone, folder):
    phone.sign_in()
    dashed = "-piqES" + "a" * 37

    with pytest.raises(NotFound):
        run("withdraw-key", dashed)
