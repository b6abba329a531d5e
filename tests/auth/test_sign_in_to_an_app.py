"""A citizen allows an app of others to see something: the page, the tokens, what the app sees, and taking it back."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import jwt
import pytest
from sqlalchemy import func, select

from auth import operations
from auth.app_models import AppState
from auth.models import PhoneChallenge
from auth.operations import apps
from kit import clock
from kit.database import transaction
from server.seed import SANDBOX_APP
from tests.auth.app_stories import BACK, TOLD, Browser, ThirdParty, code_sent, register, sign_in, told_by
from tests.auth.people import AN, BINH
from tests.people import Person


def test_a_citizen_allows_an_app_and_it_sees_what_was_allowed_and_nothing_else(client, app_of_others, browser):
    first = browser.open(app_of_others.question())
    second = browser.submit("number", phone=AN)
    third = browser.submit("code", code=code_sent())
    answer = browser.submit("decision", decision="allow")
    given = app_of_others.redeem(told_by(answer)["code"])

    assert [page.status_code for page in (first, second, third)] == [200, 200, 200]
    assert answer.status_code == 303
    assert answer.location.startswith(f"{BACK}?")
    assert told_by(answer).keys() == {"code", "state", "iss"}
    assert (told_by(answer)["state"], told_by(answer)["iss"]) == ("s-123", "http://127.0.0.1:8000")
    assert (given.status_code, given.headers["Cache-Control"]) == (200, "no-store")
    tokens = given.json
    assert {name: tokens[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer", "expires_in": 300, "scope": "bills:read"
    }  # fmt: skip
    seen = {
        path: app_of_others.get(path, tokens["access_token"]).status_code
        for path in ("/v1/utilities/bills", "/v1/utilities/accounts", "/v1/me", "/v1/payments", "/v1/me/identity")
    }
    assert list(seen.values()) == [200, 200, 403, 403, 403]


def test_the_page_says_what_the_app_wants_who_is_behind_it_and_for_how_long(app_of_others, browser):
    number = browser.open(app_of_others.question(scope="bills:read profile:read")).text
    code = browser.submit("number", phone=AN).text
    consent = browser.submit("code", code=code_sent()).text

    assert "Sổ chi tiêu" in number
    assert "Công ty TNHH Sổ Chi Tiêu" in number
    assert "0912 *** 678" in code
    until = clock.local(clock.now() + timedelta(days=90))
    for told in (
        "Cho phép “Sổ chi tiêu” xem dữ liệu của bạn?",
        "Xem hóa đơn của bạn",
        "Biết bạn là ai trong ứng dụng",
        "Ứng dụng không trả tiền, không thay đổi gì thay bạn được",
        "Công ty TNHH Sổ Chi Tiêu",
        "so-chi-tieu.example",
        f"{until:%d/%m/%Y}",
        f"{clock.local(clock.now()):%d/%m/%Y}",
        "0912 *** 678",
        "Từ chối",
    ):
        assert told in consent
    assert "Xem các lần thanh toán" not in consent
    assert "912345678" not in (code + consent).replace(" ", "")


@pytest.mark.parametrize(
    ("locales", "accepted", "language"),
    [
        (None, "", "vi"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr,de", "vi"),
        ("en", "vi", "en"),
        ("fr-FR en-US vi", "vi", "en"),
        ("vi", "en", "vi"),
        ("xx", "en", "en"),
    ],
)
def test_the_page_speaks_the_language_that_was_asked_for(app_of_others, browser, locales, accepted, language):
    first = browser.open(app_of_others.question(ui_locales=locales), **{"Accept-Language": accepted})
    consent = browser.prove()

    words = {"vi": "Đăng nhập để tiếp tục", "en": "Sign in to go on"}
    assert words[language] in first.text
    assert f'<html lang="{language}">' in consent.text
    assert {page.headers["Content-Language"] for page in (first, consent)} == {language}
    assert ("Spending book" in consent.text) is (language == "en")


def test_a_citizen_who_refuses_is_sent_back_with_a_no_at_every_step(client, app_of_others):
    answers = []
    for steps in ([], ["number"], ["number", "code"]):
        browser = Browser(client())
        browser.open(app_of_others.question())
        for step in steps:
            browser.submit(step, **({"phone": AN} if step == "number" else {"code": code_sent()}))
        answers.append(browser.decide("refuse"))

    assert answers == [{"error": "access_denied", "state": "s-123", "iss": "http://127.0.0.1:8000"}] * 3


def test_a_wrong_number_or_code_is_mended_on_the_form(app_of_others, browser):
    browser.open(app_of_others.question())
    wrong_number = browser.submit("number", phone="0243 825 1234")
    browser.submit("number", phone=AN)
    code = code_sent()
    wrong = browser.submit("code", code=f"{(int(code) + 1) % 1_000_000:06d}")
    right = browser.submit("code", code=f"{code[:3]} {code[3:]}")

    assert (wrong_number.status_code, wrong.status_code, right.status_code) == (422, 422, 200)
    assert "chưa phải số di động" in wrong_number.text
    assert "Còn 4 lần thử" in wrong.text
    assert "xem dữ liệu của bạn?" in right.text


def test_five_wrong_codes_are_enough_and_another_code_may_be_asked_for(app_of_others, browser):
    browser.open(app_of_others.question())
    browser.submit("number", phone=AN)
    code = code_sent()
    wrong = [browser.submit("code", code=f"{(int(code) + nth) % 1_000_000:06d}").status_code for nth in range(1, 6)]
    late = browser.submit("code", code=code)
    again = browser.submit("another-number")
    consent = browser.prove()

    assert (wrong, late.status_code) == ([422] * 5, 410)
    assert "Đăng nhập để tiếp tục" in again.text
    assert consent.status_code == 200


def test_the_page_sends_no_more_codes_than_any_other_sign_in(app_of_others, client, phone):
    for _time in range(10):
        assert phone.ask(AN, address="203.0.113.9").status_code == 201
    browser = Browser(client())
    browser.open(app_of_others.question())

    refused = browser.submit("number", phone=AN)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "quá nhiều mã" in refused.text


def test_a_button_pressed_twice_sends_one_code(app_of_others, browser):
    browser.open(app_of_others.question())
    path = browser.form("number")
    form = browser.forms[path]

    for number in (AN, AN, BINH):
        assert browser.http.post(path, data=form | {"phone": number}).status_code == 303

    with transaction() as session:
        sent = session.execute(select(func.count()).select_from(PhoneChallenge)).scalar_one()
    assert sent == 2
    assert "0987 *** 321" in browser.open(path.removesuffix("/number")).text


def test_proving_a_number_on_the_page_opens_no_session(app_of_others, client, an):
    sign_in(app_of_others, client)

    assert len(an.get("/v1/me/sessions").json["items"]) == 1


def test_a_token_names_its_app_and_calls_the_citizen_by_a_name_of_its_own(client, an):
    one, other = register(client()), register(client(), name_vi="Ứng dụng khác")
    tokens = [sign_in(app, client, scope="profile:read")["access_token"] for app in (one, other, one)]

    said = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    told = [app.get("/v1/me", token).json for app, token in zip((one, other, one), tokens, strict=True)]
    assert [one_said["client_id"] for one_said in said] == [str(app.id) for app in (one, other, one)]
    assert {(one_said["role"], one_said["scope"]) for one_said in said} == {("developer", "profile:read")}
    assert not {"acr", "auth_time", "known_since"} & set(said[0])
    assert [me["id"] for me in told] == [one_said["sub"] for one_said in said]
    assert said[0]["sub"] == said[2]["sub"] != said[1]["sub"]
    assert str(an.id) not in f"{said} {told}"
    assert (told[0]["phone"], told[0]["assurance"]) == ("0912 *** 678", None)


def test_the_sandbox_has_an_app_that_is_approved_already(client):
    for _time in range(2):
        with transaction() as session:
            apps.put_up_app(session, SANDBOX_APP, UUID(int=1), TOLD)
    app = ThirdParty(client(), SANDBOX_APP)

    assert app.get("/v1/utilities/bills", sign_in(app, client)["access_token"]).status_code == 200


def test_the_logs_of_a_sign_in_hold_nothing_of_it(app_of_others, client, caplog):
    browser = Browser(client())
    browser.open(app_of_others.question(state="the-state-of-the-app"))
    browser.submit("number", phone=AN)
    code = code_sent()
    browser.submit("code", code=code)
    secret = next(iter(browser.forms.values()))["form"]
    given = app_of_others.redeem(browser.decide()["code"]).json
    app_of_others.get("/v1/utilities/bills", given["access_token"])

    assert caplog.text.count("/authorize") >= 4
    planted = (AN, "912345678", f'"{code}"', secret, "the-state", given["access_token"], given["refresh_token"])
    assert [word for word in (*planted, app_of_others.verifier) if word in caplog.text] == []


def test_a_new_number_makes_a_citizen_as_in_any_other_sign_in(app_of_others, client):
    tokens = sign_in(app_of_others, client, "0356 789 012", scope="profile:read")

    assert app_of_others.get("/v1/me", tokens["access_token"]).json["phone"] == "0356 *** 012"


# -- seeing it and taking it back --------------------------------------------------------------------------------------


def test_a_citizen_sees_the_apps_they_have_allowed_and_until_when(app_of_others, client, an, binh):
    sign_in(app_of_others, client, scope="bills:read")
    sign_in(app_of_others, client, scope="profile:read")

    (listed,) = an.get("/v1/me/apps").json["items"]
    in_english = an.get("/v1/me/apps", headers={"Accept-Language": "en"}).json["items"][0]
    assert (listed["id"], listed["name"], listed["sign_ins"]) == (str(app_of_others.id), "Sổ chi tiêu", 2)
    assert [scope["scope"] for scope in listed["scopes"]] == ["bills:read", "profile:read"]
    assert (in_english["name"], in_english["scopes"][0]["title"]) == ("Spending book", "See your bills")
    assert an.get("/v1/me/consents").json["apps"] == [listed]
    assert binh.get("/v1/me/apps").json == {"items": []}


def test_a_code_that_nobody_came_for_is_no_app_in_the_list(app_of_others, browser, an):
    browser.open(app_of_others.question())
    browser.prove()
    browser.decide()

    assert an.get("/v1/me/apps").json == {"items": []}


def test_a_withdrawn_app_sees_nothing_more_from_that_moment_on(app_of_others, client, an):
    tokens = [sign_in(app_of_others, client) for _device in range(2)]
    other_app = register(client())
    untouched = sign_in(other_app, client)["access_token"]

    withdrawn = [an.post(f"/v1/me/apps/{app_of_others.id}/withdrawal").status_code for _time in range(2)]

    assert withdrawn == [204, 204]
    for each in tokens:
        refused = app_of_others.get("/v1/utilities/bills", each["access_token"])
        assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
        assert app_of_others.refresh(each["refresh_token"]).json["error"] == "invalid_grant"
    assert [one["id"] for one in an.get("/v1/me/apps").json["items"]] == [str(other_app.id)]
    assert other_app.get("/v1/utilities/bills", untouched).status_code == 200


def test_nobody_withdraws_what_another_has_allowed(app_of_others, client, binh):
    token = sign_in(app_of_others, client)["access_token"]

    assert binh.post(f"/v1/me/apps/{app_of_others.id}/withdrawal").status_code == 404
    assert app_of_others.get("/v1/utilities/bills", token).status_code == 200


def test_a_consent_ends_by_itself_after_ninety_days_however_often_it_is_used(app_of_others, client, later):
    tokens = sign_in(app_of_others, client)
    for _month in range(3):
        later(timedelta(days=29))
        tokens = app_of_others.refresh(tokens["refresh_token"]).json
    later(timedelta(days=3, minutes=1))

    assert app_of_others.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_a_citizen_sees_what_an_app_has_looked_at_once_an_hour(app_of_others, client, an, later):
    token = sign_in(app_of_others, client, scope="bills:read profile:read")["access_token"]
    for path in ("/v1/utilities/bills", "/v1/me", "/v1/utilities/bills", "/v1/utilities/providers", "/v1/payments"):
        app_of_others.get(path, token)
    with transaction() as session:
        an.token = operations.start_session(session, an.id, None).access_token

    looks = an.get("/v1/me/accesses").json["items"]

    assert [(look["operation"], look["fields_seen"]) for look in looks] == [
        ("getMe", ["profile"]), ("listBills", ["bills"])
    ]  # fmt: skip
    assert {(look["role"], look["purpose"], look["organisation"]) for look in looks} == {("app", "app", "Sổ chi tiêu")}
    assert looks[0]["purpose_text"] == "Ứng dụng bạn đã cho phép"


# -- data law ----------------------------------------------------------------------------------------------------------


def test_an_export_tells_of_the_apps_and_of_no_token(app_of_others, client, an):
    tokens = sign_in(app_of_others, client)

    told = an.post("/v1/me/exports")

    (allowed,) = told.json["rooms"]["auth"]["allowed_apps"]
    said = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (allowed["app_id"], allowed["scopes"], allowed["alias"]) == (
        str(app_of_others.id),
        ["bills:read"],
        said["sub"],
    )
    assert tokens["refresh_token"] not in told.text


def test_who_is_erased_is_nobody_to_an_app_any_more(app_of_others, client, an):
    tokens = sign_in(app_of_others, client)
    erased = an.post("/v1/me/erasure", json={"confirm": "erase everything"})

    refused = app_of_others.get("/v1/utilities/bills", tokens["access_token"])
    again = sign_in(app_of_others, client)

    assert (erased.status_code, refused.status_code) == (204, 401)
    assert app_of_others.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    before, after = (
        jwt.decode(each["access_token"], options={"verify_signature": False})["sub"] for each in (tokens, again)
    )
    assert before != after


def test_the_apps_of_a_developer_who_is_erased_stop(app_of_others, client):
    token = sign_in(app_of_others, client)["access_token"]
    developer = Person(client(), "+84909000111")

    developer.post("/v1/me/erasure", json={"confirm": "erase everything"})

    assert app_of_others.get("/v1/utilities/bills", token).status_code == 401
    page = Browser(client()).open(app_of_others.question())
    assert (page.status_code, page.location) == (400, None)


@pytest.mark.parametrize("state", [AppState.SUBMITTED, AppState.REFUSED])
def test_an_app_that_was_not_approved_asks_nobody(client, state):
    app = register(client(), state=state)

    page = Browser(client()).open(app.question())

    assert (page.status_code, page.location) == (400, None)
    assert "Chúng tôi không biết ứng dụng này" in page.text


def test_nothing_personal_ever_stands_in_an_address(app_of_others, browser):
    browser.open(app_of_others.question())
    browser.submit("number", phone=AN)
    code = code_sent()
    browser.submit("code", code=f"{(int(code) + 1) % 1_000_000:06d}")
    browser.submit("code", code=code)
    browser.decide()

    first, *others = [urlsplit(address) for address in browser.visited]
    assert len(others) >= 5
    assert first.path == "/authorize"
    assert {address.query for address in others} == {""}
    assert {UUID(address.path.split("/")[2]).version for address in others} == {7}
