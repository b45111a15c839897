"""The way to a host: from its name to a socket that is connected, by a deadline.

Owns the resolver's thread, and the race between the addresses of a host.
Traps: no timeout ends `getaddrinfo`, so a thread waits for it that nobody waits for beyond the deadline.  And an address that
swallows what comes to it, such as one of IPv6 where that is broken, must not take the time of the others.
Source: RFC 8305, Happy Eyeballs.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections import deque
from itertools import zip_longest
from threading import Thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: As `getaddrinfo` has it: the family, type and protocol of a socket, a name, and the address itself.
    Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

#: How long an address is tried alone before the next one is tried beside it; RFC 8305's Connection Attempt Delay.
ATTEMPT_SECONDS = 0.25

# When an address has its turn, by whether it has answered; None: nobody knows.
_TURNS = {True: 0, None: 1, False: 2}


class Host:
    """A host by its name, or address, and a port."""

    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port
        # Asks the resolver; one that has not been waited for long enough is waited for the next time.
        self._asking: Thread | None = None
        # What the resolver said: addresses, or why there are none.
        self._found: list[Address] = []
        self._failure: str | None = None
        # The address that was connected to last, and addresses that did or did not answer then.
        self._connected: Address
        self._answered: dict[Address, bool] = {}

    def resolve(self, deadline: float) -> list[Address]:
        """Return the host's addresses in the order in which they are to be tried.

        Raises:
            OSError: there are none; `TimeoutError`: the resolver has not answered by the deadline.
        """
        if self._asking is None:
            self._asking = Thread(target=self._ask, daemon=True)
            self._asking.start()
        self._asking.join(count_left(deadline))
        if self._asking.is_alive():
            raise TimeoutError
        self._asking = None
        if self._failure is not None:
            raise OSError(self._failure)
        # The one that answered last comes first, and one that did not comes last.
        return sorted(alternate_families(self._found), key=lambda address: _TURNS[self._answered.get(address)])

    def connect(self, addresses: list[Address], deadline: float) -> socket.socket:
        """Connect to one of the addresses; see `Race.run`."""
        made, self._connected = Race(addresses).run(deadline)
        return made

    def note_answer(self, came: bool) -> None:
        """Remember whether an answer came from the address that was connected to last."""
        self._answered[self._connected] = came

    def _ask(self) -> None:
        try:
            self._found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
            self._failure = None
        except (OSError, UnicodeError) as error:
            # Not the error itself: raised in another thread it would be part of a cycle.
            self._failure = getattr(error, "strerror", None) or str(error)


def alternate_families(addresses: list[Address]) -> list[Address]:
    """Put IPv6 and IPv4 in turns, the first one first, and keep the order within each."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for pair in zip_longest(first, others) for address in pair if address is not None]


class Race:
    """Attempts to connect to the addresses of a host, each with a head start before the next."""

    def __init__(self, addresses: list[Address]) -> None:
        self._waiting = deque(addresses)
        self._trying: dict[socket.socket, Address] = {}
        self._next_start = -1.0
        # Why the last one that failed has.
        self._failure: tuple[int, str] = (errno.EADDRNOTAVAIL, "the name has no address")

    def run(self, deadline: float) -> tuple[socket.socket, Address]:
        """Connect to the address that is connected first.

        Returns:
            The socket, which does not block, and its address.
        Raises:
            OSError: none can be connected to, and why the last one cannot; `TimeoutError`: none was by the deadline.
        """
        try:
            while self._waiting or self._trying:
                now = monotonic()
                if self._waiting and (now >= self._next_start or not self._trying):
                    self._start_next(now)
                elif (winner := self._find_winner(now, count_left(deadline))) is not None:
                    return winner
            raise OSError(*self._failure)
        finally:
            for one in self._trying:
                one.close()

    def _start_next(self, now: float) -> None:
        address = self._waiting.popleft()
        try:
            self._trying[_begin(address)] = address
            self._next_start = now + ATTEMPT_SECONDS
        except OSError as error:
            self._failure = error.errno or 0, error.strerror or str(error)

    def _find_winner(self, now: float, seconds: float) -> tuple[socket.socket, Address] | None:
        """Wait until one is connected or has failed, until the next one starts, or for some seconds; return one that is connected."""
        patience = min(seconds, self._next_start - now) if self._waiting else seconds
        # Windows reports a connection that failed in the third list.
        _, done, failed = select.select([], [*self._trying], [*self._trying], patience)
        for one in {*done, *failed}:
            address, code = self._trying.pop(one), one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return one, address
            one.close()
            self._failure, self._next_start = (code, _describe(code)), now
        return None


def count_left(deadline: float) -> float:
    """Return how many seconds are left until a time of the monotonic clock.

    Raises:
        TimeoutError: none.
    """
    if (left := deadline - monotonic()) <= 0:
        raise TimeoutError
    return left


def _begin(address: Address) -> socket.socket:
    family, kind, protocol, _, place = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        # A request is sent in two pieces, and the second one does not wait until the first one has arrived.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect(place)
    except BlockingIOError:
        pass
    except OSError:
        made.close()
        raise
    return made


def _describe(code: int) -> str:
    # Windows has numbers of its own for sockets, which `strerror` does not know.
    described: str | None = getattr(socket, "errorTab", {}).get(code)
    return (described or os.strerror(code)).rstrip(".")
