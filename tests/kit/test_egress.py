"""Calls to addresses that others have named: only to public hosts, and only to the address that was checked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kit import egress
from kit.egress import AddressRefused, NotDelivered

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
# None of these is ever contacted: they are parsed, and names are resolved by the test.
MALFORMED = (
    "", "https://", "https:///path", "https://host name.vn/", "https://cong-ty.vn\\@127.0.0.1/",
    "https://cong-ty.vn/\n",
    "https://cong-ty.vn/\x00", "https://cong-ty.vn:99999/", "https://cong-ty.vn:x/", "https://[::1/",
    "https://công-ty.vn/",
    "https://user@cong-ty.vn/", "https://user:secret@cong-ty.vn/", "https://cong-ty.vn/#x", "https://cong-ty.vn/#",
    "https://cong-ty.vn/" + "a" * 2000, "https://①②⑦.⓪.⓪.①/",
)  # fmt: skip
NOT_HTTPS = (
    "http://cong-ty.vn/", "ftp://cong-ty.vn/", "file:///etc/passwd", "gopher://cong-ty.vn/", "//cong-ty.vn/",
    "cong-ty.vn",
    "javascript:alert(1)",
    "HTTPS.cong-ty.vn/", "http://169.254.169.254/latest/meta-data/",
)  # fmt: skip
NOT_A_NAME = (
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/",
    "https://0177.0.0.1/", "https://017700000001/", "https://0/", "https://10.0.0.1/", "https://172.16.0.1/",
    "https://192.168.1.1/", "https://169.254.169.254/", "https://100.64.0.1/", "https://93.184.215.14/",
    "https://[::1]/",
    "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fe80::1%25eth0]/", "https://[64:ff9b::7f00:1]/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    "https://localhost/", "https://router/", "https://cong-ty.vn./", "https://.vn/", "https://cong_ty.vn/",
    "https://-cong-ty.vn/", "https://cong..vn/", "https://127.0.0.1.nip.1/", "https://" + "a" * 64 + ".vn/",
    "https://" + ".".join(["a" * 60] * 5) + ".vn/", "https://*.cong-ty.vn/", "https://cong%2dty.vn/",
)  # fmt: skip
NEARBY = (
    "https://sub.localhost/", "https://printer.local/", "https://metadata.google.internal/", "https://db.intranet/",
    "https://nas.lan/", "https://router.home.arpa/", "https://1.0.0.127.in-addr.arpa/", "https://hidden.onion/",
    "https://cong-ty.test/", "https://cong-ty.invalid/", "https://cong-ty.corp/", "https://cong-ty.example/",
)  # fmt: skip
NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "::ffff:93.184.215.14", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "168.63.129.16", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:a9fe:a9fe", "fd00:ec2::254", "100.100.100.200",
    "not an address", "",
)  # fmt: skip


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test configures ends with it, and no test asks the real name servers."""
    egress.configure(resolve=lambda _host, _port: [PUBLIC])
    yield
    egress.configure()


def refusal(url: str) -> str:
    with pytest.raises(AddressRefused) as refused:
        egress.check(url)
    return refused.value.reason


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    assert refusal(url) in {"malformed", "not_https", "not_a_name"}


@pytest.mark.parametrize("url", NOT_HTTPS)
def test_only_https_is_called(url: str) -> None:
    assert refusal(url) == "not_https"


@pytest.mark.parametrize("url", NOT_A_NAME)
def test_numbers_and_names_without_a_domain_are_refused(url: str) -> None:
    assert refusal(url) == "not_a_name"


@pytest.mark.parametrize("url", NEARBY)
def test_names_that_mean_a_host_nearby_are_refused(url: str) -> None:
    assert refusal(url) == "not_public"


@pytest.mark.parametrize("port", ["80", "22", "8443", "0", "444"])
def test_only_the_usual_port_is_called(port: str) -> None:
    assert refusal(f"https://cong-ty.vn:{port}/") == "port"


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_to_an_address_of_nobodys_is_refused(address: str) -> None:
    egress.configure(resolve=lambda _host, _port: [address])

    assert refusal("https://cong-ty.vn/") == "not_public"
    assert not egress.is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_connection_is_opened_to_an_address_of_nobodys(address: str, connections: list[object]) -> None:
    egress.configure(resolve=lambda _host, _port: [address])

    with pytest.raises(AddressRefused, match="not_public"):
        egress.post("https://cong-ty.vn/", b"{}", {})

    assert connections == []


@pytest.mark.parametrize("addresses", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC_6, "::1"]])
def test_one_bad_address_among_good_ones_is_enough(addresses: Sequence[str]) -> None:
    egress.configure(resolve=lambda _host, _port: addresses)

    assert refusal("https://cong-ty.vn/") == "not_public"


def test_a_name_that_nobody_knows_is_refused() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    egress.configure(resolve=unknown)
    assert refusal("https://cong-ty.vn/") == "unknown_host"

    egress.configure(resolve=lambda _host, _port: [])
    assert refusal("https://cong-ty.vn/") == "unknown_host"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://hooks.cong-ty.vn", "/"),
        ("https://HOOKS.cong-ty.vn/a?b=c", "/a?b=c"),
        ("https://hooks.cong-ty.vn:443/a%20b", "/a%20b"),
        ("https://hooks.xn--cng-ty-vxa.vn/", "/"),
    ],
)
def test_a_public_address_is_pinned(url: str, path: str) -> None:
    target = egress.check(url)

    assert (target.scheme, target.port, target.path, target.address) == ("https", 443, path, PUBLIC)
    assert target.host == target.host.lower()


def test_what_was_public_once_is_checked_again_before_it_is_called() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    egress.configure(resolve=lambda _host, _port: next(answers))

    egress.check("https://cong-ty.vn/")

    with pytest.raises(AddressRefused, match="not_public"):
        egress.post("https://cong-ty.vn/", b"{}", {})


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_asked_for_once(
    connections: list[object],
) -> None:
    answers = [["127.0.0.1"], [PUBLIC]]
    egress.configure(resolve=lambda _host, _port: answers.pop())

    with pytest.raises(NotDelivered, match="connection"):
        egress.post("https://cong-ty.vn/", b"{}", {})

    assert connections == [(PUBLIC, 443)]
    assert answers == [["127.0.0.1"]], "what the name says a moment later does not matter"


def test_a_name_server_that_never_answers_is_not_waited_for(
    connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def wait(_host: str, _port: int) -> list[str]:
        over.wait(30)
        return [PUBLIC]

    monkeypatch.setattr(egress, "_LOOKUP_SECONDS", 0.01)
    egress.configure(resolve=wait)
    try:
        assert refusal("https://cong-ty.vn/") == "unknown_host"
    finally:
        over.set()
    assert connections == []


@contextmanager
def listening(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A receiver of this test on a free port; yields its origin and what it has got."""
    got: list[tuple[str, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            answer(self)

        def do_GET(self) -> None:
            got.append((self.path, b""))

        def log_message(self, *_args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(receiver: BaseHTTPRequestHandler) -> None:
        receiver.send_response(status)
        for name, value in headers.items():
            receiver.send_header(name, value)
        receiver.end_headers()

    return answer


@pytest.mark.parametrize("status", [200, 204, 410, 500])
def test_the_answers_status_comes_back(status: int) -> None:
    with listening(say(status)) as (origin, got):
        egress.configure(allowed=origin)

        answered = egress.post(f"{origin}/hooks?a=1", b'{"a": 1}', {"Content-Type": "application/json"})

    assert answered == status
    assert got == [("/hooks?a=1", b'{"a": 1}')]


def test_a_redirect_is_not_followed() -> None:
    with listening(say(302, Location="/elsewhere")) as (origin, got):
        egress.configure(allowed=origin)

        answered = egress.post(f"{origin}/", b"{}", {})

    assert answered == 302
    assert [path for path, _body in got] == ["/"]


def test_only_the_allowed_origin_itself_is_spared_the_check() -> None:
    egress.configure(allowed="http://127.0.0.1:8001", resolve=lambda _host, _port: ["127.0.0.1"])

    for url in ("http://127.0.0.1:80010/", "http://127.0.0.1:8001.cong-ty.vn/", "http://127.0.0.1:8001@cong-ty.vn/"):
        assert refusal(url) in {"malformed", "not_https"}


def test_a_receiver_that_drips_is_left_in_time() -> None:
    over = threading.Event()

    def drip(receiver: BaseHTTPRequestHandler) -> None:
        receiver.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            try:
                receiver.wfile.write(b"X-A: b\r\n")
            except OSError:
                return

    with listening(drip) as (origin, _got):
        egress.configure(allowed=origin)
        try:
            with pytest.raises(NotDelivered, match="timeout"):
                egress.post(f"{origin}/", b"{}", {}, seconds=0.5)
        finally:
            over.set()


def test_a_receiver_that_is_not_there_or_talks_nonsense_is_told_apart() -> None:
    def nonsense(receiver: BaseHTTPRequestHandler) -> None:
        receiver.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    with listening(nonsense) as (origin, _got):
        egress.configure(allowed=origin)

        with pytest.raises(NotDelivered, match="malformed_answer"):
            egress.post(f"{origin}/", b"{}", {})

    with pytest.raises(NotDelivered, match="connection"):
        egress.post(f"{origin}/", b"{}", {})
