"""Who takes part in the stories: citizens with a phone, a provider's system, the outside world, the worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import requests
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth import operations
from auth.assurance import Proof
from auth.models import Assurance, Language
from auth.organisation_models import OrganisationKind, StaffRole
from kit import clock, events
from kit.database import transaction
from tests.newcomers import welcome

_ROUNDS = 50
_numbers = count(1)


class Caller:
    """Anything that sends requests with a token; a POST gets a fresh Idempotency-Key unless one is given."""

    def __init__(self, http: FlaskClient, token: str | None) -> None:
        self.http = http
        self.token = token

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """One request."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if method == "POST":
            sent["Idempotency-Key"] = str(uuid4())
        return self.http.open(path, method=method, headers=sent | (headers or {}), **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        """A GET."""
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        """A POST."""
        return self.ask("POST", path, **more)

    def patch(self, path: str, **more: Any) -> TestResponse:
        """A PATCH."""
        return self.ask("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        """A DELETE."""
        return self.ask("DELETE", path, **more)


class Person(Caller):
    """A citizen with the app in hand; without a phone number, someone who has not signed in."""

    def __init__(self, http: FlaskClient, phone: str | None) -> None:
        token = None
        if phone is not None:
            with transaction() as session:
                citizen_id, token = welcome(session, phone)
            self.id: UUID = citizen_id
        super().__init__(http, token)

    def again(self) -> Caller:
        """The same person on another connection: for threads."""
        return Caller(self.http.application.test_client(), self.token)


class StaffMember(Caller):
    """A citizen who works for an organisation, signed in by passkey; says so with every request.

    Without `organisation_id` a new organisation of the kind is made; of kind provider it then needs a `provider_id`.
    """

    def __init__(
        self,
        http: FlaskClient,
        kind: OrganisationKind | str,
        *roles: StaffRole | str,
        organisation_id: UUID | None = None,
        provider_id: UUID | None = None,
        level: Assurance = Assurance.PASSKEY,
        age: timedelta = timedelta(),
    ) -> None:
        self.phone = f"+8490{next(_numbers):07d}"
        self.organisation_id = organisation_id or make_organisation(kind, provider_id=provider_id)
        with transaction() as session:
            self.id: UUID = operations.welcome_citizen(session, self.phone, Language.VI)
            wanted = [StaffRole(role) for role in roles]
            if wanted:
                self.member_id = operations.add_member(session, self.organisation_id, self.id, wanted, actor_id=None).id
            proof = Proof(level, clock.now() - age, clock.now() - timedelta(days=30))
            token = operations.start_session(session, self.id, None, proof).access_token
        super().__init__(http, token)

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """One request for the organisation; `headers` may name another."""
        return super().ask(method, path, {"For-Organisation": str(self.organisation_id)} | (headers or {}), **more)

    def as_citizen(self) -> Caller:
        """The same person in their own affairs."""
        return Caller(self.http, self.token)


def make_organisation(kind: OrganisationKind | str, *, provider_id: UUID | None = None) -> UUID:
    """The id of a new organisation, or of the one that stands for a provider."""
    kind, number = OrganisationKind(kind), next(_numbers)
    with transaction() as session:
        if kind is OrganisationKind.PROVIDER:
            provider_id = provider_id or uuid4()
            found = operations.find_organisation_of(session, provider_id)
            return found or operations.register_provider(
                session,
                provider_id,
                slug=f"provider-{number}",
                name_vi=f"Đơn vị {number}",
                name_en=f"Provider {number}",
            )
        return operations.create_organisation(
            session,
            kind=kind,
            slug=f"{kind}-{number}".replace("_", "-"),
            name_vi=f"Cơ quan {number}",
            name_en=f"Body {number}",
        ).id


class Machine(Caller):
    """A provider's own system, with an access token."""

    def __init__(self, http: FlaskClient, provider_id: UUID, scopes: tuple[str, ...]) -> None:
        organisation_id = make_organisation(OrganisationKind.PROVIDER, provider_id=provider_id)
        with transaction() as session:
            client = operations.create_client(session, organisation_id=organisation_id, scopes=scopes, name="Tests")
            _, secret = operations.add_secret(session, client.id, expires_at=None)
            token = operations.issue_client_token(session, str(client.id), secret, None).access_token
        super().__init__(http, token)


class Outside:
    """The sandbox as the tests see it: over HTTP, like everybody."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, self.url + path, timeout=10, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def reset(self) -> None:
        """Forget everything."""
        self._ask("POST", "/control/reset")

    def inbox(self, kind: str, to: str | None = None) -> list[dict[str, Any]]:
        """SMS or pushes that arrived."""
        items: list[dict[str, Any]] = self._ask("GET", "/inbox.json", params={"kind": kind, "to": to})["items"]
        return items

    def shown_on(self, address: str) -> list[dict[str, Any]]:
        """Pushes that arrived at one address."""
        return self.inbox("push", address)

    def spoil(self, target: str, action: str, **more: Any) -> None:
        """Order a fault."""
        self._ask("POST", "/control/faults", json={"target": target, "action": action, **more})

    def mend(self) -> None:
        """Clear all faults."""
        self._ask("DELETE", "/control/faults")

    def has_bill(self, slug: str, **bill: Any) -> None:
        """Write a bill into a company's own books."""
        self._ask("POST", f"/control/providers/{slug}/bills", json=bill)

    def paid_at_the_counter(self, slug: str, bill_no: str) -> None:
        """A customer paid a bill at the company's counter."""
        self._ask("POST", f"/control/providers/{slug}/pay-elsewhere", json={"bill_no": bill_no})

    def postings(self, slug: str) -> list[dict[str, Any]]:
        """What a company has posted."""
        items: list[dict[str, Any]] = self._ask("GET", f"/control/providers/{slug}/postings")["items"]
        return items

    def refunds(self) -> list[int]:
        """The sums the gateway has given back, the oldest first."""
        listed = self._ask("GET", "/stripe/v1/refunds?limit=100", headers={"Authorization": "Bearer sk_test_tests"})
        return [refund["amount"] for refund in listed["data"][::-1] if refund["status"] == "succeeded"]

    def at_gateway(self, order: str, **body: Any) -> Any:
        """Have something happen at the gateway: a dispute, a payout, a refund that fails."""
        return self._ask("POST", f"/control/gateway/{order}", json=body)

    def intents(self) -> list[dict[str, Any]]:
        """What the gateway has."""
        items: list[dict[str, Any]] = self._ask("GET", "/control/gateway/intents")["items"]
        return items


class Work:
    """The worker, in the test's own thread: runs what is due until nothing is; what failed stays and is told.

    Jobs whose names match the pattern `leaving` stay undone.
    """

    def __init__(self, leaving: str = "^$") -> None:
        self._leaving = leaving

    def __call__(self) -> list[BaseException]:
        failures: list[BaseException] = []
        tried: set[int] = set()
        for _round in range(_ROUNDS):
            with transaction() as session:
                due = session.execute(
                    text(
                        "SELECT id, task_name, args FROM procrastinate_jobs "
                        "WHERE status = 'todo' AND task_name !~ :leaving ORDER BY id"
                    ),
                    {"leaving": self._leaving},
                ).all()
            fresh = [job for job in due if job.id not in tried]
            if not fresh:
                break
            for job in fresh:
                tried.add(job.id)
                try:
                    events.app.tasks[job.task_name](**job.args)
                except Exception as exc:  # noqa: BLE001 - the worker survives whatever a job raises
                    failures.append(exc)
                else:
                    with transaction() as session:
                        session.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": job.id})
        return failures


def all_at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(0)` … `work(count - 1)` give when they start at the same instant in threads of their own."""
    start = Barrier(count)

    def begin(number: int) -> Any:
        start.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))
