"""Spans as OTLP JSON: every message to the letter, against its slow twin, and cut into lines."""

from __future__ import annotations

import json
import unittest
from unittest import mock

from tests.otlp_cases import HOSTILE, NUMBERS, RandomSpans, nested, plain_span, plain_traces, plain_value, whole
from tracer import CountedIds, Limits, SimulatedClock, Span, SpanManager, __version__, otlp
from tracer.otlp import LEVELS, Resources, any_value, lines, resource_attributes, span_message, traces_data


def ended_span(*changes: dict, limits: Limits | None = None, end: dict | None = None, **create: object) -> Span:
    """Make a span by messages: its creation with more fields than the plain ones, changes, and its end."""
    manager = SpanManager(limits, SimulatedClock(), CountedIds())
    manager.create_span({"name": "GET /", "timestamp_us": 5_000, **create})
    for change in changes:
        getattr(manager, change["type"])({"span_id": "span1", **change})
    return manager.span_end({"span_id": "span1", "timestamp_us": 15_000, **(end or {})})


class SpanMessageTests(unittest.TestCase):
    """A span as OTLP's JSON."""

    def test_plain_span_has_these_fields(self) -> None:
        """A root with nothing to it has ids in hex, flags, name, kind, times and status, in `trace.proto`'s order."""
        text = span_message(ended_span())

        self.assertEqual(
            text,
            '{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","flags":257,"name":"GET /",'
            '"kind":1,"startTimeUnixNano":"5000000","endTimeUnixNano":"15000000","status":{"code":1}}',
        )

    def test_full_span_has_everything(self) -> None:
        """Parent, attributes, events, links and all dropped counts go along."""
        limits = Limits(attributes=1, event_attributes=1, link_attributes=1, events=1, links=1)
        other = f"00-{'a' * 32}-{'b' * 16}-c3"
        changes = [
            {"type": "span_update", "attributes": {"a": "x", "b": 1}},
            {"type": "span_event", "event": "e", "timestamp_us": 7_000, "attributes": {"c": None, "d": 2}},
            {"type": "span_link", "link": {"traceparent": other, "attributes": {"f": 1.5, "g": 3}}},
        ]
        text = span_message(ended_span(*changes, *changes, limits=limits, traceparent=other, kind="CONSUMER"))

        self.assertEqual(
            text,
            '{"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"0000000000000001",'
            '"parentSpanId":"bbbbbbbbbbbbbbbb","flags":3,"name":"GET /","kind":5,'
            '"startTimeUnixNano":"5000000","endTimeUnixNano":"15000000",'
            '"attributes":[{"key":"a","value":{"stringValue":"x"}}],"droppedAttributesCount":2,'
            '"events":[{"timeUnixNano":"7000000","name":"e","attributes":[{"key":"c","value":{}}],'
            '"droppedAttributesCount":1}],"droppedEventsCount":1,'
            '"links":[{"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"bbbbbbbbbbbbbbbb",'
            '"attributes":[{"key":"f","value":{"doubleValue":1.5}}],"droppedAttributesCount":1,"flags":195}],'
            '"droppedLinksCount":1,"status":{"code":1}}',
        )

    def test_event_and_link_without_attributes_have_no_such_field(self) -> None:
        """An event is its time and name then, and a link the context that it names."""
        other = f"00-{'a' * 32}-{'b' * 16}-00"
        text = span_message(
            ended_span(
                {"type": "span_event", "event": "e", "timestamp_us": 7_000},
                {"type": "span_link", "link": {"traceparent": other}},
            )
        )

        self.assertIn(
            '"events":[{"timeUnixNano":"7000000","name":"e"}],'
            f'"links":[{{"traceId":"{"a" * 32}","spanId":"{"b" * 16}"}}],',
            text,
        )

    def test_every_status_has_its_number(self) -> None:
        """UNSET is an empty status, and an error is its message."""
        cases = [
            ({"status": "UNSET"}, "{}"),
            ({"status": "OK"}, '{"code":1}'),
            ({"status": "ERROR"}, '{"code":2}'),
            ({"status": "ERROR", "error": "no"}, '{"message":"no","code":2}'),
        ]
        for end, expected in cases:
            with self.subTest(end):
                text = span_message(ended_span(end=end))

                self.assertTrue(text.endswith(f',"status":{expected}}}'), text)

    def test_open_span_has_the_ending_that_is_given(self) -> None:
        """An open span is written with it, or with an end that is not known; an ended one has its own."""
        opened = SpanManager(None, SimulatedClock(), CountedIds()).create_span({"name": "a", "timestamp_us": 5})
        ending = (7, "ERROR", "why")

        self.assertIn('"endTimeUnixNano":"7000","status":{"message":"why","code":2}}', span_message(opened, ending))
        self.assertIn('"endTimeUnixNano":"0","status":{}}', span_message(opened))
        self.assertEqual(span_message(ended_span(), ending), span_message(ended_span()))

    def test_every_kind_has_its_number(self) -> None:
        """The kinds count from 1."""
        for number, kind in enumerate(("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"), 1):
            with self.subTest(kind):
                self.assertIn(f'"kind":{number},', span_message(ended_span(kind=kind)))

    def test_time_past_64_bits_is_the_last_one(self) -> None:
        """A simulated clock that ran past 2^64 nanoseconds is written as the last of them."""
        last_us = (2**64 - 1) // 1000
        opened = SpanManager(None, SimulatedClock(), CountedIds()).create_span({"name": "a", "timestamp_us": 0})
        for end_us, expected in ((last_us, str(last_us * 1000)), (last_us + 1, str(2**64 - 1))):
            with self.subTest(end_us):
                self.assertIn(f'"endTimeUnixNano":"{expected}"', span_message(opened, (end_us, "OK", None)))

    def test_count_past_32_bits_is_the_last_one(self) -> None:
        """A dropped count is held to what its field takes."""
        span = ended_span(attributes={})
        span.attributes.dropped = 2**32

        self.assertIn('"droppedAttributesCount":4294967295', span_message(span))

    def test_spans_are_what_json_dumps_writes(self) -> None:
        """Each of 600 random spans, hostile strings and all, is to the byte what `json.dumps` makes of plain dicts."""
        for seed in range(6):
            for number, span in enumerate(RandomSpans(seed).make(100)):
                with self.subTest(seed=seed, span=number):
                    resource = Resources({}, self.fail).message("s")
                    text = traces_data([otlp.resource_spans(resource, [span_message(span)])])
                    twin = json.dumps(plain_traces({"s": [plain_span(span)]}), separators=(",", ":")) + "\n"

                    self.assertEqual(text, twin)


class AnyValueTests(unittest.TestCase):
    """Values of attributes."""

    def test_each_kind_of_value_has_its_field(self) -> None:
        """Every JSON value has its place in AnyValue; an integer that 64 bits do not hold is a string."""
        cases = [
            ("x", '{"stringValue":"x"}'),
            ("", '{"stringValue":""}'),
            (None, "{}"),
            (True, '{"boolValue":true}'),
            (False, '{"boolValue":false}'),
            (0, '{"intValue":"0"}'),
            (2**63 - 1, '{"intValue":"9223372036854775807"}'),
            (2**63, '{"stringValue":"9223372036854775808"}'),
            (-(2**63), '{"intValue":"-9223372036854775808"}'),
            (-(2**63) - 1, '{"stringValue":"-9223372036854775809"}'),
            (1.0, '{"doubleValue":1.0}'),
            (-0.0, '{"doubleValue":-0.0}'),
            (1e300, '{"doubleValue":1e+300}'),
            ([], '{"arrayValue":{"values":[]}}'),
            ([1, None], '{"arrayValue":{"values":[{"intValue":"1"},{}]}}'),
            ({}, '{"kvlistValue":{"values":[]}}'),
            ({"": {"a": "b"}}, None),
        ]
        for value, expected in cases:
            with self.subTest(repr(value)[:40]):
                twin = json.dumps(plain_value(value), separators=(",", ":"))

                self.assertEqual(any_value(value), expected or twin)
                self.assertEqual(any_value(value), twin)

    def test_deep_value_becomes_json_text(self) -> None:
        """What lies below the levels that parsers take is a string of JSON; what lies on the last one is not."""
        for make, piece, text in (
            (lambda value: [value], '{"arrayValue":{"values":[', "[0]"),
            (lambda value: {"k": value}, '{"kvlistValue":{"values":[{"key":"k","value":', '{\\"k\\": 0}'),
        ):
            with self.subTest(text):
                fits, deeper = any_value(nested(LEVELS, make)), any_value(nested(LEVELS + 1, make))

                self.assertTrue(fits.startswith(LEVELS * piece + '{"intValue":"0"}'), fits)
                self.assertTrue(deeper.startswith(LEVELS * piece + f'{{"stringValue":"{text}"}}'), deeper)

    def test_deepest_value_is_written(self) -> None:
        """A value as deep as a message can be is no matter."""
        self.assertIn('{"stringValue":"[[[[', any_value(nested(200)))

    def test_lone_surrogates_are_replaced(self) -> None:
        """In every hostile string each lone surrogate is U+FFFD, and everything else is as it was."""
        for text in HOSTILE:
            for value in (text, [text], {text: nested(LEVELS, inmost=text)}):
                with self.subTest(ascii(value)[:80]):
                    line = traces_data([otlp.key_value(text, value)])

                    read = json.loads(line)["resourceSpans"][0]
                    self.assertEqual(read, {"key": whole(text), "value": plain_value(value)})

    def test_numbers_come_back(self) -> None:
        """Every number is read back as it was."""
        for number in NUMBERS:
            with self.subTest(repr(number)[:30]):
                (read,) = json.loads(any_value(number)).values()

                self.assertEqual(type(number)(read), number)


class ResourceTests(unittest.TestCase):
    """Who made a span: OpenTelemetry's variables and the message's sender."""

    def message(self, service: str | None, **environment: str) -> dict[str, str]:
        """Return the attributes of a service's resource."""
        message = json.loads(Resources(environment, self.fail).message(service))
        return {pair["key"]: pair["value"]["stringValue"] for pair in message["attributes"]}

    def test_service_name_has_an_order_of_sources(self) -> None:
        """The sender's name wins, then OTEL_SERVICE_NAME, then OTEL_RESOURCE_ATTRIBUTES, then `unknown_service`."""
        named, listed = {"OTEL_SERVICE_NAME": "n"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=l"}
        cases = [
            (None, {}, "unknown_service"),
            (None, {"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name="}, "unknown_service"),
            (None, listed, "l"),
            (None, {**listed, **named}, "n"),
            ("s", {**listed, **named}, "s"),
        ]
        for service, environment, expected in cases:
            with self.subTest(service=service, environment=environment):
                self.assertEqual(self.message(service, **environment), {"service.name": expected})

    def test_other_attributes_are_on_every_resource(self) -> None:
        """What else OTEL_RESOURCE_ATTRIBUTES has goes on the node's own resource and on each sender's."""
        variable = "service.version=2,service.name=l,host.name=h"
        for service, name in ((None, "l"), ("s", "s")):
            with self.subTest(service):
                attributes = self.message(service, OTEL_RESOURCE_ATTRIBUTES=variable)

                self.assertEqual(attributes, {"service.name": name, "service.version": "2", "host.name": "h"})

    def test_list_is_read_as_the_specification_has_it(self) -> None:
        """Keys and values are percent-decoded as UTF-8, blanks around them do not count, the last of two wins."""
        cases = [
            ("", {}),
            (" , ", {}),
            ("a=1", {"a": "1"}),
            (" a = 1 , ,b=2,", {"a": "1", "b": "2"}),
            ("a=", {"a": ""}),
            ("a=x%2Cy%3Dz%20", {"a": "x,y=z "}),
            ("k%C3%A9=%f0%9f%98%80", {"ké": "😀"}),
            ("ké=é", {"ké": "é"}),
            ("k=\udcc3\udca9", {"k": "é"}),  # As Python reads it where the locale has no such character.
            ("a=b=c", {"a": "b=c"}),
            ("a=1,a=2", {"a": "2"}),
            ("a=+%2B", {"a": "++"}),
        ]
        for variable, expected in cases:
            with self.subTest(variable):
                self.assertEqual(resource_attributes(variable), expected)

    def test_list_with_one_error_is_passed_over(self) -> None:
        """One pair that cannot be read discards the whole variable, and that is said in one sentence."""
        cases = [
            ("a=1,b", '"b" is no key=value'),
            ("a=1,=2", '"=2" is no key=value'),
            ("a=%", '"%" is no percent-encoded UTF-8'),
            ("a=%4", '"%4" is no percent-encoded UTF-8'),
            ("a=%4g,b=2", '"%4g" is no percent-encoded UTF-8'),
            ("a=% 4", '"% 4" is no percent-encoded UTF-8'),
            ("a=%ff", '"%ff" is no percent-encoded UTF-8'),
            ("a=\udcff", '"\\udcff" is no percent-encoded UTF-8'),
        ]
        for variable, reason in cases:
            with self.subTest(ascii(variable)):
                said: list[str] = []
                resources = Resources({"OTEL_RESOURCE_ATTRIBUTES": f"service.name=l,{variable}"}, said.append)

                self.assertEqual(said, [f"OTEL_RESOURCE_ATTRIBUTES is passed over: {reason}"])
                self.assertIn("unknown_service", resources.message(None))


class LinesTests(unittest.TestCase):
    """Spans put together into lines."""

    resources = Resources({"OTEL_SERVICE_NAME": "own"}, print)

    def test_spans_of_one_service_share_its_resource(self) -> None:
        """A batch is one line, in which each service stands once, in the order of its first span."""
        batch = [("s", '{"a":1}'), (None, '{"b":2}'), ("s", '{"c":3}')]
        ((line, count),) = lines(batch, self.resources)

        scope = f'"scopeSpans":[{{"scope":{{"name":"tracer","version":"{__version__}"}},"spans":'
        self.assertEqual(count, 3)
        self.assertEqual(
            line.decode(),
            '{"resourceSpans":['
            '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},'
            f'{scope}[{{"a":1}},{{"c":3}}]}}]}},'
            '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"own"}}]},'
            f'{scope}[{{"b":2}}]}}]}}'
            "]}\n",
        )

    def test_long_batch_is_cut(self) -> None:
        """No line is longer than the bound by more than its frame, all spans are there once, in order."""
        batch = [(f"s{number % 3}", f'{{"n":{number}}}') for number in range(1000)]
        with mock.patch.object(otlp, "LINE_CHARACTERS", 2000):
            cut = list(lines(batch, self.resources))

        numbers = []
        for line, count in cut:
            read = json.loads(line)["resourceSpans"]
            spans = [span["n"] for resource in read for span in resource["scopeSpans"][0]["spans"]]
            self.assertEqual(len(spans), count)
            self.assertLess(len(line), 2300)
            numbers += sorted(spans)
        self.assertGreater(len(cut), 2)
        self.assertEqual(numbers, list(range(1000)))

    def test_span_longer_than_a_line_has_its_own(self) -> None:
        """A span that no line has room for is written all the same, alone."""
        batch = [("s", '{"n":1}'), ("s", f'{{"n":"{"x" * 3000}"}}'), ("s", '{"n":3}')]
        with mock.patch.object(otlp, "LINE_CHARACTERS", 2000):
            counts = [count for _, count in lines(batch, self.resources)]

        self.assertEqual(counts, [1, 1, 1])

    def test_no_spans_are_no_line(self) -> None:
        """Without spans nothing is written."""
        self.assertEqual(list(lines([], self.resources)), [])


if __name__ == "__main__":
    unittest.main()
