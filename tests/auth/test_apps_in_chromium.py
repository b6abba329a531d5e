"""The page of consent in a real browser that runs no scripts: filled in, answered, and not to be put into a frame."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.auth.app_stories import Browser as Reader, code_sent, register
from tests.auth.chromium import Browser, browse, find_chromium
from tests.auth.people import AN

chromium = find_chromium()
pytestmark = pytest.mark.skipif(chromium is None, reason="Chromium is not installed here (apt install chromium)")
_PATIENCE_SECONDS = 30


@pytest.fixture
def browser(tmp_path):
    with browse(chromium, tmp_path) as opened:
        yield opened


def wait_for(browser: Browser, words: str) -> None:
    """Until a page with these words is there."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while words not in (shown := browser.run("document.body?.innerText ?? ''")):
        assert time.monotonic() < deadline, shown


def enter(browser: Browser, text: str) -> None:
    """Type into the field that has the focus, and press Enter: keys of a person, not a script's."""
    assert browser.run("document.activeElement.tagName") == "INPUT"
    browser.command("Input.insertText", text=text)
    for kind in ("rawKeyDown", "char", "keyUp"):
        browser.command(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )


def press(browser: Browser, words: str) -> None:
    """Click on the button with these words."""
    find = f"[...document.querySelectorAll('button')].find(one => one.innerText === {words!r})"
    browser.run(f"{find}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    box = browser.run(f"{find}.getBoundingClientRect().toJSON()")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind in ("mousePressed", "mouseReleased"):
        browser.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def look(browser: Browser, folder: Path, name: str) -> Path:
    """A picture of the page, as a phone shows it."""
    picture = browser.command("Page.captureScreenshot", captureBeyondViewport=True)["data"]
    file = folder / f"{name}.png"
    file.write_bytes(base64.b64decode(picture))
    return file


def test_a_citizen_says_yes_on_a_phone_that_runs_no_scripts(client, house, home, browser, tmp_path):
    app = register(client(), redirect_uris=["http://127.0.0.1/back"])
    app.back = f"{home.url}/back"
    browser.open("about:blank")
    browser.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.command("Page.navigate", url=house + app.question(scope="bills:read profile:read", ui_locales="vi"))

    wait_for(browser, "Đăng nhập để tiếp tục")
    pictures = [look(browser, tmp_path, "number")]
    enter(browser, AN)
    wait_for(browser, "Nhập mã vừa nhận")
    enter(browser, f"{(int(code_sent()) + 1) % 1_000_000:06d}")
    wait_for(browser, "Còn 4 lần thử")
    pictures.append(look(browser, tmp_path, "code"))
    enter(browser, code_sent())
    wait_for(browser, "Cho phép “Sổ chi tiêu” xem dữ liệu của bạn?")
    pictures.append(look(browser, tmp_path, "consent"))
    is_wider = browser.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    press(browser, "Cho phép")

    brought = home.wait()
    assert (brought["state"], brought["iss"]) == ("s-123", house)
    assert app.redeem(brought["code"]).status_code == 200
    assert not is_wider
    assert all(picture.stat().st_size > 20_000 for picture in pictures)


def test_the_page_stays_out_of_a_foreign_frame(client, house, home, browser):
    app = register(client(), redirect_uris=["http://127.0.0.1/back"])
    app.back = f"{home.url}/back"
    browser.open(f"{home.url}/trap?src={quote(house + app.question())}")
    deadline = time.monotonic() + _PATIENCE_SECONDS

    def framed() -> str:
        (frame,) = browser.command("Page.getFrameTree")["frameTree"]["childFrames"]
        return frame["frame"]["url"]

    while (url := framed()) in {"", "about:blank", ":"}:
        assert time.monotonic() < deadline

    assert url.startswith("chrome-error://")


def test_the_same_page_is_read_without_a_browser_of_any_kind(client, house):
    """What the browser shows stands in the text: nothing is drawn by a script."""
    page = Reader(client()).open(register(client()).question())

    assert "<script" not in page.text
    assert page.text.count("<form") == 2
