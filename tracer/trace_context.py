"""Identity in a trace: W3C `traceparent` in and out, and the two ways to choose ids.

Owns the format, and randomness.  Ids are ints inside and lowercase hex of fixed width outside.
Source: W3C Trace Context level 1, traceparent header; OpenTelemetry trace/api, SpanContext.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Ids = Union["CountedIds", "RandomIds"]

#: Trace flags of a new trace: sampled.
SAMPLED = 1
#: The flags that a child inherits: sampled, and random trace id (level 2); the others are reserved.
INHERITED_FLAGS = 3

_FETCHED_BYTES = 24 * 64

_HEX = frozenset("0123456789abcdef")
#: Characters of a version, a trace id, a span id and flags.
_WIDTHS = [2, 32, 16, 2]


class SpanContext:
    """The identity by which children and links name a span.

    Args:
        trace_id: 128 bits, not 0.
        hex_id: 64 bits, not 0; the span's id within its trace.
        flags: 8 bits.
    """

    __slots__ = ("flags", "hex_id", "trace_id")

    def __init__(self, trace_id: int, hex_id: int, flags: int) -> None:
        self.trace_id = trace_id
        self.hex_id = hex_id
        self.flags = flags

    @property
    def traceparent(self) -> str:
        """The W3C text, in version 00."""
        return f"00-{self.trace_id:032x}-{self.hex_id:016x}-{self.flags:02x}"


def parse_traceparent(text: str) -> SpanContext | None:
    """Read a W3C traceparent of any version; None when it is none.

    Source: W3C Trace Context, versioning of traceparent: a higher version may go on after a dash.
    """
    parts = text.split("-")
    if [len(part) for part in parts[:4]] != _WIDTHS or not _HEX.issuperset("".join(parts[:4])):
        return None
    if parts[0] == "ff" or (parts[0] == "00" and len(parts) > 4):
        return None
    context = SpanContext(int(parts[1], 16), int(parts[2], 16), int(parts[3], 16))
    return context if context.trace_id and context.hex_id else None


class CountedIds:
    """Ids that are the same on every run: traces are counted, a span's id is its number."""

    def __init__(self) -> None:
        self._traces = 0

    def root(self, number: int) -> tuple[int, int]:
        """Return the trace id and the hex id of the span with that number, the first of a new trace."""
        self._traces += 1
        return self._traces, number

    def child(self, number: int) -> int:
        """Return the hex id of the span with that number."""
        return number

    def generated(self, node_id: str, number: int) -> str:
        """Return an id that the node gives to anybody, once in a run."""
        return f"{node_id}-{number}"


class RandomIds:
    """Ids that no other node chooses: random bits from the operating system, fetched for many ids at once."""

    def __init__(self) -> None:
        self._bits = b""
        # Maelstrom kills a node and starts it again under its name: the numbers begin anew, this does not.
        self._start = f"{self._take(4):08x}"

    def root(self, number: int) -> tuple[int, int]:
        """Return a new trace id and a hex id."""
        return self._take(16), self._take(8)

    def child(self, number: int) -> int:
        """Return a hex id."""
        return self._take(8)

    def generated(self, node_id: str, number: int) -> str:
        """Return an id that no node gives twice."""
        return f"{node_id}-{self._start}-{number}"

    def _take(self, size: int) -> int:
        if len(self._bits) < size:
            self._bits = os.urandom(_FETCHED_BYTES)
        bits, self._bits = self._bits[:size], self._bits[size:]
        # All zeros is no id; at one in 2^64 the replacement need not be random.
        return int.from_bytes(bits, "big") or 1
