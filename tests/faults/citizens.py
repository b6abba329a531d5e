"""Citizens whose app does not give up: it asks again with the same key until it has an answer."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import requests

from tests.faults.house import House, wait_until
from tests.templates import ROOT

SLUG = "pc-thanh-hoa"
_OK, _CREATED, _NOT_SIGNED_IN, _CONFLICT, _SERVER_ERROR = 200, 201, 401, 409, 500
_SMALLEST_VND = 20_000
_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Household:
    """A customer of the power company in the sample province, with three open bills."""

    code: str
    holder: str


@dataclass(frozen=True)
class Acknowledged:
    """A payment that the house has confirmed to a citizen's app."""

    id: str
    state: str
    bills: dict[str, int]  # bill number -> amount

    @property
    def amount_vnd(self) -> int:
        return sum(self.bills.values())


class Refused(AssertionError):
    """An answer that a good app cannot do anything about."""


class Citizen:
    """A phone with the app. `troubles` counts what went wrong on the way to an answer: statuses, lost connections."""

    def __init__(self, house: House, town: Town, number: int, *, patience_seconds: float = 240) -> None:
        self.phone = f"+8490{number:07d}"
        self._town = town
        self.troubles: Counter[str] = Counter()
        self.slowest_seconds = 0.0
        self._house = house
        self._patience_seconds = patience_seconds
        self._http = requests.Session()
        self._http.trust_env = False

    def ask_once(self, method: str, path: str) -> requests.Response:
        """The first answer, whatever it is."""
        return self._http.request(method, self._house.url + path, timeout=(3, 40))

    def ask(self, method: str, path: str, *, key: str | None = None, **more: Any) -> requests.Response:
        """An answer that is no excuse: repeated with the same key while the house is away, busy or still at it."""
        headers = {"Idempotency-Key": key or str(uuid4())} if method == "POST" else {}
        began = time.monotonic()
        while True:
            pause = _PAUSE_SECONDS
            try:
                answer = self._http.request(method, self._house.url + path, headers=headers, timeout=(3, 40), **more)
            except requests.RequestException as lost:
                self.troubles[type(lost).__name__] += 1
            else:
                if answer.status_code == _NOT_SIGNED_IN:
                    self.sign_in()
                    continue
                is_busy = answer.status_code == _CONFLICT and answer.json()["retryable"]
                if not is_busy and answer.status_code < _SERVER_ERROR:
                    self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                    return answer
                self.troubles[f"{answer.status_code} {answer.json()['code']}"] += 1
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert int(answer.headers["Retry-After"]) >= 1
                pause = min(float(answer.headers.get("Retry-After", pause)), _LONGEST_PAUSE_SECONDS)
            if time.monotonic() - began > self._patience_seconds:
                raise Refused(f"{method} {path}: no answer after {self._patience_seconds:.0f} s, {self.troubles}")
            time.sleep(pause)

    def sign_in(self) -> None:
        """By the code in a text message."""
        self._http.headers.pop("Authorization", None)
        seen = len(self._house.outside.inbox("sms", self.phone))
        challenge = _checked(self.ask("POST", "/v1/auth/phone-challenges", json={"phone": self.phone}), _CREATED)

        # All citizens look at once, and the sandbox is one process.
        def came() -> list[dict[str, Any]]:
            return self._house.outside.inbox("sms", self.phone)[seen:]

        texts = wait_until(came, self._patience_seconds, "the code comes", every=0.2)
        (code,) = re.findall(r"\b\d{6}\b", texts[-1]["text"])
        answer = {"code": code, "device_name": "Điện thoại"}
        signed_in = _checked(self.ask("POST", f"/v1/auth/phone-challenges/{challenge['id']}/answer", json=answer), _OK)
        self._http.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

    def link(self, households: Iterable[Household]) -> list[dict[str, Any]]:
        """Link households by code and holder; returns their open bills, the oldest first."""
        for household in households:
            asked = {"provider": SLUG, "customer_code": household.code, "holder_name": household.holder}
            _checked(self.ask("POST", "/v1/utilities/accounts", json=asked), _CREATED)
        query = {"state": "open", "limit": 100}
        found: list[dict[str, Any]] = _checked(self.ask("GET", "/v1/utilities/bills", params=query), _OK)["items"]
        return found[::-1]

    def pay(self, bills: Sequence[dict[str, Any]]) -> Acknowledged:
        """Pay until the house says that it has it. A payment that ended before it reached the bank is made anew."""
        asked = {
            "bill_ids": [bill["id"] for bill in bills],
            "amount_vnd": sum(bill["amount_vnd"] for bill in bills),
            "payment_method": "pm_card_visa",
        }
        while True:
            payment = _checked(self.ask("POST", "/v1/utilities/payments", json=asked), _CREATED)
            if payment["state"] != "failed":
                break
            self.troubles["never sent"] += 1
        done = Acknowledged(payment["id"], payment["state"], {bill["bill_no"]: bill["amount_vnd"] for bill in bills})
        self._town.paid.append((self, done))
        return done

    def messages_about(self, payment_id: str) -> list[str]:
        """The kinds of messages in the inbox about one payment."""
        items = _checked(self.ask("GET", "/v1/messages", params={"limit": 100}), _OK)["items"]
        return [message["kind"] for message in items if message["subject_id"] == payment_id]


class Town:
    """The customers of the sample province's power company; each household is given to one citizen only."""

    def __init__(self, house: House) -> None:
        self.paid: list[tuple[Citizen, Acknowledged]] = []  # everything that was acknowledged to anybody
        self._house = house
        self._numbers = count(1)
        with (ROOT / "sample" / f"bills_{SLUG}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        # The bank takes no card for less.
        small = {row["customer_code"] for row in rows if int(row["amount_vnd"]) < _SMALLEST_VND}
        holders = {row["customer_code"]: row["customer_name"] for row in rows if row["customer_code"] not in small}
        self._households = [Household(code, holder) for code, holder in holders.items()]

    def settle(self, citizens: int, each: int) -> list[tuple[Citizen, list[dict[str, Any]]]]:
        """So many citizens, signed in, each with that many households, and their open bills: three a household."""
        given = [[self._households.pop() for _ in range(each)] for _ in range(citizens)]

        def move_in(mine: list[Household]) -> tuple[Citizen, list[dict[str, Any]]]:
            citizen = Citizen(self._house, self, next(self._numbers))
            citizen.sign_in()
            return citizen, citizen.link(mine)

        with ThreadPoolExecutor(citizens) as pool:
            return list(pool.map(move_in, given))


def _checked(answer: requests.Response, status: int) -> Any:
    if answer.status_code != status:
        raise Refused(f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text[:500]}")
    return answer.json()
