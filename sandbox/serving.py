"""The sandbox's HTTP server: threads, connections that stay open, and lines that can break on demand."""

import io
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# A view sets this key of the WSGI environment to break the line under its own answer.
LINE = "sandbox.line"
DROP = "drop"
HALF = "half"
_LARGEST_BODY = 16 * 1024 * 1024
_NOTICE_STOP_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    """Answers several requests on one connection.

    The stock handler closes after each answer; a client that sends thousands of small calls would then measure
    TCP handshakes instead of the gateway.
    """

    protocol_version = "HTTP/1.1"
    # Small answers must leave at once instead of waiting for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: "_ThreadedServer"

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep silent: request lines may hold a phone number."""

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        body = self._read_body(environ)
        if body is None:
            self.close_connection = True
            self._send("413 Content Too Large", [], b"")
            return
        environ["wsgi.input"] = io.BytesIO(body)
        status, headers, answer = _call(self.server.app, environ)
        line = environ.get(LINE)
        if line == DROP:
            self._hang_up()
            return
        try:
            if line == HALF:
                self._send(status, headers, answer, upto=len(answer) // 2)
                self._hang_up()
            else:
                self._send(status, headers, answer)
        except ConnectionError as gone:
            # The client gave up waiting, which is what a delay fault is for.
            self.close_connection = True
            self.connection_dropped(gone, environ)

    def _read_body(self, environ: dict[str, Any]) -> bytes | None:
        if environ.get("wsgi.input_terminated"):
            return bytes(environ["wsgi.input"].read())
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return None
        return self.rfile.read(length) if 0 <= length <= _LARGEST_BODY else None

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes, upto: int | None = None) -> None:
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        names = set()
        for name, value in headers:
            names.add(name.lower())
            self.send_header(name, value)
        bodyless = self.command == "HEAD" or int(code) in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if "content-length" not in names and not bodyless:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodyless:
            self.wfile.write(body if upto is None else body[:upto])

    def _hang_up(self) -> None:
        self.close_connection = True
        _shut(self.connection)


def _call(app: "WSGIApplication", environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Callable[[bytes], Any]:
        started.append((status, headers))
        return written.append

    parts: Iterable[bytes] = app(environ, start_response)
    try:
        written.extend(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return status, headers, b"".join(written)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side was faster; the line is down either way.
        connection.close()


class _ThreadedServer(BaseWSGIServer):
    """The part of the server class that the handler relies on."""

    connections: set[socket.socket]


class Server:
    """A running sandbox; `start` and `stop` each may be called once."""

    def __init__(
        self, app: "WSGIApplication", host: str, port: int, opened: Callable[[], None], closed: Callable[[], None]
    ) -> None:
        """Bind the port (0 picks a free one); `opened` runs at start and `closed` after the last request."""
        self._http = make_server(host, port, app, threaded=True, request_handler=_Handler)
        self._http.connections = set()  # type: ignore[attr-defined]
        self._opened = opened
        self._closed = closed
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_NOTICE_STOP_SECONDS,), name="sandbox", daemon=True
        )
        self.url = f"http://{host}:{self._http.server_port}"

    def start(self) -> "Server":
        """Answer requests from a thread of its own; returns itself."""
        self._opened()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, hang up on every client and close the state, so that the same directory can be reopened."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        # A kept-alive connection would otherwise go on answering from a sandbox that is meant to be gone.
        for connection in list(self._http.connections):  # type: ignore[attr-defined]
            _shut(connection)
        self._closed()
