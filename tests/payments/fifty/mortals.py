"""A process that is killed at a named place, as by kill -9: what it leaves behind is what a crash leaves behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.utilities.models import Bill
from tests.people import Person

_ROOT = Path(__file__).parents[3]


def die_at(failpoint: str, settings: Any, person: Person, bill: Bill, *also: str) -> None:
    """Another process pays a bill, delivers the gateway's events when `webhooks` is asked for, works, and is killed.

    With `card` it has a card kept instead, under the key "one"; with `planned` it pays what is due in two days.
    """
    with tempfile.TemporaryDirectory() as folder:
        order = Path(folder) / "order"
        paying = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd, "payment_method": "pm_card_visa"}
        order.write_bytes(pickle.dumps((settings, failpoint, person.token, paying, also)))
        command = [sys.executable, "-m", "tests.payments.fifty.mortals", str(order)]
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        ended = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    assert ended.returncode == -signal.SIGKILL, f"{failpoint} was not reached: {ended.stderr[-3000:]}"


def _live(order: Path) -> None:
    import services.utilities.flows  # noqa: PLC0415 - only in the child
    from kit import clock, failpoints  # noqa: PLC0415
    from server.app import create_app  # noqa: PLC0415
    from tests.payments.stories import events_of, knock  # noqa: PLC0415
    from tests.people import Caller, Outside, Work  # noqa: PLC0415

    settings, failpoint, token, paying, also = pickle.loads(order.read_bytes())
    caller = Caller(create_app(settings).test_client(), token)
    failpoints.arm(failpoint)
    if "card" in also:
        caller.post("/v1/payments/cards", json={"payment_method": "pm_card_visa"}, headers={"Idempotency-Key": "one"})
    elif "planned" in also:
        clock.move(timedelta(days=2, hours=1))
        services.utilities.flows.pay_planned()
    else:
        caller.post("/v1/utilities/payments", json=paying)
    if "webhooks" in also:
        for event in events_of(Outside(settings.sandbox_url)):
            knock(caller, event)
    Work()()


if __name__ == "__main__":
    _live(Path(sys.argv[1]))
