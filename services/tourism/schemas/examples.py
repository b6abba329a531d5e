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
REVISION_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000000b1",
    "guide_id": SUMMARY_EXAMPLE["id"],
    "number": 2,
    "state": "draft",
    "title": "Chùa Keo",
    "author_id": "019a0c1e-0000-7c00-8000-0000000000c1",
    "reviewer_id": None,
    "note": None,
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "publish_at": None,
    "published_at": None,
    "content": CONTENT_EXAMPLE,
}
IMPORT_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000000d1",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "format": "csv",
    "drafted": 1,
    "unchanged": 0,
    "refused": 1,
    "errors": [{"line": 3, "place": "/slug", "detail": "String does not match expected pattern."}],
}
REPORTED_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000000e1",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "guide_id": SUMMARY_EXAMPLE["id"],
    "about": "hours",
    "message": "Chùa đóng cửa lúc 17 giờ.",
    "lang": "vi",
    "state": "open",
    "answer": None,
    "settled_at": None,
}
MEDIA_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000000f1",
    "guide_id": SUMMARY_EXAMPLE["id"],
    "kind": "image",
    "media_type": "image/jpeg",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes_total": 48213,
    "author": "Nguyễn Thị Hoa",
    "licence": "CC-BY-4.0",
    "alt": {"vi": "Gác chuông ba tầng", "en": "The three-storey bell tower"},
    "transcript": {},
    "state": "published",
}
ALERT_EXAMPLE: dict[str, Any] = {
    "kind": "storm",
    "level": 3,
    "closes": True,
    "reason_vi": "Bão cấp 9, các bến thuyền ngừng đón khách.",
    "reason_en": "Storm of force 9: boat landings take no visitors.",
    "source": "Đài khí tượng thủy văn",
    "province_codes": ["37"],
    "commune_codes": [],
    "guide_ids": [],
    "starts_at": "2026-11-21T09:00:00.000+07:00",
    "ends_at": "2026-11-22T18:00:00.000+07:00",
}
ALERT_TOLD_EXAMPLE = ALERT_EXAMPLE | {"id": "019a0c1e-0000-7c00-8000-0000000000e2", "ended_at": None}
PACK_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000001a1",
    "scope": "province:37",
    "number": 3,
    "base_id": None,
    "bytes_total": 181204,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-11-21T02:10:00.000+07:00",
}
PACK_KEY_EXAMPLE = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "alg": "EdDSA",
    "use": "sig",
}
MANIFEST_EXAMPLE: dict[str, Any] = {
    "manifest": {
        "format": 1,
        "id": PACK_EXAMPLE["id"],
        "scope": "province:37",
        "number": 3,
        "base_id": None,
        "built_at": "2026-11-21T02:10:00.000+07:00",
        "content_version": 412,
        "bytes": 181204,
        "sha256": PACK_EXAMPLE["sha256"],
        "parts": [{"offset": 0, "bytes": 181204, "sha256": PACK_EXAMPLE["sha256"]}],
        "files": [{"path": "index.json", "bytes": 2048, "sha256": PACK_EXAMPLE["sha256"]}],
        "removed": [],
        "left_out": [],
        "kid": PACK_KEY_EXAMPLE["kid"],
    },
    "signature": "cJPqzIWSOTtkH0kE7ZXW3sxg0JvMGmX0hMr5dLMMOFkqWXBtqJBNsDTLkYAqYDAMlfbrY7pFbS0SBMpKD0BUCg",
}
PLAN_CONTENT_EXAMPLE: dict[str, Any] = {
    "title": "Hai ngày ở Ninh Bình",
    "starts_on": "2026-12-05",
    "stops": [{"guide_id": SUMMARY_EXAMPLE["id"], "day": 1, "note": "Đi sớm"}],
}
PLAN_EXAMPLE = PLAN_CONTENT_EXAMPLE | {
    "id": "019a0c1e-0000-7c00-8000-0000000002a1",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "version": 1,
}
PASSPORT_EXAMPLE: dict[str, Any] = {
    "stamps": [
        {
            "guide_id": SUMMARY_EXAMPLE["id"],
            "title": "Chùa Keo",
            "first_on": "2026-11-21",
            "last_on": "2026-11-21",
            "visits": 1,
        }
    ],
    "completed": [],
}
TICKET_TYPE_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000003a1",
    "visitor_class": "adult",
    "name_vi": "Vé người lớn",
    "name_en": "Adult",
    "price_vnd": 50000,
    "refund_hours_before": 24,
    "is_sold": True,
}
ORDER_EXAMPLE: dict[str, Any] = {
    "id": "019a0c1e-0000-7c00-8000-0000000003b1",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "guide_id": SUMMARY_EXAMPLE["id"],
    "visit_on": "2026-11-25",
    "places": 1,
    "amount_vnd": 50000,
    "state": "paid",
    "payment_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "refundable_until_at": "2026-11-24T00:00:00.000+07:00",
    "tickets": [
        {
            "id": "019a0c1e-0000-7c00-8000-0000000003c1",
            "state": "valid",
            "visitor_class": "adult",
            "name_vi": "Vé người lớn",
            "name_en": "Adult",
            "code": f"T1.{'e' * 40}.{'s' * 86}",
            "used_at": None,
        }
    ],
}
OUTCOME_EXAMPLE: dict[str, Any] = {
    "outcome": "admitted",
    "ticket_id": "019a0c1e-0000-7c00-8000-0000000003c1",
    "visitor_class": "adult",
    "used_at": "2026-11-25T09:00:00.000+07:00",
}
