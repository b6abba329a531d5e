"""The sample province: made the same every time, true to its sources, and consistent in itself."""

import csv
import json
import re
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sample import extract, generate
from services.utilities.tariffs import Tariff, compute

SAMPLE = Path(__file__).parents[1] / "sample"


def read_rows(name: str) -> list[dict[str, str]]:
    """Read one CSV file of the sample, with or without a BOM."""
    with (SAMPLE / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_json(name: str) -> list[dict[str, Any]]:
    """Read one JSON file of the sample."""
    entries: list[dict[str, Any]] = json.loads((SAMPLE / name).read_text(encoding="utf-8"))
    return entries


CUSTOMERS = read_rows("customers.csv")
PROVIDERS = {entry["slug"]: entry for entry in read_json("providers.json")}
COMMUNES = {row["code"]: row for row in read_rows("communes.csv")}
TARIFFS = {entry["code"]: Tariff.from_json(entry) for entry in read_json("tariffs.json")}
BILLS = {slug: read_rows(f"bills_{slug}.csv") for slug in PROVIDERS}

ROWS_OF_THE_OFFICE = [
    ["Đơn vị hành chính từ ngày 01/7/2025", "", "", "Đơn vị hành chính trước ngày 01/7/2025", *[""] * 5],
    ["Tỉnh, thành phố", "Tên Xã mới", "Mã Xã mới", "Tên Xã cũ", "Mã Xã cũ", "Ghi chú", "Quận/huyện", "Tỉnh cũ", ""],
    ["TỈNH THANH HÓA  ", *[""] * 8],
]


def office_row(old_name: str, old_code: str, note: str, district: str = "Huyện Hậu Lộc (400)") -> list[str]:
    """Make a row of the office's table that leads to Xã Hậu Lộc."""
    return [
        *("Tỉnh Thanh Hóa (38)", "Xã Hậu Lộc", "16012", old_name, old_code, note, district),
        *("Tỉnh Thanh Hóa (38)", ""),
    ]


def test_generating_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    generate.generate(tmp_path)

    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(made) == sorted(["customers.csv", *(f"bills_{slug}.csv" for slug in PROVIDERS)])
    assert made == {name: (SAMPLE / name).read_bytes() for name in made}


def test_there_are_200_customers_and_each_has_three_months_of_bills() -> None:
    months = Counter((slug, bill["customer_code"]) for slug, bills in BILLS.items() for bill in bills)

    assert len(CUSTOMERS) == 200
    assert months == {(one["provider"], one["customer_code"]): 3 for one in CUSTOMERS}
    assert {bill["period"] for bills in BILLS.values() for bill in bills} == {"2026-08", "2026-09", "2026-10"}


@pytest.mark.parametrize(
    ("code", "name", "usage", "amount_vnd"),
    [
        ("PA07TH0000001", "Nguyễn Văn An", "250", "636768"),
        ("PA07TH0000002", "Trần Thị Bình", "420", "1235196"),
        ("PA07TH0000003", "Lê Thị Thuỷ", "101", "220406"),
    ],
)
def test_the_people_of_the_examples_owe_what_the_examples_say(
    code: str, name: str, usage: str, amount_vnd: str
) -> None:
    (bill,) = (bill for bill in BILLS["pc-thanh-hoa"] if (bill["customer_code"], bill["period"]) == (code, "2026-10"))

    assert (bill["customer_name"], bill["usage"], bill["amount_vnd"]) == (name, usage, amount_vnd)


def test_an_has_water_from_thanh_hoa_too() -> None:
    found = [one["customer_code"] for one in CUSTOMERS if one["customer_name"] == "Nguyễn Văn An"]

    assert found == ["PA07TH0000001", "NTH0000001"]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_bill_can_be_computed_again_from_its_tariff(slug: str) -> None:
    customers = {one["customer_code"]: one for one in CUSTOMERS if one["provider"] == slug}

    for bill in BILLS[slug]:
        tariff = TARIFFS[bill["tariff_code"]]
        charge = compute(tariff, int(bill["usage"]), int(bill["households"]))
        customer = customers[bill["customer_code"]]
        assert [int(bill[name]) for name in ("before_tax_vnd", "vat_vnd", "fee_vnd", "amount_vnd")] == [
            charge.before_tax_vnd,
            charge.vat_vnd,
            charge.fee_vnd,
            charge.total_vnd,
        ]
        assert 1 <= charge.total_vnd <= 99_999_999_999
        assert int(bill["reading_to"]) - int(bill["reading_from"]) == int(bill["usage"])
        assert tariff.provider in {slug, None}
        assert tariff.service == PROVIDERS[slug]["kind"]
        assert tariff.in_force(date.fromisoformat(bill["reading_from_on"]))
        assert {key: bill[key] for key in customer if key in bill} == {
            key: value for key, value in customer.items() if key != "provider"
        }


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_month_begins_where_the_month_before_ended(slug: str) -> None:
    readings: dict[str, list[tuple[str, str]]] = {}
    for bill in BILLS[slug]:
        readings.setdefault(bill["customer_code"], []).append((bill["reading_from"], bill["reading_to"]))

    for months in readings.values():
        assert [start for start, _ in months[1:]] == [end for _, end in months[:-1]]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_bill_numbers_are_unique_and_name_their_month(slug: str) -> None:
    numbers = [bill["bill_no"] for bill in BILLS[slug]]

    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(rf"[A-Z0-9]+-{bill['period']}-\d{{6}}", bill["bill_no"]) for bill in BILLS[slug])
    assert {"PC07-2026-10-000001"} <= {bill["bill_no"] for bill in BILLS["pc-thanh-hoa"]}


@pytest.mark.parametrize("slug", PROVIDERS)
def test_bills_are_due_after_they_are_issued_and_never_on_a_weekend(slug: str) -> None:
    for bill in BILLS[slug]:
        last_on, issued_on, due_on = (
            date.fromisoformat(bill[name]) for name in ("reading_to_on", "issued_on", "due_on")
        )
        assert last_on < issued_on < due_on
        assert due_on.weekday() < 5


@pytest.mark.parametrize("slug", PROVIDERS)
def test_a_bill_file_opens_in_a_spreadsheet(slug: str) -> None:
    content = (SAMPLE / f"bills_{slug}.csv").read_bytes()

    assert content.startswith(b"\xef\xbb\xbfbill_no,customer_code,customer_name,address,commune_code,period,")
    assert b"\r" not in content
    # A cell that begins like this would be run as a formula.
    assert not any(value.startswith(("=", "+", "-", "@")) for bill in BILLS[slug] for value in bill.values())


def test_every_customer_code_has_the_form_of_its_own_company_and_of_no_other() -> None:
    patterns = {slug: re.compile(entry["lookup"]["customer_code"]["pattern"]) for slug, entry in PROVIDERS.items()}

    for one in CUSTOMERS:
        fitting = [slug for slug, pattern in patterns.items() if pattern.fullmatch(one["customer_code"])]
        assert fitting == [one["provider"]]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_example_code_of_a_company_has_its_form(slug: str) -> None:
    code = PROVIDERS[slug]["lookup"]["customer_code"]

    assert re.fullmatch(code["pattern"], code["example"])
    assert code["example"] in {one["customer_code"] for one in CUSTOMERS if one["provider"] == slug}


def test_a_household_of_old_hoa_binh_is_not_turned_away() -> None:
    pattern = re.compile(PROVIDERS["pc-phu-tho"]["lookup"]["customer_code"]["pattern"])

    # Any northern code that is nobody else's could be one of old Hòa Bình.
    assert pattern.fullmatch("PH17HB0000001")
    assert not pattern.fullmatch("PA07TH0000001")
    assert not pattern.fullmatch("PE06000012345")


def test_customers_live_in_a_commune_their_company_serves() -> None:
    province_of_area = {area["slug"]: area["province_code"] for area in read_json("areas.json")}

    for one in CUSTOMERS:
        served = {province_of_area[area] for area in PROVIDERS[one["provider"]]["areas"]}
        commune = COMMUNES[one["commune_code"]]
        assert commune["province_code"] in served
        assert one["address"].endswith(commune["full_name"])


def test_each_area_has_one_power_and_one_water_company() -> None:
    served = Counter((area, entry["kind"]) for entry in PROVIDERS.values() for area in entry["areas"])

    assert served == {
        (area, kind): 1
        for area in ("ninh-binh", "thanh-hoa", "thai-binh", "bac-ninh", "hoa-binh")
        for kind in ("power", "water")
    }


def test_the_areas_name_provinces_that_are_and_provinces_that_were() -> None:
    now = {row["code"] for row in read_rows("provinces.csv")}
    before = {row["code"] for row in read_rows("former_provinces.csv") if row["valid_to"] == "2025-06-30"}

    areas = read_json("areas.json")

    assert {area["province_code"] for area in areas} == {"37", "38", "33", "24", "25"} <= now
    assert sorted(code for area in areas for code in area["former_province_codes"]) == sorted(before)


def test_there_are_34_provinces_and_seven_of_them_are_cities_since_dong_nai_became_one() -> None:
    provinces = read_rows("provinces.csv")

    dated = {row["code"]: row["valid_from"] for row in provinces}

    assert len(provinces) == len(dated) == 34
    assert sum(row["type"] == "thành phố" for row in provinces) == 7
    assert {code: day for code, day in dated.items() if day != "2025-07-01"} == {"75": "2026-04-30"}


def test_no_province_code_means_two_things_on_one_day() -> None:
    now = {row["code"]: row["valid_from"] for row in read_rows("provinces.csv")}

    for row in read_rows("former_provinces.csv"):
        assert row["valid_from"] < row["valid_to"]
        if row["code"] in now:
            assert row["valid_to"] < now[row["code"]]


def test_the_two_communes_that_fold_to_one_word_are_both_there() -> None:
    assert COMMUNES["15853"]["full_name"] == "Phường Đông Tiến"
    assert COMMUNES["15724"]["full_name"] == "Xã Đồng Tiến"
    assert len(COMMUNES) == len(extract.COMMUNES) == 24


def test_an_old_ward_that_was_divided_leads_to_both_new_ones() -> None:
    found = [(row["new_code"], row["kind"]) for row in read_rows("unit_changes.csv") if row["old_code"] == "14758"]

    assert found == [("14758", "part"), ("14797", "part")]


def test_every_change_leads_to_a_commune_of_the_sample_from_a_province_of_the_sample() -> None:
    former = {row["code"] for row in read_rows("former_provinces.csv")}

    changes = read_rows("unit_changes.csv")

    assert {row["new_code"] for row in changes} == set(COMMUNES)
    assert {row["old_province_code"] for row in changes} <= former
    assert {row["kind"] for row in changes} == {"whole", "part"}
    assert {row["old_type"] for row in changes} == {"phường", "xã", "thị trấn"}


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*.[cj]s*")), ids=lambda path: path.name)
def test_every_file_is_nfc_on_clean_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8-sig")

    assert unicodedata.is_normalized("NFC", text)
    assert text.endswith("\n")
    assert not re.search(r"[ \t]$|\r", text, flags=re.MULTILINE)


def test_what_is_not_in_force_or_made_up_says_so() -> None:
    water_of_others = [
        tariff for tariff in TARIFFS.values() if tariff.service == "water" and tariff.provider != "nuoc-ninh-binh"
    ]

    assert TARIFFS["power-household-five-tiers"].valid_from is None
    assert {tariff.provider for tariff in water_of_others} == {
        *("nuoc-thanh-hoa", "nuoc-thai-binh", "nuoc-bac-ninh", "nuoc-hoa-binh")
    }
    assert all(tariff.example for tariff in water_of_others)
    assert all(entry["source"] for entry in read_json("tariffs.json"))


def test_the_office_table_is_cleaned_of_line_breaks_loose_accents_and_misspelled_notes() -> None:
    rows = extract.change_rows(
        [
            *ROWS_OF_THE_OFFICE,
            office_row(unicodedata.normalize("NFD", "Xã Mỹ\nLộc"), "16045", "Nhâp  một phần "),
            office_row("Xa Lộc Sơn", "16030", "Nhập toàn bộ", "Thị Xã\nNghi Sơn (407)"),
        ]
    )

    assert [(row["old_code"], row["old_type"], row["old_name"], row["kind"]) for row in rows] == [
        ("16030", "xã", "Lộc Sơn", "whole"),
        ("16045", "xã", "Mỹ Lộc", "part"),
    ]
    assert [row["old_district"] for row in rows] == ["Thị xã Nghi Sơn", "Huyện Hậu Lộc"]
    assert {row["old_province_code"] for row in rows} == {"38"}


def test_new_land_without_an_old_code_makes_no_change_row() -> None:
    rows = extract.change_rows([*ROWS_OF_THE_OFFICE, office_row("Bãi bồi ven biển", "", "")])

    assert rows == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (office_row("Xã Mỹ Lộc", "16045", "Tách ra"), "unknown note 'Tách ra'"),
        (office_row("Làng Mỹ Lộc", "16045", "Nhập toàn bộ"), "no type word in 'Làng Mỹ Lộc'"),
        (office_row("Xã Mỹ Lộc", "16045", "Nhập toàn bộ", "Huyện Hậu Lộc"), "no code in 'Huyện Hậu Lộc'"),
    ],
)
def test_a_cell_nobody_has_seen_before_stops_the_extraction(row: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract.change_rows([*ROWS_OF_THE_OFFICE, row])


def test_extraction_writes_the_four_tables_from_the_two_sources(tmp_path: Path) -> None:
    units = [
        {
            "Code": code,
            "FullName": full_name,
            "NameEn": "Name",
            "Wards": [
                {"Code": ward, "FullName": f"xã Bắc Sơn {ward}", "NameEn": "Bac Son", "ProvinceCode": code}
                for ward in wards
            ],
        }
        for code, full_name, wards in [("75", "Thành phố Đồng Nai", []), ("38", "Tỉnh Thanh Hoá", extract.COMMUNES)]
    ]
    table = [*ROWS_OF_THE_OFFICE, office_row("Xã Mỹ Lộc", "16045", "Nhập toàn bộ")]
    table += [["", "", "99999", "", "", "", "", f"Tỉnh Cũ {code} ({code})", ""] for code in extract.FORMER_PROVINCES]
    (tmp_path / "units.json").write_text(json.dumps(units), encoding="utf-8")
    with (tmp_path / "changes.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)

    extract.extract(tmp_path / "units.json", tmp_path / "changes.csv", tmp_path)

    names = ("provinces.csv", "former_provinces.csv", "communes.csv", "unit_changes.csv")
    written = {name: list(csv.DictReader((tmp_path / name).read_text(encoding="utf-8").splitlines())) for name in names}
    assert [(row["code"], row["type"], row["name"]) for row in written["provinces.csv"]] == [
        ("38", "tỉnh", "Thanh Hoá"),
        ("75", "thành phố", "Đồng Nai"),
    ]
    assert [row["full_name"] for row in written["former_provinces.csv"]][-2:] == ["Tỉnh Thanh Hóa", "Tỉnh Đồng Nai"]
    assert {row["full_name"] for row in written["communes.csv"]} == {f"Xã Bắc Sơn {code}" for code in extract.COMMUNES}
    assert [row["old_name"] for row in written["unit_changes.csv"]] == ["Mỹ Lộc"]


def test_a_commune_missing_from_the_dataset_stops_the_extraction() -> None:
    with pytest.raises(ValueError, match="not in the dataset"):
        extract.commune_rows([{"Code": "38", "Wards": []}])
