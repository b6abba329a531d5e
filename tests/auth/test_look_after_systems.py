"""Systems of an organisation: registered by its operator, rotated without a gap, withdrawn within seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import text

from auth.models import Assurance
from kit import clock
from kit.database import transaction
from tests.auth.people import bearer
from tests.people import all_at_once
from tests.privacy.clear_text import places_of

SYSTEM = {"name": "Hệ thống hóa đơn", "scopes": ["bills:write", "payments:read"]}
PUBLIC_KEY = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
PAYMENTS = "/v1/utilities/provider-payments"


@pytest.fixture
def operator(staff):
    """Who looks after a power company's members and systems."""
    return staff("provider", "operator")


def place(operator, *rest: object) -> str:
    return "/".join(map(str, (f"/v1/organisations/{operator.organisation_id}/clients", *rest)))


def register(operator, **changes):
    return operator.post(place(operator), json=SYSTEM | changes)


def listed(operator) -> list[dict[str, Any]]:
    return operator.get(place(operator)).json["items"]


def ask(operator, client_id: str, secret: str):
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return operator.http.post("/v1/auth/token", data=form)


def token_of(operator, system: dict[str, Any]) -> str:
    return ask(operator, system["id"], system["client_secret"]).json["access_token"]


def withdraw(operator, client_id, credential):
    path = place(operator, client_id, "credentials", credential["id"])
    return operator.delete(path, headers={"If-Match": credential["etag"]})


def test_a_registered_system_gets_in_with_the_secret_that_was_told_once(operator):
    made = register(operator)

    token = ask(operator, made.json["id"], made.json["client_secret"])

    assert (made.status_code, token.status_code) == (201, 200)
    assert token.json["scope"] == "bills:write payments:read"
    assert operator.http.get(PAYMENTS, headers=bearer(token.json["access_token"])).status_code == 200
    [shown] = listed(operator)
    assert "client_secret" not in shown
    assert made.json["client_secret"] not in operator.get(place(operator)).text
    assert places_of(made.json["client_secret"]) == []


def test_what_is_listed_tells_when_a_credential_was_last_used(operator, later):
    made = register(operator).json
    [before] = listed(operator)[0]["credentials"]
    ask(operator, made["id"], made["client_secret"])
    [after] = listed(operator)[0]["credentials"]

    assert (before["kind"], before["last_used_at"], before["key_id"]) == ("secret", None, None)
    assert after["last_used_at"] is not None


def test_a_secret_lasts_a_year_unless_told_otherwise(operator, later):
    until = (clock.now() + timedelta(days=30)).isoformat()
    lasting, brief = register(operator).json, register(operator, expires_at=until).json

    assert lasting["credentials"][0]["expires_at"][:4] == str(clock.now().year + 1)
    later(timedelta(days=30))
    assert ask(operator, brief["id"], brief["client_secret"]).status_code == 401
    assert ask(operator, lasting["id"], lasting["client_secret"]).status_code == 200
    later(timedelta(days=335))
    assert ask(operator, lasting["id"], lasting["client_secret"]).status_code == 401


def test_a_secret_is_rotated_without_a_gap(operator):
    made = register(operator).json
    added = operator.post(place(operator, made["id"], "credentials"), json={})
    both = [ask(operator, made["id"], one["client_secret"]).status_code for one in (made, added.json)]

    withdrawn = withdraw(operator, made["id"], made["credentials"][0])

    after = [ask(operator, made["id"], one["client_secret"]).status_code for one in (made, added.json)]
    assert (added.status_code, withdrawn.status_code, both, after) == (201, 204, [200, 200], [401, 200])
    assert [one["id"] for one in listed(operator)[0]["credentials"]] == [added.json["id"]]


def test_tokens_of_a_withdrawn_secret_end_within_ten_seconds_and_others_go_on(operator, later):
    made = register(operator).json
    added = operator.post(place(operator, made["id"], "credentials"), json={}).json
    old, new = token_of(operator, made), token_of(operator, made | {"client_secret": added["client_secret"]})

    withdraw(operator, made["id"], made["credentials"][0])
    later(timedelta(seconds=10))

    assert [operator.http.get(PAYMENTS, headers=bearer(token)).status_code for token in (old, new)] == [401, 200]


def test_a_third_credential_has_no_place_whoever_races(operator):
    made = register(operator).json
    path = place(operator, made["id"], "credentials")
    headers = {"Authorization": f"Bearer {operator.token}", "For-Organisation": str(operator.organisation_id)}

    def add(_nth):
        return operator.http.application.test_client().post(path, json={}, headers=headers).status_code

    answers = all_at_once(6, add)

    assert sorted(answers) == [201] + [409] * 5
    refused = operator.post(path, json={})
    assert refused.json["code"] == "two_credentials"


def test_a_credential_that_has_expired_makes_room(operator, later):
    until = (clock.now() + timedelta(minutes=1)).isoformat()
    made = register(operator, expires_at=until).json
    later(timedelta(minutes=2))

    added = [operator.post(place(operator, made["id"], "credentials"), json={}).status_code for _time in range(3)]

    assert added == [201, 201, 409]


def test_a_system_with_a_key_has_no_secret(operator):
    made = register(operator, public_key=PUBLIC_KEY)

    assert (made.status_code, made.json["client_secret"]) == (201, None)
    [credential] = made.json["credentials"]
    assert (credential["kind"], len(credential["key_id"])) == ("key", 43)
    assert ask(operator, made.json["id"], "x" * 43).status_code == 401


def test_a_revoked_system_is_gone_and_its_tokens_end_within_ten_seconds(operator, later):
    made = register(operator).json
    token = token_of(operator, made)
    etag = listed(operator)[0]["etag"]

    revoked = operator.delete(place(operator, made["id"]), headers={"If-Match": etag})

    assert (revoked.status_code, listed(operator)) == (204, [])
    assert ask(operator, made["id"], made["client_secret"]).status_code == 401
    later(timedelta(seconds=10))
    assert operator.http.get(PAYMENTS, headers=bearer(token)).status_code == 401
    assert operator.post(place(operator, made["id"], "credentials"), json={}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"scopes": ["bills:writes"]}, 422, "unknown_scope"),
        ({"scopes": ["bills:read"]}, 422, "unknown_scope"),
        ({"scopes": []}, 422, "invalid_request"),
        ({"scopes": ["*"]}, 422, "invalid_request"),
        ({"name": ""}, 422, "invalid_request"),
        ({"public_key": {"kty": "oct", "k": "c2VjcmV0"}}, 422, "invalid_request"),
        ({"public_key": PUBLIC_KEY | {"d": "c2VjcmV0"}}, 422, "invalid_request"),
        ({"public_key": {"kty": "EC", "crv": "P-256"}}, 422, "key_not_usable"),
        ({"expires_at": "2026-01-01T00:00:00+07:00"}, 422, "invalid_request"),
        ({"expires_at": "2099-01-01T00:00:00+07:00"}, 422, "invalid_request"),
        ({"expires_at": None}, 422, "invalid_request"),
        ({"client_secret": "of-my-own"}, 422, "invalid_request"),
    ],
)  # fmt: skip
def test_what_makes_no_good_system_is_refused(operator, wrong, status, code):
    refused = register(operator, **wrong)

    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert listed(operator) == []


def test_only_providers_have_systems(staff):
    refused = register(staff("clinic", "operator"))

    assert (refused.status_code, refused.json["code"]) == (409, "systems_not_offered")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"roles": ["clerk", "approver", "editor", "front_desk"]}, 403),
        ({"roles": ["operator"], "level": Assurance.PHONE}, 401),
        ({"roles": ["operator"], "age": timedelta(minutes=6)}, 401),
    ],
    ids=["all other roles", "by phone", "an old proof"],
)
def test_only_an_operator_who_has_just_proved_themselves_lets_a_system_in(operator, staff, who, status):
    made = register(operator).json
    member = staff("provider", *who.pop("roles"), organisation_id=operator.organisation_id, **who)

    answers = [register(member), member.post(place(operator, made["id"], "credentials"), json={})]

    assert [one.status_code for one in answers] == [status] * 2


def test_an_operator_of_another_company_finds_none_of_it(operator, staff):
    made, stranger = register(operator).json, staff("provider", "operator")
    [credential] = made["credentials"]

    answers = []
    for where in (operator, stranger):
        answers += [
            stranger.delete(place(where, made["id"]), headers={"If-Match": made["etag"]}),
            stranger.post(place(where, made["id"], "credentials"), json={}),
            stranger.delete(
                place(where, made["id"], "credentials", credential["id"]), headers={"If-Match": credential["etag"]}
            ),
        ]

    assert [one.status_code for one in answers] == [404] * 6
    assert ask(operator, made["id"], made["client_secret"]).status_code == 200


def test_a_credential_of_another_system_is_not_found(operator):
    one, other = register(operator).json, register(operator).json

    refused = withdraw(operator, one["id"], other["credentials"][0])

    assert refused.status_code == 404
    assert operator.delete(place(operator, one["id"]), headers={"If-Match": '"old"'}).status_code == 412


def test_clients_of_an_organisation_are_paged(operator):
    made = [register(operator).json["id"] for _nth in range(3)]

    first = operator.get(place(operator), query_string={"limit": 2}).json
    second = operator.get(place(operator), query_string={"limit": 2, "cursor": first["next"]}).json

    assert [one["id"] for one in (*first["items"], *second["items"])] == made[::-1]


def test_a_credential_is_a_secret_or_a_key_and_never_both(operator):
    made = register(operator).json
    by_hand = "UPDATE client_credential SET public_jwk = '{}' WHERE client_id = :client"

    with pytest.raises(Exception, match="is_one_or_the_other"), transaction() as session:
        session.execute(text(by_hand), {"client": UUID(made["id"])})


def test_the_province_looks_after_systems_of_any_company(operator, staff):
    province = staff("province", "operator")

    made = province.post(place(operator), json=SYSTEM)

    assert ask(operator, made.json["id"], made.json["client_secret"]).status_code == 200
    assert province.post(f"/v1/organisations/{uuid4()}/clients", json=SYSTEM).status_code == 404
