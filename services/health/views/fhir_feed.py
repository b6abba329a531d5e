"""The doors of the feed: what is free as files of lines, made anew once a minute."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from flask.views import MethodView

from kit import clock
from kit.database import transaction
from kit.errors import NotFound
from kit.web import language, public
from services.health import operations
from services.health.fhir import codes, feed, resources
from services.health.schemas.fhir import FhirFeedQuery
from services.health.views.fhir_door import base, blueprint

_AGE = 60
_EXAMPLE = {
    "transactionTime": "2026-11-28T09:00:00+07:00",
    "request": "https://api.citizen.example/fhir/$bulk-publish",
    "output": [{"type": "Slot", "url": "https://api.citizen.example/fhir/feed/slots-38.ndjson"}],
    "error": [],
}


@blueprint.route("/$bulk-publish")
class Manifest(MethodView):
    """Which files there are."""

    @blueprint.arguments(FhirFeedQuery(), location="query")
    @blueprint.response(200, {"type": "object", "required": ["transactionTime", "request", "output"]}, example=_EXAMPLE)
    @blueprint.doc(operationId="getFhirFeed")
    def get(self, asked: dict[str, Any]) -> Response:  # noqa: ARG002 - every file is told whole
        """List the files of free places (SMART Scheduling Links).

        Places, schedules and, for each province, free slots: FHIR resources as lines of JSON. Ask once a minute at
        most. `_since` is taken; every file is whole all the same.
        """
        public(_AGE)
        with transaction() as session:
            provinces = operations.list_provinces_with_places(session)
        told = feed.manifest(base(), clock.now(), provinces)
        return Response(orjson.dumps(told), content_type="application/json")


@blueprint.route("/feed/locations.ndjson")
class FeedLocations(MethodView):
    """Where places are free."""

    @blueprint.response(200, {"type": "string"}, content_type=codes.FHIR_LINES)
    @blueprint.doc(operationId="listFhirFeedLocations")
    def get(self) -> Response:
        """Get the facilities that have free places, as lines of Location.

        Named by the manifest.
        """
        public(_AGE)
        told = language()
        body = operations.find_kept_feed("locations", told)
        if body is None:
            with transaction() as session:
                found = operations.list_bookable_facilities(session)
            body = operations.keep_feed("locations", told, feed.lines(map(resources.location, found)))
        return Response(body, content_type=codes.FHIR_LINES)


@blueprint.route("/feed/schedules.ndjson")
class FeedSchedules(MethodView):
    """Whose places."""

    @blueprint.response(200, {"type": "string"}, content_type=codes.FHIR_LINES)
    @blueprint.doc(operationId="listFhirFeedSchedules")
    def get(self) -> Response:
        """Get every schedule with places to come, as lines of Schedule.

        Named by the manifest.
        """
        public(_AGE)
        told = language()
        body = operations.find_kept_feed("schedules", told)
        if body is None:
            with transaction() as session:
                found = operations.list_all_schedules(session)
            made = feed.lines(resources.schedule(base(), one, told) for one in found)
            body = operations.keep_feed("schedules", told, made)
        return Response(body, content_type=codes.FHIR_LINES)


@blueprint.route("/feed/slots-<province>.ndjson")
class FeedSlots(MethodView):
    """The places themselves."""

    @blueprint.response(200, {"type": "string"}, content_type=codes.FHIR_LINES)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listFhirFeedSlots")
    def get(self, province: str) -> Response:
        """Get the free slots of a province, as lines of Slot.

        With the number of places left and the clinic's telephone. Named by the manifest.
        """
        public(_AGE)
        body = operations.find_kept_feed("slots", province)
        if body is None:
            with transaction() as session:
                found = operations.list_free_of_province(session, province)
            made = feed.lines(resources.slot(one, phone=next(iter(one.phones), None)) for one in found)
            body = operations.keep_feed("slots", province, made)
        return Response(body, content_type=codes.FHIR_LINES)
