"""Bills to pay: a file that the company has in its own books and sends to us, and households that link themselves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.house import House
from benchmarks.load import Client, sign_in
from server.seed import sandbox_client

SLUG, HOLDER = "pc-thanh-hoa", "Nguyễn Văn An"
COLUMNS = "bill_no,customer_code,customer_name,address,period,amount_vnd,issued_on,due_on"
_IMPORT_SECONDS = 600


@dataclass(frozen=True)
class Household:
    """A citizen's app, and the bills that are theirs to pay: id and amount."""

    client: Client
    code: str
    bills: list[tuple[str, int]]


def write_file(path: Path, households: int, bills_each: int, *, first: int = 1) -> None:
    """A file of bills; households are numbered from `first` on."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{COLUMNS}\n")
        for number in range(first, first + households):
            for nth in range(bills_each):
                period = f"{2021 + nth // 12 % 6}-{nth % 12 + 1:02d}"
                amount = 100_000 + (number * 7_919 + nth * 104_729) % 900_000
                file.write(
                    f"BENCH-{number:07d}-{nth:05d},{code_of(number)},{HOLDER},Số {number} đường Lê Lợi,{period},"
                    f"{amount},2026-11-05,2026-12-25\n"
                )


def code_of(number: int) -> str:
    """A household's customer code."""
    return f"PA07ZZ{number:07d}"


def send_file(house: House, path: Path) -> float:
    """Send a file of bills as the company's system does; seconds until the last line is in."""
    client_id, secret = sandbox_client(SLUG)
    form = {"grant_type": "client_credentials", "client_id": str(client_id), "client_secret": secret}
    token = requests.post(f"{house.url}/v1/auth/token", data=form, timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv", "Idempotency-Key": path.name}
    began = time.perf_counter()
    with path.open("rb") as body:
        sent = requests.post(f"{house.url}/v1/utilities/imports", data=body, headers=headers, timeout=120)
    sent.raise_for_status()
    with house.database() as database:
        while time.perf_counter() - began < _IMPORT_SECONDS:
            row = database.execute(
                "SELECT state, refused FROM bill_import WHERE id = %s", [sent.json()["id"]]
            ).fetchone()
            if row and row[0] in {"done", "failed"}:
                if row != ("done", 0):
                    raise RuntimeError(f"the import ended as {row}")
                return time.perf_counter() - began
            time.sleep(0.05)
    raise RuntimeError("the import does not end")


def sign_in_again(house: House, households: list[Household]) -> None:
    """Access tokens live for five minutes: have fresh ones before the next measurement."""
    for number, household in enumerate(households, 1):
        sign_in(house, household.client, _phone_of(number))


def _phone_of(number: int) -> str:
    return f"+8491{number:07d}"


def move_in(house: House, households: int) -> list[Household]:
    """Sign one citizen in for each household, link it, and read its open bills."""
    found = []
    for number in range(1, households + 1):
        client = sign_in(house, Client(house), _phone_of(number))
        proof = {"provider": SLUG, "customer_code": code_of(number), "holder_name": HOLDER}
        client.must("POST", "/v1/utilities/accounts", proof)
        bills, cursor = [], ""
        while True:
            page = client.must("GET", f"/v1/utilities/bills?state=open&limit=100{cursor}")
            bills += [(bill["id"], bill["amount_vnd"]) for bill in page["items"]]
            if "next" not in page:
                break
            cursor = f"&cursor={page['next']}"
        found.append(Household(client, code_of(number), bills))
    return found
