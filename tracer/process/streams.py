"""What stdin, stdout and the signals have in common on every machine."""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

#: How much is read at once: what a pipe holds on Linux.
CHUNK_BYTES = 65_536
#: Signals that come within this time after the first are taken for it: a terminal and a wrapper both send theirs.
GRACE_SECONDS = 1.0


class EndedBySignal:
    """What a signal ends in order, the first time; later than `GRACE_SECONDS` after it another one ends the process.

    Args:
        numbers: the signals; one that was ignored at start stays so, as `nohup` and a shell's `trap '' INT` mean it.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self._came = 0.0
        #: The signal that came first; 0 if none did.
        self.signal = 0

    def __enter__(self) -> None:
        for number in self._handled:
            signal.signal(number, self._handle)

    def __exit__(self, *exception: object) -> None:
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.signal:
            self.signal, self._came = number, now
            self._stop()
        elif now - self._came >= GRACE_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _stop(self) -> None:
        """Read no more."""


def occupy_standard_descriptors() -> None:
    """Open what was closed among stdin, stdout and stderr, so that no file of ours gets its number.

    It is opened for reading: a closed stdin has ended, and writing to a closed stdout fails, as it should.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
