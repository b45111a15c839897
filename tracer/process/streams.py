"""The edge: bytes in from stdin, bytes out to stdout, and the signals that end the input.

Owns every system call of the node's loop; knows no message.
Trap: a signal handler that raises can lose bytes that were read but not yet kept.  So the handler puts an empty file in the
place of stdin: the read that it interrupted, which Python starts again, and every later one finds the end there.
Source: PEP 475, which starts interrupted calls again; sysexits.h, EX_IOERR.
"""

from __future__ import annotations

import os
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

#: How much is read at once: what a pipe holds on Linux.
CHUNK_BYTES = 65_536


def occupy_standard_descriptors() -> None:
    """Open what was closed among stdin, stdout and stderr, so that no file of ours gets its number.

    It is opened for reading: a closed stdin has ended, and writing to a closed stdout fails, as it should.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)


class Input:
    """Bytes from a descriptor until its end, or until SIGTERM or SIGINT; a second signal kills.

    Args:
        descriptor: what to read; 0 is stdin.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        #: The signal that ended the input; 0 if none did.
        self.signal = 0

    def __enter__(self) -> Input:
        self._handle(self._end)
        # A signal that comes right before a read begins to wait does not interrupt it; this one, a second later, does.
        signal.signal(signal.SIGALRM, lambda number, frame: None)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._handle(signal.SIG_DFL)
        os.close(self._nothing)

    def read(self) -> bytes:
        """Wait for bytes; none mean the end."""
        while True:
            try:
                return os.read(self._descriptor, CHUNK_BYTES)
            except BlockingIOError:
                select.select([self._descriptor], [], [])

    def _end(self, number: int, frame: object) -> None:
        self.signal = number
        self._handle(signal.SIG_DFL)
        os.dup2(self._nothing, self._descriptor)

    def _handle(self, handler: signal.Handlers | Callable[[int, object], None]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handler)


def write(data: bytes, descriptor: int = 1) -> None:
    """Write all of it, however little the other side takes at once."""
    while data:
        try:
            written = os.write(descriptor, data)
        except BlockingIOError:
            select.select([], [descriptor], [])
        else:
            if written == len(data):
                return
            data = data[written:]
