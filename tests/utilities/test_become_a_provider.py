"""A company comes in by stages: every legal move and no other, by two people, and its settings only under review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

import services.utilities.flows
from kit import clock, database, egress
from kit.database import transaction
from services.utilities.cli import commands
from services.utilities.errors import ProviderNotReady, StageMoveIllegal
from services.utilities.models import Provider
from services.utilities.onboarding_models import ProviderStage
from services.utilities.onboarding_schemas import APPLICATION_EXAMPLE
from services.utilities.operations import onboarding
from tests.factories import POWER, make_provider, owe
from tests.payments.stories import pay, rows, told
from tests.people import Caller, Outside, Person, StaffMember, Work, all_at_once

APPLICATIONS, REVIEWS = "/v1/utilities/provider-applications", "/v1/utilities/provider-reviews"
CHANGES, DECISIONS = "/v1/utilities/provider-changes", "/v1/utilities/provider-change-reviews"
S = ProviderStage
LEGAL = {
    (S.APPLIED, S.IN_REVIEW), (S.IN_REVIEW, S.TESTING), (S.TESTING, S.LIVE), (S.LIVE, S.SUSPENDED),
    (S.SUSPENDED, S.LIVE), (S.SUSPENDED, S.CLOSED),
    (S.APPLIED, S.REJECTED), (S.IN_REVIEW, S.REJECTED), (S.TESTING, S.REJECTED),
    (S.APPLIED, S.CLOSED), (S.IN_REVIEW, S.CLOSED), (S.TESTING, S.CLOSED),
}  # fmt: skip
UNREADY = {(S.TESTING, S.LIVE)}  # a checklist stands before it


@pytest.fixture
def hoa(staff: Callable[..., StaffMember]) -> StaffMember:
    """Who applies; a citizen with a passkey."""
    return staff("clinic")


@pytest.fixture
def operator(staff: Callable[..., StaffMember]) -> StaffMember:
    """An operator of the province."""
    return staff("province", "operator")


def _apply(who: Caller, **changes: Any) -> Any:
    return who.post(APPLICATIONS, json=APPLICATION_EXAMPLE | changes)


def _move(operator: StaffMember, provider_id: object, to: str, **more: Any) -> Any:
    return operator.post(f"{REVIEWS}/{provider_id}/moves", json={"to": to, **more})


def _put(stage: ProviderStage) -> UUID:
    """A company that has come to a stage by whatever way."""
    with transaction() as session:
        made = onboarding.apply(session, uuid4(), APPLICATION_EXAMPLE | {"slug": f"n-{uuid4().hex[:12]}"})
        values = {"stage": stage.value, "id": made}
        session.execute(text("UPDATE provider SET stage = :stage, applied_by = NULL WHERE id = :id"), values)
    return made


def test_every_legal_move_is_made_and_every_other_refused(clean: None) -> None:
    wrong = []
    for before, to in product(S, S):
        provider_id = _put(before)
        wanted = "moved" if (before, to) in LEGAL - UNREADY else "unready" if (before, to) in UNREADY else "illegal"
        try:
            with transaction() as session:
                onboarding.move(session, provider_id, to, actor_id=uuid4(), reason="Theo hồ sơ")
            got = "moved"
        except StageMoveIllegal:
            got = "illegal"
        except ProviderNotReady:
            got = "unready"
        ((stage,),) = rows("SELECT stage FROM provider WHERE id = :id", id=provider_id)
        moves = len(rows("SELECT id FROM provider_move WHERE provider_id = :id", id=provider_id))
        if (got, stage, moves) != (wanted, to if wanted == "moved" else before, 2 if wanted == "moved" else 1):
            wrong.append((before, to, got, stage, moves))

    assert wrong == []


def test_a_move_is_made_once_whoever_is_faster(clean: None) -> None:
    provider_id = _put(S.IN_REVIEW)

    def move(number: int) -> bool:
        try:
            with transaction() as session:
                onboarding.move(session, provider_id, (S.TESTING, S.REJECTED)[number % 2], actor_id=None, reason="x")
        except StageMoveIllegal:
            return False
        return True

    made = all_at_once(6, move)

    steps = rows("SELECT from_stage FROM provider_move WHERE provider_id = :id ORDER BY id", id=provider_id)
    # A test that begins may still be rejected; nothing is made twice.
    assert sum(made) == len(steps) - 1 <= 2
    assert len(set(steps)) == len(steps)


def test_what_has_moved_is_never_written_anew(clean: None) -> None:
    _put(S.APPLIED)

    for change in ("UPDATE provider_move SET reason = 'x'", "DELETE FROM provider_move", "TRUNCATE provider_move"):
        with pytest.raises(DBAPIError, match="never changed"), transaction() as session:
            session.execute(text(change))


def test_who_applies_sees_every_move_and_may_not_make_them(hoa: StaffMember, operator: StaffMember) -> None:
    made = _apply(hoa.as_citizen())
    again = operator.as_citizen().get(f"{APPLICATIONS}/{made.json['id']}")
    own = _apply(operator.as_citizen(), slug="nuoc-cua-toi").json

    refused = _move(operator, own["id"], "in_review")
    moved = _move(operator, made.json["id"], "in_review")
    rejected = _move(operator, made.json["id"], "rejected", reason="Thiếu giấy phép")
    seen = hoa.as_citizen().get(made.headers["Location"]).json

    assert (made.status_code, made.json["stage"], again.status_code) == (201, "applied", 404)
    assert (refused.status_code, refused.json["code"]) == (403, "second_person_needed")
    assert (moved.status_code, rejected.status_code) == (200, 200)
    told_moves = [(step["from_stage"], step["to_stage"], step["reason"]) for step in seen["moves"]]
    assert told_moves == [
        (None, "applied", None), ("applied", "in_review", None), ("in_review", "rejected", "Thiếu giấy phép")
    ]  # fmt: skip
    assert [step["actor_id"] for step in seen["moves"]] == [str(hoa.id), str(operator.id), str(operator.id)]
    assert _apply(hoa.as_citizen()).status_code == 201, "the name is free again"


def test_many_applications_cost_the_database_no_more_statements_than_one(hoa: StaffMember) -> None:
    citizen, engine = hoa.as_citizen(), database._sessions.kw["bind"]
    seen: list[int] = []

    def count(*_args: object) -> None:
        seen[-1] += 1

    for number in range(3):
        _apply(citizen, slug=f"nuoc-{number}")
        seen.append(0)
        event.listen(engine, "before_cursor_execute", count)
        listed = citizen.get(APPLICATIONS).json["items"]
        event.remove(engine, "before_cursor_execute", count)
        assert [len(item["moves"]) for item in listed] == [1] * (number + 1)
        assert {tuple(item["checklist"].values()) for item in listed} == {(False,) * 4}

    assert len(set(seen)) == 1, seen


@pytest.mark.parametrize("to", ["rejected", "suspended", "closed"])
def test_what_ends_something_needs_a_reason(hoa: StaffMember, operator: StaffMember, to: str) -> None:
    made = _apply(hoa.as_citizen()).json

    answer = _move(operator, made["id"], to)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/reason")


def test_an_application_is_taken_back_by_who_made_it_and_three_at_once_are_the_most(
    hoa: StaffMember, an: Person
) -> None:
    citizen = hoa.as_citizen()
    first, *_, fourth = [_apply(citizen, slug=f"nuoc-{number}") for number in range(4)]

    stranger = an.post(f"{APPLICATIONS}/{first.json['id']}/withdrawal")
    withdrawn = citizen.post(f"{APPLICATIONS}/{first.json['id']}/withdrawal")
    twice = citizen.post(f"{APPLICATIONS}/{first.json['id']}/withdrawal")

    assert (fourth.status_code, fourth.json["code"]) == (409, "too_many_applications")
    assert (stranger.status_code, withdrawn.json["stage"]) == (404, "closed")
    assert (twice.status_code, twice.json["stage"]) == (409, "closed")
    assert _apply(citizen, slug="nuoc-0").status_code == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code_pattern": "^(a+)+$"}, "code_pattern_unusable"),
        ({"code_pattern": "^[A-Z]+$"}, "code_pattern_unusable"),
        ({"code_pattern": "^[Z-A]\\d{7}$"}, "code_pattern_unusable"),
        ({"code_pattern": "^" + "\\d{0,9}" * 4 + "$"}, "code_pattern_unusable"),
        ({"code_example": "XX"}, "code_pattern_unusable"),
        ({"endpoint_url": "http://pc.vn/post"}, "posting_address_refused"),
        ({"endpoint_url": "https://127.0.0.1/post"}, "posting_address_refused"),
        ({"endpoint_url": "https://localhost/post"}, "posting_address_refused"),
        ({"cut_off": "24:30"}, "invalid_request"),
        ({"cut_off": "00:00"}, "invalid_request"),
        ({"proofs": []}, "invalid_request"),
        ({"exactness": "any"}, "invalid_request"),
        ({"slug": "Nước"}, "invalid_request"),
        ({"slug": POWER}, "provider_known"),
    ],
)
def test_what_cannot_hold_is_not_applied_for(hoa: StaffMember, change: dict[str, Any], code: str) -> None:
    make_provider(POWER)

    answer = _apply(hoa.as_citizen(), **change)

    assert (answer.json["code"], len(rows("SELECT id FROM provider"))) == (code, 1)


def test_a_provider_that_is_suspended_takes_nothing_new_and_what_is_paid_is_posted(
    an: Person, power: Provider, operator: StaffMember, outside: Outside, work: Work
) -> None:
    paid, left = owe(an, outside), owe(an, outside)
    payment_id = pay(an, paid).json["id"]

    suspended = _move(operator, power.id, "suspended", reason="Chuyển hệ thống")
    refused = pay(an, left)
    looked = an.post("/v1/utilities/lookups", json={"provider": POWER, "customer_code": "PA07TH0000001",
                                                    "holder_name": "x"})  # fmt: skip
    too_soon = _move(operator, power.id, "closed", reason="Sáp nhập")
    work()
    closed = _move(operator, power.id, "closed", reason="Sáp nhập")

    assert (suspended.status_code, refused.status_code, refused.json["code"]) == (200, 409, "provider_not_live")
    assert (looked.status_code, an.get("/v1/utilities/providers").json["items"]) == (404, [])
    assert (too_soon.status_code, too_soon.json["missing"]) == (409, ["payments_on_their_way"])
    assert (told(an, payment_id)["items"][0]["posting"], closed.json["stage"]) == ("posted", "closed")


def _propose(clerk: StaffMember, valid_from: date | None = None, **wanted: Any) -> Any:
    day = (valid_from or clock.today()).isoformat()
    return clerk.post(CHANGES, json={"wanted": wanted, "valid_from": day})


def test_a_change_holds_once_another_person_agrees_and_what_was_before_is_kept(
    power: Provider, staff: Callable[..., StaffMember], operator: StaffMember
) -> None:
    clerk = staff("provider", "clerk", provider_id=power.id)
    wanted = {
        "posting_mode": "pull", "answers_within_minutes": 60, "proofs": ["holder_name"],
        "code_pattern": "^PA[0-9]{2}[A-Z0-9]{2}\\d{7}$", "statement_layout": {"key": "Số HĐ", "amount": "Số tiền"},
        "advice_layout": {"key": "Nội dung", "amount": "Có"},
    }  # fmt: skip

    proposed = _propose(clerk, **wanted)
    second = _propose(clerk, hotline="1900 1000")
    unchanged = rows("SELECT posting_mode, code_pattern FROM provider")
    decided = operator.post(f"{DECISIONS}/{proposed.json['id']}", json={"decision": "approve"})
    again = operator.post(f"{DECISIONS}/{proposed.json['id']}", json={"decision": "approve"})
    kept = clerk.get(f"{CHANGES}/{proposed.json['id']}").json

    assert (proposed.status_code, proposed.json["state"]) == (201, "proposed")
    assert (second.status_code, second.json["code"]) == (409, "change_waiting")
    assert unchanged == [("push", power.code_pattern)]
    assert (decided.status_code, decided.json["state"], again.status_code) == (200, "applied", 409)
    assert rows("SELECT posting_mode, answers_within_minutes FROM provider") == [("pull", 60)]
    assert rows("SELECT way, columns FROM statement_layout ORDER BY way DESC") == [
        ("provider", {"key": "Số HĐ", "amount": "Số tiền"}), ("advice", {"key": "Nội dung", "amount": "Có"}),
    ]  # fmt: skip
    assert (kept["before"]["posting_mode"], kept["before"]["code_pattern"]) == ("push", power.code_pattern)
    assert (kept["proposed_by"], kept["decided_by"]) == (str(clerk.id), str(operator.id))


def test_nobody_decides_what_they_have_proposed(
    power: Provider, staff: Callable[..., StaffMember], operator: StaffMember
) -> None:
    clerk = staff("provider", "clerk", provider_id=power.id)
    proposed = _propose(clerk, hotline="1900 1000").json
    rows("UPDATE provider_change SET proposed_by = :who RETURNING id", who=operator.id)

    own = operator.post(f"{DECISIONS}/{proposed['id']}", json={"decision": "approve"})
    without = operator.post(f"{DECISIONS}/{proposed['id']}", json={"decision": "decline"})
    withdrawn = clerk.post(f"{CHANGES}/{proposed['id']}/withdrawal")

    assert (own.status_code, own.json["code"]) == (403, "second_person_needed")
    assert (without.status_code, withdrawn.json["state"]) == (422, "withdrawn")
    assert rows("SELECT hotline FROM provider") == [(power.hotline,)]


def test_a_later_day_waits_for_itself_and_a_cut_off_is_a_dated_term(
    power: Provider,
    staff: Callable[..., StaffMember],
    operator: StaffMember,
    later: Callable[[timedelta], None],
) -> None:
    clerk = staff("provider", "clerk", provider_id=power.id)
    day = clock.today() + timedelta(days=3)
    proposed = _propose(clerk, day, cut_off="22:00", hotline="1900 1000").json

    approved = operator.post(f"{DECISIONS}/{proposed['id']}", json={"decision": "approve"}).json
    services.utilities.flows.apply_changes()
    before = rows("SELECT cut_off, hotline FROM provider")
    terms = clerk.get("/v1/utilities/provider-terms").json["items"]
    later(timedelta(days=3))
    services.utilities.flows.apply_changes()
    services.utilities.flows.apply_changes()

    assert (approved["state"], before) == ("approved", [("17:00", power.hotline)])
    assert [(row["valid_from"], row["cut_off"]) for row in terms] == [("2020-01-01", "17:00"), (str(day), "22:00")]
    assert rows("SELECT cut_off, hotline FROM provider") == [("22:00", "1900 1000")]
    assert rows("SELECT state FROM provider_change") == [("applied",)]


def test_an_address_is_checked_when_it_is_proposed_and_again_when_it_is_agreed_to(
    power: Provider, staff: Callable[..., StaffMember], operator: StaffMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = staff("provider", "clerk", provider_id=power.id)
    addresses = iter(["93.184.215.14", "10.0.0.8"])
    monkeypatch.setitem(
        egress._rules,
        "now",
        egress._Rules(lambda _host, _port: [next(addresses)], None, None),
    )

    proposed = _propose(clerk, endpoint_url="https://hooks.pc.vn/post")
    decided = operator.post(f"{DECISIONS}/{proposed.json['id']}", json={"decision": "approve"})

    assert (proposed.status_code, decided.status_code) == (201, 422)
    assert (decided.json["code"], decided.json["reason"]) == ("posting_address_refused", "not_public")
    assert rows("SELECT endpoint_url FROM provider") == [(None,)]


def test_the_province_moves_companies_at_the_terminal_too(clean: None) -> None:
    provider_id = _put(S.TESTING)
    ((slug,),) = rows("SELECT slug FROM provider WHERE id = :id", id=provider_id)

    listed = CliRunner().invoke(commands, ["providers", "--stage", "testing"])
    unready = CliRunner().invoke(commands, ["move", slug, "live"])
    unreasoned = CliRunner().invoke(commands, ["move", slug, "rejected"])
    moved = CliRunner().invoke(commands, ["move", slug, "rejected", "--reason", "Thử lại sau"])

    missing = "bills_imported, posting_answered, statement_compared, webhook_delivered"
    assert listed.output.strip().endswith(f"missing: {missing}")
    assert (unready.exit_code, f"has still to show: {missing}" in unready.output) == (1, True)
    assert (unreasoned.exit_code, moved.output) == (2, f"{slug} is rejected\n")
