"""Those who misuse the page of consent: foreign forms, other browsers, frames, those who press twice or too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

import server.app
from auth import tokens
from auth.app_models import AppGrant, AppState, Review
from kit.database import transaction
from tests.auth.app_stories import BACK, Browser, challenge_of, code_sent, decide, register, told_by
from tests.auth.people import AN, BINH
from tests.people import all_at_once


def grants() -> int:
    with transaction() as session:
        return session.execute(select(func.count()).select_from(AppGrant)).scalar_one()


# -- who answers -------------------------------------------------------------------------------------------------------


def test_a_form_that_another_page_made_is_refused(app_of_others, browser):
    browser.open(app_of_others.question())
    browser.prove()
    path = browser.form("decision")

    forged = [
        browser.http.post(path, data={"decision": "allow"}),
        browser.http.post(path, data={"decision": "allow", "form": ""}),
        browser.http.post(path, data={"decision": "allow", "form": "x" * 43}),
        browser.http.post(path, data=browser.forms[path] | {"decision": "allow", "form": "đ"}),
        browser.http.post(
            path, data=browser.forms[path] | {"decision": "allow"}, headers={"Sec-Fetch-Site": "cross-site"}
        ),
        browser.http.post(
            path, data=browser.forms[path] | {"decision": "allow"}, headers={"Sec-Fetch-Site": "same-site"}
        ),
    ]

    assert [answer.status_code for answer in forged] == [403] * 6
    assert grants() == 0
    assert browser.decide()["code"]


def test_a_question_belongs_to_the_browser_it_was_asked_in(app_of_others, browser, client):
    browser.open(app_of_others.question())
    browser.prove()
    path = browser.form("decision")
    question = path.removesuffix("/decision")
    other = client()

    refused = [
        other.get(question),
        other.post(path, data=browser.forms[path] | {"decision": "allow"}),
        other.post(f"{question}/number", data=browser.forms[path] | {"phone": BINH, "attempt": "a"}),
        other.post(f"{question}/code", data=browser.forms[path] | {"code": "123456"}),
        other.get(f"/authorize/{uuid4()}"),
    ]

    assert [answer.status_code for answer in refused] == [403] * 5
    assert len({answer.text.replace(nonce_of(answer), "") for answer in refused}) == 1
    assert grants() == 0


def nonce_of(answer) -> str:
    return answer.headers["Content-Security-Policy"].partition("'nonce-")[2].partition("'")[0]


def test_an_attacker_cannot_have_a_victim_answer_the_attackers_question(app_of_others, client):
    """The attacker's page makes the victim's browser send the attacker's form: it has no cookie of that question."""
    attacker, victim = Browser(client()), Browser(client())
    attacker.open(app_of_others.question())
    attacker.submit("number", phone=BINH)
    attacker.submit("code", code=code_sent())
    victim.open(app_of_others.question())
    path = attacker.form("decision")

    refused = victim.http.post(path, data=attacker.forms[path] | {"decision": "allow"})

    assert (refused.status_code, grants()) == (403, 0)


def test_nobody_allows_anything_before_they_have_proved_who_they_are(app_of_others, browser):
    browser.open(app_of_others.question())
    early = [browser.http.post(path := browser.form("decision"), data=browser.forms[path] | {"decision": "allow"})]
    browser.submit("number", phone=AN)
    early.append(browser.http.post(path, data=browser.forms[path] | {"decision": "allow"}))
    early.append(browser.http.post(path, data=browser.forms[path] | {"decision": "perhaps"}))
    early.append(browser.http.post(path, data=browser.forms[path]))

    assert [answer.status_code for answer in early] == [410, 410, 400, 400]
    assert grants() == 0
    assert browser.submit("code", code=code_sent()).status_code == 200


def test_once_proved_a_question_is_not_handed_to_another_number(app_of_others, browser):
    browser.open(app_of_others.question())
    number = browser.form("number")
    form = browser.forms[number]
    browser.prove(AN)

    late = browser.http.post(number, data=form | {"phone": BINH})

    assert late.status_code == 410
    assert "0912 *** 678" in browser.open(number.removesuffix("/number")).text


def test_the_code_of_one_question_answers_no_other(app_of_others, client):
    one, other = Browser(client()), Browser(client())
    one.open(app_of_others.question())
    one.submit("number", phone=AN)
    code = code_sent()
    other.open(app_of_others.question())
    other.submit("number", phone=BINH)

    refused = other.submit("code", code=code)

    assert refused.status_code == 422
    assert one.submit("code", code=code).status_code == 200


def test_a_question_is_answered_once_whoever_presses_first(app, app_of_others, browser):
    browser.open(app_of_others.question())
    browser.prove()
    path = browser.form("decision")
    form = browser.forms[path] | {"decision": "allow"}
    cookie = browser.http.get_cookie("authorization", path=path.removesuffix("/decision"))

    def press(_number: int) -> int:
        http = app.test_client()
        http.set_cookie("authorization", cookie.value, path=cookie.path)
        return http.post(path, data=form).status_code

    answers = all_at_once(8, press)

    assert sorted(answers) == [303] + [410] * 7
    assert grants() == 1


def test_a_question_is_over_after_a_quarter_of_an_hour(app_of_others, browser, later):
    browser.open(app_of_others.question())
    browser.prove()
    path = browser.form("decision")
    later(timedelta(minutes=15, seconds=1))

    late = browser.submit("decision", decision="allow")
    looked = browser.open(path.removesuffix("/decision"))
    mended = browser.http.post(path.replace("decision", "number"), data={"phone": "1", "form": "", "attempt": "a"})

    assert (late.status_code, looked.status_code, mended.status_code, grants()) == (410, 410, 403, 0)


def test_a_number_entered_too_late_is_told_that_it_is_over(app_of_others, browser, later):
    browser.open(app_of_others.question())
    later(timedelta(minutes=16))

    wrong, right = (browser.http.post(browser.form("number"), data=form) for form in numbers(browser))

    assert (wrong.status_code, right.status_code) == (410, 410)


def numbers(browser: Browser) -> list[dict[str, str]]:
    form = browser.forms[browser.form("number")]
    return [form | {"phone": "12"}, form | {"phone": AN}]


def test_an_app_that_is_suspended_meanwhile_gets_no_answer(app_of_others, browser):
    browser.open(app_of_others.question())
    browser.prove()
    decide(app_of_others, Review.SUSPEND)

    page = browser.submit("decision", decision="allow")
    anew = browser.open(app_of_others.question())

    assert [(one.status_code, one.location) for one in (page, anew)] == [(403, None)] * 2
    assert "Tỉnh đã tạm dừng" in page.text
    assert grants() == 0


# -- what the page lets others do to it --------------------------------------------------------------------------------


def test_every_page_is_without_scripts_frames_and_copies(app_of_others, browser, client):
    pages = [browser.open(app_of_others.question())]
    pages.append(browser.submit("number", phone=AN))
    pages.append(browser.submit("code", code="1"))
    pages.append(browser.submit("code", code=code_sent()))
    pages.append(Browser(client()).open("/authorize"))

    for page in pages:
        policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
        assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
        assert policy["style-src"].startswith("'nonce-")
        assert not {"script-src", "connect-src", "frame-src", "object-src"} & set(policy)
        assert (page.headers["X-Frame-Options"], page.headers["Referrer-Policy"]) == ("DENY", "no-referrer")
        assert (page.headers["Cache-Control"], page.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert {page.headers["Content-Security-Policy"].count("https://so-chi-tieu.example;") for page in pages[:4]} == {1}
    assert "form-action 'self';" in pages[4].headers["Content-Security-Policy"]
    assert len({nonce_of(page) for page in pages}) == 5


def test_the_cookie_is_for_our_forms_of_this_question_alone(app_of_others, browser, app, settings):
    cookie = browser.open(app_of_others.question()).headers["Set-Cookie"]

    path = browser.form("number").removesuffix("/number")
    assert {"HttpOnly", "SameSite=Strict", f"Path={path}", "Max-Age=900"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Secure" not in cookie


def test_where_we_are_known_by_https_the_cookie_goes_over_nothing_else(app_of_others, settings):
    tokens.use_key(settings.signing_key, issuer="https://api.citizen.example", secret=settings.secret_key)
    secured = FlaskClient(
        server.app.assemble(replace(settings, base_url="https://api.citizen.example")), use_cookies=True
    )
    try:
        page = secured.get(app_of_others.question())
    finally:
        tokens.use_key(settings.signing_key, issuer=settings.base_url, secret=settings.secret_key)

    assert "Secure" in page.headers["Set-Cookie"].split("; ")


def test_two_questions_in_one_browser_do_not_disturb_each_other(app_of_others, client):
    http = client()
    one, two = Browser(http), Browser(http)
    one.open(app_of_others.question(state="one"))
    two.open(app_of_others.question(state="two"))
    one.prove(AN)
    two.prove(BINH)

    assert (one.decide()["state"], two.decide()["state"]) == ("one", "two")


def test_the_page_counts_what_an_address_asks_as_everything_else_does(settings, app_of_others):
    limited = FlaskClient(server.app.assemble(replace(settings, requests_per_minute=3)), use_cookies=True)

    statuses = [limited.get(app_of_others.question()).status_code for _time in range(5)]

    assert statuses == [200, 200, 200, 429, 429]
    assert limited.get(app_of_others.question()).mimetype == "text/html"


@pytest.mark.parametrize("body", ["phone=%ff", "phone=1&phone=2", "form=" + "x" * 20_000])
def test_a_form_that_no_page_of_ours_sends_is_refused(app_of_others, browser, body):
    browser.open(app_of_others.question())

    refused = browser.http.post(browser.form("number"), data=body, content_type="application/x-www-form-urlencoded")

    assert refused.status_code in {400, 413}


def test_an_app_on_loopback_is_answered_at_its_own_port(client, browser):
    app = register(client(), redirect_uris=["http://127.0.0.1/back"])
    back = "http://127.0.0.1:49152/back"
    page = browser.open(app.question(redirect_uri=back))
    browser.prove()
    answer = browser.submit("decision", decision="allow")

    assert "form-action 'self' http://127.0.0.1:49152;" in page.headers["Content-Security-Policy"]
    assert answer.location.startswith(f"{back}?code=")
    app.back = back
    assert app.redeem(told_by(answer)["code"], redirect_uri=back).status_code == 200


def test_an_app_with_a_scheme_of_its_own_is_answered_there(client, browser):
    app = register(client(), redirect_uris=["vn.so-chi-tieu.app:/back"])
    page = browser.open(app.question())
    browser.prove()
    answer = browser.submit("decision", decision="allow")

    assert "form-action 'self' vn.so-chi-tieu.app:;" in page.headers["Content-Security-Policy"]
    assert answer.location.startswith("vn.so-chi-tieu.app:/back?code=")


def test_a_question_holds_the_challenge_of_the_one_who_asked(app_of_others, client):
    """Two questions of one app at once: the code of the one is of no use with the verifier of the other."""
    mine, foreign = Browser(client()), Browser(client())
    mine.open(app_of_others.question())
    mine.prove()
    foreign.open(app_of_others.question(code_challenge=challenge_of("f" * 43)))
    foreign.prove(BINH)
    injected = foreign.decide()["code"]

    assert app_of_others.redeem(injected).json["error"] == "invalid_grant"
    assert app_of_others.redeem(mine.decide()["code"]).status_code == 200


def test_a_page_of_an_unknown_kind_of_app_says_the_same_whatever_its_state(client, browser):
    hidden = [register(client(), state=state) for state in (AppState.SUBMITTED, AppState.REFUSED)]

    pages = [browser.open(app.question()) for app in hidden]
    pages.append(browser.open(f"/authorize?client_id={uuid4()}&redirect_uri={quote(BACK)}"))

    assert len({page.text.replace(nonce_of(page), "") for page in pages}) == 1
