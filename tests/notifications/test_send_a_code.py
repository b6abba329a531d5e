"""One-time codes by text message: sent once, in time, and with the number in the body alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

import auth.operations
from auth.events import PhoneChallengeStarted
from auth.models import Language, PhoneChallenge
from kit import clock, vault
from kit.database import new_id, transaction
from kit.errors import NotFound
from kit.events import TryLater
from notifications import flows, sms
from tests.people import Outside

PHONE = "+84912345678"


def test_a_code_is_sent_in_the_language_it_was_asked_for(client: Callable[[], FlaskClient], outside: Outside) -> None:
    vi, en = _ask(Language.VI), _ask(Language.EN)

    flows.send_code(PhoneChallengeStarted(vi))
    flows.send_code(PhoneChallengeStarted(en))

    first, second = outside.inbox("sms")
    assert (first["to"], second["to"]) == (PHONE, PHONE)
    assert first["text"].startswith(f"{_code(vi)} là mã đăng nhập của bạn")
    assert second["text"].startswith(f"{_code(en)} is your sign-in code")


def test_a_job_that_runs_twice_sends_the_code_once(client: Callable[[], FlaskClient], outside: Outside) -> None:
    challenge_id = _ask()

    flows.send_code(PhoneChallengeStarted(challenge_id))
    flows.send_code(PhoneChallengeStarted(challenge_id))

    assert len(outside.inbox("sms")) == 1


def test_a_code_that_has_expired_meanwhile_is_not_sent(
    client: Callable[[], FlaskClient], outside: Outside, later: Callable[[timedelta], None]
) -> None:
    challenge_id = _ask()
    later(timedelta(minutes=10))

    flows.send_code(PhoneChallengeStarted(challenge_id))

    assert outside.inbox("sms") == []


def test_an_answer_that_was_lost_leads_to_no_second_text(client: Callable[[], FlaskClient], outside: Outside) -> None:
    challenge_id = _ask()
    outside.spoil("sms", "cut")

    with pytest.raises(TryLater):
        flows.send_code(PhoneChallengeStarted(challenge_id))
    flows.send_code(PhoneChallengeStarted(challenge_id))

    assert len(outside.inbox("sms")) == 1


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ({"action": "down"}, 3),
        ({"action": "error", "status": 500}, 3),
        ({"action": "rate_limit", "seconds": 7}, 7),
        ({"action": "rate_limit", "seconds": 3600}, 30),
    ],
)
def test_a_company_that_is_down_or_busy_is_asked_again_soon(
    client: Callable[[], FlaskClient], outside: Outside, fault: dict[str, Any], wait: int
) -> None:
    challenge_id = _ask()
    outside.spoil("sms", **fault)

    with pytest.raises(TryLater) as asked:
        flows.send_code(PhoneChallengeStarted(challenge_id))
    outside.mend()
    flows.send_code(PhoneChallengeStarted(challenge_id))

    assert asked.value.seconds == wait
    assert len(outside.inbox("sms")) == 1


def test_a_company_that_cannot_be_reached_is_asked_again_soon(
    client: Callable[[], FlaskClient], outside: Outside
) -> None:
    challenge_id = _ask()
    sms.connect("http://127.0.0.1:9/sms", "sandbox")

    with pytest.raises(TryLater) as asked:
        flows.send_code(PhoneChallengeStarted(challenge_id))

    assert asked.value.seconds == 3


def test_a_refusal_for_good_ends_the_job(client: Callable[[], FlaskClient], outside: Outside) -> None:
    challenge_id = _ask()
    outside.spoil("sms", "error", status=400, count=100)

    flows.send_code(PhoneChallengeStarted(challenge_id))

    assert outside.inbox("sms") == []


def test_a_code_of_nobody_cannot_be_sent(client: Callable[[], FlaskClient], outside: Outside) -> None:
    with pytest.raises(NotFound):
        flows.send_code(PhoneChallengeStarted(uuid4()))

    assert outside.inbox("sms") == []


def test_the_number_and_the_code_stand_in_the_body_alone(client: Callable[[], FlaskClient], recorder: Recorder) -> None:
    sms.connect(recorder.url, "key-of-ours")
    challenge_id = _ask()

    flows.send_code(PhoneChallengeStarted(challenge_id))

    ((path, headers, body),) = recorder.calls
    assert PHONE in body
    assert _code(challenge_id) in body
    assert path == "/messages"
    assert headers["Idempotency-Key"] == str(challenge_id)
    assert headers["Authorization"] == "Bearer key-of-ours"
    outside_of_body = f"{path} {headers}"
    assert not re.search(rf"912345678|{_code(challenge_id)}", outside_of_body)


def test_a_redirect_does_not_carry_the_number_elsewhere(client: Callable[[], FlaskClient], recorder: Recorder) -> None:
    sms.connect(recorder.url, "key-of-ours")
    recorder.answer = (307, {"Location": f"{recorder.url}/elsewhere"})

    with pytest.raises(sms.SmsRefused) as refused:
        sms.send(PHONE, "text", "key")

    assert refused.value.code == "http_307"
    assert [path for path, _headers, _body in recorder.calls] == ["/messages"]


def test_neither_number_nor_text_stands_in_an_error(client: Callable[[], FlaskClient], outside: Outside) -> None:
    outside.spoil("sms", "error", status=422)
    outside.spoil("sms", "cut", nth=2)

    with pytest.raises(sms.SmsRefused) as refused:
        sms.send(PHONE, "secret text", "key-1")
    with pytest.raises(sms.SmsDelayed) as delayed:
        sms.send(PHONE, "secret text", "key-2")

    for raised in (refused.value, delayed.value, delayed.value.__cause__):
        assert not re.search("912345678|secret text", f"{raised!r} {raised}")


class Recorder:
    """A company that only writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], str]] = []
        self.answer: tuple[int, dict[str, str]] = (201, {})
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                recorder.calls.append((self.path, dict(self.headers), body))
                status, headers = recorder.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    Thread(target=recorder.http.serve_forever, args=(0.02,), daemon=True).start()
    yield recorder
    recorder.http.shutdown()
    recorder.http.server_close()


def _ask(language: Language = Language.VI) -> UUID:
    """A citizen has asked for a code; returns the challenge's id."""
    with transaction() as session:
        challenge_id = new_id()
        asked = PhoneChallenge(
            id=challenge_id,
            phone_sealed=vault.seal_briefly("phone challenge", challenge_id, PHONE),
            language=language,
            expires_at=clock.now() + timedelta(minutes=10),
        )
        session.add(asked)
        session.flush()
        return asked.id


def _code(challenge_id: UUID) -> str:
    with transaction() as session:
        return auth.operations.get_code_to_send(session, challenge_id).code
