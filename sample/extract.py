"""Draws the facts the sample needs about provinces and communes out of the two public tables they come from."""

import argparse
import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kit.text import clean, fold

REFORM_ON = "2025-07-01"
UNITS_SOURCE = "thanglequoc/vietnamese-provinces-database 2026-07-25, MIT, © 2021 Thang Le Quoc"
CHANGES_SOURCE = "statistics office, conversion table of 2025-07-01"

COMMUNES = (
    # Thanh Hóa. Đông Tiến and Đồng Tiến become the same word once diacritics are folded away.
    *("14797", "14758", "15853", "15724", "16531", "16012", "15499", "14812"),
    *("14329", "14362", "13669", "13285"),  # Ninh Bình
    *("13225", "12454", "11953", "12970"),  # Thái Bình, inside Hưng Yên today
    *("09187", "09367", "07210", "07777"),  # Bắc Ninh
    *("04795", "04792", "07900", "08707"),  # Hòa Bình, inside Phú Thọ today
)

FORMER_PROVINCES = ("17", "24", "25", "26", "27", "33", "34", "35", "36", "37", "38")

# Đồng Nai became a city on 30 Apr 2026 (Resolution 30/2026/QH16); every other unit is as the reform made it.
CITY_SINCE = {"75": "2026-04-30"}

PROVINCE_COLUMNS = ("code", "name", "full_name", "name_en", "type", "valid_from", "valid_to", "source")
COMMUNE_COLUMNS = ("code", "name", "full_name", "name_en", "type", "province_code", "valid_from", "valid_to", "source")
CHANGE_COLUMNS = (
    *("old_code", "old_name", "old_type", "old_district", "old_province_code", "new_code"),
    *("kind", "changed_on", "source"),
)

TYPE_WORDS = ("thành phố", "thị trấn", "đặc khu", "phường", "tỉnh", "xã")

# The date on which the table of codes was signed stands in for the day each old unit began, which no source here gives.
FORMER_VALID_FROM = "2004-07-08"
FORMER_SOURCE = f"{CHANGES_SOURCE}; beginning: Decision 124/2004/QĐ-TTg (unverified)"

_OLD_PROVINCE = 7  # the column of the office's table that names the province before the reform


def one_line(text: str) -> str:
    """Give a cell of the tables as one line of NFC text without stray spaces."""
    return " ".join(clean(text).split())


def split_type(full_name: str) -> tuple[str, str]:
    """Split "Phường Đông Tiến" into ("phường", "Đông Tiến"); the table writes "Xa" for "Xã" twice.

    Raises ValueError for a name that begins with no known type.
    """
    lowered = full_name.lower()
    for word in TYPE_WORDS:
        if lowered.startswith(f"{word} "):
            return word, full_name[len(word) + 1 :]
    if lowered.startswith("xa "):
        return "xã", full_name[3:]
    raise ValueError(f"no type word in {full_name!r}")


def split_code(cell: str) -> tuple[str, str]:
    """Split "Tỉnh Hoà Bình (17)" into ("Tỉnh Hoà Bình", "17"). Raises ValueError where there is no code."""
    found = re.fullmatch(r"(.+?) ?\((\d+)\)", cell)
    if found is None:
        raise ValueError(f"no code in {cell!r}")
    return found[1], found[2]


def change_kind(note: str) -> str:
    """Read the note "Nhập toàn bộ" or "Nhập một phần", however it is spelled, as whole or part.

    Raises ValueError for any other note.
    """
    kinds = {"nhap toan bo": "whole", "nhap mot phan": "part"}
    words = fold(note)
    if words not in kinds:
        raise ValueError(f"unknown note {note!r}")
    return kinds[words]


def province_rows(units: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """List the provinces of today by code, with the day since which each is what it is called."""
    rows = []
    for unit in units:
        code, full_name = unit["Code"], one_line(unit["FullName"])
        kind, name = split_type(full_name)
        rows.append(
            {
                "code": code,
                "name": name,
                "full_name": full_name,
                "name_en": one_line(unit["NameEn"]),
                "type": kind,
                "valid_from": CITY_SINCE.get(code, REFORM_ON),
                "valid_to": "",
                "source": UNITS_SOURCE,
            }
        )
    return sorted(rows, key=lambda row: row["code"])


def commune_rows(units: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """List the communes of the sample by code. Raises ValueError when one of them is not in the dataset."""
    rows = []
    for ward in (ward for unit in units for ward in unit["Wards"] if ward["Code"] in COMMUNES):
        kind, name = split_type(one_line(ward["FullName"]))
        rows.append(
            {
                "code": ward["Code"],
                "name": name,
                "full_name": f"{kind.capitalize()} {name}",
                "name_en": one_line(ward["NameEn"]),
                "type": kind,
                "province_code": ward["ProvinceCode"],
                "valid_from": REFORM_ON,
                "valid_to": "",
                "source": UNITS_SOURCE,
            }
        )
    missing = set(COMMUNES) - {row["code"] for row in rows}
    if missing:
        raise ValueError(f"not in the dataset: {sorted(missing)}")
    return sorted(rows, key=lambda row: row["code"])


def change_rows(table: Iterable[Sequence[str]]) -> list[dict[str, str]]:
    """List which old communes went into those of the sample, and whether whole or in part.

    Title rows and rows without an old code (new land, never a commune) are left out.
    """
    rows = []
    for cells in table:
        _, _, new_code, old_name, old_code, note, district, province, *_ = [*map(one_line, cells), *[""] * 8]
        if new_code not in COMMUNES or not old_code:
            continue
        old_type, name = split_type(old_name)
        rows.append(
            {
                "old_code": old_code,
                "old_name": name,
                "old_type": old_type,
                # "Thị Xã" and "Thị xã" stand side by side in the table.
                "old_district": split_code(district)[0].replace("Thị Xã", "Thị xã"),
                "old_province_code": split_code(province)[1],
                "new_code": new_code,
                "kind": change_kind(note),
                "changed_on": REFORM_ON,
                "source": CHANGES_SOURCE,
            }
        )
    return sorted(rows, key=lambda row: (row["new_code"], row["old_code"]))


def former_province_rows(units: Iterable[dict[str, Any]], table: Iterable[Sequence[str]]) -> list[dict[str, str]]:
    """List the provinces merged on 1 Jul 2025 that our areas come from, and Đồng Nai as it was before it was a city."""
    names: dict[str, str] = {}
    for cells in table:
        found = (
            re.fullmatch(r"(.+?) ?\((\d+)\)", one_line(cells[_OLD_PROVINCE])) if len(cells) > _OLD_PROVINCE else None
        )
        if found is not None:
            names.setdefault(found[2], found[1])
    rows = [_former(code, names[code], FORMER_VALID_FROM, "2025-06-30", FORMER_SOURCE) for code in FORMER_PROVINCES]
    for unit in units:
        if unit["Code"] in CITY_SINCE:
            full_name = f"Tỉnh {split_type(one_line(unit['FullName']))[1]}"
            rows.append(_former(unit["Code"], full_name, REFORM_ON, "2026-04-29", UNITS_SOURCE))
    return sorted(rows, key=lambda row: row["code"])


def _former(code: str, full_name: str, valid_from: str, valid_to: str, source: str) -> dict[str, str]:
    kind, name = split_type(full_name)
    marks_off = unicodedata.normalize("NFD", name).replace("Đ", "D").replace("đ", "d")
    return {
        "code": code,
        "name": name,
        "full_name": full_name,
        "name_en": "".join(c for c in marks_off if not unicodedata.combining(c)),
        "type": kind,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "source": source,
    }


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[dict[str, str]]) -> None:
    """Write one file of facts: UTF-8, LF."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def extract(units_path: Path, changes_path: Path, into: Path) -> None:
    """Write provinces.csv, former_provinces.csv, communes.csv and unit_changes.csv.

    Raises ValueError, naming the cell, for anything the two tables are not known to contain.
    """
    units = json.loads(units_path.read_text(encoding="utf-8"))
    with changes_path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    write_csv(into / "provinces.csv", PROVINCE_COLUMNS, province_rows(units))
    write_csv(into / "former_provinces.csv", PROVINCE_COLUMNS, former_province_rows(units, table))
    write_csv(into / "communes.csv", COMMUNE_COLUMNS, commune_rows(units))
    write_csv(into / "unit_changes.csv", CHANGE_COLUMNS, change_rows(table))


def main() -> None:
    """Run `python -m sample.extract --units FILE.json --changes FILE.csv [--into DIRECTORY]`."""
    parser = argparse.ArgumentParser(prog="python -m sample.extract", description=__doc__)
    parser.add_argument("--units", type=Path, required=True, help="the dataset of 34 provinces, JSON")
    parser.add_argument("--changes", type=Path, required=True, help="the office's old-to-new table, CSV")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent)
    chosen = parser.parse_args()
    extract(chosen.units, chosen.changes, chosen.into)


if __name__ == "__main__":
    main()
