"""One span as OTLP's JSON has it.

Owns which field is which part of a span.  An odd attribute, event or link costs itself alone; any other odd field the span.
Trap: what is read is hostile, so texts, parts and levels are bounded; a span's parts go by the bounds of `Limits`.
"""

from __future__ import annotations

from ..limits import MAX_INT64, MIN_INT64, Limits
from ..span import KINDS, STATUSES, Link, SharedNames, Span, make_attributes
from ..trace_context import SpanContext
from ..views import freeze_members
from ..words import quote
from .fields import OddFieldError, get_enum, get_field, get_id, get_integer, get_time_us, get_value, read_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..span import Attributes
    from .fields import Message
    from .problems import Problems

#: Most characters of a name, an error and a string in an attribute: more than a picture has room for.
CHARACTERS = 4_096
#: Most levels of lists and objects in a value; protobuf's parsers take about 30.
LEVELS = 64

_LIMITS = Limits()
_KIND_NAMES = ("UNSPECIFIED", *KINDS)
_KINDS = ("INTERNAL", *KINDS)
#: The values of `AnyValue` that are as JSON has them; bytes stay in base64.
_PLAIN_VALUES = ("stringValue", "boolValue", "doubleValue", "bytesValue")
_keys = SharedNames()


def read_span(message: Message, trace_id: int, service: str, problems: Problems) -> Span:
    """Read a span of a service.

    Raises:
        OddFieldError: one of its fields is not what it has to be.
    """
    name, parent_id = get_field(message, "name", str)[:CHARACTERS], get_id(message, "parentSpanId", 16)
    kind = _KINDS[get_enum(message, "kind", "SPAN_KIND_", _KIND_NAMES)]
    start_us, end_us = get_time_us(message, "startTimeUnixNano"), get_time_us(message, "endTimeUnixNano")
    parent = SpanContext(trace_id, parent_id, 0) if parent_id else None
    span = Span("", name, kind, start_us, trace_id, get_id(message, "spanId", 16), 0, parent)
    span._service = service
    status = get_field(message, "status", dict)
    if status:
        span._status = STATUSES[get_enum(status, "code", "STATUS_CODE_", STATUSES)]
        if span._status == "ERROR":
            span._error = get_field(status, "message", str)[:CHARACTERS] or None
    # An end of 0 is one that is not known, but of a span that starts at 0 too, by a simulated clock.
    if end_us or not start_us:
        span._end_us = max(end_us, start_us)
    span._set_attributes(freeze_members(read_attributes(message, problems), CHARACTERS), _LIMITS.attributes)

    def add_event(event: Message) -> None:
        name, time_us = get_field(event, "name", str)[:CHARACTERS], get_time_us(event, "timeUnixNano")
        span._add_event(name, time_us, _make_attributes(event, _LIMITS.event_attributes, problems), _LIMITS.events)

    def add_link(link: Message) -> None:
        context = SpanContext(get_id(link, "traceId", 32), get_id(link, "spanId", 16), 0)
        attributes = _make_attributes(link, _LIMITS.link_attributes, problems)
        span._add_link(Link(context, attributes), _LIMITS.links)

    for _ in read_each(message, "events", add_event, "event", problems):
        pass
    for _ in read_each(message, "links", add_link, "link", problems):
        pass
    return span


def read_attributes(message: Message, problems: Problems) -> dict[str, Any]:
    """Read the attributes of a message."""
    return dict(read_each(message, "attributes", _read_attribute, "attribute", problems))


def _make_attributes(message: Message, most: int, problems: Problems) -> Attributes | None:
    return make_attributes(read_attributes(message, problems) or None, most, CHARACTERS)


def _read_attribute(pair: Message) -> tuple[str, Any]:
    key = _keys[get_field(pair, "key", str)]
    value = get_field(pair, "value", dict)
    try:
        return key, value["stringValue"] if type(value.get("stringValue")) is str else _read_any_value(value, LEVELS)
    except OddFieldError as error:
        raise OddFieldError(f"{error}, in {quote(key)}") from None


def _read_any_value(message: Message, levels: int) -> Any:
    """Read a value; of a kind that is not known there is none."""
    if get_value(message, "arrayValue") is not None:
        return [_read_any_value(item, levels - 1) for item in _list_values(message, "arrayValue", levels)]
    if get_value(message, "kvlistValue") is not None:
        return {
            get_field(pair, "key", str): _read_any_value(get_field(pair, "value", dict), levels - 1)
            for pair in _list_values(message, "kvlistValue", levels)
        }
    if get_value(message, "intValue") is not None:
        return get_integer(message, "intValue", MIN_INT64, MAX_INT64)
    values = (get_value(message, name) for name in _PLAIN_VALUES)
    return next((value for value in values if value is not None), None)


def _list_values(message: Message, name: str, levels: int) -> list[Message]:
    """Return the items of a list or of an object."""
    if not levels:
        raise OddFieldError(f'"{name}" has to have at most {LEVELS} levels of lists and objects')
    items: list[Message] = get_field(get_field(message, name, dict), "values", list)
    if not all(type(item) is dict for item in items):
        raise OddFieldError('"values" has to be a list of objects')
    return items
