"""What signals and slow readers mean on every system."""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Union

    Data = Union[bytes, memoryview]

#: How much is read at once: what a pipe holds on Linux.
CHUNK_BYTES = 65_536
#: Signals that come so soon after the first one are taken for it: a terminal and a wrapper both send theirs.
SAME_SIGNAL_SECONDS = 1.0
#: How long a reader who takes nothing is waited for, and how long before they are asked again, which some systems stretch.
STALL_SECONDS, PAUSE_SECONDS = 1.0, 0.001


class EndedBySignal:
    """What a signal ends in order, the first time; another one, if it is not taken for the first, ends the process.

    Args:
        numbers: the signals; one that was ignored at start stays so, as `nohup` and a shell's `trap '' INT` mean it.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        #: The signal that came first, 0 if none did; and when it came, by the monotonic clock.
        self.signal = 0
        self._came: float

    def __enter__(self) -> None:
        for number in self._handled:
            signal.signal(number, self._handle)

    def __exit__(self, *exception: object) -> None:
        # What is left is the end of the process.  After a first signal no other one may change the exit code.
        for number in self._handled:
            signal.signal(number, signal.SIG_IGN if self.signal else signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.signal:
            # In this order, for the next signal may come in between.
            self._came, self.signal = now, number
            self._stop()
        elif now - self._came >= SAME_SIGNAL_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _stop(self) -> None:
        """Read no more."""


class PatientWriter:
    """Writes to a reader who may be slow; one who takes nothing for a second is not waited for until they take something.

    Args:
        write_at_once: writes what is taken without waiting, and returns how many bytes that was; raises `BlockingIOError`
            where that is none.
    """

    def __init__(self, write_at_once: Callable[[Data], int]) -> None:
        self._write_at_once = write_at_once
        self._patience_seconds = STALL_SECONDS

    def write(self, data: Data) -> int:
        """Write what is taken, once something is; return how many bytes that was.

        Raises:
            BlockingIOError: nothing is taken, and has not been for a second.
            OSError: it cannot be written to.
        """
        until = None
        while True:
            try:
                taken = self._write_at_once(data)
            except BlockingIOError:
                now = time.monotonic()
                until = now + self._patience_seconds if until is None else until
                if now >= until:
                    self._patience_seconds = 0.0
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                self.wait_again()
                return taken

    def wait_again(self) -> None:
        """Wait for the reader once more, even one who took nothing for a second."""
        self._patience_seconds = STALL_SECONDS


def occupy_standard_descriptors() -> None:
    """Open what was closed among stdin, stdout and stderr, so that no file of ours gets its number.

    It is opened for reading: a closed stdin has ended, and writing to a closed stdout fails, as it should.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
