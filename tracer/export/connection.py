"""One URL, and one request to it at a time: what is sent, and what came back.

Owns the connection, which is kept open.  It follows no redirect and knows no proxy, whatever the environment says:
spans go where the user sent them.
Traps: a socket's timeout is for one operation, so a peer that sends a byte now and then holds a reader for ever: here every operation
gets what is left until a deadline.  And what a server says is text from outside.
Read next: `http.py`, which decides what follows from an answer.
Source: OTLP 1.x, OTLP/HTTP; RFC 9110, Retry-After, and informational answers, which come before the real one.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
from email.utils import mktime_tz, parsedate_tz
from http.client import HTTPConnection, HTTPException, HTTPResponse, responses
from time import monotonic, time
from typing import NamedTuple
from urllib.parse import urlsplit

from ..version import __version__
from ..words import WholeNumber

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .environment import Settings

#: What of the body of an answer is read; with its headers it may have twice as much, however they are put.
ANSWER_BYTES = 1 << 16
#: The longest time that a server may ask for before the next try; a longer one is cut to this, in case it is a mistake.
MAX_RETRY_SECONDS = 86_400
USER_AGENT = f"span-tracer-node/{__version__}"

_PRINTABLE = re.compile("[!-~]+")


class Url(NamedTuple):
    """Where spans are sent; `shown` is how sentences name it, without a query, which may hold a key."""

    is_secure: bool
    host: str
    port: int
    target: str
    shown: str


class Answer(NamedTuple):
    """What came back.

    Args:
        status: HTTP's; 0 if there was no answer.
        reason: what it says to a person, without the body.
        body: the beginning of it.
        retry_after: seconds to wait before the next try; None if the server did not say.
        was_reached: whether there was a connection at all.
    """

    status: int
    reason: str
    body: bytes = b""
    retry_after: float | None = None
    was_reached: bool = True


def read_url(text: str) -> Url:
    """Read a URL; one without a path, or with `/` alone, gets OTLP's.

    Raises:
        ValueError: it is none, or has a user's name or password.
    """
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("a URL is printable ASCII; the rest is percent-encoded")
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
        host.encode("idna")
    except ValueError:
        raise ValueError("a URL is like http://localhost:4318 or https://host:port/path") from None
    if url.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError("a URL is like http://localhost:4318 or https://host:port/path")
    if "@" in url.netloc:
        raise ValueError("a user's name and password go into OTEL_EXPORTER_OTLP_HEADERS, as an authorization header")
    path = url.path if url.path.strip("/") else "/v1/traces"
    is_secure = url.scheme == "https"
    target = f"{path}?{url.query}" if url.query else path
    return Url(is_secure, host, port or (443 if is_secure else 80), target, f"{url.scheme}://{url.netloc}{path}")


class Connection:
    """A connection to a URL, made when it is needed.

    Args:
        url: where to.
        settings: headers and certificates.
    Raises:
        ValueError: a certificate or a key cannot be read.
    """

    def __init__(self, url: Url, settings: Settings) -> None:
        self._target = url.target
        self._headers: dict[str, bytes] = {name: value.encode() for name, value in settings.headers.items()}
        self._headers.update({"content-type": b"application/json", "user-agent": USER_AGENT.encode()})
        if settings.gzip:
            self._headers["content-encoding"] = b"gzip"
        self._http = _open_secure(url, settings) if url.is_secure else HTTPConnection(url.host, url.port)
        self._http.response_class = _Response
        self._wire: _Wire

    def post(self, body: bytes, deadline: float) -> Answer:
        """Send a request and wait for its answer, until a time of the monotonic clock."""
        if self._http.sock is not None and self._wire.has_spoken():
            # Unasked: it has closed, or given up waiting; that is no answer to what comes now.
            self._http.close()
        is_fresh = self._http.sock is None
        if is_fresh:
            try:
                self._http.timeout = _count_left(deadline)
                self._http.connect()
                self._wire = self._http.sock = _Wire(self._http.sock)
            except (OSError, ValueError) as error:
                self._http.close()
                return Answer(0, _explain(error), was_reached=False)
        self._wire.deadline = deadline
        try:
            return self._exchange(body)
        except (OSError, HTTPException) as error:
            self._http.close()
            if is_fresh or monotonic() >= deadline:
                return Answer(0, _explain(error))
            # A server closes what was idle for long; that says nothing about the next connection.
            return self.post(body, deadline)

    def close(self) -> None:
        """Close the connection; the next request would make another one."""
        self._http.close()

    def _exchange(self, body: bytes) -> Answer:
        self._http.request("POST", self._target, body, self._headers)
        response = self._http.getresponse()
        try:
            start = response.read(ANSWER_BYTES)
        except (OSError, HTTPException, ValueError):
            # ValueError: the size of a chunk is negative.  The status says what became of the spans.
            start = b""
        if not response.isclosed():
            # There is more, and the next answer would begin with it.
            response.close()
            self._http.close()
        # Not the server's phrase, which may be any text.
        reason = f"{response.status} {responses.get(response.status, '')}".strip()
        return Answer(response.status, reason, start, read_retry_after(response.getheader("retry-after", "")))


def read_retry_after(value: str) -> float | None:
    """Read how many seconds a server wants to be left alone, which it gives as a number or a date."""
    seconds = WholeNumber().read(value.strip())
    if seconds is not None:
        return float(min(seconds, MAX_RETRY_SECONDS))
    try:
        date = parsedate_tz(value)
        return None if date is None else min(max(mktime_tz(date) - time(), 0.0), float(MAX_RETRY_SECONDS))
    except (ValueError, OverflowError):
        return None


def _open_secure(url: Url, settings: Settings) -> HTTPConnection:
    import ssl
    from http.client import HTTPSConnection

    try:
        context = ssl.create_default_context(cafile=settings.certificate)
    except OSError as error:
        raise ValueError(f"OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read: {_explain(error)}") from None
    if settings.client_certificate:
        try:
            # Without a password OpenSSL would ask at the terminal for that of an encrypted key.
            context.load_cert_chain(settings.client_certificate, settings.client_key, password="")
        except OSError as error:
            names = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE or _CLIENT_KEY"
            raise ValueError(f"{names} cannot be read: {_explain(error)}") from None
    return HTTPSConnection(url.host, url.port, context=context)


def _explain(error: Exception) -> str:
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return "what came back is no HTTP"
    if isinstance(error, FileNotFoundError):
        # PyPy's ssl gives none of its own.
        return os.strerror(errno.ENOENT)
    return getattr(error, "strerror", None) or str(error)


def _count_left(deadline: float) -> float:
    """Return how many seconds are left.

    Raises:
        TimeoutError: none.
    """
    if (left := deadline - monotonic()) <= 0:
        raise TimeoutError("timed out")
    return left


class _Wire:
    """A socket, as far as an `HTTPConnection` uses it, that waits for nobody beyond a deadline."""

    def __init__(self, wire: socket.socket) -> None:
        self._socket = wire
        #: A time of the monotonic clock; whoever uses it sets one first.
        self.deadline: float

    def allow(self) -> None:
        """Let the next operation take as long as there is time."""
        self._socket.settimeout(_count_left(self.deadline))

    def has_spoken(self) -> bool:
        """Return whether there is something to read already, an end too."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self.allow()
            rest = rest[self._socket.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Make what an answer is read from; it holds the socket open."""
        return io.BufferedReader(_Reader(self, self._socket.makefile("rb", buffering=0)))

    def close(self) -> None:
        """Close it, as soon as no answer is read from it any more."""
        self._socket.close()


class _Reader(io.RawIOBase):
    """What comes from a socket.

    Args:
        wire: allows each read.
        raw: reads.
    """

    def __init__(self, wire: _Wire, raw: io.RawIOBase) -> None:
        self._wire = wire
        self._raw = raw
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.allow()
        count = self._raw.readinto(buffer) or 0
        self._count += count
        if self._count > 2 * ANSWER_BYTES:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is not one of those that come before it; `http.client` skips 100 alone."""

    def begin(self) -> None:
        super().begin()
        while 101 < self.status < 200:
            # Without headers it reads the next one.
            self.headers = None  # type: ignore[assignment]
            super().begin()
