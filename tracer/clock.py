"""Time, in microseconds: the simulated and the real clock.

Owns time, and is the only file that asks the machine for it.  Both clocks have `now_us`, `tick` and `advance`.
"""

from __future__ import annotations

import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Union

    Clock = Union["RealClock", "SimulatedClock"]

#: What a tick of the simulated clock adds: the task's create, event, end then takes 10,000.
TICK_US = 5_000
#: Microseconds of a year: a time before that is the simulated clock's.
YEAR_US = 365 * 86_400 * 1_000_000
#: What nobody sets and what goes on while the machine sleeps.  Python's monotonic clock stands still then on Linux and macOS; on
#: Windows, which has neither of these two, it goes on.
_STEADY = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", 0))


class SimulatedClock:
    """Time that goes on by a fixed step a line, so that a session gives the same output on any machine.

    Args:
        tick_us: the step, in microseconds; the first tick is at 0, and a `Node` makes one for each line.
    """

    __slots__ = ("_tick_us", "now_us")

    def __init__(self, tick_us: int = TICK_US) -> None:
        self._tick_us = tick_us
        #: Microseconds since the first tick, or since the epoch once a message has named a time.
        self.now_us = -tick_us

    def tick(self) -> None:
        """Go on by a step, for a line."""
        self.now_us += self._tick_us

    def advance(self, timestamp_us: int) -> int:
        """Go on from a time that a message named, where it lies ahead; return that time."""
        if timestamp_us > self.now_us:
            self.now_us = timestamp_us
        return timestamp_us


class RealClock:
    """The wall clock at start-up, carried forward by a clock that nobody sets and that goes on while the machine sleeps."""

    __slots__ = ("_start_ns", "_steady_ns")

    def __init__(self) -> None:
        self._steady_ns = _steady_ns()
        self._start_ns = time.time_ns() - self._steady_ns()

    @property
    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        return (self._start_ns + self._steady_ns()) // 1000

    def tick(self) -> None:
        """Do nothing: real time passes by itself."""

    def advance(self, timestamp_us: int) -> int:
        """Return the time that a message named, which cannot move real time."""
        return timestamp_us


def _steady_ns() -> Callable[[], int]:
    if hasattr(time, "clock_gettime_ns"):
        return partial(time.clock_gettime_ns, _STEADY)
    return time.monotonic_ns
