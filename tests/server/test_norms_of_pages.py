"""Pages for people: everything on them comes from here, and a browser is told to run nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

PAGES = ("/", "/docs", "/paid", "/identity", "/problems/not_found")


def policy(header: str) -> dict[str, list[str]]:
    """A Content-Security-Policy by directive."""
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_page_runs_its_own_scripts_and_nothing_else(
    client: Callable[[], FlaskClient], path: str, language: str
) -> None:
    page = client().get(path, headers={"Accept-Language": language})

    words = page.get_data(as_text=True)
    rules = policy(page.headers["Content-Security-Policy"])
    nonces = {rule[7:-1] for rule in rules["script-src"] if rule.startswith("'nonce-")}
    assert (page.status_code, page.mimetype, page.headers["Content-Language"]) == (200, "text/html", language)
    assert f'<html lang="{language}">' in words
    assert rules["default-src"] == ["'self'"]
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["object-src"] == ["'none'"]
    assert "'unsafe-inline'" not in rules["script-src"]
    assert {re.search(r'nonce="([^"]+)"', tag)[1] for tag in re.findall("<script[^>]*>", words)} <= nonces
    assert not re.search(r"\son\w+=", words)
    foreign = [url for url in re.findall(r'(?:src|href)="(https?://[^"]+)"', words) if "//127.0.0.1:" not in url]
    assert foreign == []


def test_a_nonce_is_used_once(client: Callable[[], FlaskClient]) -> None:
    first, second = (client().get("/docs").headers["Content-Security-Policy"] for _ in range(2))

    assert policy(first)["script-src"] != policy(second)["script-src"]
    assert all(len(rules["script-src"][1]) > 25 for rules in (policy(first), policy(second)))


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"])
def test_the_user_interface_comes_from_here_and_may_be_kept(client: Callable[[], FlaskClient], name: str) -> None:
    file = client().get(f"/docs/{name}")

    again = client().get(f"/docs/{name}", headers={"If-None-Match": file.headers["ETag"]})

    assert (file.status_code, file.headers["Cache-Control"]) == (200, "public, max-age=86400")
    assert len(file.data) > 500
    assert again.status_code == 304
    for answer in (file, again):
        answer.close()


@pytest.mark.parametrize("name", ["index.html", "..%2f..%2fsettings.py", "swagger-ui.css.map", "%00"])
def test_no_other_file_comes_with_it(client: Callable[[], FlaskClient], name: str) -> None:
    refused = client().get(f"/docs/{name}")

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")
