"""The edge: bytes in from stdin, bytes out to stdout, and the signals that end the input.

Owns every system call of the node's loop; knows no message.
Trap: a signal handler that raises can lose bytes that were read but not yet kept, and one that only sets a flag can be too
late to wake a read that is about to wait.  So each signal also writes to a pipe, and the node waits for stdin or that pipe.
Source: PEP 475, which starts interrupted calls again; sysexits.h, EX_IOERR.
"""

from __future__ import annotations

import os
import select
import signal

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
        #: The signal that ended the input; 0 if none did.
        self.signal = 0
        self._wake_up, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._handle_signals(self._end)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake_up, select.POLLIN)

    def read(self) -> bytes:
        """Wait for bytes; none mean the end."""
        while not self.signal:
            self._poll.poll()
            if self.signal:
                break
            try:
                return os.read(self._descriptor, CHUNK_BYTES)
            except BlockingIOError:
                continue
        return b""

    def _end(self, number: int, frame: object) -> None:
        self.signal = number
        self._handle_signals(signal.SIG_DFL)

    def _handle_signals(self, handler: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handler)


def write(descriptor: int, data: bytes) -> None:
    """Write all of it, however little the other side takes at once."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
