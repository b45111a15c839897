"""A backend for spans in the test's own process: a server that says, to the byte, what the test has it say.

Owns one listening socket and one thread, which serves one connection after the other.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from typing import NamedTuple

from tests.helpers import PATIENCE_SECONDS

#: What a collector answers.
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Last(bytes):
    """An answer after which the connection is closed; an empty one is none."""


class Request(NamedTuple):
    """A request as it came; the names of headers are in small letters."""

    line: str
    headers: dict[str, str]
    body: bytes

    def names(self) -> list[str]:
        """Return the names of the spans in it."""
        return [
            span["name"]
            for resource in json.loads(self.body)["resourceSpans"]
            for span in resource["scopeSpans"][0]["spans"]
        ]


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Backend:
    """A server at a port of its own; it listens from the start unless told.

    Args:
        answers: to the first requests, bytes or what is called with the connection; all later ones are taken.
        listens: whether it accepts connections from the start; until then they are refused.
        reads: whether it reads a request to its end before it answers.
        context: for TLS.
        family: of its address.
    """

    def __init__(
        self,
        *answers: object,
        listens: bool = True,
        reads: bool = True,
        context: object = None,
        family: int = socket.AF_INET,
    ):
        self._answers = iter(answers)
        self._reads = reads
        self._context = context
        self._socket = socket.socket(family)
        self._socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: Requests in the order in which they came.
        self.requests: queue.Queue[Request] = queue.Queue()
        #: How many connections it has accepted.
        self.connections = 0
        host = "[::1]" if family == socket.AF_INET6 else "localhost" if context else "127.0.0.1"
        self.url = f"http{'s' if context else ''}://{host}:{self._socket.getsockname()[1]}"
        if listens:
            self.listen()

    def listen(self) -> None:
        """Accept connections from now on."""
        self._socket.listen()
        self._thread.start()

    def close(self) -> None:
        """Stop; a connection that is open is left to its client."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def request(self) -> Request:
        """Wait for the next request."""
        return self.requests.get(timeout=PATIENCE_SECONDS)

    def all_names(self) -> list[list[str]]:
        """Return the names of the spans in each request that has come and was not looked at."""
        return [self.requests.get().names() for _ in range(self.requests.qsize())]

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            # What is sent in two pieces comes at once.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                with self._context.wrap_socket(connection, server_side=True) if self._context else connection as wire:
                    self._serve(wire)
            except OSError:
                pass

    def _serve(self, wire: socket.socket) -> None:
        with wire.makefile("rb") as file:
            while line := file.readline():
                headers = {}
                while (header := file.readline().decode().rstrip()) != "":
                    name, _, value = header.partition(": ")
                    headers[name.lower()] = value
                body = file.read(int(headers["content-length"])) if self._reads else b""
                # The answer first: who has seen the request may count on it.
                reply = next(self._answers, TAKEN)
                self.requests.put(Request(line.decode().rstrip(), headers, body))
                if callable(reply):
                    reply(wire)
                else:
                    wire.sendall(reply)
                if isinstance(reply, Last):
                    return
