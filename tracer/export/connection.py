"""One URL, and one request to it at a time: what is sent, and what came back.

Owns the connection, which is kept open.  It follows no redirect and knows no proxy, whatever the environment says:
spans go where the user sent them.
Traps: a socket's timeout is for one operation, so a peer that sends a byte now and then holds a reader for ever: here every operation
gets what is left until a deadline.  And what a server says is text from outside.
Read next: `dialing.py` for the way to a host, `http.py`, which decides what follows from an answer.
Source: OTLP 1.x, OTLP/HTTP; RFC 9110, Retry-After, and informational answers, which come before the real one.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import socket
from email.utils import mktime_tz, parsedate_tz
from http.client import HTTPConnection, HTTPException, responses
from time import monotonic, time
from typing import NamedTuple
from urllib.parse import urlsplit

from ..version import __version__
from ..words import WholeNumber, quote
from .dialing import Host, count_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPResponse
    from ssl import SSLContext
    from typing import Any

    from .environment import Settings

#: What of the body of an answer is read; with its headers it may have twice as much, however they are put.
ANSWER_BYTES = 1 << 16
#: The longest time that a server may ask for before the next try; a longer one is cut to this, in case it is a mistake.
MAX_RETRY_SECONDS = 86_400
#: How long is read what a server said before the request had been sent: it is there already.
REFUSAL_SECONDS = 0.05
#: The port of OTLP over gRPC, which speaks no HTTP/1.1.
GRPC_PORT = 4317
USER_AGENT = f"span-tracer-node/{__version__}"

# Before Python 3.10 these are two.
_TIMEOUTS = (TimeoutError, socket.timeout)
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
        content_type: of the body.
        retry_after: seconds to wait before the next try; None if the server did not say.
        was_reached: whether there was a connection at all.
    """

    status: int
    reason: str
    body: bytes = b""
    content_type: str = ""
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
        ValueError: a certificate or a key cannot be read, or this Python has no TLS.
    """

    def __init__(self, url: Url, settings: Settings) -> None:
        self._url = url
        self._headers: dict[str, bytes] = {name: value.encode() for name, value in settings.headers.items()}
        self._headers.update({"content-type": b"application/json", "user-agent": USER_AGENT.encode()})
        if settings.gzip:
            self._headers["content-encoding"] = b"gzip"
        self._context = _make_context(settings) if url.is_secure else None
        self._host = Host(url.host, url.port)
        self._socket: socket.socket | None = None
        # What is waited for, for the sentence if it does not come.
        self._awaited = ""

    def post(self, body: bytes, deadline: float) -> Answer:
        """Send a request and wait for its answer, until a time of the monotonic clock."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            # It has closed, or given up waiting, unasked: that is no answer to what comes now.
            self.close()
        is_fresh = self._socket is None
        try:
            made = self._socket = self._socket or self._connect(deadline)
        except (OSError, ValueError) as error:
            return Answer(0, self._explain_failure(error), was_reached=False)
        try:
            answer = self._exchange(made, body, deadline)
        except (OSError, HTTPException) as error:
            self.close()
            if not is_fresh and not isinstance(error, _TIMEOUTS):
                # A server closes what was idle for long; that says nothing about the next connection.
                return self.post(body, deadline)
            answer = Answer(0, self._explain_failure(error))
        self._host.note_answer(answer.status > 0)
        return answer

    def close(self) -> None:
        """Close the connection; the next request would make another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, deadline: float) -> socket.socket:
        self._awaited = "the resolver"
        addresses = self._host.resolve(deadline)
        self._awaited = "the connection"
        made = self._host.connect(addresses, deadline)
        if self._context is None:
            return made
        self._awaited = "the TLS handshake"
        try:
            made.settimeout(count_left(deadline))
            return self._context.wrap_socket(made, server_hostname=self._url.host)
        except (OSError, ValueError):
            made.close()
            raise

    def _exchange(self, made: socket.socket, body: bytes, deadline: float) -> Answer:
        wire = _Wire(made, deadline)
        http = HTTPConnection(self._url.host, self._url.port)
        http.default_port = 443 if self._url.is_secure else 80
        http.sock = wire
        self._awaited = "the request to be taken"
        try:
            http.request("POST", self._url.target, body, self._headers)
            self._awaited = "the answer"
        except OSError:
            # A server may answer before it has read the whole request, and read no more.
            wire.deadline = max(deadline, monotonic() + REFUSAL_SECONDS)
        response = http.getresponse()
        while 101 < response.status < 200:
            # There is a real answer to come; `http.client` itself skips 100 alone.  Without headers it reads the next one.
            response.headers = None  # type: ignore[assignment]
            response.begin()
        try:
            start = response.read(ANSWER_BYTES)
        except (OSError, HTTPException, ValueError):
            # ValueError: the size of a chunk is negative.  The status says what became of the spans.
            start = b""
        if response.will_close or not response.isclosed():
            # Or there is more, and the next answer would begin with it.
            response.close()
            self.close()
        return Answer(
            response.status,
            _describe_status(response),
            start,
            response.getheader("content-type", ""),
            read_retry_after(response.getheader("retry-after", "")),
        )

    def _explain_failure(self, error: Exception) -> str:
        if isinstance(error, _TIMEOUTS):
            return f"timed out waiting for {self._awaited}"
        said = _explain_error(error)
        if _wants_certificate(error):
            return f"{said}; it may want OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
        if self._url.port == GRPC_PORT and isinstance(error, (HTTPException, ConnectionResetError, BrokenPipeError)):
            return f"{said}; {GRPC_PORT} is the port of gRPC, 4318 is HTTP's"
        return said


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


def _describe_status(response: HTTPResponse) -> str:
    # Not the server's phrase, which may be any text.
    described = f"{response.status} {responses.get(response.status, '')}".strip()
    # Without the query, which may hold a key.
    place = response.getheader("location", "").partition("?")[0]
    return f"{described} to {quote(place)}" if 300 <= response.status < 400 and place else described


def _make_context(settings: Settings) -> SSLContext:
    try:
        import ssl
    except ImportError:
        raise ValueError("https needs ssl, which this Python lacks") from None
    try:
        context = ssl.create_default_context(cafile=settings.certificate)
    except OSError as error:
        raise ValueError(f"OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read: {_explain_error(error)}") from None
    if settings.client_certificate:
        try:
            # Without a password OpenSSL would ask at the terminal for that of an encrypted key.
            context.load_cert_chain(settings.client_certificate, settings.client_key, password="")
        except OSError as error:
            names = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE or _CLIENT_KEY"
            raise ValueError(f"{names} cannot be read: {_explain_error(error)}") from None
    return context


def _explain_error(error: Exception) -> str:
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return "what came back is no HTTP"
    if isinstance(error, FileNotFoundError):
        # PyPy's ssl gives none of its own.
        return os.strerror(errno.ENOENT)
    return getattr(error, "strerror", None) or str(error)


def _wants_certificate(error: Exception) -> bool:
    """Return whether this is how a server refuses a client that shows no certificate; only since TLS 1.3 it says that clearly."""
    reason: str = getattr(error, "reason", None) or ""
    return reason.endswith(("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE"))


class _Wire(io.RawIOBase):
    """A socket as `http.client` uses it for one request, and what the answer is read from; its owner closes the socket.

    Args:
        made: the socket.
        deadline: nothing is waited for beyond this time of the monotonic clock.
    """

    def __init__(self, made: socket.socket, deadline: float) -> None:
        self._socket = made
        self.deadline = deadline
        self._count = 0

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(count_left(self.deadline))
            rest = rest[self._socket.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Make what an answer is read from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(count_left(self.deadline))
        count = self._socket.recv_into(buffer)
        self._count += count
        if self._count > 2 * ANSWER_BYTES:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        """Leave the socket as it is."""
