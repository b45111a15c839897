"""A URL, and one request to it: what is sent, what is made of any answer, and who is trusted."""

from __future__ import annotations

import email.utils
import os
import socket
import ssl
import tempfile
import threading
import time
import unittest
from unittest import mock

from tests.backend import TAKEN, Backend, Last, answer
from tests.helpers import PATIENCE_SECONDS, TOP
from tracer import __version__
from tracer.export.connection import ANSWER_BYTES, MAX_RETRY_SECONDS, Answer, Connection, read_retry_after, read_url
from tracer.export.environment import read_settings

#: A certificate for localhost that signed itself, and its key; made for these tests.
PEM = os.path.join(TOP, "tests", "localhost.pem")
#: A key with a password.
LOCKED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhJoUmmU0kJ8QICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEGfi3EtMhjq11agnLTn82vEEgZDr
vATBRXD2KMP4Uow3FAzWGm644EuBPP6EI0shzkkNJpJx0trmoCMJieXphALt+M7A
bA8bxWFKggLC2ERVtPonMxuj3R/WeECdssrGBZgjwn2RUbplCatTqKHLX6eDU7R1
ElbjhrE6ig8TIdsFVg23SSDApHQbU6MKV3K8pwwWH320kW2o/RgS/3dAfxoHcVg=
-----END ENCRYPTED PRIVATE KEY-----
"""
LIKE = "a URL is like http://localhost:4318 or https://host:port/path"


class UrlTests(unittest.TestCase):
    """What a URL names."""

    def test_url_is_read(self) -> None:
        """Without a path, or with `/`, it gets OTLP's; ports are 80 and 443; a fragment is the reader's own."""
        for text, expected in [
            ("http://localhost", (False, "localhost", 80, "/v1/traces")),
            ("https://localhost", (True, "localhost", 443, "/v1/traces")),
            ("HTTP://LocalHost:4318/", (False, "localhost", 4318, "/v1/traces")),
            ("http://h:/", (False, "h", 80, "/v1/traces")),
            ("http://h/otlp/", (False, "h", 80, "/otlp/")),
            ("http://h/X/", (False, "h", 80, "/X/")),
            ("http://h/a%20b//c?k=v#f", (False, "h", 80, "/a%20b//c?k=v")),
            ("http://h?k=v", (False, "h", 80, "/v1/traces?k=v")),
            ("https://[::1]:4318", (True, "::1", 4318, "/v1/traces")),
            ("http://127.0.0.1:65535/v1", (False, "127.0.0.1", 65535, "/v1")),
        ]:
            with self.subTest(text):
                self.assertEqual(read_url(text)[:4], expected)

    def test_query_is_not_shown(self) -> None:
        """What sentences show has no query, which may hold a key."""
        self.assertEqual(read_url("http://h:1/p?api_key=secret").shown, "http://h:1/p")

    def test_what_is_no_url_is_refused(self) -> None:
        """One sentence says what a URL is like, without what may be a password."""
        for text, reason in [
            *(
                (text, LIKE)
                for text in ("http:", "http://", "http:localhost:4318", "https://:4318", "http:///v1/traces")
            ),
            *((f"http://{text}", LIKE) for text in ("h:x", "h:0", "h:65536", "h:-1", "::1:4318", "[::1", "a..b", "?q")),
            *((text, LIKE) for text in ("ftp://h", "grpc://h:4317", f"http://{'a' * 64}")),
            *(
                (f"http://{text}", "a URL is printable ASCII; the rest is percent-encoded")
                for text in ("h/a b", "é", "h\n")
            ),
            *(
                (
                    f"http://{text}h",
                    "a user's name and password go into OTEL_EXPORTER_OTLP_HEADERS, as an authorization header",
                )
                for text in ("u:secret@", "u@", "@")
            ),
        ]:
            with self.subTest(text), self.assertRaises(ValueError) as refused:
                read_url(text)
            self.assertEqual(str(refused.exception), reason)


class RetryAfterTests(unittest.TestCase):
    """When a server wants to be asked again."""

    def test_seconds_and_dates_are_read(self) -> None:
        """Seconds, or a date, of which what is past is now; what is neither says nothing, what is long is cut."""
        with mock.patch("tracer.export.connection.time", lambda: 1_000_000_000.0):
            for value, expected in [
                *(("0", 0.0), (" 120 ", 120.0), ("9" * 5_000, MAX_RETRY_SECONDS)),
                (email.utils.formatdate(1_000_000_007, usegmt=True), 7.0),
                ("Sunday, 09-Sep-01 01:46:47 GMT", 7.0),
                ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
                ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_SECONDS),
                *((value, None) for value in ("", "soon", "-1", "1.5", "²")),
                ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
            ]:
                with self.subTest(value[:40]):
                    self.assertEqual(read_retry_after(value), expected)


class ConnectionTests(unittest.TestCase):
    """Requests to a backend."""

    def backend(self, *answers: object, **options: object) -> Backend:
        """Start a backend."""
        backend = Backend(*answers, **options)
        self.addCleanup(backend.close)
        return backend

    def connection(self, backend: Backend, path: str = "", **environment: str) -> Connection:
        """Make a connection to a backend."""
        made = Connection(read_url(backend.url + path), read_settings(environment, self.fail))
        self.addCleanup(made.close)
        return made

    def post(self, connection: Connection, seconds: float = PATIENCE_SECONDS) -> Answer:
        """Post something."""
        return connection.post(b"body", time.monotonic() + seconds)

    def test_request_is_as_otlp_has_it(self) -> None:
        """A POST of JSON by a program that says its name and version, with the headers that were asked for."""
        backend = self.backend()
        secret = "OTEL_EXPORTER_OTLP_HEADERS"
        connection = self.connection(backend, "/p?q=1", **{secret: "authorization=Bearer%20x,x=%C3%A9"})
        got = self.post(connection)
        request = backend.request()

        self.assertEqual(got, Answer(200, "200 OK", b"{}", "application/json"))
        self.assertEqual((request.line, request.body), ("POST /p?q=1 HTTP/1.1", b"body"))
        host = backend.url.partition("//")[2]
        for name, value in {
            "host": host,
            "content-type": "application/json",
            "content-length": "4",
            "user-agent": f"span-tracer-node/{__version__}",
            "authorization": "Bearer x",
            "x": "é",
        }.items():
            self.assertEqual(request.headers[name], value)
        self.assertNotIn("content-encoding", request.headers)

    def test_address_may_be_of_ipv6(self) -> None:
        """A literal address in brackets is connected to, and named as the host."""
        try:
            backend = self.backend(family=socket.AF_INET6)
        except OSError:
            self.skipTest("this system has no IPv6")
        self.assertEqual(self.post(self.connection(backend)).status, 200)
        self.assertEqual(backend.request().headers["host"], backend.url.partition("//")[2])

    def test_connection_is_kept(self) -> None:
        """Answers of all kinds leave a connection that the next request goes on, those before the real one too."""
        early = b"".join(b"HTTP/1.1 %d Soon\r\nlink: </x>\r\n\r\n" % status for status in (100, 102, 103, 199))
        chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nt: t\r\n\r\n"
        answers = [answer("400 No", b"why"), b"HTTP/1.1 204 None\r\n\r\n", early + TAKEN, chunked]
        backend = self.backend(*answers, answer("503 Later", b"", "Retry-After: 7"))
        connection = self.connection(backend)
        got = [self.post(connection) for _ in answers]

        self.assertEqual(
            [(one.status, one.body) for one in got], [(400, b"why"), (204, b""), (200, b"{}"), (200, b"{}")]
        )
        self.assertEqual(self.post(connection), Answer(503, "503 Service Unavailable", retry_after=7.0))
        self.assertEqual(backend.connections, 1)

    def test_connection_that_the_server_closed_is_made_again_at_once(self) -> None:
        """A server may close what was idle; the next request goes on a fresh connection, as if nothing had been."""
        backend = self.backend(Last(TAKEN), Last(TAKEN))
        connection = self.connection(backend)

        self.assertEqual([self.post(connection).status for _ in range(3)], [200, 200, 200])
        self.assertEqual(backend.connections, 3)

    def test_request_that_a_kept_connection_did_not_answer_is_sent_again(self) -> None:
        """A server may close what was idle just when it is asked; the same request goes on a fresh connection."""
        backend = self.backend(TAKEN, Last(b""))
        connection = self.connection(backend)

        self.assertEqual([self.post(connection).status for _ in range(2)], [200, 200])
        self.assertEqual([backend.request().body for _ in range(3)], [b"body"] * 3)

    def test_answer_that_nobody_asked_for_is_none(self) -> None:
        """What a server says after its answer, such as that it waits no longer, is not taken for the next answer."""
        was_read, was_said = threading.Event(), threading.Event()

        def speak_twice(wire: socket.socket) -> None:
            wire.sendall(TAKEN)
            was_read.wait(PATIENCE_SECONDS)
            wire.sendall(answer("408 Request Timeout"))
            was_said.set()

        backend = self.backend(speak_twice)
        connection = self.connection(backend)
        self.assertEqual(self.post(connection).status, 200)
        was_read.set()
        was_said.wait(PATIENCE_SECONDS)

        self.assertEqual(self.post(connection).status, 200)
        self.assertEqual(backend.connections, 2)

    def test_answer_that_is_none_is_told(self) -> None:
        """A server that closes, breaks off, or speaks something else gives no answer, and the next one is read whole."""
        no_http = "what came back is no HTTP"
        for sent, reason in [
            (b"", "Remote end closed connection without response"),
            (b"HTTP/1.1 2", no_http),
            (b"SSH-2.0-OpenSSH\r\n" * 9, no_http),
            (b"HTTP/1.1 abc \x1b[31m\r\n\r\n", no_http),
            (b"HTTP/1.1 200 " + b"x" * 70_000, no_http),
            (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", no_http),
            (b"HTTP/1.1 100 Continue\r\n\r\n" * 6_000, "the answer is too long"),
            (b"\x16\x03\x01\x00\x02", no_http),
        ]:
            with self.subTest(sent[:20]):
                connection = self.connection(self.backend(Last(sent)))
                got = self.post(connection)

                self.assertEqual(got, Answer(0, reason))
                self.assertEqual(self.post(connection), Answer(200, "200 OK", b"{}", "application/json"))

    def test_status_counts_without_its_body(self) -> None:
        """A body that is broken off, or longer than what is read, changes nothing, and is not in the next one's way."""
        for sent, body in [
            (b"HTTP/1.1 200 OK\r\ncontent-len", b""),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"{}"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", b""),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n" + b"x" * 9, b""),
            (b"HTTP/1.1 200 OK\r\n\r\n{}", b"{}"),
            (answer("200 OK", b"x" * 3 * ANSWER_BYTES), b"x" * ANSWER_BYTES),
        ]:
            with self.subTest(sent[:60]):
                connection = self.connection(self.backend(Last(sent)))

                self.assertEqual(self.post(connection)[:3], (200, "200 OK", body))
                self.assertEqual(self.post(connection).body, b"{}")

    def test_server_that_drips_is_left_at_the_deadline(self) -> None:
        """Whatever little comes now and then, and however little is taken, the deadline holds."""
        gone = threading.Event()
        self.addCleanup(gone.set)

        def drip(data: bytes) -> object:
            def send(wire: socket.socket) -> None:
                wire.sendall(data)
                while not gone.wait(0.01):
                    wire.sendall(b"x")

            return send

        for data, status, reason in [
            (b"", 0, "timed out waiting for the answer"),
            (b"HTTP/1.1 200 OK\r\na: ", 0, "timed out waiting for the answer"),
            (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\na: ", 0, "timed out waiting for the answer"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", 200, "OK"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n", 200, "OK"),
        ]:
            with self.subTest(data):
                connection = self.connection(self.backend(drip(data)))
                begun = time.monotonic()

                got = self.post(connection, 0.15)
                self.assertEqual((got.status, got.body), (status, b""))
                self.assertTrue(got.reason.endswith(reason), got)
                self.assertLess(time.monotonic() - begun, PATIENCE_SECONDS)

    def test_server_that_takes_nothing_is_left_at_the_deadline(self) -> None:
        """A request that is not read to its end is given up, on a connection that had answered before too."""
        gone = threading.Event()
        self.addCleanup(gone.set)
        connection = self.connection(self.backend(TAKEN, TAKEN, lambda wire: gone.wait(PATIENCE_SECONDS)))
        self.post(connection)

        self.assertEqual(self.post(connection, 0).reason, "timed out waiting for the request to be taken")
        self.post(connection)
        self.assertEqual(self.post(connection, 0.1).reason, "timed out waiting for the answer")
        got = connection.post(b"x" * (1 << 24), time.monotonic() + 0.1)
        # Over TLS the next connection is only accepted.
        self.assertRegex(got.reason, "timed out waiting for the (request to be taken|TLS handshake)")

    def test_backend_that_is_not_there_is_not_reached(self) -> None:
        """A refused connection tells why."""
        got = self.post(self.connection(self.backend(listens=False)))

        self.assertEqual(got, Answer(0, "Connection refused", was_reached=False))

    def test_refusal_before_the_body_is_read_is_the_answer(self) -> None:
        """A server may answer and close, or read no more, while the request is still sent: that is no broken pipe."""
        gone = threading.Event()
        self.addCleanup(gone.set)
        refusal = answer("401 No", b"no token")
        for reply in (Last(refusal), lambda wire: (wire.sendall(refusal), gone.wait(PATIENCE_SECONDS))):
            with self.subTest(reply):
                connection = self.connection(self.backend(reply, reads=False))
                got = connection.post(b"x" * (1 << 24), time.monotonic() + 0.3)

                self.assertEqual((got.reason, got.body), ("401 Unauthorized", b"no token"))

    def test_port_of_grpc_is_guessed(self) -> None:
        """Where what comes back is no HTTP, or nothing, at the port of gRPC, that of HTTP is said."""
        for sent, reason in [
            (b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0", "what came back is no HTTP"),
            (b"", "Remote end closed connection without response"),
        ]:
            backend = self.backend(Last(sent))
            port = int(backend.url.rpartition(":")[2])
            with self.subTest(reason), mock.patch("tracer.export.connection.GRPC_PORT", port):
                got = self.post(self.connection(backend))

                self.assertEqual(got.reason, f"{reason}; {port} is the port of gRPC, 4318 is HTTP's")
        with mock.patch("tracer.export.connection.GRPC_PORT", port):
            backend.close()
            self.assertNotIn("gRPC", self.post(self.connection(backend)).reason)

    def test_redirect_says_where_to(self) -> None:
        """The place is said, without a query, which may hold a key; nothing goes there."""
        place = "location: https://h/v1/traces?key=secret"
        got = self.post(self.connection(self.backend(answer("308 Moved", b"", place))))

        self.assertEqual(got, Answer(308, '308 Permanent Redirect to "https://h/v1/traces"'))
        self.assertEqual(self.post(self.connection(self.backend(answer("200 OK", b"", place)))).reason, "200 OK")

    def test_deadline_that_has_come_leaves_no_time(self) -> None:
        """At the deadline itself nothing is begun any more."""
        with mock.patch("tracer.export.connection.monotonic", lambda: 5.0):
            got = self.connection(self.backend()).post(b"body", 5.0)

        self.assertEqual(got, Answer(0, "timed out waiting for the resolver", was_reached=False))


class SecureTests(ConnectionTests):
    """The same over TLS; and who is trusted."""

    def backend(self, *answers: object, client: bool = False, **options: object) -> Backend:
        """Start a backend that speaks TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(PEM)
        return super().backend(*answers, context=context, **options)

    def connection(self, backend: Backend, path: str = "", **environment: str) -> Connection:
        """Make a connection that trusts the backend, unless told otherwise."""
        return super().connection(backend, path, **{"OTEL_EXPORTER_OTLP_CERTIFICATE": PEM, **environment})

    def test_address_may_be_of_ipv6(self) -> None:
        """The certificate is not for it."""
        self.skipTest("the certificate is for localhost alone")

    def test_certificate_of_a_stranger_is_refused(self) -> None:
        """A server that nobody vouches for gets no span."""
        backend = self.backend()
        got = self.post(self.connection(backend, OTEL_EXPORTER_OTLP_CERTIFICATE=""))

        self.assertEqual((got.status, got.was_reached), (0, False))
        self.assertIn("certificate verify failed", got.reason)
        self.assertEqual(backend.requests.qsize(), 0)

    def test_client_shows_its_certificate(self) -> None:
        """A server that wants to know who the node is is told by the client's certificate."""
        known = {f"OTEL_EXPORTER_OTLP_CLIENT_{name}": PEM for name in ("KEY", "CERTIFICATE")}

        self.assertEqual(self.post(self.connection(self.backend(client=True), **known)).status, 200)
        got = self.post(self.connection(self.backend(client=True)))
        self.assertEqual(got.status, 0)
        self.assertRegex(got.reason, "; it may want OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE$")

    def test_handshake_that_hangs_is_left_at_the_deadline(self) -> None:
        """A server that accepts and then speaks no TLS takes no longer than the timeout, and is not called reached."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        url = read_url(f"https://127.0.0.1:{silent.getsockname()[1]}")
        got = self.post(Connection(url, read_settings({}, self.fail)), 0.1)

        self.assertEqual(got, Answer(0, "timed out waiting for the TLS handshake", was_reached=False))

    def test_nobody_is_asked_for_a_password(self) -> None:
        """The password of a locked key is an empty one: without any, OpenSSL would ask at the terminal."""
        known = {f"OTEL_EXPORTER_OTLP_CLIENT_{name}": PEM for name in ("KEY", "CERTIFICATE")}
        backend = self.backend()
        with mock.patch("ssl.SSLContext.load_cert_chain") as load:
            self.connection(backend, **known)

        load.assert_called_once_with(PEM, PEM, password="")

    def test_file_that_cannot_be_read_is_refused(self) -> None:
        """The sentence names the variable and the reason; an encrypted key does not ask for its password."""
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as locked:
            locked.write(LOCKED)
            locked.flush()
            backend = self.backend()
            client = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE or _CLIENT_KEY cannot be read: "
            for environment, start in [
                (
                    {"CERTIFICATE": "/nowhere"},
                    "OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read: No such file or directory",
                ),
                ({"CERTIFICATE": __file__}, "OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read: "),
                ({"CLIENT_CERTIFICATE": "/nowhere"}, client + "No such file or directory"),
                ({"CLIENT_CERTIFICATE": PEM, "CLIENT_KEY": locked.name}, client),
            ]:
                with self.subTest(environment), self.assertRaises(ValueError) as refused:
                    self.connection(
                        backend, **{f"OTEL_EXPORTER_OTLP_{name}": path for name, path in environment.items()}
                    )
                self.assertTrue(str(refused.exception).startswith(start), refused.exception)


if __name__ == "__main__":
    unittest.main()
