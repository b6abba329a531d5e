"""Machine clients: an id and a secret for a five-minute token, by the rules of RFC 6749."""

from __future__ import annotations

import base64
from uuid import UUID, uuid4

import jwt
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from auth import keyring, operations, tokens
from auth.cli import commands
from auth.errors import SystemsNotOffered
from kit.database import transaction
from kit.errors import NotFound
from tests.auth.people import bearer
from tests.people import make_organisation

PROVIDER = uuid4()
SCOPES = ["bills:write", "payments:read"]


@pytest.fixture
def machine(client):
    """The id and the secret of the power company's system."""
    organisation_id = make_organisation("provider", provider_id=PROVIDER)
    with transaction() as session:
        made = operations.create_client(session, organisation_id=organisation_id, scopes=SCOPES, name="PC Ninh Bình")
        _, secret = operations.add_secret(session, made.id, expires_at=None)
    return str(made.id), secret


@pytest.fixture
def http(client):
    return client()


def ask(http, machine, **form):
    client_id, secret = machine
    sent = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, **form}
    return http.post("/v1/auth/token", data={name: value for name, value in sent.items() if value is not None})


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_a_machine_gets_a_token_for_its_provider_with_all_it_was_granted(http, machine):
    given = ask(http, machine)

    assert given.status_code == 200
    assert given.headers["Cache-Control"] == "no-store"
    assert {name: given.json[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "bills:write payments:read",
    }
    with transaction() as session:
        claims = tokens.verify(given.json["access_token"], lambda kid: operations.find_signing_key(session, kid))
    assert (claims.role, claims.provider_id, claims.scopes) == ("provider", PROVIDER, frozenset(SCOPES))
    assert (str(claims.subject), claims.session_id, claims.assurance) == (machine[0], None, None)


def test_a_machine_may_ask_for_less(http, machine):
    given = ask(http, machine, scope="payments:read").json

    assert given["scope"] == "payments:read"
    assert jwt.decode(given["access_token"], options={"verify_signature": False})["scope"] == "payments:read"


def test_a_machine_may_show_its_secret_by_basic_authentication(http, machine):
    given = http.post("/v1/auth/token", data={"grant_type": "client_credentials"}, headers=basic(*machine))

    assert given.status_code == 200


def test_a_machine_may_not_show_its_secret_twice(http, machine):
    client_id, secret = machine

    refused = http.post(
        "/v1/auth/token",
        data={"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret},
        headers=basic(client_id, secret),
    )

    assert (refused.status_code, refused.json["code"]) == (400, "malformed_request")


def test_a_scope_that_was_not_granted_is_refused(http, machine):
    refused = ask(http, machine, scope="payments:read webhooks:manage")

    assert (refused.status_code, refused.json["code"], refused.json["error"]) == (400, "invalid_scope", "invalid_scope")
    assert refused.json["granted"] == SCOPES


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"])
def test_another_grant_type_is_refused(http, machine, grant):
    refused = ask(http, machine, grant_type=grant)

    assert (refused.status_code, refused.json["error"]) == (400, "unsupported_grant_type")


def refusal(answer):
    told = {name: value for name, value in answer.json.items() if name != "instance"}
    return answer.status_code, answer.headers["WWW-Authenticate"], answer.content_type, told


def test_unknown_revoked_and_mistaken_clients_are_refused_in_the_same_words(http, machine):
    client_id, secret = machine
    mistaken = ask(http, machine, client_secret=secret[:-1] + ("A" if secret[-1] != "A" else "B"))
    unknown = ask(http, (str(uuid4()), secret))
    no_id = ask(http, ("pc-ninh-binh", secret))
    without = ask(http, machine, client_secret=None)
    nobody = ask(http, machine, client_id=None, client_secret=None)
    by_basic = http.post("/v1/auth/token", data={"grant_type": "client_credentials"}, headers=basic(client_id, "x"))
    broken = http.post(
        "/v1/auth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": "Basic %%%"}
    )
    with transaction() as session:
        operations.revoke_client(session, UUID(client_id))
    revoked = ask(http, machine)

    refusals = [refusal(a) for a in (mistaken, unknown, no_id, without, nobody, by_basic, broken, revoked)]

    assert refusals == [refusals[0]] * 8
    status, challenge, content_type, told = refusals[0]
    assert (status, challenge, content_type) == (401, 'Basic realm="citizen"', "application/problem+json")
    assert (told["code"], told["error"]) == ("invalid_client", "invalid_client")


def test_a_form_is_needed(http, machine):
    client_id, secret = machine
    as_json = http.post(
        "/v1/auth/token", json={"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    )
    empty = http.post("/v1/auth/token", data={}, content_type="application/x-www-form-urlencoded")

    assert (as_json.status_code, empty.status_code) == (415, 422)


def test_a_machine_is_no_citizen(http, machine):
    token = ask(http, machine).json["access_token"]

    refused = http.get("/v1/me", headers=bearer(token))

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_basic_authentication_opens_nothing_else(http, machine):
    refused = http.get("/v1/me", headers=basic(*machine))

    assert refused.status_code == 401


def test_the_secret_is_not_in_the_database(machine):
    with transaction() as session:
        stored = session.execute(text("SELECT c::text FROM client_credential c")).scalar_one()

    assert len(machine[1]) >= 43
    assert machine[1] not in stored
    assert machine[1].encode().hex() not in stored


def test_the_same_client_can_be_set_up_twice_but_a_revoked_one_stays_revoked(http):
    fixed = {"client_id": UUID(int=1), "organisation_id": make_organisation("provider")}
    for name, scopes in (("first", ["bills:write"]), ("second", SCOPES)):
        with transaction() as session:
            again = operations.create_client(session, scopes=scopes, name=name, **fixed)
            operations.keep_secret(session, again.id, "x" * 43)

    assert (again.name, again.scopes) == ("second", SCOPES)
    assert ask(http, (str(UUID(int=1)), "x" * 43)).json["scope"] == " ".join(SCOPES)
    with transaction() as session:
        operations.revoke_client(session, UUID(int=1))
        operations.create_client(session, scopes=SCOPES, name="third", **fixed)
        operations.keep_secret(session, UUID(int=1), "x" * 43)
    assert ask(http, (str(UUID(int=1)), "x" * 43)).status_code == 401


@pytest.mark.parametrize("kind", ["clinic", "school_office", "tourism_office", "province"])
def test_only_providers_have_systems_so_far(client, kind):
    organisation_id = make_organisation(kind)

    with pytest.raises(SystemsNotOffered), transaction() as session:
        operations.create_client(session, organisation_id=organisation_id, scopes=SCOPES, name="nobody")


def test_a_system_belongs_to_an_organisation_that_is_there(client):
    with pytest.raises(NotFound), transaction() as session:
        operations.create_client(session, organisation_id=uuid4(), scopes=SCOPES, name="nobody")


def test_a_provider_is_named_by_its_organisation_and_by_no_other(client):
    by_hand = "INSERT INTO organisation (id, created_at, kind, slug, name_vi, name_en, state, provider_id, version)"
    for kind, provider in (("provider", None), ("clinic", PROVIDER)):
        values = f"VALUES (:id, now(), '{kind}', 'x', 'x', 'x', 'active', :provider, 1)"
        with pytest.raises(IntegrityError, match="provider_is_named"), transaction() as session:
            session.execute(text(f"{by_hand} {values}"), {"id": uuid4(), "provider": provider})


def test_an_operator_registers_and_revokes_a_client_from_the_command_line(http):
    with transaction() as session:
        operations.register_provider(session, PROVIDER, slug="pc-ninh-binh", name_vi="PC", name_en="PC")
    made = CliRunner().invoke(
        commands,
        [
            "create-client",
            "--provider",
            "pc-ninh-binh",
            "--scope",
            "bills:write",
            "--scope",
            "payments:read",
            "--name",
            "PC",
        ],
    )
    told = dict(line.split("=", 1) for line in made.output.splitlines())
    machine = told["client_id"], told["client_secret"]
    welcome = ask(http, machine)
    CliRunner().invoke(commands, ["revoke-client", machine[0]], catch_exceptions=False)
    refused = ask(http, machine)

    assert (made.exit_code, welcome.status_code, refused.status_code) == (0, 200, 401)
    assert welcome.json["scope"] == "bills:write payments:read"


def test_what_is_not_there_cannot_be_revoked_or_retired(client):
    with pytest.raises(NotFound), transaction() as session:
        operations.revoke_client(session, uuid4())
    with pytest.raises(NotFound), transaction() as session:
        operations.withdraw_signing_key(session, "A" * 43)


def test_an_operator_retires_a_key_from_the_command_line(http, machine):
    ask(http, machine)
    kid = keyring.first().kid

    CliRunner().invoke(commands, ["withdraw-key", kid], catch_exceptions=False)

    with transaction() as session:
        assert operations.find_signing_key(session, kid) is None
