"""Editing: two people, a schedule, history and restoring, imports, pictures with papers, lists to look after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from kit import clock
from kit.database import new_id, transaction
from services.tourism import flows, links, operations
from services.tourism.models import Revision, RevisionState
from tests.kit.refusals import as_refusal
from tests.patience import until_somebody_waits_for
from tests.people import Person, StaffMember
from tests.tourism.guides import content, make_categories, make_guide, make_office

T = "/v1/tourism"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
HEAD = "slug,title_vi,summary_vi,category,source,licence,lat,lon,title_en\r\n"


@pytest.fixture
def writer(staff: Any) -> StaffMember:
    make_categories()
    return staff("tourism_office", "editor", organisation_id=make_office())


@pytest.fixture
def approver(staff: Any, writer: StaffMember) -> StaffMember:
    return staff("tourism_office", "approver", "editor", organisation_id=writer.organisation_id)


def draft(writer: StaffMember, guide_id: str | None = None, **changes: Any) -> dict[str, Any]:
    answer = writer.post(f"{T}/drafts", json={"guide_id": guide_id, "content": content(**changes)})
    assert answer.status_code == 201, answer.json
    return answer.json


def approve(approver: StaffMember, writer: StaffMember, revision: dict[str, Any], **more: Any) -> Any:
    assert writer.post(f"{T}/drafts/{revision['id']}/submission").status_code == 200
    return review(approver, revision, verdict="approve", **more)


def review(approver: StaffMember, revision: dict[str, Any], **said: Any) -> Any:
    path = f"{T}/drafts/{revision['id']}"
    return approver.post(f"{path}/review", json=said, headers={"If-Match": approver.get(path).headers["ETag"]})


def test_the_public_reads_what_another_person_has_approved(
    writer: StaffMember, approver: StaffMember, chi: Person
) -> None:
    made = draft(writer, title="Tam Cốc")
    path = f"{T}/guides/{made['guide_id']}"

    before = chi.get(path).status_code
    published = approve(approver, writer, made)

    assert (before, published.json["state"]) == (404, "published")
    assert chi.get(path).json["title"] == "Tam Cốc"
    assert published.json["reviewer_id"] == str(approver.id)


def test_nobody_reviews_what_they_wrote(approver: StaffMember) -> None:
    mine = draft(approver, title="Của tôi")
    approver.post(f"{T}/drafts/{mine['id']}/submission")

    refused = review(approver, mine, verdict="approve")

    assert as_refusal(refused)[:2] == (409, "reviewed_by_author")
    with pytest.raises(IntegrityError, match="reviewed_by_another"), transaction() as session:
        session.execute(update(Revision).values(reviewer_id=Revision.author_id))


def test_what_is_sent_back_can_be_mended_and_handed_in_again(writer: StaffMember, approver: StaffMember) -> None:
    made = draft(writer, title="Tam Coc")
    path = f"{T}/drafts/{made['id']}"
    writer.post(f"{path}/submission")

    back = review(approver, made, verdict="send_back", note="Thiếu dấu.").json
    etag = writer.get(path).headers["ETag"]
    mended = writer.ask(
        "PUT", path, {"If-Match": etag}, json={"content": content("Tam Cốc", slug=made["content"]["slug"])}
    )
    stale = writer.ask("PUT", path, {"If-Match": etag}, json={"content": content("Tam Cốc")})

    assert (back["state"], back["note"]) == ("sent_back", "Thiếu dấu.")
    assert (mended.json["state"], mended.json["title"], stale.status_code) == ("draft", "Tam Cốc", 412)
    assert approve(approver, writer, made).json["state"] == "published"


def test_nobody_approves_what_they_have_not_read(writer: StaffMember, approver: StaffMember, chi: Person) -> None:
    made = draft(writer, title="Đã đọc")
    path = f"{T}/drafts/{made['id']}"
    writer.post(f"{path}/submission")
    read = approver.get(path).headers["ETag"]
    review(approver, made, verdict="send_back", note="Thiếu dấu.")
    mended = {"content": content("Chưa đọc", slug=made["content"]["slug"])}
    writer.ask("PUT", path, {"If-Match": writer.get(path).headers["ETag"]}, json=mended)
    writer.post(f"{path}/submission")

    answers = [
        approver.post(f"{path}/review", json={"verdict": "approve"}, headers=headers)
        for headers in ({}, {"If-Match": read})
    ]

    assert [answer.status_code for answer in answers] == [428, 412]
    assert chi.get(f"{T}/guides/{made['guide_id']}").status_code == 404


def test_a_scheduled_guide_is_published_when_its_time_comes(
    writer: StaffMember, approver: StaffMember, chi: Person, later: Any
) -> None:
    made = draft(writer, title="Hội xuân")
    path = f"{T}/guides/{made['guide_id']}"
    at = clock.local(clock.now() + timedelta(hours=2)).isoformat()
    assert approve(approver, writer, made, publish_at=at).json["state"] == "scheduled"

    flows.publish_due()
    early = chi.get(path).status_code
    later(timedelta(hours=2, minutes=1))
    flows.publish_due()
    flows.publish_due()

    assert (early, chi.get(path).status_code) == (404, 200)


def test_one_that_cannot_be_published_any_more_goes_back_and_keeps_no_other_waiting(
    writer: StaffMember, approver: StaffMember, chi: Person, later: Any
) -> None:
    at = clock.local(clock.now() + timedelta(hours=2)).isoformat()
    late, other = draft(writer, title="Sau", slug="hoi-xuan"), draft(writer, title="Khác")
    for made in (late, other):
        assert approve(approver, writer, made, publish_at=at).json["state"] == "scheduled"
    approve(approver, writer, draft(writer, title="Trước", slug="hoi-xuan"))

    later(timedelta(hours=2, minutes=1))
    flows.publish_due()

    with transaction() as session:
        back = session.get_one(Revision, UUID(late["id"]))
    assert (back.state, back.publish_at, bool(back.note)) == (RevisionState.SENT_BACK, None, True)
    assert chi.get(f"{T}/guides/{other['guide_id']}").status_code == 200


def test_an_older_revision_is_restored_as_a_new_draft(writer: StaffMember, approver: StaffMember, chi: Person) -> None:
    first = draft(writer, title="Tên cũ", slug="restored")
    approve(approver, writer, first)
    second = draft(writer, first["guide_id"], title="Tên mới", slug="restored")
    approve(approver, writer, second)

    restored = writer.post(f"{T}/drafts/{first['id']}/restoration").json
    approve(approver, writer, restored)

    assert chi.get(f"{T}/guides/{first['guide_id']}").json["title"] == "Tên cũ"
    history = writer.get(f"{T}/drafts?guide_id={first['guide_id']}").json["items"]
    assert [(one["number"], one["title"]) for one in history] == [(3, "Tên cũ"), (2, "Tên mới"), (1, "Tên cũ")]


def test_another_office_sees_and_changes_nothing_of_ours(writer: StaffMember, staff: Any) -> None:
    made = draft(writer, title="Của ta")
    stranger = staff("tourism_office", "editor", "approver")

    answers = [
        stranger.get(f"{T}/drafts/{made['id']}"),
        stranger.post(f"{T}/drafts/{made['id']}/submission"),
        stranger.post(f"{T}/drafts", json={"guide_id": made["guide_id"], "content": content()}),
        stranger.get(f"{T}/office/guides/{make_guide()}"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert stranger.get(f"{T}/drafts").json["items"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"category": "nothing"}, "unknown_category"),
        ({"texts": {"vi": {"state": "draft", "title": "Nháp", "summary": "x"}}}, "vietnamese_text_missing"),
        ({"kind": "itinerary", "stops": [{"guide_id": str(new_id()), "stay_minutes": 5}]}, "guide_content_invalid"),
        ({"slug": "taken"}, "slug_taken"),
    ],
)
def test_what_could_not_be_published_is_not_handed_in(writer: StaffMember, changes: dict[str, Any], code: str) -> None:
    make_guide(slug="taken")
    made = draft(writer, **changes)

    refused = writer.post(f"{T}/drafts/{made['id']}/submission")

    assert refused.json["code"] == code


@pytest.mark.parametrize(
    "changes",
    [
        {"hours": {"special": [{"calendar": "lunar", "start": "01-31", "times": []}]}},
        {"hours": {"weekly": [{"days": ["mon"], "times": [{"opens": "25:00", "closes": "26:00"}]}]}},
        {"geometry": {"type": "LineString", "coordinates": [[200, 20], [105, 20]]}},
        {"geometry": {"type": "Circle", "coordinates": []}},
        {"prices": [{"visitor_class": "adult", "amount_vnd": 1.5}]},
        {"verified_on": "2026-02-30"},
        {"valid_until_on": "2026-12-01"},
        {"colour": "red"},
    ],
)
def test_content_that_cannot_be_is_refused_with_its_place(writer: StaffMember, changes: dict[str, Any]) -> None:
    refused = writer.post(f"{T}/drafts", json={"content": content(**changes)})

    assert as_refusal(refused)[:2] == (422, "invalid_request")
    assert refused.json["errors"][0]["pointer"].startswith("/content/")


def test_a_removed_guide_is_a_tombstone_in_the_change_feed(
    writer: StaffMember, approver: StaffMember, chi: Person
) -> None:
    guide = make_guide("Tam Cốc")
    since = chi.get(f"{T}/changes").json["next_since"]
    etag = approver.get(f"{T}/office/guides/{guide}").headers["ETag"]

    removed = approver.delete(f"{T}/office/guides/{guide}", headers={"If-Match": etag})

    feed = chi.get(f"{T}/changes?since={since}").json
    assert removed.status_code == 204
    assert [(one["id"], one["change"]) for one in feed["items"]] == [(str(guide), "removed")]
    assert chi.get(f"{T}/guides/{guide}").status_code == 404
    assert chi.get(f"{T}/changes?since={feed['next_since']}").json["items"] == []


def test_a_file_of_guides_becomes_drafts_and_its_bad_lines_are_named(writer: StaffMember) -> None:
    lines = (
        "cho-que,Chợ quê,Chợ phiên.,nature,Văn phòng,CC-BY-4.0,20.2,105.9,\r\n"
        "Bad Slug,Hỏng,Hỏng.,nature,Văn phòng,CC-BY-4.0,20.2,105.9,\r\n"
        "ho-sen,Hồ sen,Hồ.,nature,Văn phòng,CC-BY-4.0,95,105.9,\r\n"
        "cho-que,Chợ lặp,Chợ.,nature,Văn phòng,CC-BY-4.0,,,\r\n"
    )
    sent = {"data": (HEAD + lines).encode(), "headers": {"Content-Type": "text/csv"}}

    first, second = (writer.post(f"{T}/imports", **sent).json for _ in range(2))

    assert (first["drafted"], first["refused"]) == (1, 3)
    assert sorted({error["line"] for error in first["errors"]}) == [3, 4, 5]
    assert (second["drafted"], second["unchanged"]) == (0, 1)
    (made,) = writer.get(f"{T}/drafts").json["items"]
    assert (made["title"], made["state"]) == ("Chợ quê", "draft")


def test_geojson_is_read_by_its_properties(writer: StaffMember) -> None:
    names = {"title_vi": "Hồ sen", "summary_vi": "Hồ.", "category": "nature", "source": "VP", "licence": "CC0-1.0"}
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [105.9, 20.2]},
        "properties": names | {"slug": "ho-sen"},
    }
    sent = {"type": "FeatureCollection", "features": [feature, feature | {"properties": {"colour": "red"}}]}

    told = writer.post(f"{T}/imports", json=sent, headers={"Content-Type": "application/geo+json"}).json

    assert (told["drafted"], told["refused"]) == (1, 1)
    draft_id = writer.get(f"{T}/drafts").json["items"][0]["id"]
    assert writer.get(f"{T}/drafts/{draft_id}").json["content"]["point"]["lat"] == 20.2


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"slug\r\nx", b"nothing,here\r\n1,2", HEAD.encode() + b'"\x00'])
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(writer: StaffMember, body: bytes) -> None:
    refused = writer.post(f"{T}/imports", data=body, headers={"Content-Type": "text/csv"})

    assert refused.status_code in {201, 422}
    assert refused.status_code == 201 or refused.json["code"] == "guide_file_unreadable"
    assert writer.get(f"{T}/drafts").json["items"] == []


def test_nothing_is_published_without_a_licence(writer: StaffMember, approver: StaffMember, chi: Person) -> None:
    guide = make_guide("Tam Cốc")
    added = writer.post(f"{T}/office/guides/{guide}/media", data=PNG, headers={"Content-Type": "image/png"})
    path, etag = f"{T}/office/media/{added.json['id']}", added.headers["ETag"]

    refused = approver.patch(path, json={"state": "published", "author": "Hoa"}, headers={"If-Match": etag})
    hidden = chi.get(f"{T}/media/{added.json['id']}").status_code
    papers = {"state": "published", "author": "Hoa", "licence": "CC-BY-4.0", "alt": {"vi": "Thuyền"}}
    published = approver.patch(path, json=papers, headers={"If-Match": etag})

    assert (added.status_code, as_refusal(refused)[1], hidden) == (201, "media_unlicensed", 404)
    assert published.status_code == 200
    part = chi.get(f"{T}/media/{added.json['id']}", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.data) == (206, PNG[:8])
    (shown,) = chi.get(f"{T}/guides/{guide}").json["media"]
    assert (shown["author"], shown["licence"], shown["alt"]) == ("Hoa", "CC-BY-4.0", "Thuyền")


def test_of_two_changes_of_the_same_papers_the_second_is_refused(writer: StaffMember, approver: StaffMember) -> None:
    guide = make_guide("Tam Cốc")
    added = writer.post(f"{T}/office/guides/{guide}/media", data=PNG, headers={"Content-Type": "image/png"})
    path, known = f"{T}/office/media/{added.json['id']}", {"If-Match": added.headers["ETag"]}

    with ThreadPoolExecutor(1) as pool, transaction() as first:
        first.execute(text("UPDATE guide_media SET author = 'Hoa'"))
        second = pool.submit(approver.ask, "PATCH", path, known, json={"author": "Lan"})
        until_somebody_waits_for(first)
        first.commit()
        refused = second.result(10)

    assert as_refusal(refused)[:2] == (412, "precondition_failed")
    assert approver.get(path).json["author"] == "Hoa"


def test_another_picture_of_the_same_length_is_another_wish(writer: StaffMember) -> None:
    path = f"{T}/office/guides/{make_guide('Tam Cốc')}/media"
    headers = {"Content-Type": "image/png", "Idempotency-Key": "one-picture"}

    first = writer.post(path, data=PNG, headers=headers)
    again = writer.post(path, data=PNG, headers=headers)
    other = writer.post(path, data=PNG[:-1] + b"E", headers=headers)

    assert (first.status_code, again.json["id"]) == (201, first.json["id"])
    assert as_refusal(other)[:2] == (422, "idempotency_key_reused")


def test_a_file_that_is_not_what_it_says_is_refused(writer: StaffMember) -> None:
    guide = make_guide("Tam Cốc")

    answers = [
        writer.post(f"{T}/office/guides/{guide}/media", data=data, headers={"Content-Type": kind})
        for data, kind in ((b"<svg/>", "image/png"), (PNG, "image/svg+xml"), (PNG + b"x" * 10_000_000, "image/png"))
    ]

    assert [answer.status_code for answer in answers] == [422, 415, 413]


def test_facts_past_their_day_are_listed_and_told(writer: StaffMember, chi: Person) -> None:
    stale = make_guide("Cũ", verified_on="2024-01-01", valid_until_on="2025-01-01")
    make_guide("Mới", verified_on=str(clock.today()), valid_until_on=str(clock.today()))

    listed = writer.get(f"{T}/stale-guides").json["items"]

    assert [one["title"] for one in listed] == ["Cũ"]
    assert chi.get(f"{T}/guides/{stale}").json["is_stale"] is True


def test_addresses_that_do_not_answer_are_listed(writer: StaffMember, outside: Any) -> None:
    make_guide("Tam Cốc", contacts={"website": "http://127.0.0.1:9/"})

    flows.check_links()

    (broken,) = writer.get(f"{T}/broken-links").json["items"]
    assert (broken["url"], broken["outcome"], broken["failures"]) == ("http://127.0.0.1:9/", "not_public", 1)
    assert links.ask(f"{outside.url}/healthz", is_public_only=False) == "ok"
    assert links.ask(f"{outside.url}/nothing", is_public_only=False) == "404"
    assert links.ask("http://127.0.0.1:9/", is_public_only=False) == "unreachable"


def test_a_visitor_reports_an_error_and_the_office_settles_it(chi: Person, writer: StaffMember) -> None:
    guide = make_guide("Tam Cốc")

    noted = chi.post(f"{T}/guides/{guide}/reports", json={"about": "hours", "message": "Đóng lúc 17 giờ."})
    (waiting,) = writer.get(f"{T}/reports?state=open").json["items"]
    settled = writer.post(f"{T}/reports/{waiting['id']}/answer", json={"answer": "Đã sửa."})

    assert (noted.status_code, noted.json["id"]) == (201, waiting["id"])
    assert settled.json["state"] == "settled"
    assert writer.get(f"{T}/reports?state=open").json["items"] == []


def test_texts_with_a_schedule_of_hours_are_kept_fresh(chi: Person, later: Any) -> None:
    make_guide("Chợ", hours={"weekly": [{"days": ["mon"], "times": [{"opens": "05:00", "closes": "09:00"}]}]})
    later(timedelta(days=40))

    flows.refresh_hours()

    (listed,) = chi.get(f"{T}/guides").json["items"]
    assert listed["open_now"] is not None
    assert listed["next_change_at"] == chi.get(f"{T}/guides/{listed['id']}").json["next_change_at"]
    with transaction() as session:
        assert operations.refresh_changes(session) == 0
