"""The OpenTelemetry SDK and its own JSON file exporter as the judge: the same spans through both give the same JSON.

Where we differ on purpose (ids, times, scope and resource are nobody's opinion and need not be the same):
- flags: the SDK leaves out the trace flags, which `trace.proto` has in bits 0 to 7.  And a span of ours does not know
  whether its parent or a link is remote, which empty bits 8 and 9 say; the SDK always knows.
- An empty list or object in a value: ours has its empty `values`, the SDK's has none.  For protobuf it is the same.
- A null: ours is a key without a value, the SDK's has an empty one.  For protobuf it is the same.
- A time of 0, which is where the simulated clock starts: the SDK leaves it out.
- An integer beyond 64 bits: the SDK writes an `intValue` that no parser takes; ours is a string.
- A value deeper than 28 levels: the SDK writes all of it, which protobuf's parsers refuse; ours goes on as JSON text.
- A lone surrogate: the SDK writes it as it is, which protobuf's parsers refuse; ours is U+FFFD.
Integers and deep values are made alike before they go to the SDK, in `taken`; strings have no lone surrogates here.
"""

from __future__ import annotations

import io
import json
import tempfile
import unittest

try:
    from opentelemetry import trace as api
    from opentelemetry.attributes import BoundedAttributes
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util import BoundedList
except ImportError as error:
    raise unittest.SkipTest(f"the OpenTelemetry SDK with its JSON file exporter is not installed: {error}") from None

from tests.otlp_cases import HOSTILE, RandomSpans, whole
from tracer import Attributes, Span, SpanContext
from tracer.export.otlp import LEVELS, Resources, write_lines
from tracer.reading import read_files

#: The hostile strings that are text.
TEXTS = tuple(text for text in HOSTILE if text == whole(text))


def taken(value: object, levels: int = LEVELS) -> object:
    """Return a value as the SDK writes it like us."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, (list, tuple, dict)) and levels == 0:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return [taken(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {key: taken(item, levels - 1) for key, item in value.items()}
    return value


def sdk_attributes(attributes: Attributes) -> BoundedAttributes:
    """Return attributes as the SDK keeps them, with those that were dropped."""
    made = BoundedAttributes(attributes={key: taken(value) for key, value in attributes.items()}, immutable=False)
    made.dropped = attributes.dropped
    return made


def sdk_context(context: SpanContext) -> api.SpanContext:
    """Return an identity as the SDK has it."""
    return api.SpanContext(context.trace_id, context.hex_id, False, api.TraceFlags(context.flags))


def sdk_list(items: list, dropped: int) -> BoundedList:
    """Return a list as the SDK keeps it, with those that were dropped."""
    made = BoundedList.from_seq(None, items)
    made.dropped = dropped
    return made


def sdk_span(span: Span) -> ReadableSpan:
    """Return a span as the SDK hands it to an exporter."""
    return ReadableSpan(
        name=span.name,
        context=sdk_context(span.context),
        parent=None if span.parent is None else sdk_context(span.parent),
        resource=Resource({"service.name": "s"}),
        attributes=sdk_attributes(span.attributes),
        events=sdk_list(
            [Event(event.name, sdk_attributes(event.attributes), event.timestamp_us * 1000) for event in span.events],
            span.dropped_events,
        ),
        links=sdk_list(
            [api.Link(sdk_context(link.context), sdk_attributes(link.attributes)) for link in span.links],
            span.dropped_links,
        ),
        kind=api.SpanKind[span.kind],
        status=api.Status(api.StatusCode[span.status], span.error),
        start_time=span.start_us * 1000,
        end_time=(span.end_us or 0) * 1000,
    )


def sdk_line(spans: list[Span]) -> str:
    """Write spans by the SDK's exporter."""
    stream = io.StringIO()
    FileSpanExporter(stream=stream).export([sdk_span(span) for span in spans])
    return stream.getvalue()


def our_line(spans: list[Span]) -> str:
    """Write spans by ours."""
    (line,) = write_lines(spans, Resources({"OTEL_SERVICE_NAME": "s"}, print))
    return line.data.decode()


def made(seed: int, count: int) -> list[Span]:
    """Make random spans of text, all of the node's own service."""
    spans = RandomSpans(seed, TEXTS).make(count)
    for span in spans:
        span._service = None
    return spans


def only_span(line: str) -> dict:
    """Read the span of a line that has only one."""
    (resource,) = json.loads(line)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    (span,) = scope["spans"]
    return span


def comparable(span: dict) -> object:
    """Return a span that was read without what is not compared."""
    for message in (span, *span.get("links", ())):
        message.pop("flags", None)
    # The SDK leaves out a time that is 0.
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        span.pop(name, None)
    return without_empty_values(span)


def without_empty_values(message: object) -> object:
    """Take an empty `values` or `value` away, at any depth, and an event's time that is 0."""
    if isinstance(message, list):
        return [without_empty_values(item) for item in message]
    if not isinstance(message, dict):
        return message
    empty = {"values": [], "value": {}, "timeUnixNano": "0"}
    return {name: without_empty_values(value) for name, value in message.items() if empty.get(name) != value}


def drawn(span: Span) -> tuple[object, ...]:
    """Return all of a span that a picture shows."""
    events = [(event.name, event.timestamp_us, list(event.attributes)) for event in span.events]
    parent = span.parent and span.parent.hex_id
    identity = (span.trace_id, span.hex_id, parent, span.name, span.kind, span.start_us, span.end_us)
    return (*identity, span.status, span.error, list(span.attributes), events)


class SdkTests(unittest.TestCase):
    """The same spans through both exporters."""

    maxDiff = None

    def test_random_spans_are_the_same(self) -> None:
        """900 random spans, ids and most times included, are the same JSON, fields in the same order."""
        for seed in range(100, 103):
            for number, span in enumerate(made(seed, 300)):
                with self.subTest(seed=seed, span=number):
                    ours, theirs = (comparable(only_span(line([span]))) for line in (our_line, sdk_line))

                    self.assertEqual(json.dumps(ours), json.dumps(theirs))

    def test_frame_is_the_same(self) -> None:
        """Resource, scopes and spans stand in each other the same way, under the same names."""
        ours, theirs = (json.loads(line(made(1, 2))) for line in (our_line, sdk_line))
        for traces in (ours, theirs):
            traces["resourceSpans"][0]["scopeSpans"][0].update(scope={}, spans=[])

        self.assertEqual(ours, theirs)

    def test_file_of_the_sdk_is_read(self) -> None:
        """What `--draw` reads in the SDK's file are the spans that the SDK was given."""
        spans = [span for span in made(3, 200) if span.end_us]
        with tempfile.NamedTemporaryFile() as file:
            file.write(sdk_line(spans).encode())
            file.flush()
            found = read_files([file.name], self.fail).spans

        self.assertEqual([drawn(span) for span in found], [drawn(span) for span in spans])

    def test_flags_differ_as_listed(self) -> None:
        """Without the trace flags, a root's flags are the SDK's."""
        span = next(span for span in made(2, 50) if span.parent is None and span.flags == 1)
        ours, theirs = (only_span(line([span]))["flags"] for line in (our_line, sdk_line))

        self.assertEqual((ours, theirs), (257, 256))


if __name__ == "__main__":
    unittest.main()
