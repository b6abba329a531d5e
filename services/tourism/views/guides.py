"""The doors of guides: find them, read one, follow what changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from kit.database import reading, transaction
from kit.errors import MalformedRequest, NotFound
from kit.web import public
from services.tourism import operations
from services.tourism.operations import Asked
from services.tourism.schemas.examples import CATEGORY_EXAMPLE, CHANGE_EXAMPLE, GUIDE_EXAMPLE, SUMMARY_EXAMPLE
from services.tourism.schemas.guides import (
    ChangeQuery,
    GuideCategoriesSchema,
    GuideChangesSchema,
    GuidePageSchema,
    GuideQuery,
    GuideSchema,
    LanguageQuery,
    read_box,
    read_point,
)
from services.tourism.views.door import AGE_SECONDS, blueprint, language_asked, told_in

_AS_THEY_ARE = (
    "kind", "category", "free", "accessible", "heritage_rank", "commune_code", "province_code",
    "in_language", "open_now", "updated_since",
)  # fmt: skip


@blueprint.route("/categories")
class Categories(MethodView):
    """The category tree."""

    @blueprint.response(200, GuideCategoriesSchema, example={"items": [CATEGORY_EXAMPLE]})
    @blueprint.doc(operationId="listCategories")
    def get(self) -> dict[str, Any]:
        """List the categories of guides (chuyên mục).

        A tree: searching for a category finds what is in those below it, too.
        """
        with transaction() as session:
            items = operations.list_categories(session)
        public()
        return {"items": items}


@blueprint.route("/guides")
class Guides(MethodView):
    """Guides in lists."""

    @blueprint.arguments(GuideQuery(), location="query")
    @blueprint.response(200, GuidePageSchema, example={"items": [SUMMARY_EXAMPLE]})
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="searchGuides")
    def get(self, asked: dict[str, Any]) -> Response:
        """Find guides (tìm cẩm nang du lịch).

        By words, category, tags, around a point, in a box or along an itinerary; open now, free, without steps. The
        nearest, the earliest on the way or the best match comes first. A guide without a text in the language asked for
        is told in Vietnamese, and says so in `content_language` and `missing_languages`.
        """
        question = question_of(asked)
        with reading() as session:
            found = operations.find_guides(session, question)
        public(AGE_SECONDS)
        return told_in(question.lang, found.as_bytes())


@blueprint.route("/guides/<uuid:guide_id>")
class GuideById(MethodView):
    """One guide."""

    @blueprint.arguments(LanguageQuery(), location="query")
    @blueprint.response(200, GuideSchema, example=GUIDE_EXAMPLE)
    @blueprint.raises(MalformedRequest, NotFound)
    @blueprint.doc(operationId="getGuide")
    def get(self, asked: dict[str, Any], guide_id: UUID) -> dict[str, Any]:
        """Read a guide (cẩm nang).

        Every text in the language asked for where there is one, else in English or Vietnamese; `field_languages` tells
        which. `open_now` and `next_change_at` are reckoned for this very moment, in Vietnam's time.
        """
        with transaction() as session:
            guide = operations.get_guide(session, guide_id, language_asked(asked["lang"]))
        public(AGE_SECONDS)
        return guide


@blueprint.route("/changes")
class Changes(MethodView):
    """The change feed."""

    @blueprint.arguments(ChangeQuery(), location="query")
    @blueprint.response(200, GuideChangesSchema, example={"items": [CHANGE_EXAMPLE], "next_since": 42})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listGuideChanges")
    def get(self, asked: dict[str, int]) -> dict[str, Any]:
        """Follow what changes in guides (thay đổi cẩm nang).

        Each guide stands there once, with its newest change; `removed` is the tombstone of one that is no longer told.
        """
        with transaction() as session:
            items, following = operations.list_changes(session, since=asked["since"], limit=asked["most"])
        public(AGE_SECONDS)
        return {"items": items, "next_since": following}


def question_of(asked: dict[str, Any]) -> Asked:
    """What the query string asks, in the words of the operations."""
    filters = {name: asked[name] for name in _AS_THEY_ARE if asked[name] is not None}
    if asked["bbox"] is not None:
        filters["bbox"] = read_box(asked["bbox"])
    if asked["tags"] is not None:
        filters[f"tags_{asked['tags_match']}"] = tuple(asked["tags"].split(","))
    chosen = frozenset((asked["fields_"] or "").split(",")) - {""}
    return Asked(
        lang=language_asked(asked["lang"]),
        filters=filters,
        near=None if asked["near"] is None else read_point(asked["near"]),
        radius=float(asked["radius"]),
        along=asked["along"],
        within=float(asked["within"]),
        q=asked["q"],
        fields=chosen | {"id"} if chosen else chosen,
        limit=asked["limit"],
        cursor=asked["cursor"],
    )
