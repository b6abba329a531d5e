"""Another master key: whatever the old one has sealed, in any table, is read by the new one alone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

import webhooks.operations.endpoints
from kit import clock, egress, renewal, sealed, vault
from kit.database import transaction
from kit.vault import Unreadable
from persons.cli import commands
from server.settings import Settings
from services.utilities.models import Provider
from services.utilities.operations import endpoints
from tests import test_house_rules as house
from tests.factories import make_provider, owe
from tests.payments.stories import confirm_in_app, pay, rows, told
from tests.people import Machine, Outside, Person, StaffMember, Work
from webhooks.models import EventKind, WebhookSecret

NEW = b"n" * 32
PUBLIC = ["93.184.215.14"]
HOOKS = "https://hooks.cong-ty.vn/"


@pytest.fixture(autouse=True)
def as_before(settings: Settings, clean: None) -> Iterator[None]:
    """The house's own keys again, and no test asks the real name servers."""
    egress.configure(resolve=lambda _host, _port: PUBLIC)
    yield
    egress.configure(allowed=settings.sandbox_url)
    vault.use_keys(settings.vault_keys, index=settings.vault_index_key)


@pytest.fixture
def power(clean: None) -> Provider:
    """The power company of Thanh Hóa."""
    return make_provider()


@pytest.fixture
def use(settings: Settings) -> Callable[..., None]:
    """`use(NEW)` puts master keys in place, the first of which seals."""
    return lambda *masters: vault.use_keys(masters, index=settings.vault_index_key)


def renew() -> Result:
    return CliRunner().invoke(commands, ["rewrap-keys"])


def test_when_the_old_key_has_gone_everything_sealed_is_read_as_before(
    an: Person,
    power: Provider,
    outside: Outside,
    work: Work,
    machine: Callable[..., Machine],
    staff: Callable[..., StaffMember],
    settings: Settings,
    use: Callable[..., None],
) -> None:
    (old,) = settings.vault_keys
    egress.configure(resolve=lambda _host, _port: PUBLIC)
    company, operator = machine(power.id, "webhooks:manage"), staff("provider", "operator", provider_id=power.id)
    endpoint = company.post("/v1/webhooks/endpoints", json={"url": HOOKS, "kinds": ["payment.posted"]}).json
    rows("UPDATE provider SET endpoint_url = :url RETURNING id", url=f"{HOOKS}post")
    shown = operator.post("/v1/utilities/provider-posting-credentials").json
    invited = operator.post(
        f"/v1/organisations/{operator.organisation_id}/invitations", json={"phone": "0912000444", "roles": ["clerk"]}
    )
    asked = an.http.post(
        "/v1/auth/phone-challenges", json={"phone": "0912000555"}, headers={"Idempotency-Key": str(uuid4())}
    )
    payment = pay(an, owe(an, outside), card=None).json
    use(NEW, old)

    renewed, again = renew(), renew()
    use(NEW)

    assert (invited.status_code, asked.status_code) == (201, 201), (invited.json, asked.json)
    assert (renewed.exit_code, again.output) == (0, "renewed 0\n"), renewed.output
    with transaction() as session:
        assert webhooks.operations.endpoints.list_secrets(session, UUID(endpoint["id"])) == [endpoint["secret"]]
        opened = endpoints.find_endpoint(session, power.id)
    assert opened is not None
    assert (opened.key, opened.secret) == (shown["key"], shown["secret"])
    open_now = operator.get(f"/v1/organisations/{operator.organisation_id}/invitations").json["items"]
    assert [each["phone"][-3:] for each in open_now] == ["444"]
    secret = told(an, payment["id"])["next_action"]["client_secret"]
    assert secret == payment["next_action"]["client_secret"]
    confirm_in_app(outside, secret)
    clock.move(timedelta(minutes=1))
    assert work() == []
    for table in ("webhook_secret", "provider", "payment", "invitation", "phone_challenge"):
        assert rows(f"SELECT id FROM {table}"), f"nothing of {table} was tried"
    use(old)
    with transaction() as session, pytest.raises(Unreadable):
        webhooks.operations.endpoints.list_secrets(session, UUID(endpoint["id"]))


def _secrets(power: Provider, count: int) -> list[UUID]:
    """So many secrets of an address, sealed by the key that seals now; their ids, in order."""
    with transaction() as session:
        made = webhooks.operations.create_endpoint(
            session, power.id, url=HOOKS, kinds=[EventKind.PAYMENT_POSTED]
        ).endpoint
        session.execute(delete(WebhookSecret))
        ids = sorted(uuid4() for _ in range(count))
        for each in ids:
            value = sealed.seal_in(WebhookSecret.sealed, each, f"whsec_{each}")
            session.add(WebhookSecret(id=each, endpoint_id=made.id, sealed=value))
    return ids


def _open(ids: list[UUID]) -> list[Any]:
    """What each of the secrets is; None for one that does not open."""
    told: list[Any] = []
    for row_id, value in rows("SELECT id, sealed FROM webhook_secret ORDER BY id"):
        try:
            told.append(sealed.unseal_in(WebhookSecret.sealed, row_id, value))
        except Unreadable:
            told.append(None)
    assert len(told) == len(ids)
    return told


def test_a_renewal_that_was_interrupted_goes_on_and_ends(
    power: Provider, settings: Settings, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "BATCH", 2)
    ids = _secrets(power, 5)
    use(NEW, *settings.vault_keys)
    (secrets,) = (each for each in renewal.list_renewals() if each.name == "webhook_secret.sealed")

    with transaction() as session:
        first = secrets.renew(session, None)
    # The process ends here; another one begins from the beginning.
    rest = renew()
    use(NEW)

    assert (first.count, first.after, rest.output) == (2, ids[1], "renewed 3\n")
    assert _open(ids) == [f"whsec_{each}" for each in ids]


def test_one_value_that_no_key_opens_stops_nothing_and_is_named(
    power: Provider, settings: Settings, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "BATCH", 2)
    ids = _secrets(power, 5)
    rows("UPDATE webhook_secret SET sealed = sealed || '\\x00' WHERE id = :id RETURNING id", id=ids[1])
    use(NEW, *settings.vault_keys)

    renewed, again = renew(), renew()
    use(NEW)

    assert (renewed.exit_code, "renewed 4\n" in renewed.output) == (1, True)
    assert f"webhook_secret.sealed: no key opens that of {ids[1]}" in renewed.output
    assert (again.exit_code, "renewed 0\n" in again.output) == (1, True), "it is told until somebody has mended it"
    assert _open(ids) == [None if each == ids[1] else f"whsec_{each}" for each in ids]


def test_a_persons_key_that_no_key_opens_stops_no_other(
    an: Person, binh: Person, settings: Settings, use: Callable[..., None]
) -> None:
    low, high = sorted((an.id, binh.id))
    rows("UPDATE vault_key SET wrapped = '\\x00' WHERE owner_id = :id RETURNING owner_id", id=low)
    use(NEW, *settings.vault_keys)

    renewed = renew()
    use(NEW)

    assert f"vault_key.wrapped: no key opens that of {low}" in renewed.output
    with transaction() as session:
        assert set(sealed.read(session, high)) == {"phone"}


def test_what_was_written_anew_meanwhile_is_left_as_it_is(
    power: Provider, settings: Settings, use: Callable[..., None]
) -> None:
    ids = _secrets(power, 1)
    use(NEW, *settings.vault_keys)
    fresh = sealed.seal_in(WebhookSecret.sealed, ids[0], "whsec_fresh")
    (secrets,) = (each for each in renewal.list_renewals() if each.name == "webhook_secret.sealed")
    seal, written = vault.seal_briefly, []

    def overtake(purpose: str, row_id: UUID, value: str) -> bytes:
        rows("UPDATE webhook_secret SET sealed = :fresh RETURNING id", fresh=fresh)
        written.append(row_id)
        return seal(purpose, row_id, value)

    with pytest.MonkeyPatch.context() as patch, transaction() as session:
        patch.setattr(vault, "seal_briefly", overtake)
        secrets.renew(session, None)

    assert written == ids
    assert _open(ids) == ["whsec_fresh"]


def test_credentials_that_nobody_can_read_shut_out_their_own_company_alone(
    power: Provider, staff: Callable[..., StaffMember], use: Callable[..., None]
) -> None:
    staff("provider", "operator", provider_id=power.id).post("/v1/utilities/provider-posting-credentials")
    rows("UPDATE provider SET endpoint_url = :url RETURNING id", url=f"{HOOKS}post")
    use(NEW)

    with transaction() as session:
        (called,) = endpoints.list_called(session)

    assert called.endpoint is not None
    assert (called.endpoint.is_locked, called.endpoint.key) == (True, None)


def test_nothing_is_sealed_by_a_master_key_where_a_renewal_does_not_find_it() -> None:
    files = [path for package in house.OURS for path in sorted((house.ROOT / package).rglob("*.py"))]
    sealing = [
        path.relative_to(house.ROOT).as_posix() for path in files if "seal_briefly" in path.read_text(encoding="utf-8")
    ]

    assert sorted(sealing) == ["kit/renewal.py", "kit/sealed.py", "kit/vault.py"]
    assert {each.name for each in renewal.list_renewals()} == {
        "vault_key.wrapped", "webhook_secret.sealed", "provider.endpoint_sealed", "phone_challenge.phone_sealed",
        "invitation.phone_sealed", "payment.redirect_url", "payment.client_secret", "saved_card.redirect_url",
        "saved_card.client_secret", "draw.seed",
    }  # fmt: skip
