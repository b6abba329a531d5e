"""Systems that were registered before there were organisations go on with the id and secret they have."""

from __future__ import annotations

import hashlib
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text

from kit.database import sqlalchemy_url
from kit.embedded import EmbeddedServer
from server import migrations

KNOWN, VANISHED = uuid4(), uuid4()  # a provider of the directory, and one that is known by its system alone
_PROVIDER = """
INSERT INTO provider (id, created_at, slug, kind, name_vi, name_en, areas, code_pattern, code_example, code_label_vi,
  code_label_en, proofs, selection, cut_off, source)
VALUES (:id, now(), 'pc-thanh-hoa', 'power', 'Công ty Điện lực Thanh Hóa', 'PC', '[]', '.', '.', '.', '.', '[]', 'any',
  '17:00', 'tests')
"""
_CLIENT = """
INSERT INTO machine_client (id, created_at, name, role, provider_id, secret_hash, scopes)
VALUES (:id, now(), 'Billing', 'provider', :provider_id, :secret_hash, '["bills:write"]')
"""
_NOW = """
SELECT o.slug, o.provider_id, c.kind, c.place, c.secret_hash, c.expires_at FROM machine_client m
JOIN organisation o ON o.id = m.organisation_id JOIN client_credential c ON c.client_id = m.id WHERE m.id = :id
"""


@pytest.fixture
def engine(postgres: EmbeddedServer):
    engine = create_engine(sqlalchemy_url(postgres.database(f"before_{uuid4().hex}")))
    yield engine
    engine.dispose()


def test_a_client_keeps_its_secret_and_belongs_to_the_organisation_of_its_provider(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    command.upgrade(migrations._config(url), "0008")
    clients = {uuid4(): KNOWN, uuid4(): KNOWN, uuid4(): VANISHED}
    with engine.begin() as connection:
        connection.execute(text(_PROVIDER), {"id": KNOWN})
        for client_id, provider_id in clients.items():
            secret_hash = hashlib.sha256(client_id.bytes).digest()
            values = {"id": client_id, "provider_id": provider_id, "secret_hash": secret_hash}
            connection.execute(text(_CLIENT), values)

    migrations.upgrade(url)

    slugs = {KNOWN: "pc-thanh-hoa", VANISHED: f"provider-{VANISHED}"}
    with engine.begin() as connection:
        for client_id, provider_id in clients.items():
            row = connection.execute(text(_NOW), {"id": client_id}).one()
            secret_hash = hashlib.sha256(client_id.bytes).digest()
            assert tuple(row) == (slugs[provider_id], provider_id, "secret", 1, secret_hash, None)
        assert connection.execute(text("SELECT count(*) FROM organisation")).scalar_one() == 2
