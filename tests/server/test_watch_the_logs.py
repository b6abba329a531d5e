"""What watches the log of the whole test run finds what it looks for, and nothing else."""

from __future__ import annotations

import logging

import pytest
from flask import Flask

from kit import logs
from tests.log_watch import LogWatch, find_personal

LINE = '{{"event": "seen", "level": "info", "request_id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f", "code": "{}"}}'


@pytest.mark.parametrize(
    ("kind", "planted"),
    [
        ("phone number", "+84912345678"),
        ("phone number", "84912345678"),
        ("phone number", "0912345678"),
        ("phone number", "0912 345 678"),
        ("CCCD", "034085009876"),
        ("card number", "4242424242424242"),
        ("customer code", "PA07TH7654321"),
        ("customer code", "NTH0000001"),
        ("health-insurance number", "DN4340123459999"),
        ("token", "wVZ6Qk0m1b0m8e0T2s0C9oYw4y7n3l1xk5u8r2q6p0A"),
        ("token", "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"),
        ("Vietnamese text", "Nguyễn Văn An"),
    ],
)
def test_a_planted_value_is_found(kind: str, planted: str) -> None:
    found = find_personal(LINE.format(planted))

    assert [line.partition(":")[0] for line in found] == [kind]


@pytest.mark.parametrize(
    "harmless",
    [
        "bill_paid_elsewhere",
        "019a0c1e-0000-7c00-8000-000000000012",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "ec9b60b8a57a37a4",
        "2026-11-21T07:00:28.532094Z",
        "636768",
        "pc-thanh-hoa",
        "payments.flows.settle:PaymentDoubtful",
    ],
)
def test_ids_times_and_slugs_are_not_taken_for_persons(harmless: str) -> None:
    assert find_personal(LINE.format(harmless)) == []


def test_a_pseudonym_of_digits_alone_is_no_card() -> None:
    assert find_personal('{"actor": "1234567890123456", "event": "request"}') == []
    assert find_personal('{"event": "1234567890123456"}') != []


def test_a_leak_in_any_thread_and_library_is_heard() -> None:
    watch = LogWatch()
    record = logging.LogRecord(
        "some.library", logging.WARNING, "/a/0912345678.py", 7, "told", None, None, "PA07TH7654321"
    )
    quoted = logging.LogRecord("some.library", logging.WARNING, "a.py", 7, "of +84912345678", ("x",), None, "f")

    watch.hear(record)
    watch.hear(quoted)

    assert sorted({line.partition(":")[0] for line in watch.look()}) == ["customer code", "phone number"]
    assert watch.look() == []


def test_the_watch_of_this_run_hears_our_own_lines(app: Flask, log_watch: LogWatch) -> None:
    log_watch.look()

    logs.logger.warning("seen", code="0912 345 678")

    (found,) = log_watch.look()
    assert found.startswith("phone number: ")
