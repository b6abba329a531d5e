"""The sample province: divisions, providers, tariffs, bills, clinics, and in the sandbox a client per provider."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid5

import auth.operations
import auth.operations.apps
import divisions.operations
import payments.operations
import services.health.flows
import services.health.operations as health
import services.utilities.flows
import services.utilities.operations as utilities
from kit.database import transaction
from server import seed_guides
from services.education import tables
from services.education.operations import importing, seeding, writing
from services.health.facility_file import read as read_facilities
from services.utilities.bill_file import CSV

# Fixed, so that guides and the journey can name them; refused outside of the sandbox.
_NAMESPACE = UUID("5e6f1a52-51f1-4f0c-9c36-8d6f4a5c1e00")
SANDBOX_APP = uuid5(_NAMESPACE, "app")  # an app of others that is approved already
_APP = {
    "name_vi": "Sổ chi tiêu mẫu",
    "name_en": "Sample spending book",
    "owner_name": "Công ty Mẫu (môi trường thử)",
    "homepage": "https://so-chi-tieu.example",
    "redirect_uris": ["http://127.0.0.1/back", "vn.so-chi-tieu.app:/back"],
    "scopes": ["profile:read", "identity:read", "bills:read", "payments:read"],
    "is_confidential": False,
}
_SCOPES = ("bills:write", "payments:read", "settlement:read", "settlement:write")


def sandbox_client(slug: str) -> tuple[UUID, str]:
    """Client id and secret of a provider's system in the sandbox."""
    return uuid5(_NAMESPACE, slug), f"sandbox-secret-of-{slug}"


def load(folder: Path, *, in_sandbox: bool, say: Callable[[str], None]) -> None:
    """Load everything under `folder`; repeating it changes nothing."""
    with transaction() as session:
        counted = divisions.operations.seed(session, folder)
    say(f"divisions: {', '.join(counted)}")
    with transaction() as session:
        given = json.loads((folder / "providers.json").read_text(encoding="utf-8"))
        utilities.save_providers(session, given)
        tariffs = utilities.save_tariffs(session, json.loads((folder / "tariffs.json").read_text(encoding="utf-8")))
    say(f"utilities: {len(given)} providers, {tariffs} tariffs")
    say(f"payments: {_load_banks(folder)} forms of banks' statements")
    say(f"education: {_load_schools(folder)}")
    bills = sum(_load_bills(folder / f"bills_{entry['slug']}.csv", entry["slug"]) for entry in given)
    say(f"utilities: {bills} bills")
    say(f"tourism: {seed_guides.load(folder)} guides")
    say(f"health: {_load_clinics(folder)}")
    if in_sandbox:
        for entry in given:
            _add_client(entry["slug"])
        with transaction() as session:
            auth.operations.apps.put_up_app(session, SANDBOX_APP, uuid5(_NAMESPACE, "app owner"), _APP)


def _load_banks(folder: Path) -> int:
    """What an operator has changed since stays as it is."""
    given = json.loads((folder / "banks.json").read_text(encoding="utf-8"))
    with transaction() as session:
        known = {form.code for form in payments.operations.list_forms(session)}
        for code in given.keys() - known:
            payments.operations.put_form(session, code, given[code], person_id=None)
    return len(given)


def _load_schools(folder: Path) -> str:
    with transaction() as session:
        made, errors = importing.load_schools(session, (folder / "schools.csv").read_bytes(), tables.CSV, "sample")
        if errors:
            raise ValueError(f"schools.csv: {len(errors)} lines were refused, the first: {errors[0]}")
        writing.recount_words(session)
        counted = seeding.load_admissions(session, json.loads((folder / "admissions.json").read_text("utf-8")))
    return ", ".join([f"{made} new schools", *(f"{count} new {what}" for what, count in counted.items())])


def _load_bills(file: Path, slug: str) -> int:
    if not file.exists():
        return 0
    content = file.read_bytes()
    with transaction() as session:
        provider_id = utilities.get_provider(session, slug).id
        import_id = utilities.start_local(session, provider_id, CSV, len(content))
    services.utilities.flows.read_file(import_id, provider_id, CSV, [content])
    with transaction() as session:
        done = utilities.get_import(session, import_id, provider_id).found
    if done.refused:
        raise ValueError(f"{file.name}: {done.refused} lines were refused")
    return done.created + done.changed + done.unchanged


def _load_clinics(folder: Path) -> str:
    clinics = folder / "clinics.csv"
    with transaction() as session:
        told = health.import_facilities(session, read_facilities(clinics.read_bytes(), name=clinics.name))
        health.save_services(session, json.loads((folder / "clinic_services.json").read_text(encoding="utf-8")))
        with (folder / "holidays.csv").open(encoding="utf-8-sig", newline="") as content:
            days = health.save_holidays(session, csv.DictReader(content))
    services.health.flows.write_schedules()
    return f"{told.counts['read']} facilities, {days} holidays"


def _add_client(slug: str) -> None:
    client_id, secret = sandbox_client(slug)
    with transaction() as session:
        client = auth.operations.create_client(
            session,
            organisation_id=auth.operations.get_organisation_by_slug(session, slug).id,
            scopes=_SCOPES,
            name=f"Sandbox system of {slug}",
            client_id=client_id,
        )
        auth.operations.keep_secret(session, client.id, secret)
