"""The edge on Windows: bytes in from stdin, bytes out to stdout, and the signals that end the input.

Owns every system call of the node's loop; knows no message.
Python's unbuffered files read and write a console as UTF-8, whatever its code page is.
Trap: no signal interrupts a wait for a pipe or a console.  So a thread waits for the input, and hands over what comes.
"""

from __future__ import annotations

import errno
import functools
import os
import queue
import signal
import sys
import threading

from .streams import CHUNK_BYTES, EndedBySignal

# For type checkers, which skip what cannot be reached.
assert sys.platform == "win32"  # noqa: S101

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Callable, Union

    from .streams import Data

    Piece = Union[bytes, OSError]

#: What a person does who has no more to type.
END_OF_INPUT = "Ctrl-Z and Enter end"
#: How soon a signal is noticed while no input comes.
NOTICED_SECONDS = 0.1
#: The byte that is locked by who appends to a file, as `LockFile` takes it: far beyond the end, where nobody reads or writes.
LOCKED_BYTE = (0xFFFFFFFF, 0x7FFFFFFF, 1, 0)
ERROR_LOCK_VIOLATION = 33


class Streams(EndedBySignal):
    """Bytes from stdin until its end or a signal, and to stdout."""

    def __init__(self) -> None:
        super().__init__(signal.SIGINT, signal.SIGBREAK, signal.SIGTERM)
        # Of a quick sender one piece is read ahead, no more.
        self._pieces: queue.Queue[Piece] = queue.Queue(1)

    def __enter__(self) -> None:
        super().__enter__()
        threading.Thread(target=self._read_ahead, daemon=True).start()

    def read(self) -> bytes:
        """Wait for bytes; none mean the end."""
        while True:
            try:
                piece = self._pieces.get(timeout=NOTICED_SECONDS)
            except queue.Empty:
                if self.signal:
                    return b""
            else:
                if isinstance(piece, OSError):
                    raise piece
                return piece

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            OSError: stdout takes no more; `BrokenPipeError`: its reader has gone.
        """
        try:
            while data:
                data = data[write_at_once(data, 1) :]
        except OSError as error:
            # So Windows says that a pipe has no reader any more.
            if error.errno == errno.EINVAL:
                raise BrokenPipeError from error
            raise

    def finish(self, say: Callable[[str], None]) -> None:
        """Do nothing: a signal holds no replies back here."""

    def _read_ahead(self) -> None:
        with open(0, "rb", buffering=0, closefd=False) as stdin:
            while not self.signal:
                try:
                    piece: Piece = stdin.read(CHUNK_BYTES)
                except OSError as error:
                    piece = error
                self._pieces.put(piece)
                if not piece or isinstance(piece, OSError):
                    return


def write_at_once(data: Data, descriptor: int) -> int:
    """Write what is taken; return how many bytes that was.

    Raises:
        BlockingIOError: nothing is taken now, by a pipe that was made not to wait.
    Trap: any other pipe that nobody reads is waited for.
    """
    with open(descriptor, "wb", buffering=0, closefd=False) as stream:
        taken: int | None = stream.write(data)
    if taken is None:
        raise BlockingIOError(errno.EAGAIN, "its reader has stalled")
    return taken


def leave_signals_to_others() -> None:
    """Do nothing: no signal interrupts a thread here."""


def open_to_append(path: str, waits: bool) -> int:
    """Open a file, made if there is none, for `append_at_once`, and return its descriptor."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_BINARY, 0o666)
    except PermissionError:
        # So Windows says that it is a directory.
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        raise


def append_at_once(data: Data, descriptor: int) -> int:
    """Append to a file; return how many bytes were taken.

    To append is two steps of the C library here, a seek and a write, so several nodes take turns by a lock.  What has no
    locks, such as a pipe, a console or some networks' disks, is written to without one.

    Raises:
        BlockingIOError: somebody else has the lock now.
    Source: Microsoft, LockFile.
    """
    import ctypes
    import msvcrt

    kernel, file = _load_kernel(), msvcrt.get_osfhandle(descriptor)
    if kernel.LockFile(file, *LOCKED_BYTE):
        try:
            return os.write(descriptor, data)
        finally:
            kernel.UnlockFile(file, *LOCKED_BYTE)
    if ctypes.get_last_error() == ERROR_LOCK_VIOLATION:
        raise BlockingIOError(errno.EAGAIN, "another process has locked it")
    return os.write(descriptor, data)


@functools.lru_cache(None)
def _load_kernel() -> ctypes.WinDLL:
    """Load the system's functions so that `ctypes.get_last_error` says why one has failed."""
    import ctypes

    return ctypes.WinDLL("kernel32", use_last_error=True)


def expand_pattern(path: str) -> list[str]:
    """List the files that a path means: a pattern such as `*.jsonl` comes as it was typed, for no shell expands it here.

    A file of that very name counts first.
    """
    from glob import glob

    return sorted(glob(path)) if any(mark in path for mark in "*?[") and not os.path.exists(path) else [path]


def takes_escapes(descriptor: int) -> bool:
    """Return whether it is a console that takes escape sequences; it is asked to, for not every one does by itself.

    Source: Microsoft, Console Virtual Terminal Sequences.
    """
    import ctypes
    import msvcrt

    try:
        console, mode = msvcrt.get_osfhandle(descriptor), ctypes.c_ulong()
    except OSError:
        # It is closed.
        return False
    kernel = ctypes.windll.kernel32
    return bool(kernel.GetConsoleMode(console, ctypes.byref(mode)) and kernel.SetConsoleMode(console, mode.value | 4))
