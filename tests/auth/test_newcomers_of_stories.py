"""Citizens with whom stories begin are those that the rooms make."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from auth import operations
from auth.models import Language
from kit import sealed
from kit.database import transaction
from tests.newcomers import welcome
from tests.people import Person

_OWN = {"id", "owner_id", "citizen_id", "wrapped", "sealed", "lookup"}
_TABLES = {"citizen": "id", "vault_key": "owner_id", "vault_entry": "owner_id", "sign_in_session": "citizen_id"}


def _rows_of(citizen_id: object) -> dict[str, dict[str, Any]]:
    with transaction() as session:
        found = {
            table: session.execute(
                text(f"SELECT to_jsonb(t) FROM {table} t WHERE {column} = :id"), {"id": citizen_id}
            ).scalar_one()
            for table, column in _TABLES.items()
        }
    # Instants differ from one to the next; whether there is one does not.
    return {
        table: {
            name: value is not None if name.endswith(("_at", "_since")) else value
            for name, value in row.items()
            if name not in _OWN
        }
        for table, row in found.items()
    }


def test_a_newcomer_of_a_story_is_what_the_rooms_make_of_one(chi: Person) -> None:
    with transaction() as session:
        told, token = welcome(session, "+84912345678")
        made = operations.welcome_citizen(session, "+84987654321", Language.VI)
        operations.start_session(session, made, None)

    chi.token = token
    assert chi.get("/v1/me").status_code == 200
    assert _rows_of(told) == _rows_of(made)
    with transaction() as session:
        assert sealed.read(session, told) == {"phone": "+84912345678"}
        assert welcome(session, "+84912345678")[0] == told
