"""Servers with the replies that a test wants: of its own, or a proxy in front of a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests

OWN = {"host", "connection", "content-length", "accept-encoding"}


@dataclass(frozen=True)
class Reply:
    """A reply; `cut` promises more bytes than come, `wait` is in seconds, `location` redirects."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    cut: bool = False
    wait: float = 0.0
    location: str = ""


CUT = Reply(cut=True)
Respond = Callable[[BaseHTTPRequestHandler, bytes], Reply]  # a request and its body to the reply


@dataclass
class FakeServer:
    """Gives the replies of each path in turn, the last one again and again, and records the requests."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def respond(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        """Return the next reply."""
        path = urlsplit(request.path).path.rstrip("/")
        self.asked.append(path)
        self.tokens.add(request.headers.get("Authorization", ""))
        waiting = self.replies.get(path, [Reply(404, b'{"detail": "Not found."}')])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@dataclass
class Fault:
    """The reply to the `at`-th request of a method whose path holds `part`, in place of the server's.

    With `done` the real server does the work first.
    """

    method: str
    part: str
    reply: Reply = CUT
    at: int = 1
    times: int = 1
    done: bool = False
    then: Callable[[], None] = lambda: None

    def meets(self, method: str, path: str) -> bool:
        """Count a request, and return whether the fault happens at it."""
        if method != self.method or self.part not in path:
            return False
        self.at -= 1
        return -self.times < self.at <= 0


@dataclass
class Proxy:
    """Stands before `target`; `asked` are the methods and paths in their order."""

    target: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def respond(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        """Return the reply of a fault or of the real server."""
        method, path = request.command, request.path
        self.asked.append(f"{method} {path}")
        fault = next((fault for fault in self.faults if fault.meets(method, path)), None)
        reply = None
        if not fault or fault.done:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in OWN}
            answer = requests.request(
                method, self.target + path, data=body, headers=headers, allow_redirects=False, timeout=600
            )
            reply = Reply(answer.status_code, answer.content, answer.headers.get("Content-Type", ""))
        if fault:
            fault.then()
        return fault.reply if fault else reply or CUT


def _handler(respond: Respond) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = respond(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            time.sleep(reply.wait)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            if reply.location:
                self.send_header("Location", reply.location)
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.cut else 0)))
            with suppress(ConnectionError):  # the client may be gone
                self.end_headers()
                self.wfile.write(reply.body)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815, the library's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the library's own name
            pass

    return Handler


@contextmanager
def running(respond: Respond) -> Iterator[str]:
    """Run a server on a free port of this machine; yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(respond))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
