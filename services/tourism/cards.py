"""A guide in a language: each text in the language asked for where it is published, in Vietnamese where it is not.

Nothing is left empty in silence: `content_language` tells the language of the title, `field_languages` the texts that
are in another one, `missing_languages` the languages of the house (vi, en) and of this guide that are not complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.tourism import wording

HOME = "vi"
HOUSE_LANGUAGES = ("vi", "en")
TEXT_FIELDS = ("title", "summary", "description", "how_to_get_there", "when_to_go", "tips", "safety")
_LIST_FIELDS = ("title", "summary")
ACCESS_FACTS = (
    "step_free", "wheelchair_toilet", "wheelchair_rental", "accessible_parking", "seating",
    "audio_description", "tactile", "sign_language", "assistance_dog",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """Texts in the language asked for, and what has to be said about the languages they are in."""

    texts: dict[str, str | None]
    content_language: str
    field_languages: dict[str, str]
    missing_languages: list[str]


def tell(texts: Mapping[str, Mapping[str, str | None]], lang: str, fields: Iterable[str] = TEXT_FIELDS) -> Told:
    """Choose among published texts (language -> field -> words); Vietnamese is always among them."""
    complete = [field for field in TEXT_FIELDS if (texts[HOME].get(field) or "").strip()]
    told: dict[str, str | None] = {}
    spoken: dict[str, str] = {}
    for field in fields:
        # English stands in only for other foreign languages: who asked for Korean reads it sooner than Vietnamese.
        order = [lang] if lang in {HOME, "en"} else [lang, "en"]
        chosen = next((one for one in (*order, HOME) if (texts.get(one, {}).get(field) or "").strip()), None)
        told[field] = None if chosen is None else texts[chosen][field]
        if chosen is not None:
            spoken[field] = chosen
    language = spoken.get("title", HOME)
    missing = [
        one
        for one in dict.fromkeys((*HOUSE_LANGUAGES, lang, *sorted(texts)))
        if any(not (texts.get(one, {}).get(field) or "").strip() for field in complete)
    ]
    return Told(told, language, {field: one for field, one in spoken.items() if one != language}, missing)


def card(facts: Mapping[str, Any], texts: Mapping[str, Mapping[str, str | None]], lang: str) -> str:
    """A guide as lists show it: JSON text of an object that ends with `}`; the rest is put before that."""
    told = tell(texts, lang, _LIST_FIELDS)
    shown = {
        "id": str(facts["id"]),
        "slug": facts["slug"],
        "short_code": facts["short_code"],
        "kind": str(facts["kind"]),
        "category": facts["category_code"],
        "tags": list(facts["tags"]),
        "heritage_rank": None if facts["heritage_rank"] is None else str(facts["heritage_rank"]),
        "title": told.texts["title"],
        "summary": told.texts["summary"],
        "content_language": told.content_language,
        "field_languages": told.field_languages,
        "missing_languages": told.missing_languages,
        "lat": facts["lat"],
        "lon": facts["lon"],
        "commune_code": facts["commune_code"],
        "commune": facts["address"].get("commune"),
        "province": facts["address"].get("province"),
        "is_free": facts["is_free"],
        "is_accessible": facts["is_accessible"],
        "version": facts["version"],
    }
    return orjson.dumps(shown).decode()


def full(facts: Mapping[str, Any], texts: Mapping[str, Mapping[str, str | None]], lang: str) -> dict[str, Any]:
    """A guide with everything that does not change by itself, as the API and a pack give it."""
    told = tell(texts, lang)
    shown: dict[str, Any] = orjson.loads(card(facts, texts, lang))
    return {
        **shown,
        **told.texts,
        "field_languages": told.field_languages,
        "address": facts["address"],
        "coord_precision": facts["coord_precision"],
        "geometry": facts["geometry"],
        "hours": facts["hours"],
        "hours_text": wording.tell_hours(facts["hours"], lang),
        "prices": facts["prices"],
        "prices_text": wording.tell_prices(facts["prices"], is_free=facts["is_free"], lang=lang),
        "accessibility": {name: facts["accessibility"].get(name) for name in ACCESS_FACTS},
        "contacts": {name: facts["contacts"].get(name) for name in ("phone", "email", "website", "booking_url")},
        "details": facts["details"],
        "source": facts["source"],
        "licence": facts["licence"],
        "verified_on": None if facts["verified_on"] is None else str(facts["verified_on"]),
        "valid_until_on": None if facts["valid_until_on"] is None else str(facts["valid_until_on"]),
        "languages": sorted(texts),
    }
