"""One span: its parts, its bounds, and the table of its life.

Owns what a span holds and which message it refuses in which state; knows no JSON text, no other span, no stream.
Read next: `manager.py`, which keeps many.
Source: OpenTelemetry, trace/api, Span; the error codes are Maelstrom's.
"""

from __future__ import annotations

from math import isfinite

from .address import BARE
from .errors import SpanEndedError, SpanExistsError, SpanNotFoundError, quoted
from .trace_context import SpanContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from .address import ReturnAddress
    from .limits import Limits

    Refusal = Union[SpanExistsError, SpanNotFoundError, SpanEndedError]

#: Kinds and statuses, in the order of OpenTelemetry's numbers (kinds from 1, statuses from 0).
KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")

_SHARED_NAMES, _SHARED_CHARACTERS = 1024, 100

UNKNOWN, OPEN, ENDED = "unknown id", "open", "ended, still kept"

#: A span's life: what refuses a message about a span in each state; what does not stand here is allowed.
REFUSALS: dict[str, dict[str, type[Refusal]]] = {
    "create": {OPEN: SpanExistsError, ENDED: SpanExistsError},
    "change": {UNKNOWN: SpanNotFoundError, ENDED: SpanEndedError},
    "get": {UNKNOWN: SpanNotFoundError},
}


def refusal(trigger: str, span: Span | None, span_id: str) -> Refusal:
    """Make the error for what may not be done to the span of that id, None if no known span has it."""
    return REFUSALS[trigger][UNKNOWN if span is None else span.state](span_id)


class Attributes(dict[str, object]):
    """Attributes in the order they were first set; those beyond the bound are dropped and counted.

    Source: OpenTelemetry, common, Attribute Limits.
    """

    __slots__ = ("dropped",)

    def __init__(self) -> None:
        # Not `super().__init__()`, which would do nothing: every event that is exported makes one of these.
        #: How many were dropped.
        self.dropped = 0

    def put(self, attributes: dict[str, Any], bound: int, value_characters: int | None) -> None:
        """Set attributes, each new key while there is room; a known key is overwritten in its place.

        Args:
            bound: most attributes.
            value_characters: longest string in a value, which is cut to it; None for any length.
        """
        for key, value in attributes.items():
            key = str(key)
            if key in self or len(self) < bound:
                self[key] = _kept(value, value_characters)
            else:
                self.dropped += 1


def bounded(attributes: dict[str, Any] | None, bound: int, value_characters: int | None) -> Attributes | None:
    """Make attributes that obey a bound; None stays None, to take no memory."""
    if attributes is None:
        return None
    kept = Attributes()
    kept.put(attributes, bound, value_characters)
    return kept


def _kept(value: Any, characters: int | None, within: tuple[int, ...] = ()) -> Any:
    """Copy a value, its strings cut at any depth, keys whole; what JSON does not have becomes its `str()`.

    Args:
        characters: longest string; None for any length.
        within: the ids of the lists and objects that hold it: what holds itself has no place in JSON either.
    """
    if isinstance(value, str):
        return value[:characters]
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, (list, tuple)) and id(value) not in within:
        return [_kept(item, characters, (*within, id(value))) for item in value]
    if isinstance(value, dict) and id(value) not in within:
        return {str(key): _kept(item, characters, (*within, id(value))) for key, item in value.items()}
    return str(value)[:characters]


class Event:
    """Something that happened at a point in time within a span: its name, when (microseconds), and attributes."""

    __slots__ = ("attributes", "name", "timestamp_us")

    def __init__(self, name: str, timestamp_us: int, attributes: Attributes | None) -> None:
        self.name = name
        self.timestamp_us = timestamp_us
        self.attributes = Attributes() if attributes is None else attributes


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

    __slots__ = ("attributes", "context")

    def __init__(self, context: SpanContext, attributes: Attributes | None) -> None:
        self.context = context
        self.attributes = Attributes() if attributes is None else attributes


class Span:
    """One operation in a trace.

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
        *("span_id", "name", "kind", "start_us", "trace_id", "hex_id", "flags", "parent", "return_address"),
        *("is_unclaimed", "end_us", "status", "error", "dropped_events", "dropped_links"),
        *("_attributes", "_links", "_events"),
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
        self.span_id, self.name, self.kind = span_id, name, kind
        self.start_us, self.parent = start_us, parent
        self.trace_id, self.hex_id, self.flags = trace_id, hex_id, flags
        #: Where replies to bare messages about it go.
        self.return_address: ReturnAddress = BARE
        #: Whether nobody was told or has named its id, so that it may still take over another id.
        self.is_unclaimed = False
        #: When it ended; None while it is open.
        self.end_us: int | None = None
        #: One of STATUSES; UNSET while it is open.
        self.status = "UNSET"
        #: What went wrong, where the status is ERROR and the message said it.
        self.error: str | None = None
        #: How many events and links came when there was no room.
        self.dropped_events = self.dropped_links = 0
        # None for none: empty ones take memory.
        self._attributes: Attributes | None = None
        self._links: list[Link] | None = None
        # Three items an event, name, time, attributes: half the memory of an object each.
        self._events: list[Any] | None = None

    def __repr__(self) -> str:
        return f"<Span {quoted(self.name)}, {quoted(self.span_id)}, {self.state}>"

    @property
    def state(self) -> str:
        """OPEN or ENDED."""
        return OPEN if self.end_us is None else ENDED

    @property
    def duration_us(self) -> int | None:
        """How long it took; None while open."""
        return None if self.end_us is None else self.end_us - self.start_us

    @property
    def context(self) -> SpanContext:
        """Its identity, as children and links name it."""
        return SpanContext(self.trace_id, self.hex_id, self.flags)

    @context.setter
    def context(self, context: SpanContext) -> None:
        self.trace_id, self.hex_id, self.flags = context.trace_id, context.hex_id, context.flags

    @property
    def attributes(self) -> Attributes:
        """Its attributes; to change them is `set_attributes`'s."""
        return Attributes() if self._attributes is None else self._attributes

    @property
    def events(self) -> list[Event]:
        """Its events, in the order they came."""
        flat = self._events or []
        return list(map(Event, flat[::3], flat[1::3], flat[2::3]))

    @property
    def links(self) -> list[Link]:
        """Its links, in the order they came."""
        return list(self._links or ())

    def set_attributes(self, attributes: dict[str, Any], limits: Limits) -> None:
        """Set attributes, within their bound."""
        if attributes:
            self._attributes = self.attributes
            self._attributes.put(attributes, limits.attributes, limits.value_characters)

    def add_event(self, name: str, timestamp_us: int, attributes: dict[str, Any] | None, limits: Limits) -> None:
        """Record something that happened at a point in time, or count it as dropped."""
        if attributes is not None:
            attributes = bounded(attributes, limits.event_attributes, limits.value_characters)
        events = self._events
        if events is None and limits.events:
            self._events = [name, timestamp_us, attributes]
        elif events is not None and len(events) < 3 * limits.events:
            events += (name, timestamp_us, attributes)
        else:
            self.dropped_events += 1

    def add_link(self, context: SpanContext, attributes: dict[str, Any] | None, limits: Limits) -> None:
        """Relate this span to another one, or count the link as dropped."""
        links = [] if self._links is None else self._links
        if len(links) >= limits.links:
            self.dropped_links += 1
            return
        links.append(Link(context, bounded(attributes, limits.link_attributes, limits.value_characters)))
        self._links = links
