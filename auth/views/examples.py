"""What organisations, members, invitations and clients look like in the API document."""

from __future__ import annotations

from typing import Any

_ETAG = '"5b6f0c9e3d2a41f7b8c0d1e2f3a"'
ORGANISATION: dict[str, Any] = {
    "id": "019a0c1e-8888-7c00-8000-00000000000c",
    "kind": "clinic",
    "slug": "tram-y-te-hac-thanh",
    "name_vi": "Trạm Y tế Hạc Thành",
    "name_en": "Hac Thanh Health Station",
    "state": "active",
    "created_at": "2026-11-01T08:00:00.000+07:00",
}
NEW_ORGANISATION = {name: ORGANISATION[name] for name in ("kind", "slug", "name_vi", "name_en")}
OWN_ORGANISATION = ORGANISATION | {
    "roles": ["front_desk"],
    "since": "2026-11-03T09:00:00.000+07:00",
    "etag": _ETAG,
}
MEMBER = {
    "id": "019a0c1e-8889-7c00-8000-00000000000d",
    "citizen_id": "019a0c1e-0000-7c00-8000-00000000000b",
    "name": "T*** T** Bình",
    "phone": "0987 *** 321",
    "roles": ["front_desk"],
    "created_at": "2026-11-03T09:00:00.000+07:00",
    "etag": _ETAG,
}
MEMBER_EVENT = {
    "id": "019a0c1e-888a-7c00-8000-00000000000e",
    "at": "2026-11-03T09:00:00.000+07:00",
    "action": "joined",
    "citizen_id": MEMBER["citizen_id"],
    "citizen_name": MEMBER["name"],
    "actor_id": MEMBER["citizen_id"],
    "actor_name": MEMBER["name"],
    "roles": ["front_desk"],
}
INVITATION = {
    "id": "019a0c1e-888b-7c00-8000-00000000000f",
    "phone": "0987 *** 321",
    "roles": ["front_desk"],
    "state": "open",
    "created_at": "2026-11-02T09:00:00.000+07:00",
    "expires_at": "2026-11-09T09:00:00.000+07:00",
    "etag": _ETAG,
}
OWN_INVITATION = {name: INVITATION[name] for name in ("id", "roles", "created_at", "expires_at")} | {
    "organisation": ORGANISATION
}
SECRET = "nQ3y0V8h2s6K4m1P7w9x5Z0t2r8e4d6c1b3a7f9g5h0"  # noqa: S105 - of nobody
CREDENTIAL = {
    "id": "019a0c1e-888c-7c00-8000-000000000010",
    "kind": "secret",
    "key_id": None,
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "expires_at": "2027-11-21T09:00:00.000+07:00",
    "last_used_at": None,
    "etag": _ETAG,
}
KEY_CREDENTIAL = CREDENTIAL | {"kind": "key", "key_id": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"}
PUBLIC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
CLIENT: dict[str, Any] = {
    "id": "019a0c1e-1111-7c00-8000-00000000000b",
    "name": "Hệ thống hóa đơn",
    "scopes": ["bills:write", "payments:read"],
    "mode": "live",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "credentials": [CREDENTIAL],
    "etag": _ETAG,
}
