"""Finding guides: by words, place, route, tags and state; and how the answer is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kit import clock
from services.tourism.schemas.guides import GuidePageSchema, GuideSchema
from tests.kit.refusals import as_refusal
from tests.people import Person
from tests.tourism.guides import TRANG_AN, daily, make_guide, make_itinerary, words

GUIDES = "/v1/tourism/guides"
HOA_LU, CUC_PHUONG = (20.2848, 105.9066), (20.2390, 105.7150)


def titles(answer: Any) -> list[str]:
    """The titles of a page."""
    assert answer.status_code == 200, answer.json
    return [item["title"] for item in answer.json["items"]]


@pytest.mark.parametrize("q", ["đền đô", "den do", "DEN DO", "đô đền", "den d", "đèn  đô!"])
def test_words_are_found_with_and_without_their_marks(chi: Person, q: str) -> None:
    make_guide("Đền Đô")
    make_guide("Chùa Dâu")

    assert titles(chi.get(GUIDES, query_string={"q": q})) == ["Đền Đô"]


def test_a_title_counts_more_than_what_is_said_below_it(chi: Person) -> None:
    make_guide("Chợ quê", vi={"description": "Gần Tam Cốc, Tam Cốc và lại Tam Cốc."})
    make_guide("Bến thuyền Tam Cốc")
    make_guide("Tam Cốc")

    assert titles(chi.get(GUIDES, query_string={"q": "tam coc"})) == ["Tam Cốc", "Bến thuyền Tam Cốc", "Chợ quê"]


def test_a_guide_is_found_by_its_english_words_too(chi: Person) -> None:
    make_guide("Nhà thờ đá Phát Diệm", texts={"en": words("Phat Diem Stone Cathedral")})

    assert titles(chi.get(GUIDES, query_string={"q": "cathedral"})) == ["Nhà thờ đá Phát Diệm"]


def test_unpublished_words_find_nothing(chi: Person) -> None:
    make_guide("Hang Múa", texts={"en": words("Secret viewpoint") | {"state": "draft"}})

    assert titles(chi.get(GUIDES, query_string={"q": "secret"})) == []


@pytest.mark.parametrize("q", ["!!!", "&|:*", "'", "\\", "%", "a" * 120])
def test_signs_are_no_words_and_break_nothing(chi: Person, q: str) -> None:
    make_guide("Tam Cốc")

    assert titles(chi.get(GUIDES, query_string={"q": q})) == []


def test_the_nearest_come_first_and_tell_how_far_they_are(chi: Person) -> None:
    make_guide("Hoa Lư", at=HOA_LU)
    make_guide("Tràng An", at=TRANG_AN)
    make_guide("Cúc Phương", at=CUC_PHUONG)

    answer = chi.get(f"{GUIDES}?near=20.25,105.92&radius=6000")

    assert titles(answer) == ["Tràng An", "Hoa Lư"]
    assert [item["distance_m"] for item in answer.json["items"]] == [384, 4114]


def test_a_parent_category_finds_what_is_below_it(chi: Person) -> None:
    make_guide("Chùa", category="pagoda")
    make_guide("Đền", category="temple")
    make_guide("Hồ", category="nature")

    assert set(titles(chi.get(f"{GUIDES}?category=culture"))) == {"Chùa", "Đền"}
    assert titles(chi.get(f"{GUIDES}?category=pagoda")) == ["Chùa"]


def test_tags_are_asked_for_all_or_any(chi: Person) -> None:
    make_guide("Một", tags=["boat", "unesco"])
    make_guide("Hai", tags=["boat"])
    make_guide("Ba", tags=["hike"])

    assert titles(chi.get(f"{GUIDES}?tags=boat,unesco")) == ["Một"]
    assert titles(chi.get(f"{GUIDES}?tags=unesco,hike&tags_match=any")) == ["Một", "Ba"]


def test_a_box_holds_what_is_inside_of_it(chi: Person) -> None:
    make_guide("Tràng An", at=TRANG_AN)
    make_guide("Cúc Phương", at=CUC_PHUONG)

    assert titles(chi.get(f"{GUIDES}?bbox=105.9,20.2,106.0,20.3")) == ["Tràng An"]


def test_guides_along_a_route_come_in_the_order_of_the_way(chi: Person) -> None:
    first, last = make_guide("Đầu", at=(20.20, 105.90)), make_guide("Cuối", at=(20.30, 105.90))
    make_guide("Gần cuối", at=(20.29, 105.905))
    make_guide("Gần đầu", at=(20.21, 105.895))
    make_guide("Xa", at=(20.25, 105.95))
    route = make_itinerary(last, first)

    found = chi.get(f"{GUIDES}?along={route}&within=1000")

    assert titles(found) == ["Cuối", "Gần cuối", "Gần đầu", "Đầu"]


def test_open_now_free_and_without_steps_are_asked_for_together(chi: Person) -> None:
    right = {"hours": daily("00:00", "24:00"), "is_free": True, "accessibility": {"step_free": True}}
    make_guide("Đúng", **right)
    make_guide("Đóng", **right | {"hours": {"weekly": []}})
    make_guide("Có phí", **right | {"is_free": False})
    make_guide("Bậc thang", **right | {"accessibility": {"step_free": False}})
    make_guide("Không rõ")

    assert titles(chi.get(f"{GUIDES}?open_now=true&free=true&accessible=true")) == ["Đúng"]
    assert titles(chi.get(f"{GUIDES}?open_now=false")) == ["Đóng"]


def test_only_what_changed_since_can_be_asked_for(chi: Person) -> None:
    make_guide("Cũ")
    since = clock.now().isoformat()
    make_guide("Mới")

    assert titles(chi.get(GUIDES, query_string={"updated_since": since})) == ["Mới"]


def test_fields_are_chosen_and_the_id_always_comes(chi: Person) -> None:
    guide = make_guide("Tam Cốc")

    (item,) = chi.get(f"{GUIDES}?fields=title,open_now").json["items"]

    assert item == {"id": str(guide), "title": "Tam Cốc", "open_now": None}


@pytest.mark.parametrize(
    "query", ["fields=title,nothing", "near=91,0", "near=20.2", "bbox=1,2,3", "bbox=106,20,105,21", "colour=red",
              "radius=5", "near=20,105&along=019a0c1e-0000-7c00-8000-0000000000a1", "open_now=maybe", "tags=A"],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(chi: Person, query: str) -> None:
    assert as_refusal(chi.get(f"{GUIDES}?{query}"))[:2] == (400, "malformed_request")


@pytest.mark.parametrize("query", ["near=20.25,105.92&radius=50000", "q=chua", "category=pagoda", "along={route}"])
def test_pages_cover_every_kind_of_list_once(chi: Person, query: str) -> None:
    made = [make_guide(f"Chùa {n}", at=(20.2 + n / 1000, 105.9)) for n in range(7)]
    route = make_itinerary(made[0], made[-1])
    path, seen = f"{GUIDES}?limit=3&{query.format(route=route)}", []

    page = chi.get(path).json
    while True:
        seen.append([item["id"] for item in page["items"]])
        if "next" not in page:
            break
        page = chi.get(f"{path}&cursor={page['next']}").json

    assert [len(one) for one in seen] == [3, 3, 1]
    assert {one for page in seen for one in page} == {str(one) for one in made}


def test_the_bytes_of_a_list_are_what_its_schema_says(chi: Person) -> None:
    make_guide("Tam Cốc", hours=daily("07:00", "17:30"), texts={"en": words("Tam Coc")})
    make_guide("Hang Múa", at=None)

    told = chi.get(f"{GUIDES}?lang=en").json

    loaded = GuidePageSchema().load(told)
    assert orjson.loads(orjson.dumps(GuidePageSchema().dump(loaded))) == told


def test_a_guide_is_what_its_schema_says(chi: Person) -> None:
    guide = make_guide("Tam Cốc", hours=daily("07:00", "17:30"), prices=[{"visitor_class": "adult", "amount_vnd": 0}])

    told = chi.get(f"{GUIDES}/{guide}").json

    assert set(told) == set(GuideSchema().fields)
    assert told["is_free"] is True
    assert (told["hours_text"], told["prices_text"]) == (["Hằng ngày: 07:00–17:30"], ["Miễn phí"])
