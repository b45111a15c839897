"""Time, in microseconds: the simulated and the real clock.

Owns time, and is the only file that asks the machine for it.  Both clocks have `now_us`, `tick_us`, `tick` and `advance`.
"""

from __future__ import annotations

import time

#: What a tick of the simulated clock adds: the task's create, event, end then takes 10,000.
TICK_US = 5_000


class SimulatedClock:
    """Time that goes on by a fixed step a line, so that a session gives the same output on any machine.

    Args:
        tick_us: the step, in microseconds; the first tick is at 0.
    """

    __slots__ = ("now_us", "tick_us")

    def __init__(self, tick_us: int = TICK_US) -> None:
        #: What a line adds to `now_us`.
        self.tick_us = tick_us
        #: Microseconds since the first tick, or since the epoch once a message has named a time.
        self.now_us = -tick_us

    def tick(self) -> None:
        """Go on by a step, for a line."""
        self.now_us += self.tick_us

    def advance(self, timestamp_us: int) -> None:
        """Go on from a time that a message named, where it lies ahead."""
        if timestamp_us > self.now_us:
            self.now_us = timestamp_us


class RealClock:
    """The wall clock at start-up, carried forward by the monotonic clock: setting the machine's time moves no span."""

    __slots__ = ("_start_ns",)

    #: What a line adds.
    tick_us = 0

    def __init__(self) -> None:
        self._start_ns = time.time_ns() - time.monotonic_ns()

    @property
    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        return (self._start_ns + time.monotonic_ns()) // 1000

    def tick(self) -> None:
        """Do nothing: real time passes by itself."""

    def advance(self, timestamp_us: int) -> None:
        """Do nothing: a message cannot move real time."""
