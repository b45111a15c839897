"""One span: its parts, its bounds, and the table of its life.

Owns what a span holds and which message is allowed when; knows no JSON text, no other span, no stream.
Read next: `manager.py`, which keeps many.
Source: OpenTelemetry, trace/api, Span; the error codes are Maelstrom's.
"""

from __future__ import annotations

from .errors import SpanEndedError, SpanExistsError, SpanNotFoundError
from .trace_context import SpanContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Union

    from .limits import Limits
    from .replies import Origin

    Refusal = Union[SpanExistsError, SpanNotFoundError, SpanEndedError]
    #: Time in microseconds, one of STATUSES, and what went wrong if that was said.
    Ending = tuple[int, str, Optional[str]]
    #: A name, a time in microseconds, and attributes.
    Event = tuple[str, int, Optional["Attributes"]]
    #: The linked span, and attributes.
    Link = tuple[SpanContext, Optional["Attributes"]]

#: Kinds and statuses, in the order of OpenTelemetry's numbers (kinds from 1, statuses from 0).
KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")

UNKNOWN, OPEN, ENDED = "unknown id", "open", "ended, still kept"

#: A span's life: for each trigger, what a span in each state becomes, or the error that refuses the message.
LIFECYCLE: dict[str, dict[str, str | type[Refusal]]] = {
    "create": {UNKNOWN: OPEN, OPEN: SpanExistsError, ENDED: SpanExistsError},
    "change": {UNKNOWN: SpanNotFoundError, OPEN: OPEN, ENDED: SpanEndedError},
    "end": {UNKNOWN: SpanNotFoundError, OPEN: ENDED, ENDED: SpanEndedError},
    "get": {UNKNOWN: SpanNotFoundError, OPEN: OPEN, ENDED: ENDED},
}


def step(trigger: str, state: str, span_id: str) -> str:
    """Look up what a trigger makes of a span in that state: its next state.

    Raises:
        SpanNotFoundError, SpanExistsError, SpanEndedError: as LIFECYCLE has it.
    """
    outcome = LIFECYCLE[trigger][state]
    if isinstance(outcome, str):
        return outcome
    raise outcome(span_id)


class Attributes(dict):  # type: ignore[type-arg]
    """Attributes in the order they were first set; those beyond the bound are dropped and counted.

    Source: OpenTelemetry, common, Attribute Limits.
    """

    __slots__ = ("dropped",)

    def __init__(self) -> None:
        super().__init__()
        #: How many were dropped.
        self.dropped = 0

    def put(self, attributes: dict[str, Any], bound: int, value_characters: int | None) -> None:
        """Set attributes, each new key while there is room; a known key is overwritten in its place.

        Args:
            attributes: any JSON values; they are kept as they are, not copied.
            bound: most attributes.
            value_characters: longest string in a value, which is cut to it; None for any length.
        """
        for key, value in attributes.items():
            if key in self or len(self) < bound:
                self[key] = value if value_characters is None else _cut(value, value_characters)
            else:
                self.dropped += 1


def bounded(attributes: dict[str, Any], bound: int, value_characters: int | None) -> Attributes:
    """Make attributes that obey a bound."""
    kept = Attributes()
    kept.put(attributes, bound, value_characters)
    return kept


def _cut(value: Any, characters: int) -> Any:
    """Copy a JSON value with every string in it cut, at any depth; keys stay whole."""
    if isinstance(value, str):
        return value[:characters]
    if isinstance(value, list):
        return [_cut(item, characters) for item in value]
    if isinstance(value, dict):
        return {key: _cut(item, characters) for key, item in value.items()}
    return value


class Span:
    """One operation in a trace.

    Args:
        span_id: its name on the wire.
        name: what it does.
        kind: one of KINDS.
        start_us: microseconds since the Unix epoch, as every time here.
        trace_id, own_id, flags: its identity in the trace; see `SpanContext`.
        origin: the envelope that it was created in; None for a bare message.
        unclaimed: whether nobody has been told or has said its id, so that it may still take over another one.
    """

    # Few and bare slots: a hundred thousand open spans are held at about 600 bytes each.
    __slots__ = (
        "_dropped",
        "_events",
        "attributes",
        "ending",
        "flags",
        "kind",
        "links",
        "name",
        "origin",
        "own_id",
        "parent",
        "span_id",
        "start_us",
        "trace_id",
        "unclaimed",
    )

    def __init__(
        self,
        span_id: str,
        name: str,
        kind: str,
        start_us: int,
        trace_id: int,
        own_id: int,
        flags: int,
        origin: Origin | None = None,
        unclaimed: bool = False,
    ) -> None:
        self.span_id = span_id
        self.name = name
        self.kind = kind
        self.start_us = start_us
        self.trace_id = trace_id
        self.own_id = own_id
        self.flags = flags
        self.origin = origin
        self.unclaimed = unclaimed
        #: The parent's identity; None for the root of a trace.
        self.parent: SpanContext | None = None
        #: None as long as none was set.
        self.attributes: Attributes | None = None
        #: None as long as there is none.
        self.links: list[Link] | None = None
        # Three items an event, name, time, attributes: half the memory of a tuple each.
        self._events: list[Any] | None = None
        #: When it ended, its status and its error, all set at once; None while open.
        self.ending: Ending | None = None
        # How many events and links were dropped.
        self._dropped = (0, 0)

    @property
    def state(self) -> str:
        """OPEN or ENDED."""
        return OPEN if self.ending is None else ENDED

    @property
    def end_us(self) -> int | None:
        """When it ended; None while open."""
        return None if self.ending is None else self.ending[0]

    @property
    def duration_us(self) -> int | None:
        """How long it took; None while open."""
        return None if self.ending is None else self.ending[0] - self.start_us

    @property
    def status(self) -> str:
        """One of STATUSES; UNSET while open."""
        return "UNSET" if self.ending is None else self.ending[1]

    @property
    def error(self) -> str | None:
        """What went wrong, where status is ERROR and the message said it."""
        return None if self.ending is None else self.ending[2]

    @property
    def context(self) -> SpanContext:
        """Its identity, as children and links name it."""
        return SpanContext(self.trace_id, self.own_id, self.flags)

    @property
    def events(self) -> list[Event]:
        """Its events, in the order they came: name, time, attributes."""
        flat = self._events or []
        return list(zip(flat[::3], flat[1::3], flat[2::3]))

    @property
    def dropped_events(self) -> int:
        """How many events came when there was no room."""
        return self._dropped[0]

    @property
    def dropped_links(self) -> int:
        """How many links came when there was no room."""
        return self._dropped[1]

    def set_attributes(self, attributes: dict[str, Any], limits: Limits) -> None:
        """Set attributes; the one check of their number is here."""
        if self.attributes is None:
            self.attributes = Attributes()
        self.attributes.put(attributes, limits.attributes, limits.value_characters)

    def add_event(self, name: str, timestamp_us: int, attributes: dict[str, Any] | None, limits: Limits) -> None:
        """Record something that happened at a point in time, or count it as dropped."""
        kept = None if attributes is None else bounded(attributes, limits.event_attributes, limits.value_characters)
        events = self._events
        if events is None and limits.events:
            self._events = [name, timestamp_us, kept]
        elif events is not None and len(events) < 3 * limits.events:
            events += (name, timestamp_us, kept)
        else:
            self._dropped = (self._dropped[0] + 1, self._dropped[1])

    def add_link(self, context: SpanContext, attributes: dict[str, Any] | None, limits: Limits) -> None:
        """Relate this span to another one, or count the link as dropped."""
        links = [] if self.links is None else self.links
        if len(links) >= limits.links:
            self._dropped = (self._dropped[0], self._dropped[1] + 1)
            return
        kept = None if attributes is None else bounded(attributes, limits.link_attributes, limits.value_characters)
        links.append((context, kept))
        self.links = links
