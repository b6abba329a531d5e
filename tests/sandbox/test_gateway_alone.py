"""The gateway as a component of its own: its process, its four neighbours, its README and what survives kill -9."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from sandbox.gateway import create_gateway, serve
from sandbox.gateway.limits import NOT_SIMULATED, OWN_READINGS
from sandbox.store import Store
from tests.sandbox.gateway_books import check_the_books, control, every, move_clock
from tests.sandbox.sandbox_clients import Gateway, gateway_client, paid

ROOT = Path(__file__).parents[2]
NEIGHBOURS = ("store.py", "clock.py", "faults.py", "serving.py")
DAY = 24 * 3600

Begin = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Run `python -m sandbox.gateway` from a folder; every process still running is ended afterwards."""
    running: list[subprocess.Popen[str]] = []

    def go(folder: Path = ROOT) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "sandbox.gateway", "--port", "0", "--state", str(tmp_path / "state")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env={"PYTHONPATH": ""})
        running.append(child)
        assert child.stdout is not None
        return child, child.stdout.readline().removeprefix("gateway: ").strip().removesuffix("/stripe")

    yield go
    for child in running:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def test_it_runs_from_its_own_folder_and_four_files(begin: Begin, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "sandbox"
    shutil.copytree(ROOT / "sandbox" / "gateway", alone / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEIGHBOURS:
        shutil.copy(ROOT / "sandbox" / name, alone / name)
    (alone / "__init__.py").touch()

    child, url = begin(alone.parent)
    intent = paid(gateway_client(url), "pm_card_authenticationRequired")
    page = requests.get(intent.next_action.redirect_to_url.url, timeout=5)

    assert (child.poll(), page.status_code) == (None, 200)
    assert "Những gì không được mô phỏng" in requests.get(url, timeout=5).text


def test_what_is_due_survives_kill_9(begin: Begin) -> None:
    child, url = begin()
    gateway = gateway_client(url)
    failing, disputed = paid(gateway, "pm_card_refundFail"), paid(gateway, "pm_card_createDispute")
    held = paid(gateway, capture_method="manual")
    refund = gateway.v1.refunds.create({"payment_intent": failing.id, "amount": 100_000})

    child.send_signal(signal.SIGKILL)
    child.wait()
    _, url = begin()
    gateway = gateway_client(url)
    move_clock(url, 8 * DAY)

    assert gateway.v1.refunds.retrieve(refund.id).status == "failed"
    assert [each.status for each in gateway.v1.disputes.list({"payment_intent": disputed.id}).data] == [
        "needs_response"
    ]
    assert gateway.v1.payment_intents.retrieve(held.id).cancellation_reason == "automatic"
    assert every(gateway.v1.payouts) == []
    check_the_books(url, gateway)


def test_a_jump_of_the_clock_does_everything_once(begin: Begin) -> None:
    child, url = begin()
    gateway = gateway_client(url)
    paid(gateway, "pm_card_bypassPending")

    for _ in range(2):
        move_clock(url, 9 * DAY)
    child.send_signal(signal.SIGKILL)
    child.wait()
    _, url = begin()

    gateway = gateway_client(url)
    assert [(payout.amount, payout.status) for payout in every(gateway.v1.payouts)] == [(242_750, "paid")]
    assert control(url, "gateway/run") == {"done": 0}
    check_the_books(url, gateway)


def test_starting_over_keeps_who_is_told(begin: Begin) -> None:
    _, url = begin()
    gateway: Gateway = gateway_client(url)
    endpoint = gateway.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/x", "enabled_events": ["charge.failed"]})
    paid(gateway)

    control(url, "reset")

    assert every(gateway.v1.payment_intents) == []
    assert gateway.v1.balance.retrieve().pending[0].amount == 0
    assert [each.id for each in gateway.v1.webhook_endpoints.list().data] == [endpoint.id]


@pytest.mark.parametrize("at", [0, 1], ids=["en", "vi"])
def test_what_is_not_simulated_is_a_page(tmp_path: Path, at: int) -> None:
    server = serve(create_gateway(tmp_path / "state")).start()

    page = requests.get(f"{server.url}/stripe/not-simulated?lang={('en', 'vi')[at]}", timeout=5)
    server.stop()

    text = page.text.replace("&#39;", "'")
    assert page.status_code == 200
    assert all(line[at] in text for line in (*NOT_SIMULATED, *OWN_READINGS))


def test_the_readme_holds_the_same_lists() -> None:
    readme = re.sub(r"\s+", " ", (ROOT / "sandbox" / "gateway" / "README.md").read_text(encoding="utf-8"))

    assert all(f"- {english}" in readme for english, _ in (*NOT_SIMULATED, *OWN_READINGS))


def test_a_state_from_before_payouts_is_counted_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "gateway.sqlite3")
    before = {"id": "txn_1", "object": "balance_transaction", "amount": 250_000, "fee": 7_250, "net": 242_750}
    store.put(
        "balance_transaction",
        "txn_1",
        before | {"available_on": int(time.time()) - 60, "created": 0, "type": "charge", "source": "ch"},
    )
    store.put("balance", "vnd", {"total": 242_750})
    store.close()

    server = serve(create_gateway(tmp_path)).start()
    balance = gateway_client(server.url).v1.balance.retrieve()
    server.stop()

    assert (balance.available[0].amount, balance.pending[0].amount) == (242_750, 0)
