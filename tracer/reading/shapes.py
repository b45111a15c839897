"""Which document holds which spans: the shapes that OTLP's messages come in, and the other formats, which are only named.

Owns the names of what stands around a span.  Spans are found in `TracesData`, by itself or in what a backend wraps around it,
and in the two messages below it by themselves; each by its name of today or of before 2022.
Source: opentelemetry-proto, trace.proto; Grafana Tempo's and Jaeger's HTTP APIs; OpenTelemetry's exporter `logging-otlp`.
"""

from __future__ import annotations

from ..forms import MESSAGES
from ..views import freeze_members
from .fields import get_field, get_id, get_value, read_each
from .spans import CHARACTERS, read_attributes, read_span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Callable

    from ..span import Span
    from .documents import Document
    from .fields import Message
    from .problems import Problems

#: What may hold `ResourceSpans`, `ScopeSpans` and spans; Tempo says `batches`.
_RESOURCE_SPANS = ("resourceSpans", "batches")
_SCOPE_SPANS = ("scopeSpans", "instrumentationLibrarySpans")
#: What backends put around it, and how many of them around each other.
_WRAPPERS, _WRAPPED = ("trace", "result", "data"), 3
_OTHER_SIGNALS = [f"{level}{signal}" for signal in ("Logs", "Metrics", "Profiles") for level in ("resource", "scope")]
#: Other formats, by the fields that an object of each has.
_OTHER_FORMATS: list[tuple[set[str], str]] = [
    ({"traceEvents"}, "Chrome's trace events"),
    ({"ph", "pid"}, "Chrome's trace events"),
    ({"ph", "ts"}, "Chrome's trace events"),
    ({"traceID"}, "Jaeger's JSON"),
    ({"traceId", "id"}, "Zipkin's JSON"),
    ({"context", "parent_id"}, "what OpenTelemetry's console exporter for Python prints"),
    ({"SpanContext"}, "what OpenTelemetry's console exporter for Go prints"),
]
#: Most services whose resources are kept.
_SERVICES = 1_000


class SpanReader:
    """Reads the spans of documents.

    Args:
        keep: tells whether the spans of a trace are wanted; None for all.
    """

    def __init__(self, keep: Callable[[int], bool] | None) -> None:
        self._keep = keep
        #: The attributes of the resources, by the names of their services; of several the first one.
        self.resources: dict[str, Mapping[str, object]] = {}

    def read(self, document: Document, problems: Problems) -> list[Span | None]:
        """Read the spans of a document, None for each that is not wanted; what cannot be read is a problem."""
        value = document.value
        if isinstance(value, str):
            problems.add(document.what, value)
            return []
        candidates = list(_unwrap(value, _WRAPPED))
        groups = [group for each in candidates for group in _list_groups(each, problems)]
        if not groups:
            _explain_no_spans(value, candidates, document.what, problems)
        return [span for group in groups for span in self._read_group(*group, problems)]

    def _read_group(self, resource: Message, scope_spans: Message, problems: Problems) -> Iterator[Span | None]:
        """Read the spans of a `ScopeSpans`."""
        service = self._read_service(resource, problems)

        def read(message: Message) -> Span | None:
            trace_id = get_id(message, "traceId", 32)
            if self._keep is not None and not self._keep(trace_id):
                return None
            return read_span(message, trace_id, service, problems)

        return read_each(scope_spans, "spans", read, "span", problems)

    def _read_service(self, resource: Message, problems: Problems) -> str:
        """Return the name of a resource's service, nothing where nobody has given one; keep its attributes."""
        attributes = read_attributes(resource, problems)
        service = str(attributes.get("service.name") or "")[:CHARACTERS]
        if service.partition(":")[0] == "unknown_service":
            service = ""
        if service not in self.resources and len(self.resources) < _SERVICES:
            self.resources[service] = freeze_members(attributes, CHARACTERS)
        return service


def _unwrap(message: Message, levels: int) -> Iterator[Message]:
    """List a document, and what it is wrapped around."""
    yield message
    for name in _WRAPPERS if levels else ():
        inner = message.get(name)
        for item in inner if type(inner) is list else [inner]:
            if type(item) is dict:
                yield from _unwrap(item, levels - 1)


def _list_groups(message: Message, problems: Problems) -> Iterator[tuple[Message, Message]]:
    """List each `ScopeSpans` in a message that may be one itself, with its resource."""
    for name in _RESOURCE_SPANS:
        for groups in read_each(message, name, lambda each: list(_list_scopes(each, problems)), "part", problems):
            yield from groups
    yield from _list_scopes(message, problems)
    if _is_scope_spans(message):
        yield {}, message


def _list_scopes(resource_spans: Message, problems: Problems) -> Iterator[tuple[Message, Message]]:
    for name in _SCOPE_SPANS:
        for scope_spans in read_each(resource_spans, name, lambda each: each, "part", problems):
            yield get_field(resource_spans, "resource", dict), scope_spans


def _is_scope_spans(message: Message) -> bool:
    spans = message.get("spans")
    if type(spans) is not list:
        return False
    is_otlp = bool(spans) and type(spans[0]) is dict and get_value(spans[0], "spanId") is not None
    return is_otlp or "scope" in message or "instrumentationLibrary" in message


# -- what has no spans --


def _explain_no_spans(document: Message, candidates: list[Message], what: str, problems: Problems) -> None:
    """Say what a document is in which no spans were found; one of no spans is nothing to speak of."""
    other = next(filter(None, map(_name_other_format, candidates)), None)
    if any(get_value(each, name) is not None for each in candidates for name in _OTHER_SIGNALS):
        problems.add_other_signal(what)
    elif other is not None:
        problems.add(what, other)
    elif _has_spans(document):
        problems.add(what, "it has spans, but not where OpenTelemetry's JSON has them")
    elif all(get_value(each, name) is None for each in candidates for name in _RESOURCE_SPANS + _SCOPE_SPANS):
        problems.add(what, 'it has no "resourceSpans"')


def _name_other_format(message: Message) -> str | None:
    """Say which other format an object is in, if it is one of those that people have."""
    body = message.get("body", message)
    if type(body) is dict and type(body.get("type")) is str and body["type"] in MESSAGES:
        return "these are messages: main.py --timeline < FILE"
    for fields, name in _OTHER_FORMATS:
        if fields <= message.keys():
            return f"it is {name}; only OpenTelemetry's JSON (OTLP) is read"
    return None


def _has_spans(document: Message) -> bool:
    """Tell whether something anywhere in a document looks like a span."""
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            if get_value(value, "spanId") is not None or (type(value.get("spans")) is list and value["spans"]):
                return True
            waiting += value.values()
        elif type(value) is list:
            waiting += value
    return False
