"""The edge on Unix: bytes in from stdin, bytes out to stdout, and the signals that end the input.

Owns every system call of the node's loop; knows no message.
Trap: a signal handler that raises can lose bytes that were read but not yet kept, or written but not yet counted.  So the
handler puts an empty file, which may only be read, in the place of stdin and of stdout: the call that it interrupted, which
Python starts again, and every later one finds the end there, or fails.  What failed so is held back until `finish`.
Source: PEP 475, which starts interrupted calls again.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import sys
import time

from .streams import CHUNK_BYTES, EndedBySignal

# For type checkers, which skip what cannot be reached.
assert sys.platform != "win32"  # noqa: S101

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .streams import Data

#: What a person does who has no more to type.
END_OF_INPUT = "Ctrl-D ends"
#: How long after the signal stdout's reader has for what was held back.
READER_SECONDS = 1.0
#: How long it has at least, however long the spans take that go out first.
LEAST_SECONDS = 0.1
#: How long after a terminal that is closed has failed its SIGHUP may come.
HANGUP_SECONDS = 0.1


class Streams(EndedBySignal):
    """Bytes from stdin until its end or a signal, and to stdout.

    Args:
        stdin, stdout: their descriptors.
    """

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        super().__init__(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._stdin, self._stdout = stdin, stdout
        self._held: list[bytes] = []

    def __enter__(self) -> None:
        self._reader = os.dup(self._stdout)
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        super().__enter__()
        # A signal that comes right before a call begins to wait does not interrupt it; this one, a second later, does.
        signal.signal(signal.SIGALRM, lambda number, frame: None)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)

    def __exit__(self, *exception: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        super().__exit__(*exception)
        os.close(self._nothing)
        try:
            os.close(self._reader)
        except OSError:
            # `finish` has said so, or stdout had failed before.
            pass

    def read(self) -> bytes:
        """Wait for bytes; none mean the end."""
        while True:
            try:
                return os.read(self._stdin, CHUNK_BYTES)
            except BlockingIOError:
                select.select([self._stdin], [], [])
            except OSError:
                # A terminal that is closed fails a moment before its SIGHUP comes.
                select.select([], [], [], HANGUP_SECONDS)
                if not self.signal:
                    raise
                return b""

    def write(self, data: bytes) -> None:
        """Write all of it; once a signal has come, hold it back.

        Raises:
            OSError: stdout takes no more; `BrokenPipeError`: its reader has gone.
        """
        while data:
            try:
                data = data[os.write(self._stdout, data) :]
            except BlockingIOError:
                select.select([], [self._stdout], [])
            except OSError as error:
                # What stands in the place of stdout may not be written to.
                if not self.signal or error.errno != errno.EBADF:
                    raise
                self._held.append(data)
                return

    def finish(self, say: Callable[[str], None]) -> None:
        """Write what was held back, the last of all; say what stdout's reader did not take in time, which is dropped.

        Raises:
            OSError: see `write`.
        """
        if self._held:
            held, self._held = b"".join(self._held), []
            signal.signal(signal.SIGALRM, lambda number, frame: self._put_away(self._stdout))
            left = self._came + READER_SECONDS - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(left, LEAST_SECONDS), READER_SECONDS)
            os.dup2(self._reader, self._stdout)
            self.write(held)
        if self._held:
            say(f"stdout's reader has stalled: {sum(map(len, self._held))} bytes of replies were dropped")
        # A disk of a network, or one with quotas, may fail only here.  Source: close(2).
        os.close(os.dup(self._reader if self.signal else self._stdout))

    def _stop(self) -> None:
        self._put_away(self._stdin)
        self._put_away(self._stdout)

    def _put_away(self, descriptor: int) -> None:
        os.dup2(self._nothing, descriptor)


def write_at_once(data: Data, descriptor: int) -> int:
    """Write what is taken without waiting; return how many bytes that was.

    Raises:
        BlockingIOError: nothing is taken now.
    Traps: a pipe that `select` calls writable takes PIPE_BUF bytes whole, a terminal perhaps one character, and then it
    waits as well.  To make the terminal itself non-blocking would harm everybody who shares it, so it is opened once more.
    Source: POSIX, write.
    """
    opened = _open_terminal(descriptor)
    try:
        if not select.select([], [descriptor], [], 0)[1]:
            raise BlockingIOError
        return os.write(descriptor if opened is None else opened, data[: select.PIPE_BUF])
    finally:
        if opened is not None:
            os.close(opened)


def leave_signals_to_others() -> None:
    """Let no signal come to this thread: it has to interrupt the one that reads the input."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def open_to_append(path: str, waits: bool) -> int:
    """Open a file, made if there is none, for `append_at_once`, and return its descriptor.

    Args:
        waits: whether a named pipe is waited for until somebody reads it.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(path, flags if waits else flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(descriptor, not stat.S_ISFIFO(os.fstat(descriptor).st_mode))
    return descriptor


def append_at_once(data: Data, descriptor: int) -> int:
    """Append to a file, or write what a named pipe's reader takes without waiting; return how many bytes that was.

    Raises:
        BlockingIOError: nothing is taken now.
    """
    try:
        return os.write(descriptor, data)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "its reader has stalled") from None


def expand_pattern(path: str) -> list[str]:
    """List the files that a path means: itself, since a shell has expanded all patterns."""
    return [path]


def takes_escapes(descriptor: int) -> bool:
    """Return whether it is a terminal that takes escape sequences."""
    return os.isatty(descriptor) and os.environ.get("TERM") != "dumb"


def _open_terminal(descriptor: int) -> int | None:
    """Open the terminal that a descriptor is so that writing never waits, and that it does not become the process's own."""
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None
