"""The sample guides: whole, true to their list, in two languages, and published as every guide is."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from server import seed_guides
from services.tourism.schemas.content import GuideContentSchema
from tests.people import Person

SAMPLE = Path(__file__).parents[2] / "sample"
CONTENTS = list(seed_guides.read(SAMPLE))
WRITTEN = [one for one in CONTENTS if one["kind"] in {"place", "craft_village"} and "description" in one["texts"]["vi"]]


def test_there_are_92_places_of_which_more_than_forty_are_told_in_both_languages() -> None:
    places = [one for one in CONTENTS if one["kind"] in {"place", "craft_village"}]

    assert len(places) == 92
    assert len(WRITTEN) >= 40
    for one in WRITTEN:
        assert all(
            one["texts"][lang].get("how_to_get_there") and one["texts"][lang].get("when_to_go") for lang in ("vi", "en")
        )
        assert set(one["texts"]["vi"]) == set(one["texts"]["en"])


def test_there_are_six_itineraries_whose_stops_are_sample_places() -> None:
    known = {str(seed_guides.guide_id(one["slug"])) for one in CONTENTS}
    itineraries = [one for one in CONTENTS if one["kind"] == "itinerary"]

    assert len(itineraries) == 6
    assert all({stop["guide_id"] for stop in one["stops"]} <= known for one in itineraries)


@pytest.mark.parametrize("content", CONTENTS, ids=lambda one: one["slug"])
def test_a_sample_guide_is_what_the_api_takes(content) -> None:
    GuideContentSchema().load(content)

    assert content["source"]
    assert content.get("prices") is None  # nobody has confirmed a price
    assert unicodedata.is_normalized("NFC", json.dumps(content, ensure_ascii=False))


def test_seeding_twice_changes_nothing_and_every_map_is_a_picture(chi: Person) -> None:
    first, second = seed_guides.load(SAMPLE), seed_guides.load(SAMPLE)

    assert (first, second) == (103, 0)
    page = chi.get("/v1/tourism/guides?kind=itinerary&lang=en").json["items"]
    assert len(page) == 6
    for one in page:
        path = f"/v1/tourism/guides/{one['id']}"
        assert ET.fromstring(chi.get(f"{path}/map?lang=en").data).tag.endswith("svg")
        points = ET.fromstring(chi.get(f"{path}/gpx").data).findall("{http://www.topografix.com/GPX/1/1}wpt")
        assert len(points) == len(chi.get(path).json["stops"])
    lim = chi.get("/v1/tourism/guides", query_string={"q": "hoi lim", "kind": "event"}).json["items"]
    assert [one["slug"] for one in lim] == ["le-hoi-lim"]
