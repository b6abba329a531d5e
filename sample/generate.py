"""Makes the customers and bills of the sample out of its facts, the same bytes every time."""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

from services.utilities.tariffs import Tariff, compute

FACTS = Path(__file__).parent
SEED = 20261121
FRIDAY = 4

CUSTOMER_COLUMNS = (
    *("provider", "customer_code", "customer_name", "address", "commune_code", "households", "tariff_code"),
)
BILL_COLUMNS = (
    *("bill_no", "customer_code", "customer_name", "address", "commune_code", "period", "tariff_code", "households"),
    *("reading_from", "reading_to", "reading_from_on", "reading_to_on", "usage"),
    *("before_tax_vnd", "vat_vnd", "fee_vnd", "amount_vnd", "issued_on", "due_on"),
)

# First and last day of usage of each billed month.
MONTHS = (
    (date(2026, 8, 1), date(2026, 8, 31)),
    (date(2026, 9, 1), date(2026, 9, 30)),
    (date(2026, 10, 1), date(2026, 10, 31)),
)

POWER, HOUSEHOLD_TIERS = "power", "power-household-2025-05-10"


@dataclass(frozen=True)
class Round:
    """One company's customers: how many, where, under which code prefix, and how its bills are numbered and dated."""

    provider: str
    customers: int
    homes: tuple[tuple[str, str], ...]  # (commune code, first letters of the customer codes there), taken in turn
    tariffs: tuple[str, ...]
    bill_prefix: str
    issued_day: int
    due_day: int


ROUNDS = (
    Round(
        "pc-thanh-hoa",
        110,
        tuple((c, "PA07TH") for c in ("14797", "14758", "15853", "15724", "16531", "16012", "15499", "14812")),
        (HOUSEHOLD_TIERS,),
        "PC07",
        *(5, 25),
    ),
    Round(
        "pc-ninh-binh",
        12,
        (("14329", "PNNB00"), ("14362", "PNTD00"), ("13669", "PA01ND"), ("13285", "PA24HN")),
        (HOUSEHOLD_TIERS,),
        "PC37",
        *(5, 25),
    ),
    Round(
        "pc-hung-yen",
        12,
        (("13225", "PA0901"), ("12454", "PA0901"), ("12970", "PA0903"), ("11953", "PA23HY")),
        (HOUSEHOLD_TIERS,),
        "PC33",
        *(5, 25),
    ),
    Round(
        "pc-bac-ninh",
        12,
        (("09187", "PA2201"), ("09367", "PA2205"), ("07210", "PA0505"), ("07777", "PA0502")),
        (HOUSEHOLD_TIERS,),
        "PC24",
        *(5, 25),
    ),
    # Nobody here lives in old Hòa Bình, because the prefix of its customer codes is not known.
    Round("pc-phu-tho", 12, (("07900", "PA02VT"), ("08707", "PA25VY")), (HOUSEHOLD_TIERS,), "PC25", *(5, 25)),
    Round(
        "nuoc-thanh-hoa",
        14,
        (("14797", "NTH"), ("14758", "NTH"), ("16531", "NTH")),
        ("water-thanh-hoa-household-example",),
        "NTH",
        *(8, 28),
    ),
    Round(
        "nuoc-ninh-binh",
        8,
        (("14329", "NNB"), ("14362", "NNB")),
        ("water-ninh-binh-household-2017", "water-ninh-binh-rural-2017"),
        "NNB",
        *(8, 28),
    ),
    Round(
        "nuoc-thai-binh",
        7,
        (("13225", "NTB"), ("12454", "NTB")),
        ("water-thai-binh-household-example",),
        "NTB",
        *(8, 28),
    ),
    Round(
        "nuoc-bac-ninh",
        7,
        (("09187", "NBN"), ("09367", "NBN")),
        ("water-bac-ninh-household-example",),
        "NBN",
        *(8, 28),
    ),
    Round(
        "nuoc-hoa-binh",
        6,
        (("04795", "NHB"), ("04792", "NHB")),
        ("water-hoa-binh-household-example",),
        "NHB",
        *(8, 28),
    ),
)


@dataclass(frozen=True)
class Customer:
    """One contract with one company: a meter and the person whose name stands on it."""

    provider: str
    customer_code: str
    customer_name: str
    address: str
    commune_code: str
    households: int
    tariff_code: str


# The people every example speaks of; their homes and October readings are fixed.
KNOWN = {
    "PA07TH0000001": ("Nguyễn Văn An", "Số 18 đường Lê Lợi", 1),
    "PA07TH0000002": ("Trần Thị Bình", "Số 7 đường Bà Triệu", 1),
    "PA07TH0000003": ("Lê Thị Thuỷ", "Số 25 đường Trần Phú", 1),
    "NTH0000001": ("Nguyễn Văn An", "Số 18 đường Lê Lợi", 1),
}
KNOWN_COMMUNE = "14797"
KNOWN_USAGE = {
    "PA07TH0000001": (286, 268, 250),
    "PA07TH0000002": (455, 438, 420),
    "PA07TH0000003": (132, 118, 101),
    "NTH0000001": (19, 17, 16),
}

SURNAMES = (
    *("Nguyễn", "Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Trần", "Lê", "Lê", "Lê", "Phạm", "Phạm", "Hoàng", "Vũ", "Đỗ"),
    *("Đặng", "Bùi", "Trịnh", "Mai", "Hà", "Lưu", "Đinh", "Dương", "Ngô", "Cao", "Lương", "Quách", "Phùng", "Tạ"),
)
MEN = (
    ("Văn", "Hữu", "Đức", "Xuân", "Quang", "Minh", "Ngọc", "Đình", "Công", "Bá"),
    *(
        ("Dũng", "Hùng", "Cường", "Tuấn", "Sơn", "Long", "Thắng", "Hải", "Nam", "Kiên", "Đạt", "Phúc", "Khánh", "Lộc"),
        ("Chi", "Toàn", "Tùng", "Vinh", "Quý", "Thịnh", "Huy", "Bảo", "Trung", "Nghĩa", "Hiếu", "Đông", "Tiến", "Thọ"),
    ),
)
WOMEN = (
    ("Thị", "Thị", "Thị", "Thị Thu", "Thị Ngọc", "Thị Thanh", "Thị Minh", "Thị Kim", "Thị Bích", "Thị Hồng"),
    *(
        ("Hoa", "Hương", "Lan", "Mai", "Hằng", "Nga", "Dung", "Yến", "Loan", "Phượng", "Thảo", "Hiền", "Vân", "Tuyết"),
        (
            "Chi",
            "Hà",
            "Liên",
            "Nhung",
            "Oanh",
            "Quỳnh",
            "Trang",
            "Xuân",
            "Đào",
            "Ngân",
            "Huệ",
            "Nguyệt",
            "Thơm",
            "Duyên",
        ),
    ),
)
STREETS = (
    *("Lê Lợi", "Trần Phú", "Nguyễn Trãi", "Quang Trung", "Lê Hoàn", "Hai Bà Trưng", "Bà Triệu", "Phan Bội Châu"),
    *("Phan Chu Trinh", "Lý Thường Kiệt", "Trần Hưng Đạo", "Nguyễn Du", "Hoàng Văn Thụ", "Ngô Quyền", "Tô Hiến Thành"),
)
HAMLETS = ("Thôn 1", "Thôn 2", "Thôn 3", "Thôn 5", "Thôn Đông", "Thôn Đoài", "Thôn Trung", "Thôn Thượng", "Thôn Hạ")

T = TypeVar("T")


def below(rng: Random, limit: int) -> int:
    """Draw 0 … limit - 1 from `random()`, the one method whose sequence Python promises to keep."""
    return int(rng.random() * limit)


def one_of(rng: Random, choices: Sequence[T]) -> T:
    """Draw one of the choices."""
    return choices[below(rng, len(choices))]


def working_day(day: date) -> date:
    """Move a due date off the weekend, to the Monday after."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() > FRIDAY else day


def make_name(rng: Random, taken: set[str]) -> str:
    """Make up a full name nobody in the sample has yet."""
    while True:
        middles, *given = one_of(rng, (MEN, WOMEN))
        name = f"{one_of(rng, SURNAMES)} {one_of(rng, middles)} {one_of(rng, [*given[0], *given[1]])}"
        if name not in taken:
            taken.add(name)
            return name


def make_customers(communes: dict[str, dict[str, str]]) -> list[Customer]:
    """Make the customers of every company, the well-known people first in theirs."""
    taken = {name for name, _, _ in KNOWN.values()}
    customers = []
    for plan in ROUNDS:
        counters: dict[str, int] = defaultdict(int)
        for place in range(plan.customers):
            commune_code, letters = plan.homes[place % len(plan.homes)]
            counters[letters] += 1
            code = f"{letters}{counters[letters]:07d}"
            rng = Random(f"{SEED}:{code}")  # noqa: S311 - made-up people need the same draw each time, not a secret
            if code in KNOWN:
                name, street, households = KNOWN[code]
                commune_code = KNOWN_COMMUNE
            else:
                name = make_name(rng, taken)
                rural = communes[commune_code]["type"] == "xã"
                number, road = below(rng, 180) + 1, one_of(rng, STREETS)
                street = one_of(rng, HAMLETS) if rural else f"Số {number} đường {road}"
                # About one meter in twelve serves two or three households.
                households = 2 + below(rng, 2) if below(rng, 12) == 0 else 1
            customers.append(
                Customer(
                    provider=plan.provider,
                    customer_code=code,
                    customer_name=name,
                    address=f"{street}, {communes[commune_code]['full_name']}",
                    commune_code=commune_code,
                    households=households,
                    tariff_code=plan.tariffs[place % len(plan.tariffs)],
                )
            )
    return customers


def month_usages(customer: Customer, service: str) -> tuple[int, ...]:
    """Make up the usage of the three months in kWh or m³: August is the hottest, a few homes stand nearly empty."""
    if customer.customer_code in KNOWN_USAGE:
        return KNOWN_USAGE[customer.customer_code]
    rng = Random(f"{SEED}:usage:{customer.customer_code}")  # noqa: S311 - as above
    if below(rng, 40) == 0:
        return (2, 1, 3)
    if service == POWER:
        usual = (60 + below(rng, 390)) * customer.households
        seasons = (115, 104, 92)
    else:
        usual = (6 + below(rng, 24)) * customer.households
        seasons = (110, 100, 95)
    # Integers only: a float would put the last digit at the mercy of the machine.
    return tuple(usual * season * (90 + below(rng, 21)) // 10_000 for season in seasons)


def make_bills(plan: Round, customers: Iterable[Customer], tariffs: dict[str, Tariff]) -> list[dict[str, str]]:
    """Read each meter of one company three times and bill it; every bill begins where the one before ended."""
    own = [customer for customer in customers if customer.provider == plan.provider]
    usages = {one.customer_code: month_usages(one, tariffs[one.tariff_code].service) for one in own}
    readings = {
        one.customer_code: 500 + below(Random(f"{SEED}:meter:{one.customer_code}"), 20_000)  # noqa: S311 - as above
        for one in own
    }
    bills = []
    for month, (first_on, last_on) in enumerate(MONTHS):
        period = f"{first_on:%Y-%m}"
        next_month_on = last_on + timedelta(days=1)
        for number, customer in enumerate(own, start=1):
            code, usage = customer.customer_code, usages[customer.customer_code][month]
            reading_from = readings[code]
            readings[code] = reading_from + usage
            charge = compute(tariffs[customer.tariff_code], usage, customer.households)
            bills.append(
                {
                    "bill_no": f"{plan.bill_prefix}-{period}-{number:06d}",
                    "customer_code": code,
                    "customer_name": customer.customer_name,
                    "address": customer.address,
                    "commune_code": customer.commune_code,
                    "period": period,
                    "tariff_code": customer.tariff_code,
                    "households": str(customer.households),
                    "reading_from": str(reading_from),
                    "reading_to": str(readings[code]),
                    "reading_from_on": first_on.isoformat(),
                    "reading_to_on": last_on.isoformat(),
                    "usage": str(usage),
                    "before_tax_vnd": str(charge.before_tax_vnd),
                    "vat_vnd": str(charge.vat_vnd),
                    "fee_vnd": str(charge.fee_vnd),
                    "amount_vnd": str(charge.total_vnd),
                    "issued_on": next_month_on.replace(day=plan.issued_day).isoformat(),
                    "due_on": working_day(next_month_on.replace(day=plan.due_day)).isoformat(),
                }
            )
    return bills


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[dict[str, str]], *, encoding: str) -> None:
    """Write one file with LF endings; `utf-8-sig` puts the BOM in front that spreadsheets look for."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def generate(into: Path) -> None:
    """Write customers.csv and one bills_<provider>.csv per company, from the facts beside this script."""
    with (FACTS / "communes.csv").open(encoding="utf-8", newline="") as file:
        communes = {row["code"]: row for row in csv.DictReader(file)}
    entries = json.loads((FACTS / "tariffs.json").read_text(encoding="utf-8"))
    tariffs = {entry["code"]: Tariff.from_json(entry) for entry in entries}
    customers = make_customers(communes)
    rows = [{column: str(getattr(one, column)) for column in CUSTOMER_COLUMNS} for one in customers]
    write_csv(into / "customers.csv", CUSTOMER_COLUMNS, rows, encoding="utf-8")
    for plan in ROUNDS:
        bills = make_bills(plan, customers, tariffs)
        write_csv(into / f"bills_{plan.provider}.csv", BILL_COLUMNS, bills, encoding="utf-8-sig")


def main() -> None:
    """Run `python -m sample.generate [--into DIRECTORY]`."""
    parser = argparse.ArgumentParser(prog="python -m sample.generate", description=__doc__)
    parser.add_argument("--into", type=Path, default=FACTS)
    generate(parser.parse_args().into)


if __name__ == "__main__":
    main()
