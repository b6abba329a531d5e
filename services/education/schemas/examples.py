"""What answers look like, for the API document: every school and date in them is made up."""

from __future__ import annotations

from typing import Any

SCHOOL_ID = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f"
OTHER_ID = "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e60"
STAFF_ID = "019a0c1e-0000-7c00-8000-00000000000a"
CHECKER_ID = "019a0c1e-0000-7c00-8000-00000000000b"
_NOW = "2026-06-01T08:00:00.000+07:00"

CARD: dict[str, Any] = {
    "id": SCHOOL_ID,
    "name": "Trường Tiểu học Kim Đồng",
    "state": "open",
    "levels": ["primary"],
    "ownership": "public",
    "programmes": ["day_boarding"],
    "commune_code": "14797",
    "commune_name": "Phường Hạc Thành",
    "province_code": "38",
    "province_name": "Thanh Hoá",
    "address": "12 đường Lê Lợi",
    "lat": 19.8075,
    "lon": 105.7764,
    "standard_level": 1,
    "standard_until": "2025-05-20",
    "standard_is_expired": True,
    "is_example": True,
}
FACTS: dict[str, Any] = {
    "name": "Trường Tiểu học Kim Đồng",
    "former_names": [{"name": "Trường Phổ thông cấp 1 Kim Đồng", "until": "1993-08-31"}],
    "moet_code": None,
    "state": "open",
    "opened_on": "1965-09-05",
    "closed_on": None,
    "successor_id": None,
    "ownership": "public",
    "programmes": ["day_boarding"],
    "levels": [{"level": "primary", "grade_from": 1, "grade_to": 5}],
    "places": [{"commune_code": "14797", "valid_from": "2025-07-01", "valid_to": None}],
    "campuses": [
        {"name": "Cơ sở chính", "address": "12 đường Lê Lợi", "lat": 19.8075, "lon": 105.7764, "is_main": True}
    ],
    "size": {"capacity": 1000, "roll": 948, "classes": 26, "as_of": "2026-05-31"},
    "national_standard": {"level": 1, "decision": "1234/QĐ-UBND", "decided_on": "2020-05-21", "valid_to": "2025-05-20"},
    "fees": [{"school_year": 2026, "kind": "meals", "amount_vnd": 450_000, "per": "month"}],
    "contacts": {"phone": "02370000000", "email": None, "website": None},
    "sources": {"all": {"source": "Ví dụ", "dated_on": "2026-06-01"}},
    "is_example": True,
}
SCHOOL = {
    "id": SCHOOL_ID,
    **FACTS,
    "national_standard": {**FACTS["national_standard"], "is_expired": True},
    "commune_code": "14797",
    "commune_name": "Phường Hạc Thành",
    "province_code": "38",
    "province_name": "Thanh Hoá",
    "version": 3,
}
FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [105.7764, 19.8075]},
    "properties": {"id": SCHOOL_ID, "name": CARD["name"], "levels": ["primary"]},
}
COMPARISON = {
    "schools": [CARD, CARD | {"id": OTHER_ID}],
    "rows": [
        {
            "field": "roll",
            "unit": "pupils",
            "values": [948, None],
            "texts": ["948 học sinh", "không có dữ liệu"],
            "days": ["2026-05-31", None],
        }
    ],
}
SNAPSHOT = {
    "id": OTHER_ID,
    "province": "38",
    "seq": 1204,
    "schools": 1187,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes_plain": 1_702_311,
    "url": f"/v1/education/snapshots/{OTHER_ID}/file",
}
CHANGES = {
    "items": [
        {"kind": "put", "seq": 1205, "id": SCHOOL_ID, "school": {"id": SCHOOL_ID, "name": CARD["name"]}},
        {"kind": "remove", "seq": 1206, "id": OTHER_ID, "successor_id": SCHOOL_ID},
    ],
    "seq": 1206,
    "has_more": False,
}
ROUND_FACTS: dict[str, Any] = {
    "province_code": "38",
    "commune_code": None,
    "school_id": None,
    "school_year": 2026,
    "level": "primary",
    "grade": 1,
    "age_from": 6,
    "age_to": 6,
    "channel": "online",
    "opens_at": "2026-07-01T08:00:00+07:00",
    "closes_at": "2026-07-04T00:00:00+07:00",
    "result_on": "2026-07-23",
    "papers": [{"vi": "Giấy khai sinh", "en": "Birth certificate"}],
    "criteria": [{"priority": 1, "vi": "Cư trú thực tế trên địa bàn", "en": "Lives in the area"}],
    "quotas": [{"school_id": SCHOOL_ID, "classes": 5, "seats": 175, "supplementary_seats": 10}],
    "source": "Ví dụ",
    "source_on": "2026-05-15",
    "is_example": True,
}
ROUND = {
    "id": OTHER_ID,
    "state": "coming",
    **ROUND_FACTS,
    "quotas": [{**ROUND_FACTS["quotas"][0], "school_name": CARD["name"]}],
    "version": 1,
}
ZONE: dict[str, Any] = {
    "zone_id": OTHER_ID,
    "school_id": SCHOOL_ID,
    "school_name": CARD["name"],
    "kind": "polygon",
    "name": "Khu 1",
    "priority": 1,
    "is_inside": True,
    "border_m": 40,
    "source": "Ví dụ",
    "source_on": "2026-05-15",
}
CATCHMENT = {
    "answer": "borderline",
    "zones": [ZONE],
    "source_on": "2026-05-15",
    "note": "Trường và UBND xã, phường quyết định; đây chỉ là thông tin tra cứu.",
}
HOME = {"commune_code": "14797", "lat": 19.8075, "lon": 105.7764, "street": "Lê Lợi", "number": 12}
SAVED = {
    "id": OTHER_ID,
    "school_id": SCHOOL_ID,
    "school_name": CARD["name"],
    "commune_name": CARD["commune_name"],
    "state": "open",
    "successor_id": None,
    "member_id": None,
    "child": None,
    "rounds": [
        {name: ROUND[name] for name in ("id", "level", "grade", "school_year", "channel", "opens_at", "closes_at")}
    ],
}
OPEN_DAY = {
    "id": OTHER_ID,
    "school_id": SCHOOL_ID,
    "starts_at": "2026-06-13T08:00:00+07:00",
    "ends_at": "2026-06-13T11:00:00+07:00",
    "campus": "Cơ sở chính",
    "places": 60,
    "places_left": 18,
}
VISIT = {
    "id": STAFF_ID,
    "open_day_id": OTHER_ID,
    "school_id": SCHOOL_ID,
    "school_name": CARD["name"],
    "campus": "Cơ sở chính",
    "starts_at": OPEN_DAY["starts_at"],
    "ends_at": OPEN_DAY["ends_at"],
    "people": 2,
    "cancelled_at": None,
}
PROPOSAL = {
    "id": OTHER_ID,
    "kind": "school",
    "state": "proposed",
    "school_id": SCHOOL_ID,
    "subject_id": None,
    "changes": {"size": {"capacity": 1000, "roll": 960, "classes": 27, "as_of": "2026-09-05"}},
    "why": "Số liệu đầu năm học",
    "proposed_by": STAFF_ID,
    "import_id": None,
    "decided_by": None,
    "decided_at": None,
    "decision_note": None,
    "created_at": _NOW,
}
IMPORT = {
    "id": OTHER_ID,
    "what": "schools",
    "format": "csv",
    "why": "Danh sách năm học 2026-2027",
    "lines": 120,
    "changed": 14,
    "unchanged": 104,
    "refused": 2,
    "errors": [{"line": 17, "column": "lat", "code": "point_outside_vietnam"}],
    "created_at": _NOW,
}
REVISION = {
    "version": 3,
    "before": {"name": "Trường TH Kim Đồng"},
    "after": {"name": "Trường Tiểu học Kim Đồng"},
    "why": "Ghi tên đầy đủ theo quyết định thành lập",
    "proposed_by": STAFF_ID,
    "approved_by": CHECKER_ID,
    "created_at": _NOW,
}
