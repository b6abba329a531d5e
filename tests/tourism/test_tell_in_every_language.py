"""Languages: each text where there is one, Vietnamese where there is none, and the answer says so."""

from __future__ import annotations

import pytest

from services.tourism import cards
from tests.people import Person
from tests.tourism.guides import make_guide, make_itinerary, words

GUIDES = "/v1/tourism/guides"
VI = {"description": "Mô tả.", "tips": "Mẹo."}


def test_a_guide_without_english_is_told_in_vietnamese_and_says_so(chi: Person) -> None:
    guide = make_guide("Tam Cốc", vi=VI)

    answer = chi.get(f"{GUIDES}/{guide}", headers={"Accept-Language": "en"})

    told = answer.json
    assert answer.status_code == 200
    assert (told["title"], told["description"], told["content_language"]) == ("Tam Cốc", "Mô tả.", "vi")
    assert told["missing_languages"] == ["en"]
    (listed,) = chi.get(f"{GUIDES}?lang=en").json["items"]
    assert (listed["title"], listed["content_language"], listed["missing_languages"]) == ("Tam Cốc", "vi", ["en"])


def test_every_field_falls_back_by_itself(chi: Person) -> None:
    guide = make_guide("Tam Cốc", vi=VI, texts={"en": words("Tam Coc", description="A river.")})

    told = chi.get(f"{GUIDES}/{guide}?lang=en").json

    assert (told["title"], told["description"], told["tips"]) == ("Tam Coc", "A river.", "Mẹo.")
    assert told["content_language"] == "en"
    assert told["field_languages"] == {"tips": "vi"}
    assert told["missing_languages"] == ["en"]


def test_no_field_that_vietnamese_has_is_ever_empty(chi: Person) -> None:
    guide = make_guide("Tam Cốc", vi=VI, texts={"en": {"state": "published", "title": "Tam Coc", "summary": None},
                                                "ko": {"state": "draft", "title": "땀꼭"}})  # fmt: skip
    vietnamese = chi.get(f"{GUIDES}/{guide}?lang=vi").json

    for lang in ("en", "ko", "fr", "xx"):
        told = chi.get(f"{GUIDES}/{guide}?lang={lang}").json
        assert [name for name in cards.TEXT_FIELDS if vietnamese[name] and not told[name]] == []


def test_a_third_language_falls_back_to_english_first(chi: Person) -> None:
    guide = make_guide("Tam Cốc", vi=VI, texts={"en": words("Tam Coc"), "ko": words("땀꼭", summary=None)})

    told = chi.get(f"{GUIDES}/{guide}?lang=ko").json

    assert (told["title"], told["summary"], told["tips"]) == ("땀꼭", "Tam Coc.", "Mẹo.")
    assert told["field_languages"] == {"summary": "en", "description": "vi", "tips": "vi"}
    assert told["languages"] == ["en", "ko", "vi"]
    assert [item["title"] for item in chi.get(f"{GUIDES}?lang=ko").json["items"]] == ["땀꼭"]
    assert [item["title"] for item in chi.get(f"{GUIDES}?lang=fr").json["items"]] == ["Tam Coc"]


def test_words_that_are_not_published_are_not_told(chi: Person) -> None:
    guide = make_guide("Tam Cốc", texts={"en": words("Draft title") | {"state": "draft"}})

    assert chi.get(f"{GUIDES}/{guide}?lang=en").json["title"] == "Tam Cốc"


@pytest.mark.parametrize(("asked", "expected"), [("ko-KR,en;q=0.5", "ko"), ("en-GB", "en"), ("*", "vi"), ("", "vi")])
def test_any_language_may_be_asked_for_by_the_header(chi: Person, asked: str, expected: str) -> None:
    make_guide("Tam Cốc", texts={"en": words("Tam Coc"), "ko": words("땀꼭")})

    answer = chi.get(GUIDES, headers={"Accept-Language": asked})

    assert answer.headers["Content-Language"] == expected
    assert answer.json["items"][0]["content_language"] == expected


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_code_at_the_gate_opens_a_light_page_without_signing_in(chi: Person, lang: str) -> None:
    guide = make_guide("Tam Cốc <b>", vi=VI, texts={"en": words("Tam Coc <b>")})
    code = chi.get(f"{GUIDES}/{guide}").json["short_code"]

    page = chi.get(f"/g/{code.upper()}?lang={lang}")

    text = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype, page.headers["Content-Language"]) == (200, "text/html", lang)
    assert ("Tam Coc &lt;b&gt;" if lang == "en" else "Tam Cốc &lt;b&gt;") in text
    assert "Mẹo." in text
    assert ("Not translated yet." in text) == (lang == "en")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert len(page.data) < 8_000
    assert [chi.get(f"/g/{other}").status_code for other in ("nothing", "%00", "%C3%28")] == [404] * 3


def test_other_programs_read_it_in_their_own_words(chi: Person) -> None:
    guide = make_guide("Tam Cốc", texts={"en": words("Tam Coc")}, is_free=False)
    route = make_itinerary(guide)

    linked = chi.get(f"{GUIDES}/{guide}/linked-data?lang=en")
    features = chi.get("/v1/tourism/guide-features?lang=en&kind=place")
    gpx = chi.get(f"{GUIDES}/{route}/gpx?lang=en")

    assert linked.mimetype == "application/ld+json"
    assert (linked.json["@type"], linked.json["name"], linked.json["geo"]["latitude"]) == (
        "TouristAttraction", "Tam Coc", 20.2527,
    )  # fmt: skip
    assert features.mimetype == "application/geo+json"
    assert features.json["features"][0]["geometry"] == {"type": "Point", "coordinates": [105.9177, 20.2527]}
    assert gpx.mimetype == "application/gpx+xml"
    assert b"<name>1. Tam Coc</name>" in gpx.data
    assert chi.get(f"{GUIDES}/{guide}/gpx").status_code == 404
