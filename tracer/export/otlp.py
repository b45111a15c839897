"""Spans as OpenTelemetry's backends read them: OTLP in JSON, one `TracesData` a line.

Owns that format; knows no file and no message of the node.  Each OTLP message is built as a dict by a function of its own,
and a whole line is written by one call of the JSON encoder.  What is empty or 0 is mostly left out, as in protobuf.
Trap: a lone surrogate is a character to Python and none to protobuf.
Read next: `file.py`, which has the file.
Source: OpenTelemetry, protocol/file-exporter; OTLP, JSON Protobuf Encoding; the fields' order is that of `trace.proto`.
"""

from __future__ import annotations

import json
import re
from copy import copy
from itertools import islice
from typing import NamedTuple

from ..limits import MAX_INT64, MAX_UINT64, MIN_INT64
from ..span import KINDS, STATUSES
from ..version import __version__
from .environment import read_pairs, read_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Callable

    from ..span import Attributes, Link, Span

    #: An OTLP message as `json.dumps` takes it.
    Message = dict[str, Any]

#: A line has no more characters, its end included, unless one span has: the OpenTelemetry Collector splits at 1 MiB.
LINE_CHARACTERS = 1 << 18
#: Spans that are written at once, as long as a line has room for them.
SPANS_AT_ONCE = 512
#: Levels of lists and objects in a value; what lies deeper is written as a string of JSON.  The value of an event's attribute
#: is the seventh message, and an object takes three messages a level and four brackets; protobuf's parsers give up past 100
#: nested messages, Rust's serde_json past 127 nested brackets.
LEVELS = 28

# Bit 8 of a span's flags says that it is known whether its parent is remote, bit 9 that it is.  For a root, which has no
# parent, it is known.  For others it is not: a span does not keep whether its parent was named by an id or a traceparent.
_NO_REMOTE_PARENT = 0x100
_MAX_UINT32 = (1 << 32) - 1
#: Microseconds whose nanoseconds 64 bits hold.
_MAX_US = MAX_UINT64 // 1000

# The messages are built here, and none holds itself, so that need not be checked.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS, 1)}
_SCOPE = {"name": "tracer", "version": __version__}

# An escape in a JSON text: a pair of surrogates, a lone one, or any other.
_ESCAPE = re.compile(r"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")


# -- OTLP's messages --


def encode(message: Message) -> str:
    """Write a message as JSON; lone surrogates in it become U+FFFD."""
    text = _encode(message)
    if "\\ud" in text:
        text = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)
    return text


def build_traces_data(spans: list[Span], resources: Resources) -> Message:
    """Build the message that is a line of the file: the spans of each service, with its resource."""
    by_service: dict[str | None, list[Message]] = {}
    for span in spans:
        by_service.setdefault(span._service, []).append(build_span(span))
    return {
        "resourceSpans": [
            {"resource": resources.build(service), "scopeSpans": [{"scope": _SCOPE, "spans": messages}]}
            for service, messages in by_service.items()
        ]
    }


def build_span(span: Span) -> Message:
    """Build a span; the end of one that is open is 0, which in OTLP is a time that is not known."""
    parent = span._parent
    message: Message = {"traceId": f"{span._trace_id:032x}", "spanId": f"{span._hex_id:016x}"}
    if parent is not None:
        message["parentSpanId"] = f"{parent.hex_id:016x}"
    message["flags"] = span._flags if parent is not None else span._flags | _NO_REMOTE_PARENT
    message["name"] = span._name
    message["kind"] = _KIND_NUMBERS[span._kind]
    message["startTimeUnixNano"] = _to_nanoseconds(span._start_us)
    message["endTimeUnixNano"] = _to_nanoseconds(span._end_us or 0)
    _add_attributes(message, span._attributes)
    if span._events:
        message["events"] = span._map_events(build_event)
    if span._dropped_events:
        message["droppedEventsCount"] = _bound_count(span._dropped_events)
    if span._links:
        message["links"] = list(map(build_link, span._links))
    if span._dropped_links:
        message["droppedLinksCount"] = _bound_count(span._dropped_links)
    message["status"] = build_status(span._status, span._error)
    return message


def end_copy(span: Span, now_us: int, why: str) -> Span:
    """Return a copy of an open span that has ended by an error: the span itself is still listed and drawn as open."""
    copied = copy(span)
    copied._end_us = max(now_us, span.start_us)
    copied._status, copied._error = "ERROR", why
    return copied


def build_event(name: str, timestamp_us: int, attributes: Attributes | None) -> Message:
    """Build an event."""
    message: Message = {"timeUnixNano": _to_nanoseconds(timestamp_us), "name": name}
    _add_attributes(message, attributes)
    return message


def build_link(link: Link) -> Message:
    """Build a link."""
    context = link.context
    message: Message = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.hex_id:016x}"}
    _add_attributes(message, link.attributes)
    if context.flags:
        message["flags"] = context.flags
    return message


def build_status(status: str, error: str | None) -> Message:
    """Build a status; UNSET is an empty one."""
    message: Message = {} if error is None else {"message": error}
    if status != "UNSET":
        message["code"] = STATUSES.index(status)
    return message


def build_key_values(members: Mapping[str, Any], levels: int = LEVELS) -> list[Message]:
    """Build attributes, or the members of an object; keys stay unique, or a backend refuses the whole request."""
    # Keys may become one when their lone surrogates become U+FFFD; the last one counts.
    unique = {key if key.isascii() else _replace_surrogates(key): value for key, value in members.items()}
    # Not `"value":{}` for null, which says the same to protobuf: receivers in Rust refuse it.
    return [
        {"key": key} if value is None else {"key": key, "value": build_any_value(value, levels)}
        for key, value in unique.items()
    ]


def build_any_value(value: Any, levels: int = LEVELS) -> Message:
    """Build a JSON value; what lies more than so many levels deep becomes a string of JSON."""
    if isinstance(value, str):
        return {"stringValue": value}
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue" if MIN_INT64 <= value <= MAX_INT64 else "stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if not levels:
        return {"stringValue": json.dumps(value, ensure_ascii=False)}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": build_key_values(value, levels - 1)}}
    return {"arrayValue": {"values": [build_any_value(item, levels - 1) for item in value]}}


def _replace_surrogates(text: str) -> str:
    """Put U+FFFD in the place of each lone surrogate."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _add_attributes(message: Message, attributes: Attributes | None) -> None:
    # Most messages have none, and this is on the way of every one.
    if attributes is not None:
        if attributes:
            message["attributes"] = build_key_values(attributes)
        if attributes.dropped:
            message["droppedAttributesCount"] = _bound_count(attributes.dropped)


def _bound_count(dropped: int) -> int:
    return min(dropped, _MAX_UINT32)


def _to_nanoseconds(time_us: int) -> str:
    # A simulated clock may run on past what 64 bits hold.
    return str(time_us * 1000 if time_us <= _MAX_US else MAX_UINT64)


# -- resources --


class Resources:
    """The resource of each service.

    Args:
        environment: the variables, among them OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
        say: takes a sentence about a variable that is ignored.
    """

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._others: dict[str, str] = {}
        try:
            self._others = read_pairs(read_variable(environment, "OTEL_RESOURCE_ATTRIBUTES"))
        except ValueError as error:
            say(f"OTEL_RESOURCE_ATTRIBUTES is ignored: {error}")
        named = self._others.pop("service.name", None)
        self._own = read_variable(environment, "OTEL_SERVICE_NAME") or named or "unknown_service"

    def build(self, service: str | None) -> Message:
        """Build the resource of a service; None is the node's own, for spans that came from nobody named."""
        name = self._own if service is None else service
        return {"attributes": build_key_values({"service.name": name, **self._others})}


# -- lines --


class Line(NamedTuple):
    """A line of the file, and how many spans are in it."""

    data: bytes
    spans: int


def write_lines(
    spans: Iterable[Span],
    resources: Resources,
    at_once: int = SPANS_AT_ONCE,
    most_characters: int = LINE_CHARACTERS,
) -> Iterator[Line]:
    """Put spans together by the service that made them; yield lines of a bounded size."""
    rest = iter(spans)
    while batch := list(islice(rest, at_once)):
        yield from _write_fitting(batch, resources, most_characters)


def _write_fitting(spans: list[Span], resources: Resources, most_characters: int) -> Iterator[Line]:
    """Write spans as one line, or where it would be too long as two, of half of them each."""
    text = encode(build_traces_data(spans, resources)) + "\n"
    if len(text) <= most_characters or len(spans) == 1:
        yield Line(text.encode(), len(spans))
        return
    half = len(spans) // 2
    yield from _write_fitting(spans[:half], resources, most_characters)
    yield from _write_fitting(spans[half:], resources, most_characters)
