"""What was answered is still there after a restart and after kill -9."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Receiver, Start, gateway_client, intent_params, paid, partner_headers

StartProcess = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def process(tmp_path: Path, sample: Path, receiver: Receiver) -> Iterator[StartProcess]:
    """Start the sandbox as a process of its own; every process still running is ended afterwards."""
    running: list[subprocess.Popen[str]] = []

    def go() -> tuple[subprocess.Popen[str], str]:
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sandbox",
                "--port",
                "0",
                "--state",
                str(tmp_path / "state"),
                "--sample",
                str(sample),
                "--webhook-url",
                receiver.url,
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        running.append(child)
        assert child.stdout is not None
        return child, child.stdout.readline().removeprefix("sandbox: ").strip()

    yield go
    for child in running:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def test_everything_is_there_after_a_restart(start: Start) -> None:
    world = start()
    gateway = gateway_client(world.url)
    intent = paid(gateway, capture_method="manual")
    posting = b'{"payment_ref":"p1","bill_no":"HD001","amount_vnd":425000,"paid_at":"2026-11-21T08:00:00+07:00"}'
    headers = partner_headers("power", posting)
    receipt = requests.post(f"{world.url}/providers/power/postings", data=posting, headers=headers, timeout=5).json()
    requests.post(
        f"{world.url}/sms/messages",
        json={"to": "+84912345678", "text": "xin chào"},
        timeout=5,
        headers={"Idempotency-Key": "k"},
    )
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 600}, timeout=5)
    fault = {"target": "gateway", "action": "rate_limit", "nth": 2}
    requests.post(f"{world.url}/control/faults", json=fault, timeout=5)

    world = start()
    gateway = gateway_client(world.url)

    assert gateway.v1.payment_intents.capture(intent.id).status == "succeeded"
    with pytest.raises(stripe.RateLimitError):
        gateway.v1.balance.retrieve()
    again = requests.post(f"{world.url}/providers/power/postings", data=posting, headers=headers, timeout=5)
    assert (again.status_code, again.json()) == (200, receipt)
    assert requests.get(f"{world.url}/inbox.json", timeout=5).json()["items"][0]["text"] == "xin chào"
    assert requests.get(f"{world.url}/control/clock", timeout=5).json()["offset_seconds"] == 600


def test_a_stopped_sandbox_hangs_up_on_its_clients(start: Start) -> None:
    world = start()
    with requests.Session() as session:
        session.get(f"{world.url}/healthz", timeout=5)
        start()

        with pytest.raises(requests.ConnectionError):
            session.get(f"{world.url}/healthz", timeout=5)


def test_a_connection_serves_many_calls(world: Server) -> None:
    connection = http.client.HTTPConnection(world.url.removeprefix("http://"), timeout=5)
    with contextlib.closing(connection):
        connection.connect()
        line = connection.sock
        answers = []
        for _ in range(3):
            connection.request("GET", "/healthz")
            answers.append(connection.getresponse().read())

        assert answers == [b'{"status":"ok"}'] * 3
        assert connection.sock is line


def test_two_sandboxes_cannot_share_a_state_directory(process: StartProcess) -> None:
    first, url = process()

    second, nothing = process()

    assert url.startswith("http://127.0.0.1:")
    assert (nothing, second.wait(timeout=20)) == ("", 1)
    assert first.poll() is None


def test_no_answered_payment_is_lost_by_kill_9(process: StartProcess, receiver: Receiver) -> None:
    child, url = process()
    answered: list[str] = []
    killed = threading.Event()

    def pay(worker: int) -> None:
        client = gateway_client(url)
        for number in range(1000):
            key = f"{worker}-{number}"
            try:
                client.v1.payment_intents.create(
                    intent_params(payment_method="pm_card_visa", confirm=True, metadata={"payment_id": key}),
                    {"idempotency_key": key},
                )
            except stripe.APIConnectionError:
                return
            answered.append(key)
            if len(answered) >= 40:
                killed.set()

    threads = [threading.Thread(target=pay, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    assert killed.wait(30)
    child.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()

    _, url = process()
    gateway = gateway_client(url)

    intents = list(gateway.v1.payment_intents.list({"limit": 100}).auto_paging_iter())
    paid_keys = [intent.metadata["payment_id"] for intent in intents]
    assert set(answered) <= set(paid_keys)
    assert len(paid_keys) == len(set(paid_keys))
    booked = list(gateway.v1.balance_transactions.list({"limit": 100}).auto_paging_iter())
    balance = gateway.v1.balance.retrieve()
    assert balance.pending[0].amount == sum(each.net for each in booked) == len(intents) * 242_750
    # Asked again with its key, a payment that may or may not have happened is made exactly once.
    for key in paid_keys:
        gateway.v1.payment_intents.create(
            intent_params(payment_method="pm_card_visa", confirm=True, metadata={"payment_id": key}),
            {"idempotency_key": key},
        )
    assert len(list(gateway.v1.payment_intents.list({"limit": 100}).auto_paging_iter())) == len(intents)
    receiver.wait(lambda calls: len({json.loads(body)["id"] for body, *_ in calls}) == 3 * len(intents), 30)


def test_an_interrupted_process_ends_in_order(process: StartProcess) -> None:
    child, url = process()
    requests.get(f"{url}/healthz", timeout=5)

    child.send_signal(signal.SIGTERM)

    assert child.wait(timeout=20) == 0
