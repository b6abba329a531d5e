"""A citizen pays an electricity bill: the whole story, against everything really running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import embedded
from kit.embedded import ends_with_parent
from tests.people import Outside

pytestmark = pytest.mark.timeout(300)
POWER = "pc-thanh-hoa"
ROOT = Path(__file__).parent.parent.parent
DEMO = """
import sys
from pathlib import Path
from server.demo import run_demo
sys.exit(run_demo(var=Path(sys.argv[1]), port=0, sandbox_port=0))
"""
STEPS = (
    "Điện lực gửi hóa đơn",
    "Đăng nhập",
    "Liên kết mã khách hàng",
    "Xem hóa đơn",
    "Trả bằng thẻ",
    "Điện lực gạch nợ",
    "Thông báo đẩy",
    "Hộp thư",
    "Sổ của điện lực",
)


class Demo:
    """Database, sandbox, worker and web, started by the one command that starts them for a developer."""

    def __init__(self, var: Path) -> None:
        self._var = var

    def start(self) -> None:
        """Run it; returns when it says that it is ready."""
        self.said = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", DEMO, str(self._var)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "BASE_URL"}},
            process_group=0,
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )
        assert self._process.stdout is not None
        while "Ctrl-C stops everything" not in self.said:
            line = self._process.stdout.readline()
            assert line, f"it ended before it was ready:\n{self.said}"
            self.said += line
        self.url, self.sandbox = self._address("Start page"), self._address("SMS and push").removesuffix("/inbox")
        self.outside = Outside(self.sandbox)

    def _address(self, name: str) -> str:
        return re.findall(rf"^  {name} +(http://\S+?)/?$", self.said, re.MULTILINE)[0]

    def journey(self) -> subprocess.CompletedProcess[str]:
        """`citizen journey` on this demo."""
        command = [sys.executable, "-m", "server.cli", "journey", "--url", self.url, "--sandbox", self.sandbox]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    def end(self) -> int:
        """Ctrl-C; gives the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)
        return self._process.returncode


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One that runs for all these tests."""
    parent = Path(tempfile.mkdtemp(prefix="journey-"))
    parent.chmod(0o755)  # the database's account must get in
    demo = Demo(parent / "var")
    try:
        demo.start()
        yield demo
    finally:
        demo.end()
        embedded.remove(parent / "var" / "postgres")
        shutil.rmtree(parent)


def test_the_bill_is_paid_posted_and_announced_as_often_as_one_likes(demo: Demo, figure: Callable[[str], None]) -> None:
    times = []

    for _ in range(2):
        began = time.monotonic()
        walked = demo.journey()
        times.append(time.monotonic() - began)
        assert (walked.returncode, walked.stderr) == (0, "")
        told = [line[11:].split("  ")[0] for line in walked.stdout.splitlines() if line[6:9] == " ms"]
        assert tuple(told) == STEPS

    figure("journeys of " + " and ".join(f"{seconds:.1f} s" for seconds in times))
    assert max(times) < 60


def test_no_personal_number_is_printed_whole(demo: Demo) -> None:
    walked = demo.journey()

    (sms, *_rest) = reversed(demo.outside.inbox("sms"))
    assert walked.returncode == 0
    assert sms["to"] not in walked.stdout
    assert sms["to"][-9:] not in walked.stdout
    assert "PA07TH0000001" not in walked.stdout
    assert "Nguyễn Văn An" not in walked.stdout


def test_a_journey_that_goes_astray_says_where_and_fails(demo: Demo) -> None:
    demo.outside.spoil("provider", "down", match={"slug": POWER, "path": "/postings"})

    walked = demo.journey()

    assert walked.returncode == 1
    assert walked.stderr == "Error: posting: nothing after 15 s\n"
    demo.outside.mend()
    paid_late = demo.outside.postings(POWER)
    assert walked.stdout.splitlines()[-1].endswith("Trả bằng thẻ            authorised"), paid_late


def test_the_next_start_finds_what_the_last_one_left(demo: Demo, figure: Callable[[str], None]) -> None:
    walked, postings = demo.journey(), demo.outside.postings(POWER)
    assert (walked.returncode, demo.end()) == (0, 0)
    began = time.monotonic()

    demo.start()
    took = time.monotonic() - began
    kept, again = demo.outside.postings(POWER), demo.journey()

    figure(f"the next start took {took:.1f} s")
    assert kept == postings
    assert again.returncode == 0, again.stderr
