"""Identity in a trace: W3C `traceparent` in and out, and the two ways to choose ids.

Owns the format, and randomness.  Ids are ints inside and lowercase hex of fixed width outside.
Source: W3C Trace Context level 1, traceparent header; OpenTelemetry trace/api, SpanContext.
"""

from __future__ import annotations

import os

from .views import expose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Union

    Ids = Union["CountedIds", "RandomIds"]

#: Trace flags of a new trace: sampled.
SAMPLED = 1
#: The flags that a child inherits: sampled, and random trace id (level 2); the others are reserved.
INHERITED_FLAGS = 3

_HEX = frozenset("0123456789abcdef")
#: All bits of a hex id.
_HEX_ID = (1 << 64) - 1
#: Characters of a version, a trace id, a span id and flags.
_WIDTHS = [2, 32, 16, 2]


class SpanContext:
    """The identity by which children and links name a span.

    Args:
        trace_id: 128 bits, not 0.
        hex_id: 64 bits, not 0; the span's id within its trace.
        flags: 8 bits.
    """

    __slots__ = ("_flags", "_hex_id", "_trace_id")

    def __init__(self, trace_id: int, hex_id: int, flags: int) -> None:
        self._trace_id = trace_id
        self._hex_id = hex_id
        self._flags = flags

    trace_id: Final[int] = expose("_trace_id")
    hex_id: Final[int] = expose("_hex_id")
    flags: Final[int] = expose("_flags")

    @property
    def traceparent(self) -> str:
        """The W3C text, in version 00."""
        return f"00-{self._trace_id:032x}-{self._hex_id:016x}-{self._flags:02x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpanContext) and self.traceparent == other.traceparent

    def __hash__(self) -> int:
        return hash(self.traceparent)

    def __repr__(self) -> str:
        return f"<SpanContext {self.traceparent}>"


def parse_traceparent(text: str) -> SpanContext:
    """Read a W3C traceparent of any version.

    Raises:
        ValueError: it is none.
    Source: W3C Trace Context, versioning of traceparent: a higher version may go on after a dash.
    """
    parts = text.split("-")
    if [len(part) for part in parts[:4]] != _WIDTHS or not _HEX.issuperset("".join(parts[:4])):
        raise ValueError(text)
    trace_id, hex_id, flags = (int(part, 16) for part in parts[1:4])
    if parts[0] == "ff" or (parts[0] == "00" and len(parts) > 4) or not (trace_id and hex_id):
        raise ValueError(text)
    return SpanContext(trace_id, hex_id, flags)


class CountedIds:
    """Ids that are the same on every run: traces are counted, a span's id is its number."""

    def __init__(self) -> None:
        self._traces = 0

    def start_trace(self, number: int) -> tuple[int, int]:
        """Choose the trace id and the hex id of the span with that number, the first of a new trace."""
        self._traces += 1
        return self._traces, number

    def choose_hex_id(self, number: int) -> int:
        """Choose the hex id of the span with that number, in a trace that there is."""
        return number

    def make_unique(self, node_id: str, number: int) -> str:
        """Make an id with that number that is given once in a run."""
        return f"{node_id}-{number}"


class RandomIds:
    """Ids that no other node chooses, nor a fork of this one: random bits from the operating system."""

    def __init__(self) -> None:
        # What the unique ids begin with, behind the node's, and the process that chose it.
        self._start: str
        self._pid = 0

    def start_trace(self, number: int) -> tuple[int, int]:
        """Choose a trace id and a hex id."""
        bits = _choose_random(24)
        return bits >> 64 or 1, bits & _HEX_ID or 1

    def choose_hex_id(self, number: int) -> int:
        """Choose a hex id."""
        return _choose_random(8)

    def make_unique(self, node_id: str, number: int) -> str:
        """Make an id that no node gives twice, as long as it is called with ever new numbers."""
        # Maelstrom kills a node and starts it again under its name: the numbers begin anew, this does not.
        if self._pid != os.getpid():
            self._start, self._pid = f"{_choose_random(4):08x}", os.getpid()
        return f"{node_id}-{self._start}-{number}"


def _choose_random(size: int) -> int:
    # All zeros is no id, here and above; at one in 2^64 the replacement need not be random.
    return int.from_bytes(os.urandom(size), "big") or 1
