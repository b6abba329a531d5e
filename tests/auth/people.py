"""Who takes part in sign-in: a phone in the hands of a citizen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auth import operations
from kit.database import transaction

AN, BINH = "0912 345 678", "0987 654 321"


@dataclass
class Phone:
    """A device with the app on it; remembers the tokens of its last sign-in."""

    http: FlaskClient
    tokens: dict[str, Any] = field(default_factory=dict)

    def ask(
        self, number: str = AN, *, key: str | None = None, address: str = "203.0.113.7", **more: str
    ) -> TestResponse:
        return self.http.post(
            "/v1/auth/phone-challenges",
            json={"phone": number, **more},
            headers={"Idempotency-Key": key or str(uuid4())},
            environ_overrides={"REMOTE_ADDR": address},
        )

    def answer(self, challenge: str, code: str, *, address: str = "203.0.113.7", **more: str) -> TestResponse:
        return self.http.post(
            f"/v1/auth/phone-challenges/{challenge}/answer",
            json={"code": code, **more},
            environ_overrides={"REMOTE_ADDR": address},
        )

    def sign_in(self, number: str = AN, **more: str) -> dict[str, Any]:
        challenge = self.ask(number).json["id"]
        answered = self.answer(challenge, read_code(challenge), **more)
        assert answered.status_code == 200, answered.json
        self.tokens = answered.json
        return self.tokens

    def refresh(self, token: str | None = None) -> TestResponse:
        return self.http.post(
            "/v1/auth/sessions/refresh", json={"refresh_token": token or self.tokens["refresh_token"]}
        )

    def me(self, token: str | None = None) -> TestResponse:
        return self.http.get("/v1/me", headers=bearer(token or self.tokens["access_token"]))

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Any request with the access token in hand."""
        sent = {**bearer(self.tokens["access_token"]), "Idempotency-Key": str(uuid4()), **(headers or {})}
        return self.http.open(path, method=method, headers=sent, **more)

    def sign_out(self) -> TestResponse:
        return self.http.post("/v1/auth/sessions/end", headers=bearer(self.tokens["access_token"]))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def read_code(challenge: str) -> str:
    """The code as the text message carries it."""
    with transaction() as session:
        return operations.get_code_to_send(session, UUID(challenge)).code


def wrong_code(challenge: str, nth: int = 1) -> str:
    return f"{(int(read_code(challenge)) + nth) % 1_000_000:06d}"
