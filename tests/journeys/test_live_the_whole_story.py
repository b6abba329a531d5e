"""A citizen pays an electricity bill: the whole story, against everything really running."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demos import DEMO, Demo, folder_for_demo, running_demo, wait_until
from tests.templates import KEYS, Templates

pytestmark = pytest.mark.timeout(600)
POWER = "pc-thanh-hoa"
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


@pytest.fixture
def var(templates: Templates, programs: Path | None) -> Iterator[Path]:
    """The folder of a demo whose province is loaded already; another test sees one start from nothing."""
    with folder_for_demo() as var:
        if programs is None:  # a demo has the wheel's, and could not read what others have written
            (var / "secrets").mkdir(parents=True, mode=0o700)
            for name, key in KEYS.items():
                (var / "secrets" / name.lower()).write_text(key)
                (var / "secrets" / name.lower()).chmod(0o600)
            templates.copy_province(var / "postgres")
        yield var


def test_the_whole_story_can_be_lived_as_often_as_one_likes(var: Path, figure: Callable[[str], None]) -> None:
    # One story, because a start takes longer than all that happens then.
    with running_demo(var) as demo:
        walked = the_bill_is_paid_posted_and_announced_as_often_as_one_likes(demo, figure)
        no_personal_number_is_printed_whole(demo, walked)
        a_journey_that_goes_astray_says_where_and_fails(demo)


@pytest.mark.long
def test_the_next_start_finds_what_the_last_one_left_and_outlives_its_supervisor(
    var: Path, figure: Callable[[str], None]
) -> None:
    with running_demo(var) as demo:
        walked, postings = demo.journey(), demo.outside.postings(POWER)
        status, _ = demo.end()
        assert (walked.returncode, status) == (0, 0)
    began = time.monotonic()

    with running_demo(var) as demo:
        took = time.monotonic() - began
        kept, again = demo.outside.postings(POWER), demo.journey()

        figure(f"the next start took {took:.1f} s")
        assert kept == postings
        assert again.returncode == 0, again.stderr
        if Path("/proc/self/environ").exists():  # there it looks for processes
            nothing_survives_when_the_supervisor_is_killed_and_the_next_one_finds_its_keys(demo)


def the_bill_is_paid_posted_and_announced_as_often_as_one_likes(
    demo: Demo, figure: Callable[[str], None]
) -> subprocess.CompletedProcess[str]:
    """Each journey tells all of its steps; gives the last one."""
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
    return walked


def no_personal_number_is_printed_whole(demo: Demo, walked: subprocess.CompletedProcess[str]) -> None:
    """Phone, customer code and name are masked in what the last journey has printed."""
    (sms, *_rest) = reversed(demo.outside.inbox("sms"))
    assert walked.returncode == 0
    assert sms["to"] not in walked.stdout
    assert sms["to"][-9:] not in walked.stdout
    assert "PA07TH0000001" not in walked.stdout
    assert "Nguyễn Văn An" not in walked.stdout


def a_journey_that_goes_astray_says_where_and_fails(demo: Demo) -> None:
    """The company does not post: the journey waits no longer than it says."""
    demo.outside.spoil("provider", "down", match={"slug": POWER, "path": "/postings"})

    walked = demo.journey()

    assert walked.returncode == 1
    assert walked.stderr == "Error: posting: nothing after 15 s\n"
    demo.outside.mend()
    paid_late = demo.outside.postings(POWER)
    assert walked.stdout.splitlines()[-1].endswith("Trả bằng thẻ            authorised"), paid_late


def nothing_survives_when_the_supervisor_is_killed_and_the_next_one_finds_its_keys(demo: Demo) -> None:
    """The next one ends with the status of the command that it is to end with."""
    keys = {path: path.read_bytes() for path in (demo.var / "secrets").iterdir()}
    assert len(demo.pids()) > len(("sandbox", "worker", "web", "postgres"))

    demo.process.kill()

    assert wait_until(lambda: not demo.pids())
    again = subprocess.run(
        [sys.executable, "-c", DEMO, str(demo.var), "no-such-command"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 2, again.stdout + again.stderr  # what click says to an unknown command
    assert {path: path.read_bytes() for path in (demo.var / "secrets").iterdir()} == keys
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert not demo.pids()
