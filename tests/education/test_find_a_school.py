"""Finding a school from what parents type: marks, typos, abbreviations, old names; and what stands side by side."""

from __future__ import annotations

import unicodedata

import pytest

from tests.education.conftest import (
    DONG_TIEN_COMMUNE,
    DONG_TIEN_WARD,
    HAC_THANH,
    NAM_DINH,
    NINH_BINH,
    THANH_HOA,
    change,
    make_school,
)

SEARCH, SCHOOLS = "/v1/education/search", "/v1/education/schools"
pytestmark = pytest.mark.usefixtures("communes")


def found(person, q, **more):
    answer = person.get(SEARCH, query_string={"q": q, **more})
    assert answer.status_code == 200, answer.json
    return answer.json["items"]


def first(person, q, **more):
    items = found(person, q, **more)
    return items[0]["id"] if items else None


@pytest.fixture
def kim_dong() -> str:
    """A primary school among others that read alike."""
    school = make_school("Trường Tiểu học Kim Đồng", point=(19.8075, 105.7764))
    make_school("Trường Mầm non Kim Đồng", levels=["kindergarten"], commune=NAM_DINH)
    make_school("Trường THCS Kim Động", levels=["lower_secondary"], commune=NAM_DINH)
    make_school("Trường Tiểu học Kim Liên")
    make_school("Trường THPT Lê Lợi", levels=["upper_secondary"])
    return str(school)


@pytest.mark.parametrize(
    "q",
    [
        "kim dong",
        "Kim Đồng",
        unicodedata.normalize("NFD", "KIM ĐỒNG"),
        "kim dog",
        "tieu hoc kim dong",
        "TH Kim Đồng",
        "trường tiểu học kim đồng",
        "kimdong",
        "kmi dong",
        "kim đồg",
        "kim dong hac thanh",
        "tieu hoc kim dong thanh hoa",
    ],
)
def test_every_way_to_type_a_name_finds_the_same_school_first(chi, kim_dong, q):
    assert first(chi, q) == kim_dong


def test_the_place_of_a_tone_mark_does_not_matter(chi):
    school = str(make_school("Trường Tiểu học Hòa Bình"))
    make_school("Trường Tiểu học Hoa Bính")

    new_style, old_style = found(chi, "hoà bình"), found(chi, "hòa bình")

    assert [one["id"] for one in new_style] == [one["id"] for one in old_style]
    assert (new_style[0]["id"], new_style[0]["match"]) == (school, "exact")


def test_tones_tell_two_names_apart(chi):
    dong_1 = str(make_school("Trường THCS Đông Tiến", levels=["lower_secondary"], commune=DONG_TIEN_WARD))
    dong_2 = str(make_school("Trường THCS Đồng Tiến", levels=["lower_secondary"], commune=DONG_TIEN_COMMUNE))

    with_tones = {q: found(chi, q)[0] for q in ("Đông Tiến", "Đồng Tiến", "thcs Đồng Tiến")}
    without = found(chi, "dong tien")

    assert with_tones["Đông Tiến"]["id"] == dong_1
    assert with_tones["Đồng Tiến"]["id"] == with_tones["thcs Đồng Tiến"]["id"] == dong_2
    assert {one["match"] for one in with_tones.values()} == {"exact"}
    assert {one["id"] for one in without} == {dong_1, dong_2}


def test_exact_comes_before_tone_free_before_folded(chi):
    names = ["Trường Tiểu học Hà Nam", "Trường Tiểu học Ha Nam", "Trường Tiểu học Hạ Năm"]
    ids = [str(make_school(name)) for name in reversed(names)][::-1]

    items = found(chi, "hà nam")

    assert [(one["id"], one["match"]) for one in items[:3]] == list(
        zip(ids, ["exact", "tone_free", "folded"], strict=True)
    )


def test_what_fits_equally_comes_nearest_first(chi):
    far = str(make_school("Trường Tiểu học Lê Lợi", point=(19.90, 105.90), commune=HAC_THANH))
    near = str(make_school("Trường Tiểu học Lê Lợi", point=(19.81, 105.78), commune=DONG_TIEN_WARD))

    items = found(chi, "le loi", lat=19.80, lon=105.77)

    assert [one["id"] for one in items[:2]] == [near, far]
    assert items[0]["distance_m"] < items[1]["distance_m"]


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("thpt chuyen lam son", "Trường THPT chuyên Lam Sơn"),
        ("THPT Chuyên Lam Sơn", "Trường THPT chuyên Lam Sơn"),
        ("trung hoc pho thong lam son", "Trường THPT chuyên Lam Sơn"),
        ("MN Hoa Sen", "Trường Mầm non Hoa Sen"),
        ("mam non hoa sen", "Trường Mầm non Hoa Sen"),
        ("truong hoa sen", "Trường Mầm non Hoa Sen"),
        ("th truong thi", "Trường Tiểu học Trường Thi"),
        ("trường thi", "Trường Tiểu học Trường Thi"),
        ("cap 3 lam sơn", "Trường THPT chuyên Lam Sơn"),
    ],
)
def test_abbreviations_and_long_forms_find_the_same(chi, q, name):
    make_school("Trường THPT chuyên Lam Sơn", levels=["upper_secondary"])
    make_school("Trường Mầm non Hoa Sen", levels=["kindergarten", "nursery"])
    make_school("Trường Tiểu học Trường Thi")

    assert found(chi, q)[0]["name"] == name


@pytest.mark.parametrize("q", ["le loi dong tho", "lê lợi phường Đông Thọ", "le loi tp. thanh hoa", "le loi dong thoo"])
def test_old_names_of_places_find_the_schools_that_lie_there_today(chi, q):
    school = str(make_school("Trường Tiểu học Lê Lợi", commune=HAC_THANH))
    make_school("Trường Tiểu học Lê Lợi", commune=NAM_DINH)

    assert first(chi, q) == school


def test_a_closed_school_is_not_listed_and_leads_to_its_successor(chi):
    heir = make_school("Trường Tiểu học Ba Đình")
    gone = make_school("Trường Tiểu học Điện Biên", former_names=[{"name": "Trường cấp 1 Ngọc Trạo"}])
    middle = make_school("Trường Tiểu học Tân Sơn")
    change(gone, state="merged", successor_id=str(middle), closed_on="2025-08-01")
    change(middle, state="merged", successor_id=str(heir), closed_on="2026-08-01")

    by_old_name, by_older_name = found(chi, "dien bien"), found(chi, "ngoc trao")
    answer = chi.get(f"{SCHOOLS}/{gone}")

    assert [(one["id"], one["found_as"]) for one in by_old_name] == [(str(heir), "Trường Tiểu học Điện Biên")]
    assert [one["id"] for one in by_older_name] == [str(heir)]
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{SCHOOLS}/{heir}")
    assert (answer.json["state"], answer.json["successor_id"]) == ("merged", str(middle))
    assert chi.get(f"{SCHOOLS}/{heir}").status_code == 200


def test_a_school_that_closed_for_good_tells_its_last_facts(chi):
    gone = make_school("Trường Tiểu học Cẩm Bá Thước")
    change(gone, state="closed", closed_on="2025-08-01")

    answer = chi.get(f"{SCHOOLS}/{gone}")

    assert (answer.status_code, answer.json["state"]) == (200, "closed")
    assert found(chi, "cam ba thuoc") == []


def test_filters_narrow_a_search(chi, kim_dong):
    names = {
        key: [one["name"] for one in found(chi, "kim dong", **{key: value})]
        for key, value in (("level", "kindergarten"), ("province", NINH_BINH), ("commune", HAC_THANH))
    }

    assert names["level"] == ["Trường Mầm non Kim Đồng"]
    assert sorted(names["province"]) == ["Trường Mầm non Kim Đồng", "Trường THCS Kim Động"]
    assert names["commune"][0] == "Trường Tiểu học Kim Đồng"
    assert found(chi, "kim dong", ownership="private", province=THANH_HOA) == []


def test_words_of_a_level_alone_list_its_schools(chi, kim_dong):
    assert [one["name"] for one in found(chi, "THPT")] == ["Trường THPT Lê Lợi"]


@pytest.mark.parametrize(
    "q", ["%", "_", "' OR 1=1", "kim & dong", "kim:*", "\\", "''", "!!", "đ", "9", "a b c d e f g h i k"]
)
def test_signs_mean_nothing(chi, kim_dong, q):
    assert chi.get(SEARCH, query_string={"q": q}).status_code == 200


def test_suggestions_come_while_typing(chi, kim_dong):
    answer = chi.get("/v1/education/suggestions", query_string={"q": "tieu hoc kim d"})

    assert answer.json["items"][0] == {
        "id": kim_dong,
        "name": "Trường Tiểu học Kim Đồng",
        "commune_name": "Phường Hạc Thành",
        "province_name": "Thanh Hoá",
    }
