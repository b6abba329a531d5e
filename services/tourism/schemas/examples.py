"""What answers about guides look like, for the API document."""

from __future__ import annotations

from typing import Any

SUMMARY_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000000a1",
    "slug": "chua-keo",
    "short_code": "k7mq2xa",
    "kind": "place",
    "category": "pagoda",
    "tags": ["architecture", "festival"],
    "heritage_rank": "special_national",
    "title": "Chùa Keo",
    "summary": "Ngôi chùa gỗ thế kỷ 17 bên sông Hồng, nổi tiếng với gác chuông ba tầng.",
    "content_language": "vi",
    "field_languages": {},
    "missing_languages": [],
    "lat": 20.3586,
    "lon": 106.2868,
    "commune_code": "13279",
    "commune": "Xã Vũ Tiên",
    "province": "Hưng Yên",
    "is_free": None,
    "is_accessible": None,
    "version": 1,
    "open_now": True,
    "next_change_at": "2026-11-21T17:30:00.000+07:00",
    "temporarily_closed": False,
    "advisory": None,
    "distance_m": 840,
}
GUIDE_EXAMPLE: dict[str, Any] = {
    **{name: value for name, value in SUMMARY_EXAMPLE.items() if name != "distance_m"},
    "description": "Chùa thờ Phật và Thiền sư Không Lộ.",
    "how_to_get_there": "Từ trung tâm Thái Bình cũ đi về phía tây nam.",
    "when_to_go": "Hội thu từ 13 đến 15 tháng chín âm lịch.",
    "tips": None,
    "safety": None,
    "address": {
        "street": None,
        "commune_code": "13279",
        "commune": "Xã Vũ Tiên",
        "province_code": "33",
        "province": "Hưng Yên",
        "valid_from_on": "2025-07-01",
        "former": {"commune": "Xã Duy Nhất", "district": None, "province": "Thái Bình", "valid_to_on": "2025-06-30"},
    },
    "coord_precision": "commune_point",
    "geometry": None,
    "hours": {
        "weekly": [
            {
                "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "times": [{"opens": "07:00", "closes": "17:30"}],
            }
        ]
    },
    "hours_text": ["Hằng ngày: 07:00–17:30"],
    "prices": None,
    "prices_text": [],
    "accessibility": dict.fromkeys(
        (
            "step_free", "wheelchair_toilet", "wheelchair_rental", "accessible_parking", "seating",
            "audio_description", "tactile", "sign_language", "assistance_dog",
        )
    ),
    "contacts": {"phone": None, "email": None, "website": None, "booking_url": None},
    "details": {},
    "source": "Biên soạn cho dự án từ kiến thức phổ thông, tháng 11/2026",
    "licence": "CC-BY-4.0",
    "verified_on": None,
    "valid_until_on": None,
    "is_stale": False,
    "languages": ["en", "vi"],
    "changed_at": "2026-11-21T09:00:00.000+07:00",
    "media": [],
    "stops": [],
    "advisories": [],
}  # fmt: skip
CATEGORY_EXAMPLE = {"code": "pagoda", "parent_code": "spiritual", "name_vi": "Chùa", "name_en": "Pagodas"}
CHANGE_EXAMPLE = {
    "id": SUMMARY_EXAMPLE["id"],
    "slug": "chua-keo",
    "kind": "place",
    "version": 2,
    "changed_at": "2026-11-21T09:00:00.000+07:00",
    "change": "changed",
}
CONTENT_EXAMPLE: dict[str, Any] = {
    "slug": "chua-keo",
    "kind": "place",
    "category": "pagoda",
    "tags": ["architecture"],
    "address": {"commune_code": "13279", "commune": "Xã Vũ Tiên", "province_code": "33", "province": "Hưng Yên"},
    "point": {"lat": 20.3586, "lon": 106.2868, "precision": "commune_point"},
    "hours": {"special": [{"calendar": "lunar", "start": "09-13", "end": "09-15",
                           "times": [{"opens": "00:00", "closes": "24:00"}]}]},
    "source": "Ban quản lý di tích",
    "licence": "CC-BY-4.0",
    "texts": {"vi": {"state": "published", "title": "Chùa Keo", "summary": "Ngôi chùa gỗ thế kỷ 17."}},
}  # fmt: skip
