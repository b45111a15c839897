"""Spans as OTLP JSON: every message to the letter, what is no JSON, and spans cut into lines."""

from __future__ import annotations

import json
import unittest
from itertools import count

from tests.otlp_cases import HOSTILE, NUMBERS, RandomSpans, nested, whole
from tracer import CountedIds, Limits, SimulatedClock, Span, SpanManager, __version__
from tracer.export.environment import read_pairs
from tracer.export.otlp import (
    LEVELS,
    SPANS_AT_ONCE,
    Resources,
    build_any_value,
    build_key_values,
    build_span,
    encode,
    write_lines,
)


def text_of(span: Span) -> str:
    """Write a span."""
    return encode(build_span(span))


def open_span() -> Span:
    """Make a span that is open."""
    return SpanManager(None, SimulatedClock(), CountedIds()).create_span({"name": "a", "timestamp_us": 5})


def ended_span(*changes: dict, limits: Limits | None = None, end: dict | None = None, **create: object) -> Span:
    """Make a span by messages: its creation with more fields than the plain ones, changes, and its end."""
    manager = SpanManager(limits, SimulatedClock(), CountedIds())
    manager.create_span({"name": "GET /", "timestamp_us": 5_000, **create})
    for change in changes:
        getattr(manager, change["type"])({"span_id": "span1", **change})
    return manager.span_end({"span_id": "span1", "timestamp_us": 15_000, **(end or {})})


class SpanMessageTests(unittest.TestCase):
    """A span as OTLP's JSON."""

    HUNDREDS = 1

    def test_plain_span_has_these_fields(self) -> None:
        """A root with nothing to it has ids in hex, flags, name, kind, times and status, in `trace.proto`'s order."""
        text = text_of(ended_span())

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
        text = text_of(ended_span(*changes, *changes, limits=limits, traceparent=other, kind="CONSUMER"))

        self.assertEqual(
            text,
            '{"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"0000000000000001",'
            '"parentSpanId":"bbbbbbbbbbbbbbbb","flags":3,"name":"GET /","kind":5,'
            '"startTimeUnixNano":"5000000","endTimeUnixNano":"15000000",'
            '"attributes":[{"key":"a","value":{"stringValue":"x"}}],"droppedAttributesCount":2,'
            '"events":[{"timeUnixNano":"7000000","name":"e","attributes":[{"key":"c"}],'
            '"droppedAttributesCount":1}],"droppedEventsCount":1,'
            '"links":[{"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"bbbbbbbbbbbbbbbb",'
            '"attributes":[{"key":"f","value":{"doubleValue":1.5}}],"droppedAttributesCount":1,"flags":195}],'
            '"droppedLinksCount":1,"status":{"code":1}}',
        )

    def test_event_and_link_without_attributes_have_no_such_field(self) -> None:
        """An event is its time and name then, and a link the context that it names."""
        other = f"00-{'a' * 32}-{'b' * 16}-00"
        text = text_of(
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
                text = text_of(ended_span(end=end))

                self.assertTrue(text.endswith(f',"status":{expected}}}'), text)

    def test_open_span_has_no_end(self) -> None:
        """The end of an open span is not known, and its status is UNSET."""
        self.assertIn('"startTimeUnixNano":"5000","endTimeUnixNano":"0","status":{}}', text_of(open_span()))

    def test_every_kind_has_its_number(self) -> None:
        """The kinds count from 1."""
        for number, kind in enumerate(("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"), 1):
            with self.subTest(kind):
                self.assertIn(f'"kind":{number},', text_of(ended_span(kind=kind)))

    def test_time_past_64_bits_is_the_last_one(self) -> None:
        """A simulated clock that ran past 2^64 nanoseconds is written as the last of them."""
        last_us = (2**64 - 1) // 1000
        span = open_span()
        for end_us, expected in ((last_us, str(last_us * 1000)), (last_us + 1, str(2**64 - 1))):
            with self.subTest(end_us):
                span._end_us = end_us

                self.assertIn(f'"endTimeUnixNano":"{expected}"', text_of(span))

    def test_count_past_32_bits_is_the_last_one(self) -> None:
        """A dropped count is held to what its field takes."""
        span = ended_span(attributes={"a": 1})
        span.attributes._dropped = 2**32

        self.assertIn('"droppedAttributesCount":4294967295', text_of(span))

    def test_attribute_that_json_does_not_have_is_written(self) -> None:
        """A caller in Python that sets one has its key and its value as `str()`."""
        text = text_of(ended_span(attributes={1: {2}}))

        self.assertIn('"attributes":[{"key":"1","value":{"stringValue":"{2}"}}]', text)

    def test_random_spans_are_lines_of_compact_json(self) -> None:
        """Random spans, hostile strings and all, are lines of ASCII, with no blanks and no lone surrogates."""
        for seed in range(self.HUNDREDS):
            with self.subTest(seed=seed):
                for line in write_lines(RandomSpans(seed).make(100), Resources({}, self.fail)):
                    text = line.data.decode("ascii")
                    read = json.loads(text)
                    characters = json.dumps(read, ensure_ascii=False)

                    self.assertEqual(json.dumps(read, separators=(",", ":")) + "\n", text)
                    self.assertEqual(whole(characters), characters)


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
            ({"": []}, '{"kvlistValue":{"values":[{"key":"","value":{"arrayValue":{"values":[]}}}]}}'),
            (
                [{"a": "b"}],
                '{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}]}}',
            ),
        ]
        for value, expected in cases:
            with self.subTest(repr(value)[:40]):
                self.assertEqual(encode(build_any_value(value)), expected)

    def test_null_has_no_value(self) -> None:
        """A null is a key alone, as an attribute and in an object; in a list it keeps its place."""
        self.assertEqual(
            encode(build_key_values({"a": None, "b": {"c": None}, "d": [None, 1]})),
            '[{"key":"a"},{"key":"b","value":{"kvlistValue":{"values":[{"key":"c"}]}}},'
            '{"key":"d","value":{"arrayValue":{"values":[{},{"intValue":"1"}]}}}]',
        )

    def test_keys_stay_unique(self) -> None:
        """Of keys that are one once their lone surrogates are gone the last one counts, at every level."""
        keys = ("\ud800", "\ud83d\ude00", "\udfff", "\U0001f600", "\ufffd", "\ud800a")
        clash = {key: number for number, key in enumerate(keys)}
        kept = {"\ufffd": 4, "\U0001f600": 3, "\ufffda": 5}

        for nest in (lambda value: value, lambda value: {"k": value}, lambda value: {"k": [value]}):
            self.assertEqual(build_key_values(nest(clash)), build_key_values(nest(kept)))
        self.assertEqual([pair["key"] for pair in build_key_values(clash)], list(kept))

    def test_deep_value_becomes_json_text(self) -> None:
        """What lies below the levels that parsers take is a string of JSON; what lies on the last one is not."""
        for make, piece, text in (
            (lambda value: [value], '{"arrayValue":{"values":[', "[0]"),
            (lambda value: {"k": value}, '{"kvlistValue":{"values":[{"key":"k","value":', '{\\"k\\": 0}'),
        ):
            with self.subTest(text):
                fits, deeper = (encode(build_any_value(nested(levels, make))) for levels in (LEVELS, LEVELS + 1))

                self.assertTrue(fits.startswith(LEVELS * piece + '{"intValue":"0"}'), fits)
                self.assertTrue(deeper.startswith(LEVELS * piece + f'{{"stringValue":"{text}"}}'), deeper)

    def test_deepest_value_is_written(self) -> None:
        """A value as deep as a message can be is no matter."""
        self.assertIn('{"stringValue":"[[[[', encode(build_any_value(nested(200))))

    def test_lone_surrogates_are_replaced(self) -> None:
        """In every hostile string each lone surrogate is U+FFFD, and everything else is as it was."""
        for text in HOSTILE:
            string, deep = ({"stringValue": whole(value)} for value in (text, json.dumps([text], ensure_ascii=False)))
            for levels, inmost in ((0, string), (1, string), (LEVELS, deep)):
                with self.subTest(ascii(text), levels=levels):
                    read = json.loads(encode(build_any_value({text: nested(levels, inmost=text)})))
                    depth = min(levels, LEVELS - 1)
                    expected = nested(depth, lambda value: {"arrayValue": {"values": [value]}}, inmost)

                    self.assertEqual(read, {"kvlistValue": {"values": [{"key": whole(text), "value": expected}]}})

    def test_numbers_come_back(self) -> None:
        """Every number is read back as it was."""
        for number in NUMBERS:
            with self.subTest(repr(number)[:30]):
                (read,) = json.loads(encode(build_any_value(number))).values()

                self.assertEqual(type(number)(read), number)


class ResourceTests(unittest.TestCase):
    """Who made a span: OpenTelemetry's variables and the message's sender."""

    def message(self, service: str | None, **environment: str) -> dict[str, str]:
        """Return the attributes of a service's resource."""
        message = Resources(environment, self.fail).build(service)
        return {pair["key"]: pair["value"]["stringValue"] for pair in message["attributes"]}

    def test_service_name_has_an_order_of_sources(self) -> None:
        """The sender's name wins, then OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, `unknown_service`; quotes are taken off."""
        named, listed = {"OTEL_SERVICE_NAME": "n"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=l"}
        cases = [
            (None, {}, "unknown_service"),
            (None, {"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name="}, "unknown_service"),
            (None, listed, "l"),
            (None, {**listed, **named}, "n"),
            (None, {"OTEL_SERVICE_NAME": '"n"'}, "n"),
            (None, {"OTEL_RESOURCE_ATTRIBUTES": "'service.name=l'"}, "l"),
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
                self.assertEqual(read_pairs(variable), expected)

    def test_list_with_one_error_is_ignored(self) -> None:
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

                self.assertEqual(said, [f"OTEL_RESOURCE_ATTRIBUTES is ignored: {reason}"])
                self.assertEqual(resources.build(None), Resources({}, self.fail).build(None))


class LinesTests(unittest.TestCase):
    """Spans put together into lines."""

    resources = Resources({"OTEL_SERVICE_NAME": "own"}, print)

    def span(self, service: str | None, name: str) -> Span:
        """Make a span of a service."""
        span = ended_span(name=name)
        span._service = service
        return span

    def test_spans_of_one_service_share_its_resource(self) -> None:
        """A batch is one line, in which each service stands once, in the order of its first span."""
        spans = [self.span("s", "a"), self.span(None, "b"), self.span("s", "c")]
        (line,) = write_lines(spans, self.resources)

        scope = f'"scopeSpans":[{{"scope":{{"name":"tracer","version":"{__version__}"}},"spans":'
        a, b, c = map(text_of, spans)
        self.assertEqual(line.spans, 3)
        self.assertEqual(
            line.data.decode(),
            '{"resourceSpans":['
            '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},'
            f"{scope}[{a},{c}]}}]}},"
            '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"own"}}]},'
            f"{scope}[{b}]}}]}}"
            "]}\n",
        )

    def test_long_batch_is_cut(self) -> None:
        """No line is longer than the bound, all spans are there once, in order."""
        batch = [self.span(f"s{number % 3}", str(number)) for number in range(1000)]
        cut = list(write_lines(batch, self.resources, most_characters=2000))

        numbers = []
        for line in cut:
            read = json.loads(line.data)["resourceSpans"]
            spans = [int(span["name"]) for resource in read for span in resource["scopeSpans"][0]["spans"]]
            self.assertEqual(len(spans), line.spans)
            self.assertLessEqual(len(line.data), 2000)
            numbers += sorted(spans)
        self.assertGreater(len(cut), 2)
        self.assertEqual(numbers, list(range(1000)))

    def test_line_that_just_fits_is_not_cut(self) -> None:
        """The bound counts the whole line: at it the spans are one line, below it two."""
        spans = [self.span("s", "a"), self.span("s", "b")]
        (line,) = write_lines(spans, self.resources)
        for bound, counts in ((len(line.data), [2]), (len(line.data) - 1, [1, 1])):
            with self.subTest(bound):
                cut = write_lines(spans, self.resources, most_characters=bound)
                self.assertEqual([line.spans for line in cut], counts)

    def test_spans_are_taken_a_few_at_a_time(self) -> None:
        """Of very many spans only so many are in memory as text as are written at once."""
        taken = (self.span("s", str(number)) for number in count())
        first = next(write_lines(taken, self.resources))

        self.assertEqual(first.spans, SPANS_AT_ONCE)
        self.assertIn(f'"name":"{SPANS_AT_ONCE}"', text_of(next(taken)))

    def test_span_longer_than_a_line_has_its_own(self) -> None:
        """A span that no line has room for is written all the same, alone."""
        batch = [self.span("s", name) for name in ("a", "x" * 3000, "b")]
        counts = [line.spans for line in write_lines(batch, self.resources, most_characters=2000)]

        self.assertEqual(counts, [1, 1, 1])

    def test_no_spans_are_no_line(self) -> None:
        """Without spans nothing is written."""
        self.assertEqual(list(write_lines([], self.resources)), [])


if __name__ == "__main__":
    unittest.main()
