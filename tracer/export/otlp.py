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

from ..span import KINDS, STATUSES
from ..version import __version__
from .environment import pairs_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Callable

    from ..span import Attributes, Event, Link, Span

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
#: The ranges of protobuf's integers.
MIN_INT64, MAX_INT64, MAX_UINT64 = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
_MAX_UINT32 = (1 << 32) - 1

# The messages are built here, and none holds itself, so that need not be checked.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_SCOPE = {"name": "tracer", "version": __version__}

# An escape in a JSON text: a pair of surrogates, a lone one, or any other.
_ESCAPE = re.compile(r"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")


# -- OTLP's messages --


def encoded(message: Message) -> str:
    """Write a message as JSON; lone surrogates in it become U+FFFD."""
    text = _encode(message)
    if "\\ud" in text:
        text = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)
    return text


def traces_data(spans: list[Span], resources: Resources) -> Message:
    """Build the message that is a line of the file: the spans of each service, with its resource."""
    by_service: dict[str | None, list[Message]] = {}
    for span in spans:
        by_service.setdefault(span.return_address.src, []).append(span_message(span))
    return {
        "resourceSpans": [
            {"resource": resources.message(service), "scopeSpans": [{"scope": _SCOPE, "spans": messages}]}
            for service, messages in by_service.items()
        ]
    }


def span_message(span: Span) -> Message:
    """Build a span; the end of one that is open is 0, which in OTLP is a time that is not known."""
    parent = {} if span.parent is None else {"parentSpanId": f"{span.parent.hex_id:016x}"}
    return {
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.hex_id:016x}",
        **parent,
        "flags": span.flags if parent else span.flags | _NO_REMOTE_PARENT,
        "name": span.name,
        "kind": 1 + KINDS.index(span.kind),
        "startTimeUnixNano": _nanoseconds(span.start_us),
        "endTimeUnixNano": _nanoseconds(0 if span.end_us is None else span.end_us),
        **_attributes(span.attributes),
        **_repeated("events", [event_message(event) for event in span.events], span.dropped_events),
        **_repeated("links", [link_message(link) for link in span.links], span.dropped_links),
        "status": status_message(span.status, span.error),
    }


def ended(span: Span, now_us: int, why: str) -> Span:
    """Return a copy of an open span that has ended by an error: the span itself is still listed and drawn as open."""
    copied = copy(span)
    copied.end_us = max(now_us, span.start_us)
    copied.status, copied.error = "ERROR", why
    return copied


def event_message(event: Event) -> Message:
    """Build an event."""
    return {"timeUnixNano": _nanoseconds(event.timestamp_us), "name": event.name, **_attributes(event.attributes)}


def link_message(link: Link) -> Message:
    """Build a link."""
    context = link.context
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.hex_id:016x}",
        **_attributes(link.attributes),
        **({"flags": context.flags} if context.flags else {}),
    }


def status_message(status: str, error: str | None) -> Message:
    """Build a status; UNSET is an empty one."""
    message: Message = {} if error is None else {"message": error}
    if status != "UNSET":
        message["code"] = STATUSES.index(status)
    return message


def key_values(members: Mapping[str, Any], levels: int = LEVELS) -> list[Message]:
    """Build attributes, or the members of an object; keys stay unique, or a backend refuses the whole request."""
    # Keys may become one when their lone surrogates become U+FFFD; the last one counts.
    unique = {key if key.isascii() else _whole(key): value for key, value in members.items()}
    # Not `"value":{}` for null, which says the same to protobuf: receivers in Rust refuse it.
    return [
        {"key": key} if value is None else {"key": key, "value": any_value(value, levels)}
        for key, value in unique.items()
    ]


def any_value(value: Any, levels: int = LEVELS) -> Message:
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
        return {"kvlistValue": {"values": key_values(value, levels - 1)}}
    return {"arrayValue": {"values": [any_value(item, levels - 1) for item in value]}}


def _whole(text: str) -> str:
    """Put U+FFFD in the place of each lone surrogate."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _attributes(attributes: Attributes) -> Message:
    # Most messages have none, and this is on the way of every one.
    if not (attributes or attributes.dropped):
        return {}
    return _repeated("attributes", key_values(attributes), attributes.dropped)


def _repeated(name: str, items: list[Message], dropped: int) -> Message:
    """Build a repeated field, and the one that counts the items that were dropped."""
    fields: Message = {name: items} if items else {}
    if dropped:
        fields[f"dropped{name.capitalize()}Count"] = min(dropped, _MAX_UINT32)
    return fields


def _nanoseconds(time_us: int) -> str:
    # A simulated clock may run on past what 64 bits hold.
    return str(min(time_us * 1000, MAX_UINT64))


# -- resources --


class Resources:
    """The resource of each service.

    Args:
        environment: the variables, among them OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
        say: takes a sentence about a variable that is passed over.
    """

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._others: dict[str, str] = {}
        try:
            self._others = pairs_in(environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
        except ValueError as error:
            say(f"OTEL_RESOURCE_ATTRIBUTES is passed over: {error}")
        named = self._others.pop("service.name", None)
        self._own = environment.get("OTEL_SERVICE_NAME") or named or "unknown_service"

    def message(self, service: str | None) -> Message:
        """Build the resource of a service; None is the node's own, for spans that came from nobody named."""
        name = self._own if service is None else service
        return {"attributes": key_values({"service.name": name, **self._others})}


# -- lines --


class Line(NamedTuple):
    """A line of the file, and how many spans are in it."""

    data: bytes
    spans: int


def lines(
    spans: Iterable[Span],
    resources: Resources,
    at_once: int = SPANS_AT_ONCE,
    most_characters: int = LINE_CHARACTERS,
) -> Iterator[Line]:
    """Put spans together by the service that made them; yield lines of a bounded size."""
    rest = iter(spans)
    while batch := list(islice(rest, at_once)):
        yield from _fitted(batch, resources, most_characters)


def _fitted(spans: list[Span], resources: Resources, most_characters: int) -> Iterator[Line]:
    """Write spans as one line, or where it would be too long as two, of half of them each."""
    text = encoded(traces_data(spans, resources)) + "\n"
    if len(text) <= most_characters or len(spans) == 1:
        yield Line(text.encode(), len(spans))
        return
    half = len(spans) // 2
    yield from _fitted(spans[:half], resources, most_characters)
    yield from _fitted(spans[half:], resources, most_characters)
