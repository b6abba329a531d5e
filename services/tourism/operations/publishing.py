"""From a revision's content to what the public reads: one place writes guides, texts, stops and cards."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Text, delete, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change
from sqlalchemy.orm import Session

from kit import clock
from kit.parsing import Flaw
from kit.text import fold
from services.tourism import cards, opening
from services.tourism.errors import GuideContentInvalid, SlugTaken, UnknownCategory, VietnameseTextMissing
from services.tourism.models import (
    Guide,
    GuideCard,
    GuideCategory,
    GuideCounter,
    GuideKind,
    GuideStop,
    GuideText,
    HeritageRank,
    Publication,
)

KEPT_DAYS = 45  # how far ahead the instants of opening and closing are kept
REFRESH_BEFORE = timedelta(days=15)
_CODE_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # none that are read as another
_CODE_LENGTH = 7
_LAST_POSITION = 16_383  # that a tsvector knows
_LONGEST_WORD = 100
_WEIGHTS = (("title", "A"), ("summary", "B"), ("description", "C"), ("when_to_go", "D"), ("tips", "D"))
FACTS = (
    Guide.id, Guide.slug, Guide.short_code, Guide.kind, Guide.category_code, Guide.tags, Guide.heritage_rank,
    Guide.commune_code, Guide.province_code, Guide.address, Guide.lat, Guide.lon, Guide.coord_precision, Guide.geometry,
    Guide.hours, Guide.prices, Guide.is_free, Guide.accessibility, Guide.is_accessible, Guide.contacts, Guide.details,
    Guide.source, Guide.licence, Guide.verified_on, Guide.valid_until_on, Guide.version, Guide.changed_at,
    Guide.change_no, Guide.withdrawn_at, Guide.changes, Guide.changes_until_at, Guide.organisation_id,
)  # fmt: skip


def next_change_no(session: Session) -> int:
    """The number of a change of public content.

    Until this transaction ends nobody else gets one: whoever has read up to a number has missed none before it.
    """
    return session.execute(
        insert_or_change(GuideCounter)
        .values(only_one=True, last_no=1)
        .on_conflict_do_update(index_elements=[GuideCounter.only_one], set_={"last_no": GuideCounter.last_no + 1})
        .returning(GuideCounter.last_no)
    ).scalar_one()


def content_version(session: Session) -> int:
    """The number of the last change of public content; 0 where there was none."""
    return session.execute(select(GuideCounter.last_no)).scalar_one_or_none() or 0


def told_version(session: Session) -> tuple[object, ...]:
    """Another value after every change of what the public is told: of guides, files and alerts, and with every minute.

    The number of the transaction stands in it, too: a database that was emptied or restored counts from the beginning.
    """
    minute = int(clock.now().timestamp()) // 60
    row = session.execute(select(GuideCounter.last_no, literal_column("xmin::text", Text))).one_or_none()
    return (minute, *(tuple(row) if row else ()))


def save_categories(session: Session, given: Sequence[Mapping[str, Any]]) -> int:
    """Write down the category tree, parents before children; repeating it changes nothing. Returns how many."""
    for entry in given:
        values = {name: entry.get(name) for name in ("code", "parent_code", "name_vi", "name_en")}
        session.execute(
            insert_or_change(GuideCategory)
            .values(values)
            .on_conflict_do_update(index_elements=[GuideCategory.code], set_=values)
        )
    return len(given)


def check_content(session: Session, guide_id: UUID, body: Mapping[str, Any]) -> None:
    """Raises UnknownCategory, VietnameseTextMissing, SlugTaken and GuideContentInvalid for what can't be published."""
    known = session.execute(select(GuideCategory.code).where(GuideCategory.code == body["category"])).first()
    if known is None:
        raise UnknownCategory
    home = body["texts"].get(cards.HOME, {})
    if home.get("state") != Publication.PUBLISHED or not (home.get("title") and home.get("summary")):
        raise VietnameseTextMissing
    if session.execute(select(Guide.id).where(Guide.slug == body["slug"], Guide.id != guide_id)).first():
        raise SlugTaken
    wanted = {UUID(str(stop["guide_id"])) for stop in body.get("stops") or ()}
    if wanted - set(session.execute(select(Guide.id).where(Guide.id.in_(wanted))).scalars()):
        flaw = Flaw("/stops", "unknown", "Có điểm dừng không tồn tại.", "A stop is no guide.")
        raise GuideContentInvalid(errors=[flaw])


def publish(session: Session, guide_id: UUID, organisation_id: UUID, body: Mapping[str, Any]) -> None:
    """Let the public read `body` as this guide of an office from now on, instead of what it had read before.

    Raises what `check_content` raises.
    """
    check_content(session, guide_id, body)
    now = clock.now()
    values = _facts_of(body, now) | {"change_no": next_change_no(session), "changed_at": now, "withdrawn_at": None}
    made = {
        "id": guide_id,
        "organisation_id": organisation_id,
        "created_at": now,
        "short_code": _fresh_code(session),
        "version": 1,
    }
    session.execute(
        insert_or_change(Guide)
        .values(**values, **made)
        .on_conflict_do_update(index_elements=[Guide.id], set_={**values, "version": Guide.version + 1})
    )
    _save_texts(session, guide_id, body["texts"], now)
    _save_stops(session, guide_id, body.get("stops") or [])
    prepare_cards(session, guide_id)


def withdraw(session: Session, guide_id: UUID) -> None:
    """Take a guide from the public; phones that hold it learn so with their next delta."""
    now = clock.now()
    session.execute(
        update(Guide)
        .where(Guide.id == guide_id, Guide.withdrawn_at.is_(None))
        .values(withdrawn_at=now, changed_at=now, change_no=next_change_no(session), version=Guide.version + 1)
    )
    session.execute(delete(GuideCard).where(GuideCard.guide_id == guide_id))


def prepare_cards(session: Session, guide_id: UUID) -> None:
    """Write the cards of a guide anew: one for each language of the house and each it is published in."""
    facts = session.execute(select(*FACTS).where(Guide.id == guide_id)).mappings().one()
    texts = published_texts(session, [guide_id])[guide_id]
    session.execute(delete(GuideCard).where(GuideCard.guide_id == guide_id))
    languages = dict.fromkeys((*cards.HOUSE_LANGUAGES, *texts))
    session.execute(
        insert(GuideCard),
        [{"guide_id": guide_id, "lang": lang, "card": cards.card(dict(facts), texts, lang)} for lang in languages],
    )


def published_texts(session: Session, guide_ids: Sequence[UUID]) -> dict[UUID, dict[str, dict[str, str | None]]]:
    """Published words of some guides by guide, language and field."""
    rows = session.execute(
        select(GuideText.guide_id, GuideText.lang, GuideText.title, GuideText.body).where(
            GuideText.guide_id.in_(guide_ids), GuideText.state == Publication.PUBLISHED
        )
    )
    found: dict[UUID, dict[str, dict[str, str | None]]] = {}
    for row in rows:
        found.setdefault(row.guide_id, {})[row.lang] = {"title": row.title, **row.body}
    return found


def refresh_changes(session: Session, limit: int = 500) -> int:
    """Reckon anew when guides open and close whose known instants come to an end; returns how many were there."""
    now = clock.now()
    due = session.execute(
        select(Guide.id, Guide.hours)
        .where(Guide.changes.is_not(None), Guide.changes_until_at < now + REFRESH_BEFORE)
        .order_by(Guide.changes_until_at)
        .limit(limit)
    ).all()
    for row in due:
        session.execute(update(Guide).where(Guide.id == row.id).values(**_changes_of(row.hours, now)))
    return len(due)


def search_words(words: str) -> list[str]:
    """Words as they are searched: letters and digits only, marks gone. Texts and questions are split alike."""
    letters = "".join(char if char.isalnum() else " " for char in fold(words))
    return [word[:_LONGEST_WORD] for word in letters.split()]


def _facts_of(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    address, point = body["address"], body.get("point") or {}
    access = {name: fact for name, fact in (body.get("accessibility") or {}).items() if fact is not None}
    prices, is_free = body.get("prices"), body.get("is_free")
    rank = body.get("heritage_rank")
    return {
        "slug": body["slug"],
        "kind": GuideKind(body["kind"]),
        "category_code": body["category"],
        "tags": sorted(set(body.get("tags") or ())),
        "heritage_rank": None if rank is None else HeritageRank(rank),
        "commune_code": address.get("commune_code"),
        "province_code": address.get("province_code"),
        "address": dict(address),
        "lat": point.get("lat"),
        "lon": point.get("lon"),
        "coord_precision": point.get("precision"),
        "geometry": body.get("geometry"),
        "hours": body.get("hours"),
        **_changes_of(body.get("hours"), now),
        "prices": prices,
        "is_free": all(price["amount_vnd"] == 0 for price in prices) if is_free is None and prices else is_free,
        "accessibility": access,
        "is_accessible": access.get("step_free"),
        "contacts": body.get("contacts") or {},
        "details": body.get("details") or {},
        "source": body["source"],
        "licence": body["licence"],
        "verified_on": _day(body.get("verified_on")),
        "valid_until_on": _day(body.get("valid_until_on")),
    }


def _changes_of(hours: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    if hours is None:
        return {"changes": None, "changes_until_at": None}
    instants = opening.changes_from(opening.read(hours), now, KEPT_DAYS)
    # What begins on the last day may end on the next one: that end is not known here, so stop a day before.
    return {"changes": instants, "changes_until_at": now + timedelta(days=KEPT_DAYS - 2)}


def _save_texts(session: Session, guide_id: UUID, texts: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    session.execute(delete(GuideText).where(GuideText.guide_id == guide_id))
    session.execute(insert(GuideText), [_text_row(guide_id, lang, words, now) for lang, words in texts.items()])


def _text_row(guide_id: UUID, lang: str, words: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    title = words.get("title") or ""
    return {
        "guide_id": guide_id,
        "lang": lang,
        "state": Publication(words["state"]),
        "title": title,
        "body": {field: words.get(field) for field in cards.TEXT_FIELDS if field != "title"},
        "title_fold": fold(title),
        "search": _search_vector(words),
        "reviewed_at": now,
    }


def _search_vector(words: Mapping[str, Any]) -> str:
    """The words of a text as the core's tsvector reads them: without marks, so that "den do" finds "Đền Đô"."""
    lexemes: list[str] = []
    for field, weight in _WEIGHTS:
        for word in search_words(words.get(field) or ""):
            lexemes.append(f"'{word}':{min(len(lexemes) + 1, _LAST_POSITION)}{weight}")
    return " ".join(lexemes)


def _save_stops(session: Session, guide_id: UUID, stops: Sequence[Mapping[str, Any]]) -> None:
    session.execute(delete(GuideStop).where(GuideStop.itinerary_id == guide_id))
    rows = [
        {
            "itinerary_id": guide_id,
            "place": place,
            "guide_id": UUID(str(stop["guide_id"])),
            "stay_minutes": stop["stay_minutes"],
            "transfer_minutes": stop.get("transfer_minutes"),
            "transfer": stop.get("transfer"),
            "note": {lang: stop[f"note_{lang}"] for lang in cards.HOUSE_LANGUAGES if stop.get(f"note_{lang}")},
        }
        for place, stop in enumerate(stops, 1)
    ]
    if rows:
        session.execute(insert(GuideStop), rows)


def _fresh_code(session: Session) -> str:
    """A short code nobody has; what is printed at a gate must never change, so it is drawn once."""
    while True:
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
        if session.execute(select(Guide.id).where(Guide.short_code == code)).first() is None:
            return code


def _day(given: str | date | None) -> date | None:
    return date.fromisoformat(given) if isinstance(given, str) else given


def publish_many(session: Session, organisation_id: UUID, given: Iterable[tuple[UUID, Mapping[str, Any]]]) -> int:
    """Publish many new guides of an office at once, as a generator or a first import gives them; returns how many.

    They are what `publish` would make of them, without stops. Raises what the constraints of the tables refuse.
    """
    now = clock.now()
    reckoned: dict[str, dict[str, Any]] = {}
    guides: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    prepared: list[dict[str, Any]] = []
    for guide_id, body in given:
        hours = repr(body.get("hours"))
        if hours not in reckoned:
            reckoned[hours] = _changes_of(body.get("hours"), now)
        facts = {
            **_facts_of({**body, "hours": None}, now),
            **reckoned[hours],
            "hours": body.get("hours"),
            "id": guide_id,
            "created_at": now,
            "organisation_id": organisation_id,
            # Too many to ask for each whether it is free: thirteen letters are drawn, and the constraint watches.
            "short_code": "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH + 6)),
            "version": 1,
            "changed_at": now,
            "withdrawn_at": None,
        }
        guides.append(facts)
        texts = {lang: dict(told) for lang, told in body["texts"].items() if told["state"] == Publication.PUBLISHED}
        words += [_text_row(guide_id, lang, told, now) for lang, told in body["texts"].items()]
        prepared += [
            {"guide_id": guide_id, "lang": lang, "card": cards.card(facts, texts, lang)}
            for lang in dict.fromkeys((*cards.HOUSE_LANGUAGES, *texts))
        ]
    first = next_change_no(session)
    last = first + len(guides) - 1
    session.execute(update(GuideCounter).values(last_no=last))
    session.execute(insert(Guide), [facts | {"change_no": first + place} for place, facts in enumerate(guides)])
    session.execute(insert(GuideText), words)
    session.execute(insert(GuideCard), prepared)
    return len(guides)
