"""Guides as the stories need them: a place with a Vietnamese text, and whatever else a test names."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import text

import auth.operations
from auth.organisation_models import OrganisationKind
from kit.database import new_id, transaction
from services.tourism import operations
from services.tourism.schemas.content import GuideContentSchema, plain_content

CATEGORIES = [
    {"code": "culture", "parent_code": None, "name_vi": "Văn hóa", "name_en": "Culture"},
    {"code": "pagoda", "parent_code": "culture", "name_vi": "Chùa", "name_en": "Pagodas"},
    {"code": "temple", "parent_code": "culture", "name_vi": "Đền", "name_en": "Temples"},
    {"code": "nature", "parent_code": None, "name_vi": "Thiên nhiên", "name_en": "Nature"},
    {"code": "festival", "parent_code": "culture", "name_vi": "Lễ hội", "name_en": "Festivals"},
    {"code": "route", "parent_code": None, "name_vi": "Lịch trình", "name_en": "Itineraries"},
]
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TRANG_AN = (20.2527, 105.9177)
_numbers = count(1)


def daily(opens: str, closes: str) -> dict[str, Any]:
    """Hours that are the same every day."""
    return {"weekly": [{"days": EVERY_DAY, "times": [{"opens": opens, "closes": closes}]}]}


def words(title: str, **more: Any) -> dict[str, Any]:
    """Published words."""
    return {"state": "published", "title": title, "summary": f"{title}.", **more}


def content(title: str = "Chùa Bích Động", **changes: Any) -> dict[str, Any]:
    """A guide's content that the API takes, with `changes`; `at` is (lat, lon), `en` English words."""
    texts = {"vi": words(title, **changes.pop("vi", {}))} | changes.pop("texts", {})
    at = changes.pop("at", TRANG_AN)
    return {
        "slug": f"guide-{next(_numbers)}",
        "kind": "place",
        "category": "pagoda",
        "address": {"commune_code": "14359", "commune": "Phường Nam Hoa Lư", "province_code": "37",
                    "province": "Ninh Bình", "valid_from_on": "2025-07-01"},
        "point": None if at is None else {"lat": at[0], "lon": at[1], "precision": "site_1km"},
        "source": "Tests",
        "licence": "CC-BY-4.0",
        "texts": texts,
        **changes,
    }  # fmt: skip


def make_categories() -> None:
    """The few categories of the stories."""
    with transaction() as session:
        operations.save_categories(session, CATEGORIES)


def make_office(slug: str = "so-du-lich") -> UUID:
    """The tourism office that answers for the guides of the stories; returns its id."""
    with transaction() as session:
        found = session.execute(text("SELECT id FROM organisation WHERE slug = :slug"), {"slug": slug}).scalar()
        if found is None:
            found = auth.operations.create_organisation(
                session, kind=OrganisationKind.TOURISM_OFFICE, slug=slug, name_vi="Sở Du lịch", name_en="Tourism office"
            ).id
    return found


def make_guide(title: str = "Chùa Bích Động", **changes: Any) -> UUID:
    """A published guide; returns its id."""
    make_categories()
    office = changes.pop("office", None) or make_office()
    guide_id = new_id()
    body = plain_content(GuideContentSchema().load(content(title, **changes)))
    with transaction() as session:
        operations.publish(session, guide_id, office, body)
    return guide_id


def make_itinerary(*stops: UUID, title: str = "Một ngày ở Ninh Bình", **changes: Any) -> UUID:
    """A published itinerary of these guides."""
    return make_guide(
        title,
        kind="itinerary",
        category="route",
        at=None,
        stops=[
            {"guide_id": str(stop), "stay_minutes": 60, "transfer_minutes": 20, "transfer": "car"} for stop in stops
        ],
        **changes,
    )
