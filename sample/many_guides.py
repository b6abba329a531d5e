"""Fifty thousand guides for tests and measurements: drawn from a seed, the same every time, over our five provinces."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

PROVINCES = {
    "37": ("Ninh Bình", 20.0, 20.7, 105.5, 106.6),
    "38": ("Thanh Hóa", 19.3, 20.6, 104.4, 106.0),
    "33": ("Hưng Yên", 20.2, 21.0, 105.9, 106.6),
    "24": ("Bắc Ninh", 20.9, 21.6, 105.8, 107.0),
    "25": ("Phú Thọ", 20.3, 21.7, 104.8, 105.8),
}
CATEGORIES = (
    "pagoda", "temple", "church", "beach", "lake", "cave", "waterfall", "museum", "village", "craft_village",
    "viewpoint", "heritage", "nature", "landmark",
)  # fmt: skip
_FIRST = ("Chùa", "Đền", "Đình", "Làng", "Hồ", "Thác", "Động", "Núi", "Chợ", "Bến", "Cầu", "Suối")
_SECOND = (
    "Bích", "Thiên", "Long", "Phượng", "Kim", "Ngọc", "Hồng", "Thanh", "Hoa", "Sơn", "Vân", "An",
    "Bình", "Đông", "Tây", "Nam", "Bắc", "Cổ", "Tân", "Phú", "Yên", "Minh", "Đại", "Tiểu",
)  # fmt: skip
_TAGS = ("boat", "hike", "family", "festival", "history", "craft", "viewpoint", "wildlife", "music", "architecture")
_HOURS = (("07:00", "17:30"), ("08:00", "17:00"), ("06:00", "20:00"), ("00:00", "24:00"))
_EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def draw(count: int, seed: int = 2026) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """Ids and contents of `count` guides, as the API would take them."""
    chance = random.Random(seed)  # noqa: S311 - the same guides every time
    for number in range(count):
        province, (name, south, north, west, east) = chance.choice(list(PROVINCES.items()))
        title = f"{chance.choice(_FIRST)} {chance.choice(_SECOND)} {chance.choice(_SECOND)} {number}"
        opens, closes = chance.choice(_HOURS)
        yield (
            UUID(int=chance.getrandbits(128), version=4),
            {
                "slug": f"sample-{number}",
                "kind": "place",
                "category": chance.choice(CATEGORIES),
                "tags": sorted(chance.sample(_TAGS, chance.randint(0, 3))),
                "address": {"province_code": province, "province": name},
                "point": {
                    "lat": round(chance.uniform(south, north), 5),
                    "lon": round(chance.uniform(west, east), 5),
                    "precision": "made_up",
                },
                "hours": None
                if chance.random() < 0.3  # noqa: PLR2004 - of three places in ten nobody knows
                else {"weekly": [{"days": list(_EVERY_DAY), "times": [{"opens": opens, "closes": closes}]}]},
                "is_free": chance.choice((True, False, None)),
                "accessibility": {"step_free": chance.choice((True, False, None))},
                "source": "made up",
                "licence": "CC0-1.0",
                "texts": {
                    "vi": {"state": "published", "title": title, "summary": f"{title}, {name}. " * 3},
                    "en": {
                        "state": "published",
                        "title": f"Place {number}",
                        "summary": f"Place {number}, {name}.",
                    },
                },
            },
        )
