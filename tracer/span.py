"""One span: its parts, their bounds, and the table of its life, which decides.

Owns what a span holds and which message it refuses in which state; knows no JSON text, no other span, no address, no stream.
What is public here can only be read.  The slots and the verbs that begin with an underscore are the package's: `keeper.py`
and `claims.py` change a span by them, and what is on the way of every line reads them, for a property costs a call.
Read next: `keeper.py`, which keeps many.
Source: OpenTelemetry, trace/api, Span; the error codes are Maelstrom's.
"""

from __future__ import annotations

from .errors import SpanEndedError, SpanExistsError, SpanNotFoundError
from .trace_context import SpanContext
from .views import FrozenDict, expose, freeze_members
from .words import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable, Final, TypeVar, Union

    Made = TypeVar("Made")
    Refusal = Union[SpanExistsError, SpanNotFoundError, SpanEndedError]

#: Kinds and statuses: OpenTelemetry's, in the order of its numbers (kinds from 1, statuses from 0).
KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")

_SHARED_NAMES, _SHARED_CHARACTERS = 1024, 100

UNKNOWN, OPEN, ENDED = "unknown id", "open", "ended, still kept"

#: A span's life: what refuses a message about a span in each state; what does not stand here is allowed.
REFUSALS: dict[str, dict[str, type[Refusal]]] = {
    "create": {OPEN: SpanExistsError, ENDED: SpanExistsError},
    "change": {UNKNOWN: SpanNotFoundError, ENDED: SpanEndedError},
    "end": {UNKNOWN: SpanNotFoundError, ENDED: SpanEndedError},
    "get": {UNKNOWN: SpanNotFoundError},
}


def check_life(trigger: str, span: Span | None, span_id: str) -> None:
    """Refuse what may not be done to the span of that id, None if no known span has it.

    Raises:
        SpanNotFoundError, SpanExistsError, SpanEndedError: as the table has it.
    """
    refusal = REFUSALS[trigger].get(UNKNOWN if span is None else span.state)
    if refusal is not None:
        raise refusal(span_id)


class Attributes(FrozenDict):
    """Attributes in the order they were first set; those beyond the bound are dropped and counted.

    Source: OpenTelemetry, common, Attribute Limits.
    """

    __slots__ = ("_dropped",)

    def __init__(self, values: Iterable[tuple[str, object]] = (), dropped: int = 0) -> None:
        super().__init__(values)
        self._dropped = dropped

    def __reduce__(self) -> tuple[Any, ...]:
        return Attributes, (dict(self), self._dropped)

    #: How many were dropped.
    dropped: Final[int] = expose("_dropped")

    def _put(self, frozen: dict[str, object], bound: int) -> None:
        """Set attributes, each new key while there is room; a known key is overwritten in its place."""
        if len(self) + len(frozen) <= bound:
            dict.update(self, frozen)
            return
        for key, value in frozen.items():
            if key in self or len(self) < bound:
                dict.__setitem__(self, key, value)
            else:
                self._dropped += 1


def make_attributes(values: dict[str, Any] | None, bound: int, characters: int | None) -> Attributes | None:
    """Make attributes that obey a bound; None stays None, to take no memory.

    Args:
        bound: most attributes.
        characters: see `freeze`.
    Raises:
        MalformedRequestError: one of them is nested too deep.
    """
    if values is None:
        return None
    attributes = Attributes()
    attributes._put(freeze_members(values, characters), bound)
    return attributes


class Event:
    """Something that happened at a point in time within a span: its name, when (microseconds), and attributes."""

    __slots__ = ("_attributes", "_name", "_timestamp_us")

    def __init__(self, name: str, timestamp_us: int, attributes: Attributes | None) -> None:
        self._name = name
        self._timestamp_us = timestamp_us
        self._attributes = Attributes() if attributes is None else attributes

    name: Final[str] = expose("_name")
    timestamp_us: Final[int] = expose("_timestamp_us")
    attributes: Final[Attributes] = expose("_attributes")

    def __repr__(self) -> str:
        return f"<Event {quote(self._name)} at {self._timestamp_us} us>"


class SharedNames(dict[str, str]):
    """One copy of each name that many events have; without it an open span takes a tenth more memory.

    Bounded in number and length: a peer may send a new name on every line.
    """

    def __missing__(self, name: str) -> str:
        if len(name) <= _SHARED_CHARACTERS:
            if len(self) >= _SHARED_NAMES:
                self.clear()
            self[name] = name
        return name


class Link:
    """A span that another one is related to, without being its parent: its identity, and attributes of the relation."""

    __slots__ = ("_attributes", "_context")

    def __init__(self, context: SpanContext, attributes: Attributes | None) -> None:
        self._context = context
        self._attributes = Attributes() if attributes is None else attributes

    context: Final[SpanContext] = expose("_context")
    attributes: Final[Attributes] = expose("_attributes")

    def __repr__(self) -> str:
        return f"<Link {self._context.traceparent}>"


class Span:
    """One operation in a trace, to be looked at.

    Args:
        span_id: its name on the wire.
        name: what it does.
        kind: one of KINDS.
        start_us: microseconds since the Unix epoch, as every time here.
        trace_id, hex_id, flags: its identity in the trace; see `SpanContext`.
        parent: the parent's identity; None for the root of a trace.
    """

    # Few and bare slots: a hundred thousand open spans are held at under 600 bytes each.
    __slots__ = (
        *("_span_id", "_name", "_kind", "_start_us", "_trace_id", "_hex_id", "_flags", "_parent"),
        *("_service", "_return_address", "_end_us", "_status", "_error", "_dropped_events", "_dropped_links"),
        *("_attributes", "_links", "_events", "_is_unclaimed"),
    )

    def __init__(
        self,
        span_id: str,
        name: str,
        kind: str,
        start_us: int,
        trace_id: int,
        hex_id: int,
        flags: int,
        parent: SpanContext | None,
    ) -> None:
        self._span_id, self._name, self._kind = span_id, name, kind
        self._start_us, self._parent = start_us, parent
        self._trace_id, self._hex_id, self._flags = trace_id, hex_id, flags
        self._service: str | None = None
        # Where replies to bare messages about it go: the node's, which alone knows what that is.
        self._return_address: Any = None
        # Whether nobody knows its id: `claims.py`.
        self._is_unclaimed = False
        self._end_us: int | None = None
        self._status = "UNSET"
        self._error: str | None = None
        self._dropped_events = self._dropped_links = 0
        # None and () for none: they take no memory.
        self._attributes: Attributes | None = None
        self._links: Any = ()
        # Three items an event, name, time, attributes: half the memory of an object each.
        self._events: Any = ()

    def __repr__(self) -> str:
        return f"<Span {quote(self._name)}, {quote(self._span_id)}, {self.state}>"

    span_id: Final[str] = expose("_span_id")
    name: Final[str] = expose("_name")
    kind: Final[str] = expose("_kind")
    #: Who made it, the `src` of its `create_span`; None where nobody is named.
    service: Final[str | None] = expose("_service")
    start_us: Final[int] = expose("_start_us")
    #: When it ended; None while it is open.
    end_us: Final[int | None] = expose("_end_us")
    #: One of STATUSES; UNSET while it is open.
    status: Final[str] = expose("_status")
    #: What went wrong, where the status is ERROR and the message said it.
    error: Final[str | None] = expose("_error")
    trace_id: Final[int] = expose("_trace_id")
    hex_id: Final[int] = expose("_hex_id")
    flags: Final[int] = expose("_flags")
    #: The parent's identity; None for the root of a trace.
    parent: Final[SpanContext | None] = expose("_parent")
    #: How many events and links came when there was no room.
    dropped_events: Final[int] = expose("_dropped_events")
    dropped_links: Final[int] = expose("_dropped_links")

    @property
    def state(self) -> str:
        """OPEN or ENDED."""
        return OPEN if self._end_us is None else ENDED

    @property
    def duration_us(self) -> int | None:
        """How long it took; None while open."""
        return None if self._end_us is None else self._end_us - self._start_us

    @property
    def context(self) -> SpanContext:
        """Its identity, as children and links name it."""
        return SpanContext(self._trace_id, self._hex_id, self._flags)

    @property
    def attributes(self) -> Attributes:
        """Its attributes, in the order they were first set; what is set later shows here too."""
        if self._attributes is None:
            self._attributes = Attributes()
        return self._attributes

    @property
    def events(self) -> tuple[Event, ...]:
        """Its events, in the order they came."""
        return tuple(self._map_events(Event))

    @property
    def links(self) -> tuple[Link, ...]:
        """Its links, in the order they came."""
        return tuple(self._links)

    def _map_events(self, make: Callable[[str, int, Attributes | None], Made]) -> list[Made]:
        """Make something of the name, the time and the attributes of each event."""
        flat = self._events
        return list(map(make, flat[::3], flat[1::3], flat[2::3]))

    # -- the package's verbs; what they take has been checked, and they cannot fail --

    def _set_attributes(self, frozen: dict[str, object], most: int) -> None:
        """Set attributes, within their bound."""
        if frozen:
            self.attributes._put(frozen, most)

    def _add_event(self, name: str, timestamp_us: int, attributes: Attributes | None, most: int) -> None:
        """Record something that happened at a point in time, or count it as dropped."""
        # Most spans have one event, for which a tuple takes less memory than the list that more of them need.
        if not self._events and most:
            self._events = (name, timestamp_us, attributes)
        elif len(self._events) < 3 * most:
            if len(self._events) == 3:
                self._events = list(self._events)
            self._events += [name, timestamp_us, attributes]
        else:
            self._dropped_events += 1

    def _add_link(self, link: Link, most: int) -> None:
        """Relate this span to another one, or count the link as dropped."""
        if not self._links and most:
            self._links = [link]
        elif len(self._links) < most:
            self._links += [link]
        else:
            self._dropped_links += 1
