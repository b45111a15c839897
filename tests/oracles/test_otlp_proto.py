"""OpenTelemetry's own protobuf messages as the judge: every exported line is a `TracesData`, and says what was sent.

Its JSON wants bytes in base64 where OTLP has ids in hex; those alone are converted.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import unittest

try:
    from google.protobuf import json_format
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1 import trace_pb2
except ImportError as error:
    raise unittest.SkipTest(f"opentelemetry-proto is not installed: {error}") from None

from tests.backend import Backend
from tests.helpers import envelope, line_of, run_here
from tests.otlp_cases import RandomSpans, nested, whole
from tracer import Attributes, Link, Span, __version__
from tracer.export.environment import read_settings
from tracer.export.file import FileExporter
from tracer.export.http import HttpExporter
from tracer.export.otlp import LEVELS, Resources
from tracer.reading import read_files
from tracer.span import STATUSES


def parsed(line: bytes) -> trace_pb2.TracesData:
    """Read a line as strictly as protobuf's JSON goes; what is read has to fit its binary form too."""
    traces = json.loads(line)
    for resource_spans in traces["resourceSpans"]:
        for span in resource_spans["scopeSpans"][0]["spans"]:
            for message in (span, *span.get("links", ())):
                for name in {"traceId", "spanId", "parentSpanId"} & message.keys():
                    message[name] = base64.b64encode(bytes.fromhex(message[name])).decode()
    message = json_format.Parse(json.dumps(traces), trace_pb2.TracesData(), ignore_unknown_fields=False)
    return trace_pb2.TracesData.FromString(message.SerializeToString())


def value_of(value: AnyValue) -> tuple[str | None, object]:
    """Return a value's kind and itself."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return kind, [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return kind, attributes_of(value.kvlist_value.values)
    return kind, None if kind is None else getattr(value, kind)


def attributes_of(pairs: object) -> list[tuple]:
    """Return attributes as keys and values."""
    return [(pair.key, value_of(pair.value)) for pair in pairs]


def sent_value(value: object, levels: int = LEVELS) -> tuple[str | None, object]:
    """Return what `value_of` has to give for a JSON value."""
    if value is None:
        return None, None
    for kind, name in ((bool, "bool_value"), (float, "double_value")):
        if isinstance(value, kind):
            return name, value
    if isinstance(value, int):
        return ("int_value", value) if value.bit_length() < 64 or value == -(2**63) else ("string_value", str(value))
    if isinstance(value, str):
        return "string_value", whole(value)
    if levels == 0:
        return "string_value", whole(json.dumps(value, ensure_ascii=False))
    if isinstance(value, (list, tuple)):
        return "array_value", [sent_value(item, levels - 1) for item in value]
    return "kvlist_value", list({whole(key): sent_value(item, levels - 1) for key, item in value.items()}.items())


def sent_attributes(attributes: Attributes) -> tuple[list[tuple], int]:
    """Return what a message has to have: attributes, and how many were dropped."""
    return list({whole(key): sent_value(value) for key, value in attributes.items()}.items()), attributes.dropped


def name_of(span: Span) -> str:
    """Return the name of the service that a span belongs to."""
    return "own" if span.service is None else whole(span.service)


class ProtoTests(unittest.TestCase):
    """Exported lines, read by protobuf."""

    def setUp(self) -> None:
        """Make a directory for the file."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spans.jsonl")

    def lines(self) -> list[bytes]:
        """Read the file's lines."""
        with open(self.path, "rb") as file:
            return file.read().splitlines()

    def check(self, message: trace_pb2.Span, span: Span) -> None:
        """Compare a message with its span, value by value."""
        self.assertEqual(message.trace_id, span.trace_id.to_bytes(16, "big"))
        self.assertEqual(message.span_id, span.hex_id.to_bytes(8, "big"))
        parent = b"" if span.parent is None else span.parent.hex_id.to_bytes(8, "big")
        self.assertEqual(message.parent_span_id, parent)
        self.assertEqual(message.flags & trace_pb2.SPAN_FLAGS_TRACE_FLAGS_MASK, span.flags)
        self.assertEqual(message.name, whole(span.name))
        self.assertEqual(message.kind, trace_pb2.Span.SpanKind.Value(f"SPAN_KIND_{span.kind}"))
        self.assertEqual(message.start_time_unix_nano, span.start_us * 1000)
        self.assertEqual(message.end_time_unix_nano, span.end_us * 1000)
        self.assertEqual(message.status.code, trace_pb2.Status.StatusCode.Value(f"STATUS_CODE_{span.status}"))
        self.assertEqual(message.status.message, whole(span.error or ""))
        self.assert_attributes(message, span.attributes)
        self.assertEqual(message.dropped_events_count, span.dropped_events)
        self.assertEqual(message.dropped_links_count, span.dropped_links)
        self.assertEqual(len(message.events), len(span.events))
        for found, event in zip(message.events, span.events):
            self.assertEqual((found.name, found.time_unix_nano), (whole(event.name), event.timestamp_us * 1000))
            self.assert_attributes(found, event.attributes)
        self.assertEqual(len(message.links), len(span.links))
        for found, link in zip(message.links, span.links):
            self.check_link(found, link)

    def check_link(self, message: trace_pb2.Span.Link, link: Link) -> None:
        """Compare a link's message with the link."""
        self.assertEqual(int.from_bytes(message.trace_id, "big"), link.context.trace_id)
        self.assertEqual(int.from_bytes(message.span_id, "big"), link.context.hex_id)
        self.assertEqual(message.flags & trace_pb2.SPAN_FLAGS_TRACE_FLAGS_MASK, link.context.flags)
        self.assert_attributes(message, link.attributes)

    def assert_attributes(self, message: object, attributes: Attributes) -> None:
        """Compare the attributes of a span, an event or a link."""
        found = attributes_of(message.attributes), message.dropped_attributes_count
        self.assertEqual(found, sent_attributes(attributes))

    def test_random_spans_are_read_value_by_value(self) -> None:
        """1,500 random spans in batches of 1 to 50 are in the file, each under its service, and say what was sent."""
        for seed in range(5):
            with self.subTest(seed=seed):
                source = RandomSpans(seed)
                file = FileExporter(self.path, Resources({"OTEL_SERVICE_NAME": "own"}, self.fail), self.fail)
                sent = source.make(300)
                for start in range(0, 300, 1 + 12 * seed):
                    for span in sent[start : start + 1 + 12 * seed]:
                        file.add(span)
                    file.flush()
                file.close([], 0, "")
                read = [resource for line in self.lines() for resource in parsed(line).resource_spans]
                os.unlink(self.path)

                self.check_all(read, sent)

    def test_requests_are_read_too(self) -> None:
        """What goes to a URL is read as strictly, and says what was sent."""
        backend = Backend()
        self.addCleanup(backend.close)
        resources = Resources({"OTEL_SERVICE_NAME": "own"}, self.fail)
        exporter = HttpExporter(backend.url, read_settings({}, self.fail), resources, self.fail)
        sent = RandomSpans(9).make(300)
        for span in sent:
            exporter.add(span)

        self.assertEqual(exporter.close([], 0, "") + exporter.wait(), 0)
        bodies = [backend.request().body for _ in range(backend.requests.qsize())]
        read = [resource for body in bodies for resource in parsed(body).resource_spans]
        self.check_all(read, sent)

    def check_all(self, read: list[trace_pb2.ResourceSpans], sent: list[Span]) -> None:
        """Compare everything in a file with the spans that were sent."""
        found: dict[str, list[trace_pb2.Span]] = {}
        for resource_spans in read:
            ((key, (_, service)),) = attributes_of(resource_spans.resource.attributes)
            (scope_spans,) = resource_spans.scope_spans
            self.assertEqual(
                (key, scope_spans.scope.name, scope_spans.scope.version), ("service.name", "tracer", __version__)
            )
            found.setdefault(service, []).extend(scope_spans.spans)
        self.assertEqual(sum(map(len, found.values())), len(sent))
        for service, messages in found.items():
            for message, span in zip(messages, [span for span in sent if name_of(span) == service]):
                self.check(message, span)

    def test_every_json_of_protobuf_is_read(self) -> None:
        """`--draw` reads what protobuf itself writes: ids in base64, both names of a field, enums by name, many lines."""
        file = FileExporter(self.path, Resources({"OTEL_SERVICE_NAME": "own"}, self.fail), self.fail)
        for span in RandomSpans(1).make(100):
            file.add(span)
        file.close([], 0, "")
        expected = self.read_spans()
        messages = [parsed(line) for line in self.lines()]
        for options in ({"preserving_proto_field_name": True}, {"use_integers_for_enums": True}, {"indent": None}):
            with open(self.path, "w") as written:
                written.writelines(json_format.MessageToJson(message, **options) + "\n" for message in messages)

            self.assertEqual(self.read_spans(), expected)

    def read_spans(self) -> list[str]:
        """Read the file's spans as `--draw` does, each as a text."""
        return [
            repr(
                (
                    span.context.traceparent,
                    span.parent and span.parent.hex_id,
                    span.name,
                    span.kind,
                    span.status,
                    span.attributes,
                )
            )
            for span in read_files([self.path], self.fail).spans
        ]

    def test_deepest_values_are_taken(self) -> None:
        """Objects and lists as deep as a message may have them are read, wherever they stand."""
        deep = {
            "objects": nested(195, lambda value: {"k": value}),
            "lists": nested(195),
        }
        messages = [
            {"type": "create_span", "name": "a", "attributes": deep},
            {"type": "span_event", "span_id": "span1", "event": "e", "attributes": deep},
            {"type": "span_link", "span_id": "span1", "link": {"span_id": "span1", "attributes": deep}},
        ]
        data = b"".join(line_of(message) + b"\n" for message in messages)
        code, _, err = run_here(data, "--export", self.path, "--clock", "real")
        (line,) = self.lines()
        (span,) = parsed(line).resource_spans[0].scope_spans[0].spans

        self.assertEqual((code, err), (0, b"tracer: 1 span is still open: span1\n"))
        for part in (span, span.events[0], span.links[0]):
            self.assertEqual(attributes_of(part.attributes), [(key, sent_value(value)) for key, value in deep.items()])

    def test_clock_past_64_bits_is_taken(self) -> None:
        """A simulated clock that runs past 2^64 nanoseconds leaves times that are read."""
        create = envelope({"type": "create_span", "name": "a", "kind": "CLIENT"})
        run_here(b"\n".join([line_of(create)] * 4), "--export", self.path, "--tick-us", "9223372036854775")
        (line,) = self.lines()
        spans = parsed(line).resource_spans[0].scope_spans[0].spans

        step = 9_223_372_036_854_775_000
        self.assertEqual([span.start_time_unix_nano for span in spans], [0, step, 2 * step, 2**64 - 1])
        self.assertEqual({span.end_time_unix_nano for span in spans}, {2**64 - 1})

    def test_every_status_is_in_the_judge(self) -> None:
        """The judge knows our statuses by number, and no others."""
        values = trace_pb2.Status.StatusCode.items()

        self.assertEqual(values, [(f"STATUS_CODE_{status}", number) for number, status in enumerate(STATUSES)])


if __name__ == "__main__":
    unittest.main()
