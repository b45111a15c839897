"""The way to a host: a resolver that hangs, addresses that lead nowhere, and which address is tried first."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from unittest import mock

from tests.backend import Backend, Last
from tests.helpers import PATIENCE_SECONDS
from tracer.export.connection import Answer, Connection, read_url
from tracer.export.dialing import Host, Race, _begin, alternate_families
from tracer.export.environment import read_settings

GETADDRINFO = "tracer.export.dialing.socket.getaddrinfo"
ATTEMPT_SECONDS = "tracer.export.dialing.ATTEMPT_SECONDS"


def address_of(port: int, host: str = "127.0.0.1") -> tuple:
    """Return an address as `getaddrinfo` has it."""
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)


class DialingTests(unittest.TestCase):
    """Addresses of real sockets, as a resolver might give them."""

    def swallow(self) -> tuple:
        """Return an address that swallows connections: its queue is full, and nobody takes one out of it."""
        full = socket.socket()
        self.addCleanup(full.close)
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = socket.socket()
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        return address_of(full.getsockname()[1])

    def backend(self, *answers: object, **options: object) -> tuple[Backend, tuple]:
        """Start a backend; return it and its address."""
        backend = Backend(*answers, **options)
        self.addCleanup(backend.close)
        return backend, address_of(int(backend.url.rpartition(":")[2]))

    def connection(self) -> Connection:
        """Make a connection to a host whose addresses each test gives."""
        made = Connection(read_url("http://h"), read_settings({}, self.fail))
        self.addCleanup(made.close)
        return made

    def post(self, connection: Connection, addresses: list[tuple], seconds: float = PATIENCE_SECONDS) -> Answer:
        """Post something to the host while it has these addresses."""
        with mock.patch(GETADDRINFO, return_value=addresses):
            return connection.post(b"body", time.monotonic() + seconds)

    def test_address_that_swallows_connections_is_not_waited_for(self) -> None:
        """Others are tried beside it, and the next connection begins with the one that has answered."""
        addresses = [self.swallow(), self.swallow(), self.backend()[1]]
        connection = self.connection()
        with mock.patch(ATTEMPT_SECONDS, 0.01):
            self.assertEqual(self.post(connection, addresses).status, 200)
        connection.close()
        with mock.patch(ATTEMPT_SECONDS, PATIENCE_SECONDS):
            self.assertEqual(self.post(connection, addresses, PATIENCE_SECONDS / 2).status, 200)

    def test_all_addresses_share_the_deadline(self) -> None:
        """However many there are, a request with none that can be connected to takes its time and no more."""
        begun = time.monotonic()
        with mock.patch(ATTEMPT_SECONDS, 0.01):
            got = self.post(self.connection(), [self.swallow() for _ in range(3)], 0.1)

        self.assertEqual(got, Answer(0, "timed out waiting for the connection", was_reached=False))
        self.assertLess(time.monotonic() - begun, PATIENCE_SECONDS)

    def test_next_address_comes_at_once_after_one_that_fails(self) -> None:
        """A head start is over where the connection is refused, or cannot even be begun."""
        refused, impossible = self.backend(listens=False)[1], address_of(9, "255.255.255.255")
        with mock.patch(ATTEMPT_SECONDS, PATIENCE_SECONDS):
            got = self.post(self.connection(), [refused, impossible, refused, self.backend()[1]], PATIENCE_SECONDS / 2)

        self.assertEqual(got.status, 200)

    def test_reason_is_that_of_the_last_address(self) -> None:
        """Where every address has failed, one reason is said."""
        refused, impossible = self.backend(listens=False)[1], address_of(9, "255.255.255.255")

        self.assertEqual(self.post(self.connection(), [impossible, refused]).reason, "Connection refused")
        self.assertNotIn("refused", self.post(self.connection(), [refused, impossible]).reason)
        self.assertEqual(self.post(self.connection(), []).reason, "the name has no address")

    def test_address_that_does_not_answer_has_the_last_turn(self) -> None:
        """One that takes connections, and then nothing, comes behind all others the next time."""
        silent, good = self.backend(Last(b""), Last(b"")), self.backend()
        connection = self.connection()
        got = [self.post(connection, [silent[1], good[1]]).status for _ in range(2)]
        connection.close()
        got.append(self.post(connection, [silent[1], good[1]]).status)

        self.assertEqual((got, silent[0].connections), ([0, 200, 200], 1))

    def test_losers_of_the_race_are_closed(self) -> None:
        """One connection is made; what else was tried is closed."""
        made: list[socket.socket] = []

        def begin(address: tuple) -> socket.socket:
            made.append(_begin(address))
            return made[-1]

        addresses = [self.swallow(), self.backend()[1]]
        with mock.patch(ATTEMPT_SECONDS, 0.01), mock.patch("tracer.export.dialing._begin", begin):
            won, address = Race(addresses).run(time.monotonic() + PATIENCE_SECONDS)
        won.close()

        self.assertIs(address, addresses[1])
        self.assertEqual([one.fileno() for one in made], [-1, -1])

    def test_families_take_turns(self) -> None:
        """The resolver's first address stays first, and each family keeps its order."""
        six, four = socket.AF_INET6, socket.AF_INET
        for families, turns in [
            ([six, six, six, four], [0, 3, 1, 2]),
            ([four, six, six, four], [0, 1, 3, 2]),
            ([four], [0]),
            ([], []),
        ]:
            with self.subTest(families):
                addresses = [(family, place) for place, family in enumerate(families)]

                self.assertEqual([place for _, place in alternate_families(addresses)], turns)

    def test_resolver_that_hangs_is_left_at_the_deadline(self) -> None:
        """The request ends in time and says what hung; the resolver is asked once, and what it finds is used later."""
        goes_on, asked = threading.Event(), []
        self.addCleanup(goes_on.set)
        addresses = [self.backend()[1]]

        def hang(*arguments: object, **options: object) -> list[tuple]:
            asked.append(threading.current_thread().daemon)
            goes_on.wait(PATIENCE_SECONDS)
            return addresses

        connection = self.connection()
        with mock.patch(GETADDRINFO, hang):
            for _ in range(2):
                got = connection.post(b"body", time.monotonic() + 0.05)
                self.assertEqual(got, Answer(0, "timed out waiting for the resolver", was_reached=False))
            goes_on.set()
            self.assertEqual(connection.post(b"body", time.monotonic() + PATIENCE_SECONDS).status, 200)
        # The process does not wait for the thread.
        self.assertEqual(asked, [True])

    def test_resolver_that_finds_nothing_says_why(self) -> None:
        """The reason is the resolver's; it is asked again for the next connection."""
        host = Host("h", 80)
        for error, reason in [
            (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
            (UnicodeError("label too long"), "label too long"),
        ]:
            with self.subTest(reason), mock.patch(GETADDRINFO, side_effect=error):
                with self.assertRaises(OSError) as failed:
                    host.resolve(time.monotonic() + PATIENCE_SECONDS)
                self.assertEqual(str(failed.exception), reason)
        with mock.patch(GETADDRINFO, return_value=[address_of(80)]):
            self.assertEqual(host.resolve(time.monotonic() + PATIENCE_SECONDS), [address_of(80)])


if __name__ == "__main__":
    unittest.main()
