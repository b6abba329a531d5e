"""Where an app may take a citizen back to: which addresses it may register, and which of them is meant."""

from __future__ import annotations

import pytest

from auth import redirects


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example.vn/back",
        "https://app.example.vn:8443/back?app=1",
        "https://xn--ng-dng-9za52k.example.vn/",
        "http://127.0.0.1/back",
        "http://127.0.0.1:8080/back",
        "http://[::1]:9000/back",
        "vn.example.app:/back",
        "vn.example.app://back",
    ],
)
def test_an_address_that_leads_to_one_app_may_be_registered(address):
    assert redirects.is_allowed(address)
    assert redirects.find(address, [address]) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//app.example.vn/back",
        "http://app.example.vn/back",
        "http://localhost/back",
        "http://127.0.0.1.example.vn/back",
        "http://127.1/back",
        "http://[::2]/back",
        "http://[::1/back",
        "http://127.0.0.1:99999/back",
        "https://example/back",
        "https://203.0.113.7/back",
        "https:app.example.vn/back",
        "https:///app.example.vn/back",
        "HTTPS://app.example.vn/back",
        "https://APP.example.vn/back",
        "https://app.example.vn/back#here",
        "https://*.example.vn/back",
        "https://app.example.vn/*",
        "https://app.example.vn@evil.example/back",
        "https://an:secret@app.example.vn/back",
        "https://app.example.vn\\@evil.example/back",
        "https://app.example.vn/a/../back",
        "https://app.example.vn/%2e%2E/back",
        "https://app.example.vn/back?code=1",
        "https://app.example.vn/back?iss=1",
        "https://app.example.vn/back?",
        "https://ứng-dụng.example.vn/back",
        "https://app.example.vn/ back",
        "https://app.example.vn/back\n",
        "https://app.example.vn/" + "a" * 400,
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/back",
        "vn.example.app:back",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_an_address_that_could_lead_elsewhere_may_not_be_registered(address):
    assert not redirects.is_allowed(address)


@pytest.mark.parametrize(
    "asked",
    [
        "https://app.example.vn/back/",
        "https://app.example.vn/Back",
        "https://app.example.vn/back?",
        "https://app.example.vn/back?x=1",
        "https://app.example.vn/back#x",
        "https://app.example.vn:443/back",
        "https://app.example.vn/%62ack",
        "http://app.example.vn/back",
        "https://app.example.vn.evil.example/back",
        "https://evil.example/?https://app.example.vn/back",
        " https://app.example.vn/back",
        "",
    ],
)
def test_what_is_nearly_a_registered_address_is_none(asked):
    assert redirects.find(asked, ["https://app.example.vn/back"]) is None


def test_on_loopback_any_port_is_meant_and_nothing_else():
    registered = ["http://127.0.0.1/back"]

    assert redirects.find("http://127.0.0.1:49152/back", registered) == "http://127.0.0.1:49152/back"
    for other in (
        "http://127.0.0.1:49152/else",
        "http://127.0.0.1:49152/back?x=1",
        "http://127.0.0.1:port/back",
        "http://[::1]:49152/back",
        "http://localhost:49152/back",
        "http://evil@127.0.0.1:49152/back",
        "https://127.0.0.1:49152/back",
    ):
        assert redirects.find(other, registered) is None


def test_an_answer_stands_beside_what_the_address_has_already():
    plain = redirects.answer("https://app.example.vn/back", {"code": "a+b &c", "state": None})
    with_query = redirects.answer("https://app.example.vn/back?app=1", {"error": "access_denied"})

    assert plain == "https://app.example.vn/back?code=a%2Bb%20%26c"
    assert with_query == "https://app.example.vn/back?app=1&error=access_denied"


def test_a_page_lets_its_forms_lead_to_that_app_alone():
    assert redirects.form_target("https://app.example.vn:8443/back?x=1") == "https://app.example.vn:8443"
    assert redirects.form_target("http://127.0.0.1:9/back") == "http://127.0.0.1:9"
    assert redirects.form_target("http://[::1]:9/back") == "http:"
    assert redirects.form_target("vn.example.app:/back") == "vn.example.app:"
