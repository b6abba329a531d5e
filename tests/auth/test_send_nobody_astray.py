"""False ways back and bad questions: a browser is sent to the app it came from, or nowhere."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select

from auth.app_models import AuthorizationRequest
from kit.database import transaction
from tests.auth.app_stories import BACK, Browser, register, told_by


def assert_nobody_was_sent_anywhere(page, status: int = 400) -> None:
    assert (page.status_code, page.location, page.mimetype) == (status, None, "text/html")
    assert "Refresh" not in page.headers
    assert "http-equiv" not in page.text
    with transaction() as session:
        assert session.execute(select(func.count()).select_from(AuthorizationRequest)).scalar_one() == 0


@pytest.mark.parametrize(
    "back",
    [
        None,
        "",
        "https://evil.example/back",
        f"{BACK}/",
        f"{BACK}?next=https://evil.example",
        f"{BACK}#x",
        BACK.upper(),
        BACK.replace("https", "http"),
        BACK.replace(".example", ".example.evil.example"),
        BACK.replace("https://", "https://evil.example@"),
        f"{BACK}/../../evil",
        f"{BACK}\r\nSet-Cookie: a=b",
        f"{BACK} ",
        "//evil.example",
        "javascript:alert(1)",
        "đ" * 50,
    ],
)
def test_a_way_back_that_was_not_registered_is_shown_and_not_taken(app_of_others, browser, back):
    assert_nobody_was_sent_anywhere(browser.open(app_of_others.question(redirect_uri=back)))


@pytest.mark.parametrize("client_id", [None, "", "app", str(UUID(int=7)), "' OR 1=1 --", "\0", "x" * 5_000])
def test_an_app_nobody_knows_sends_a_browser_nowhere(app_of_others, browser, client_id):
    assert_nobody_was_sent_anywhere(browser.open(app_of_others.question(client_id=client_id)))


def test_one_app_may_not_use_the_way_back_of_another(app_of_others, client, browser):
    other = register(client(), redirect_uris=["https://khac.example/back"])

    assert_nobody_was_sent_anywhere(browser.open(other.question(redirect_uri=BACK)))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state", "code_challenge", "response_type"])
def test_a_parameter_that_stands_there_twice_is_shown_and_nobody_is_sent_back(app_of_others, browser, name):
    assert_nobody_was_sent_anywhere(browser.open(f"{app_of_others.question()}&{name}=another"))


@pytest.mark.parametrize("state", ["x" * 1_001, "ê", "a\nb", "\x7f"])
def test_a_state_that_no_app_may_send_is_not_carried_around(app_of_others, browser, state):
    assert_nobody_was_sent_anywhere(browser.open(app_of_others.question(state=state)))


def test_an_address_that_is_not_utf_8_is_shown_as_one_that_cannot_be_read(app_of_others, browser):
    page = browser.open(f"{app_of_others.question(state=None)}&state=%ff")

    assert_nobody_was_sent_anywhere(page)
    assert "Không đọc được địa chỉ này" in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "eyJ"}, "invalid_request"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "+" * 43}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "bills:read payments:read"}, "invalid_scope"),
        ({"scope": "bills:pay"}, "invalid_scope"),
        ({"scope": "*"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
    ],
)
def test_a_question_that_is_not_good_goes_back_to_the_app_with_our_name(app_of_others, browser, changes, error):
    answer = browser.open(app_of_others.question(**changes))

    assert answer.status_code == 303
    assert answer.location.startswith(f"{BACK}?error=")
    told = told_by(answer)
    assert (told["error"], told["state"], told["iss"]) == (error, "s-123", "http://127.0.0.1:8000")
    assert "code" not in told


def test_parameters_nobody_knows_are_passed_over(app_of_others, browser):
    page = browser.open(app_of_others.question(nonce="n", prompt="none", audience="https://evil.example"))

    assert page.status_code == 200
    assert "evil.example" not in page.text


def test_every_answer_says_who_gave_it(app_of_others, client):
    """An app that talks to several servers finds out when it was mixed up (RFC 9207)."""
    answers = []
    for decision in ("allow", "refuse"):
        browser = Browser(client())
        browser.open(app_of_others.question())
        browser.prove()
        answers.append(browser.decide(decision))
    answers.append(told_by(Browser(client()).open(app_of_others.question(scope=None))))
    metadata = client().get("/.well-known/oauth-authorization-server").json

    assert {answer["iss"] for answer in answers} == {metadata["issuer"]}
    assert metadata["authorization_response_iss_parameter_supported"] is True


def test_what_an_app_writes_into_its_question_is_text_on_the_page(client, browser):
    evil = "<script>alert(1)</script>'\"&"
    app = register(client(), name_vi=evil, owner_name=evil)

    pages = [browser.open(app.question(state="'\"><script>")), browser.prove()]

    for page in pages:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert evil not in page.text
