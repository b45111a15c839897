"""Spans as OpenTelemetry's backends read them: OTLP in JSON, one `TracesData` a line.

Owns that format; knows no stream and no message of the node.  One function writes one OTLP message, by hand, which is
several times quicker than `json.dumps`; a test holds them equal to it.  Trap: a lone surrogate is no text for protobuf.
Read next: `exporter.py`, which has the file.
Source: OpenTelemetry, protocol/file-exporter; OTLP, JSON Protobuf Encoding; the fields' order is that of `trace.proto`.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii as quote

from . import __version__
from .errors import quoted
from .span import KINDS, STATUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Callable, Optional

    from .span import Attributes, Ending, Event, Link, Span

    #: The service that made a span, None for the node's own, and the span as JSON.
    Exported = tuple[Optional[str], str]

#: A line is ended before it has more characters, unless one span has: the OpenTelemetry Collector splits at 1 MiB.
LINE_CHARACTERS = 1 << 18
#: Levels of lists and objects in a value; what lies deeper is written as a string of JSON.  Protobuf's parsers give up
#: past 100 nested messages; an object takes three a level, and the value of an event's attribute is the seventh.
LEVELS = 30

# Bit 8 of a span's flags says that it is known whether its parent is remote, bit 9 that it is.  It is known of a root,
# which has none: a span does not keep whether its parent and its links were named by an id or by a traceparent.
_NO_REMOTE_PARENT = 0x100
_MAX_UINT32, _MAX_UINT64 = (1 << 32) - 1, (1 << 64) - 1
_MAX_US = _MAX_UINT64 // 1000
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1

# For OTLP a time of 0 is not known.
_UNKNOWN: Ending = (0, "UNSET", None)
_KINDS = {kind: number for number, kind in enumerate(KINDS, 1)}
_STATUSES = {status: f'{{"code":{code}}}' if code else "{}" for code, status in enumerate(STATUSES)}
_SCOPE = f'"scopeSpans":[{{"scope":{{"name":"tracer","version":{quote(__version__)}}},"spans":['

# An escape in a JSON text: a pair of surrogates, a lone one, or any other.
_ESCAPE = re.compile(r"\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")


# -- OTLP's messages --


def traces_data(resource_spans: list[str]) -> str:
    """Write the message that is a line of the file; lone surrogates in it become U+FFFD."""
    text = f'{{"resourceSpans":[{",".join(resource_spans)}]}}\n'
    if "\\ud" in text:
        text = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)
    return text


def resource_spans(resource: str, spans: list[str]) -> str:
    """Write the spans of one resource."""
    return f'{{"resource":{resource},{_SCOPE}{",".join(spans)}]}}]}}'


def span_message(span: Span, if_open: Ending = _UNKNOWN) -> str:
    """Write a span; one that is open has the given ending."""
    end_us, status, error = span.ending or if_open
    parent, flags = "", span.flags
    if span.parent is None:
        flags |= _NO_REMOTE_PARENT
    else:
        parent = f'"parentSpanId":"{span.parent.own_id:016x}",'
    return (
        f'{{"traceId":"{span.trace_id:032x}","spanId":"{span.own_id:016x}",{parent}"flags":{flags},'
        f'"name":{quote(span.name)},"kind":{_KINDS[span.kind]},'
        f'"startTimeUnixNano":"{_nanoseconds(span.start_us)}","endTimeUnixNano":"{_nanoseconds(end_us)}"'
        f"{'' if span.attributes is None else _attributes(span.attributes)}{_events(span)}{_links(span)}"
        f',"status":{_STATUSES[status] if error is None else status_message(status, error)}}}'
    )


def status_message(status: str, error: str) -> str:
    """Write a status that has a message."""
    return f'{{"message":{quote(error)},"code":{STATUSES.index(status)}}}'


def event_message(event: Event) -> str:
    """Write an event."""
    name, timestamp_us, attributes = event
    more = "" if attributes is None else _attributes(attributes)
    return f'{{"timeUnixNano":"{_nanoseconds(timestamp_us)}","name":{quote(name)}{more}}}'


def link_message(link: Link) -> str:
    """Write a link."""
    context, attributes = link
    more = "" if attributes is None else _attributes(attributes)
    flags = f',"flags":{context.flags}' if context.flags else ""
    return f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.own_id:016x}"{more}{flags}}}'


def key_value(key: str, value: Any, levels: int = LEVELS) -> str:
    """Write an attribute, or a member of an object."""
    return f'{{"key":{quote(key)},"value":{any_value(value, levels)}}}'


def any_value(value: Any, levels: int = LEVELS) -> str:
    """Write a JSON value; what lies more than so many levels deep becomes a string of JSON."""
    if isinstance(value, str):
        return f'{{"stringValue":{quote(value)}}}'
    if value is None:
        return "{}"
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        kind = "intValue" if _MIN_INT64 <= value <= _MAX_INT64 else "stringValue"
        return f'{{"{kind}":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{value!r}}}'
    if not levels:
        return f'{{"stringValue":{quote(json.dumps(value, ensure_ascii=False))}}}'
    if isinstance(value, dict):
        members = ",".join([key_value(key, member, levels - 1) for key, member in value.items()])
        return f'{{"kvlistValue":{{"values":[{members}]}}}}'
    return f'{{"arrayValue":{{"values":[{",".join([any_value(item, levels - 1) for item in value])}]}}}}'


def _attributes(attributes: Attributes) -> str:
    texts = [key_value(key, value) for key, value in attributes.items()]
    return _repeated("attributes", texts, "droppedAttributesCount", attributes.dropped)


def _events(span: Span) -> str:
    events, dropped = span.events, span.dropped_events
    if not (events or dropped):
        return ""
    return _repeated("events", [event_message(event) for event in events], "droppedEventsCount", dropped)


def _links(span: Span) -> str:
    links, dropped = span.links, span.dropped_links
    if not (links or dropped):
        return ""
    return _repeated("links", [link_message(link) for link in links or ()], "droppedLinksCount", dropped)


def _repeated(name: str, texts: list[str], count_name: str, dropped: int) -> str:
    text = f',"{name}":[{",".join(texts)}]' if texts else ""
    return f'{text},"{count_name}":{min(dropped, _MAX_UINT32)}' if dropped else text


def _nanoseconds(time_us: int) -> int:
    # A simulated clock may run on past what 64 bits hold.
    return time_us * 1000 if time_us <= _MAX_US else _MAX_UINT64


# -- resources --


def resource_attributes(variable: str) -> dict[str, str]:
    """Read what OTEL_RESOURCE_ATTRIBUTES holds: `key=value,key=value`, percent-encoded.

    An equals sign in a value is taken as it is: there is no doubt what it means.

    Raises:
        ValueError: it holds something else; then nothing in it counts.
    Source: OpenTelemetry, resource/sdk, Specifying resource information via an environment variable.
    """
    attributes = {}
    for pair in variable.split(","):
        if not pair.strip():
            continue
        key, equals, value = (_percent_decoded(part.strip()) for part in pair.partition("="))
        if not (key and equals):
            raise ValueError(f"{quoted(pair.strip())} is no key=value")
        attributes[key] = value
    return attributes


def _percent_decoded(text: str) -> str:
    """Decode percent-encoded UTF-8.

    Raises:
        ValueError: a percent sign without two hex digits, or no UTF-8.
    """
    try:
        encoded = text.encode(errors="surrogateescape")
        return _PERCENT.sub(lambda escape: bytes((int(escape[1] or b"", 16),)), encoded).decode()
    except ValueError:
        raise ValueError(f"{quoted(text)} is no percent-encoded UTF-8") from None


class Resources:
    """The resource of each service.

    Args:
        environment: the variables, among them OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
        say: takes a sentence about a variable that is passed over.
    """

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        others: dict[str, str] = {}
        try:
            others = resource_attributes(environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
        except ValueError as error:
            say(f"OTEL_RESOURCE_ATTRIBUTES is passed over: {error}")
        named = others.pop("service.name", None)
        self._own = environment.get("OTEL_SERVICE_NAME") or named or "unknown_service"
        self._others = "".join([f",{key_value(key, value)}" for key, value in others.items()])

    def message(self, service: str | None) -> str:
        """Write the resource of a service; None is the node's own, for spans that came from nobody named."""
        name = self._own if service is None else service
        return f'{{"attributes":[{key_value("service.name", name)}{self._others}]}}'


# -- lines --


def lines(exported: Iterable[Exported], resources: Resources) -> Iterator[tuple[bytes, int]]:
    """Put spans together by service; yield lines of a bounded size, each with its number of spans."""
    spans: dict[str | None, list[str]] = {}
    size = count = 0

    def line() -> bytes:
        return traces_data([resource_spans(resources.message(name), texts) for name, texts in spans.items()]).encode()

    for service, text in exported:
        if count and size + len(text) > LINE_CHARACTERS:
            yield line(), count
            spans.clear()
            size = count = 0
        if service not in spans:
            spans[service] = []
            size += len(resources.message(service)) + len(_SCOPE)
        spans[service].append(text)
        size += len(text)
        count += 1
    if count:
        yield line(), count
