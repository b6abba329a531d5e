"""The blueprint every file of this package hangs its operations on, and what they share."""

from __future__ import annotations

from collections.abc import Hashable

from flask import Response, request

from kit.database import transaction
from kit.front import Whole
from kit.kept import Kept
from kit.web import Blueprint, language
from services.tourism import operations

blueprint = Blueprint(
    "tourism", __name__, url_prefix="/v1/tourism", description="Guides for visitors, offline packs, plans and tickets."
)
AGE_SECONDS = 60  # what is open now is told by the minute


def _told_version() -> Hashable:
    with transaction() as session:
        return operations.told_version(session)


# What a process keeps of these answers is dropped with every change of a guide or an alert, and with every minute.
KEPT: Kept[Whole] = Kept(_told_version)
KEPT_OPERATIONS = (
    "listCategories", "searchGuides", "searchGuideFeatures", "getGuide", "getGuideLinkedData", "getGuideMap",
    "exportItinerary", "listGuideChanges", "listAlerts",
)  # fmt: skip


def language_asked(lang: str | None) -> str:
    """The language of the answer: the parameter `lang`, else Accept-Language, where any language may be named."""
    if lang is not None:
        return lang
    for tag, quality in request.accept_languages:
        named = tag.partition("-")[0].lower()
        if quality > 0 and named.isascii() and named.isalpha() and len(named) in {2, 3}:
            return named
    return language()


def told_in(lang: str, body: bytes | str, content_type: str = "application/json") -> Response:
    """An answer that says which language it is told in."""
    return Response(body, content_type=content_type, headers={"Content-Language": lang})
