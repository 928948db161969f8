"""A proxy in front of a real server, with the faults that a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

Answer = tuple[int, str, bytes]  # HTTP state, kind of content, content
OWN = {"host", "connection", "content-length", "accept-encoding"}


@dataclass
class Fault:
    """What happens at the `at`-th request of a method whose path holds `part`, instead of an answer.

    `answer` None cuts the connection; with `done` the real server does the work first.
    """

    method: str
    part: str
    answer: Answer | None = None
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

    def count(self, method: str, part: str) -> int:
        """Return how many requests were made of a method with `part` in the path."""
        return sum(request.startswith(method) and part in request for request in self.asked)


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append(f"{self.command} {self.path}")
            fault = next((fault for fault in proxy.faults if fault.meets(self.command, self.path)), None)
            answer = None if fault and not fault.done else self._ask(content)
            if fault:
                fault.then()
                answer = fault.answer
            with suppress(ConnectionError):  # the client may be gone
                self._say(answer)

        def _ask(self, content: bytes) -> Answer:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
            reply = requests.request(
                self.command, proxy.target + self.path, data=content, headers=headers, allow_redirects=False
            )
            return reply.status_code, reply.headers.get("Content-Type", ""), reply.content

        def _say(self, answer: Answer | None) -> None:
            self.close_connection = True
            if answer is None:
                self.connection.close()
                return
            state, kind, content = answer
            self.send_response(state)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815, the library's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the library's own name
            pass

    return Handler


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server on a free port of this machine; yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def before(target: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server."""
    proxy = Proxy(target)
    with running(_handler(proxy)) as proxy.url:
        yield proxy
