"""Measure: `python -m benchmarks [sign-in] [payments] [finalising] [reads] [imports] [clinics] [reconciliation] …`."""

from __future__ import annotations

import argparse
import os
import platform
import pstats
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import bills, clinics, finalising, payments, pgbench, reads, reconciliation, sign_in
from benchmarks.finalising import Finalised
from benchmarks.house import ROOT, WEB_THREADS, WEB_WORKERS, House
from benchmarks.load import Measured, percentile
from benchmarks.payments import Roads
from benchmarks.pgbench import Baseline
from benchmarks.statements import InProcess, Script, read_script
from kit import database, embedded

_IN_THE_HOUSE = ("sign-in", "payments", "finalising", "reads", "imports", "clinics")
_USUAL = (*_IN_THE_HOUSE, "reconciliation")
_PAYMENTS = 1_000  # over HTTP
_WARM_UP = 10  # payments of each app that do not count
_READ = 8  # payments made to read their SQL: enough that every statement is prepared
_PROFILED = 20
_TOKENS = 2_000


def main() -> int:
    """Run what was asked for and print tables."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("parts", nargs="*", help=f"of {', '.join(_USUAL)}, profile")
    options.add_argument(
        "--payments",
        type=int,
        help=f"how many payments over HTTP (1,000), or of the month ({reconciliation.PAYMENTS:,}; 700 or more)",
    )
    options.add_argument("--rows", type=int, default=reconciliation.ROWS, help="of the ledger, and of the statement")
    options.add_argument("--clients", type=int, default=8, help="how many apps at once")
    options.add_argument("--reads", type=int, default=250, help="requests of each app for each read")
    options.add_argument("--sign-ins", type=int, default=50, help="how many citizens sign in")
    options.add_argument("--bills", type=int, default=100_000, help="how many bills the big file has")
    asked = options.parse_args()
    if unknown := set(asked.parts) - {*_USUAL, "profile"}:
        options.error(f"there is no part {', '.join(unknown)}")
    asked.parts = set(asked.parts or _USUAL)
    # A proxy of the machine must not carry what is meant for 127.0.0.1.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    _say(f"{_machine()}\n{_load()}")
    closes = True
    if asked.parts & {*_IN_THE_HOUSE, "profile"}:
        folder = Path(tempfile.mkdtemp(prefix="citizen-bench-"))
        try:
            with House(folder) as house:
                _measure(house, asked)
        finally:
            embedded.remove(folder / "postgres")
            shutil.rmtree(folder, ignore_errors=True)
    if "reconciliation" in asked.parts:
        with reconciliation.books() as server:
            _tell_matched(reconciliation.match(server, asked.rows))
            closes = _tell_month(reconciliation.close_month(server, asked.payments or reconciliation.PAYMENTS))
    _say(f"\n{_load()} at the end")
    return 0 if closes else 1


def _measure(house: House, asked: argparse.Namespace) -> None:
    _say(f"web {WEB_WORKERS} processes x {WEB_THREADS} threads, 1 worker, sandbox at no delay")
    each = -(-(asked.payments or _PAYMENTS) // asked.clients)
    file = house.folder / "bills.csv"
    bills.write_file(file, asked.clients, _WARM_UP + each + _READ + _PROFILED)
    shutil.copy(file, house.sample / f"bills_{bills.SLUG}.csv")
    for name in ("sandbox", "web", "worker"):
        house.start(name)
    if "sign-in" in asked.parts:
        _tell_sign_in(house, asked.sign_ins)
    if asked.parts - {"imports", "sign-in", "finalising", "clinics"}:
        bills.send_file(house, file)
        _measure_households(house, asked, each)
    if "finalising" in asked.parts:
        _finalise(house, asked.clients, each)
    if "imports" in asked.parts:
        _tell_imports(house, asked.bills)
    if "clinics" in asked.parts:
        _tell_reads(clinics.poll(house))
        _tell_rush(clinics.rush(house))


def _measure_households(house: House, asked: argparse.Namespace, each: int) -> None:
    households = bills.move_in(house, asked.clients)
    roads = payments.pay(house, households, _WARM_UP)
    if "payments" in asked.parts:
        roads = payments.pay(house, households, each)
    bills.sign_in_again(house, households)
    if "reads" in asked.parts:
        _tell_reads(reads.read(households, asked.reads))
    bills.sign_in_again(house, households)
    inside, mine = InProcess(house), households[0].bills
    script = read_script(house, inside, households[0], [mine.pop() for _ in range(_READ)])
    if "profile" in asked.parts:
        _tell_profile(inside.profile(households[0], [mine.pop() for _ in range(_PROFILED)]))
    if "payments" in asked.parts:
        # A copy of the database can only be made while nobody is connected to it.
        house.stop("web", "worker")
        database.disconnect()
        _tell_payments(roads, asked.clients, script, pgbench.run(house, script, clients=asked.clients, each=each))
        for name in ("web", "worker"):
            house.start(name)


def _finalise(house: House, clients: int, each: int) -> None:
    # A copy of the database can only be made while nobody is connected to it.
    house.stop("web", "worker")
    database.disconnect()
    _tell_finalising(finalising.finalise(house, clients=clients, each=each), clients)
    for name in ("web", "worker"):
        house.start(name)


def _tell_sign_in(house: House, count: int) -> None:
    verified = sign_in.verify(_TOKENS)
    median = percentile(verified.first, 0.5) * 1000
    verdict = "under" if median < sign_in.MOST_MILLISECONDS else "NOT under"
    _table(
        f"CPU time of checking a token: {verdict} the {sign_in.MOST_MILLISECONDS} ms it may take",
        ("", "p50 ms", "p99 ms"),
        [
            (name, *(f"{percentile(taken, p) * 1000:.3f}" for p in (0.5, 0.99)))
            for name, taken in (("seen for the first time", verified.first), ("seen before", verified.again))
        ],
    )
    waited = sign_in.sign_in(house, count)
    _table(
        f"From a number to the first answer, {count} citizens one after the other",
        ("", "p50 ms", "p99 ms"),
        [
            (name, *(f"{percentile(taken, p) * 1000:.0f}" for p in (0.5, 0.99)))
            for name, taken in (
                ("startPhoneSignIn", waited.asked),
                ("the text message, by the worker", waited.texted),
                ("answerPhoneChallenge", waited.answered),
                ("getMe", waited.first_answer),
                ("all of it", waited.whole),
            )
        ],
    )


def _tell_payments(roads: Roads, clients: int, script: Script, baseline: Baseline) -> None:
    answers, count = roads.answers, len(roads.road_seconds)
    _table(
        f"{count} payments over HTTP, {clients} apps at once",
        ("", "payments/s", "p50 ms", "p99 ms"),
        [
            ("payBills answered", f"{answers.rate:.1f}", *(f"{answers.milliseconds(p):.0f}" for p in (0.5, 0.99))),
            (
                "until posted by the company",
                f"{roads.posted_rate:.1f}",
                *(f"{percentile(roads.road_seconds, p) * 1000:.0f}" for p in (0.5, 0.99)),
            ),
            (f"{baseline.tool}, the SQL of payBills alone", f"{baseline.rate:.1f}", "", ""),
            ("payBills answered / the SQL alone", f"{answers.rate / baseline.rate:.3f}", "", ""),
            ("until posted / the SQL alone", f"{roads.posted_rate / baseline.rate:.3f}", "", ""),
        ],
    )
    kinds = Counter(line.split()[0] for line in script.statements)
    _say(f"\nSQL of one payBills: {len(script.statements)} statements ({_listed(kinds)})")
    total = sum(roads.cpu_seconds.values())
    _table(
        f"CPU time of one payment until posted: {total / count * 1000:.1f} ms, on {os.cpu_count()} cores",
        ("", "ms", "share"),
        [
            (part, f"{seconds / count * 1000:.1f}", f"{seconds / total:.0%}")
            for part, seconds in sorted(roads.cpu_seconds.items(), key=lambda entry: -entry[1])
        ],
    )


def _tell_finalising(done: Finalised, clients: int) -> None:
    _table(
        f"Finalising {len(done.ours.latencies)} payments, {clients} at once: state, journal, entries, job, one commit",
        ("", "finalised/s", "p50 ms", "p99 ms"),
        [
            (name, f"{taken.rate:.0f}", *(f"{taken.milliseconds(p):.2f}" for p in (0.5, 0.99)))
            for name, taken in (("our code, in one process", done.ours), ("pgbench, the same SQL", done.alone))
        ]
        + [("ours / the SQL alone", f"{done.ours.rate / done.alone.rate:.2f}", "", "")],
    )
    kinds = Counter(line.split()[0] for line in done.script.statements)
    _say(f"\nSQL of finalising one: {len(done.script.statements)} statements ({_listed(kinds)})")


def _tell_reads(measured: Iterable[tuple[str, Measured]]) -> None:
    _table(
        "Reads over HTTP",
        ("", "requests/s", "p50 ms", "p99 ms"),
        [
            (operation, f"{taken.rate:.0f}", *(f"{taken.milliseconds(p):.1f}" for p in (0.5, 0.99)))
            for operation, taken in measured
        ],
    )


def _tell_rush(rush: clinics.Rush) -> None:
    answers = rush.attempts
    _table(
        f"{clinics.ATTEMPTS} people on {clinics.CLIENTS} connections ask for {clinics.PLACES} places of one morning",
        ("", ""),
        [
            ("attempts/s", f"{answers.rate:.0f}"),
            ("p50 ms", f"{answers.milliseconds(0.5):.0f}"),
            ("p99 ms", f"{answers.milliseconds(0.99):.0f}"),
            ("answers", _listed(Counter(map(str, answers.statuses.elements())))),
            ("refusals", _listed(rush.refusals)),
            ("held, by how many people, counted as taken", f"{rush.held}, {rush.people}, {rush.taken}"),
        ],
    )


def _tell_imports(house: House, count: int) -> None:
    file = house.folder / "big.csv"
    bills.write_file(file, count // 4, 4, first=1_000_000)
    size = file.stat().st_size / 1e6
    rows = []
    for name in ("citizen utilities import", "the same file again"):
        spent = house.run("utilities", "import", str(file), "--provider", bills.SLUG)
        rows.append((name, f"{spent.seconds:.1f}", f"{count / spent.seconds:.0f}", f"{spent.peak_mib:.0f}"))
    bills.write_file(file, count // 4, 4, first=2_000_000)
    seconds = bills.send_file(house, file)
    rows.append(("sent over HTTP (peak of a web process)", "", "", f"{house.peak_mib('web'):.0f}"))
    rows.append(
        ("  and read by the worker", f"{seconds:.1f}", f"{count / seconds:.0f}", f"{house.peak_mib('worker'):.0f}")
    )
    _table(f"A file of {count} bills, {size:.1f} MB", ("", "seconds", "bills/s", "peak MiB"), rows)


def _tell_matched(matched: reconciliation.Matched) -> None:
    run, most, held = matched.run, reconciliation.MOST_SECONDS, reconciliation.MOST_MIB
    in_time, in_memory = ("under" if it else "NOT under" for it in (matched.seconds < most, matched.database < held))
    _table(
        f"{run.ours:,} rows of the ledger against {run.theirs:,} lines of a statement, {os.cpu_count()} cores",
        ("", ""),
        [
            ("seconds", f"{matched.seconds:.1f}, {in_time} {most}"),
            ("rows/s", f"{matched.rate:,.0f}"),
            ("matched", f"{run.matched:,}"),
            ("the database, all its processes: MiB at most", f"{matched.database:.0f}, {in_memory} {held}"),
            ("our process, with all it has loaded before: MiB at most", f"{matched.ours:.0f}"),
            ("both at one time: MiB at most", f"{matched.together:.0f}"),
        ],
    )


def _tell_month(month: reconciliation.Month) -> bool:
    """False when the month does not close."""
    verdict = "all found, named and closed" if not month.flaws else "THE MONTH DOES NOT CLOSE"
    _table(f"A month with {month.faults} planted faults: {verdict}", ("", "seconds"), month.steps)
    for flaw in month.flaws:
        _say(flaw)
    return not month.flaws


def _tell_profile(profile: object) -> None:
    stats = pstats.Stats(profile)  # type: ignore[arg-type]
    own: Counter[str] = Counter()
    for (path, _line, _name), (_calls, _primitive, seconds, _cumulative, _callers) in stats.stats.items():  # type: ignore[attr-defined]
        own[_owner(path)] += seconds
    total = sum(own.values())
    _table(
        f"CPU time of a web process in one payBills: {total / _PROFILED * 1000:.1f} ms under cProfile",
        ("", "ms", "share"),
        [(who, f"{seconds / _PROFILED * 1000:.2f}", f"{seconds / total:.0%}") for who, seconds in own.most_common(16)],
    )
    stats.sort_stats("cumulative").print_stats(r"/(kit|auth|payments|services|server)/", 45)


def _owner(path: str) -> str:
    if path == "~":
        return "built in"
    if path.startswith(str(ROOT)) and "site-packages" not in path:
        return Path(path).relative_to(ROOT).parts[0]
    return Path(path).parts[Path(path).parts.index("site-packages") + 1] if "site-packages" in path else "Python"


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    _say(f"\n## {title}\n")
    rule = ["---"] + ["---:"] * (len(head) - 1)
    for row in (head, rule, *rows):
        _say(f"| {' | '.join(row)} |")


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counted.most_common())


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}, Python {platform.python_version()}, commit {commit}"


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
