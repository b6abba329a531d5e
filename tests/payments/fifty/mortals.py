"""A process that is killed at a named place, as by kill -9: what it leaves behind is what a crash leaves behind.

Each death is one of a fresh process, forked from one that has loaded the application and has nothing open: loading
takes longer than dying.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, NoReturn, Self

from services.utilities.models import Bill
from tests.people import Caller, Person

_ROOT = Path(__file__).parents[3]
_LONGEST_SECONDS = 100  # less than a test may take


class _Order(NamedTuple):
    """What a mortal is to do, and at which failpoint it dies."""

    settings: Any
    failpoint: str
    token: str
    paying: dict[str, Any]
    also: tuple[str, ...]


class Mortals:
    """Processes that die where they are told to; a context manager. `words` is the file of what they say."""

    def __init__(self, settings: Any, words: Path) -> None:
        self._settings = settings
        self._words = words

    def __enter__(self) -> Self:
        with self._words.open("ab") as words:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.payments.fifty.mortals"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                cwd=_ROOT,
                env=os.environ | {"PYTHONPATH": str(_ROOT)},
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.communicate(timeout=_LONGEST_SECONDS)  # the end of its input is its own

    def die_at(self, failpoint: str, person: Person, bill: Bill, *also: str) -> None:
        """Another process pays a bill, delivers the gateway's events if `webhooks` is asked for, works, and is killed.

        With `card` it has a card kept instead, under the key "one"; with `planned` it pays what is due in two days.
        """
        said_before = self._words.stat().st_size
        paying = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd, "payment_method": "pm_card_visa"}
        pickle.dump(_Order(self._settings, failpoint, person.token, paying, also), self._parent.stdin)
        self._parent.stdin.flush()
        status = self._parent.stdout.readline().decode().strip()
        with self._words.open("rb") as words:
            words.seek(said_before)
            said = words.read().decode(errors="replace")
        assert status == str(-signal.SIGKILL), f"{failpoint} was not reached, but {status!r}: {said[-3000:]}"


def _beget() -> None:
    """Fork a mortal for every order on the standard input, and tell how each ended, as `subprocess` does."""
    from server.app import assemble  # noqa: PLC0415 - only in this process
    from tests.payments import stories  # noqa: F401, PLC0415 - what its children need, loaded once

    app = None
    for order in _orders(sys.stdin.buffer):
        app = app or assemble(order.settings)
        # A connection or a lock that two processes have is no crash, but something that never happens.
        assert threading.active_count() == 1
        assert not _open_sockets()
        mortal = os.fork()
        if not mortal:
            _live(app, order)
        _, status = os.waitpid(mortal, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _orders(stream: BinaryIO) -> Iterator[_Order]:
    while True:
        try:
            yield pickle.load(stream)
        except EOFError:
            return


def _open_sockets() -> list[str]:
    """The sockets of this process, where /proc tells of them."""
    found = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        try:
            found.append(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # that of the folder we look into
    return [name for name in found if name.startswith("socket:")]


def _live(app: Any, order: _Order) -> NoReturn:
    """What a mortal does with its life; whoever outlives it ends here with status 0, or 1 after an exception."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True)
        _act(app, order)
        status = 0
    except BaseException:  # noqa: BLE001 - it is told, and the test fails with it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _act(app: Any, order: _Order) -> None:
    import services.utilities.flows  # noqa: PLC0415 - loaded by the parent
    from kit import clock, failpoints  # noqa: PLC0415
    from server.composition import compose  # noqa: PLC0415
    from tests.payments.stories import events_of, knock  # noqa: PLC0415
    from tests.people import Outside, Work  # noqa: PLC0415

    compose(order.settings)
    caller = Caller(app.test_client(), order.token)
    failpoints.arm(order.failpoint)
    if "card" in order.also:
        caller.post("/v1/payments/cards", json={"payment_method": "pm_card_visa"}, headers={"Idempotency-Key": "one"})
    elif "planned" in order.also:
        clock.move(timedelta(days=2, hours=1))
        services.utilities.flows.pay_planned()
    else:
        caller.post("/v1/utilities/payments", json=order.paying)
    if "webhooks" in order.also:
        for event in events_of(Outside(order.settings.sandbox_url)):
            knock(caller, event)
    Work()()


if __name__ == "__main__":
    # Orders name this module as the tests do.
    from tests.payments.fifty import mortals

    mortals._beget()
