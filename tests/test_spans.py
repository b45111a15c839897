"""One span read back: every form that a field may have, and what an odd one costs."""

from __future__ import annotations

import unittest
from base64 import b64encode, urlsafe_b64encode

from tests.otlp_cases import RandomSpans, nested, whole
from tests.otlp_files import PARENT, SPAN, TRACE, ReadingTests, line, named
from tracer.export.file import FileExporter
from tracer.export.otlp import Resources
from tracer.reading import read_files
from tracer.reading.spans import CHARACTERS, LEVELS


class SpanTests(ReadingTests):
    """What a field may be."""

    SPANS = 100

    def test_own_export_comes_back(self) -> None:
        """Of random spans, hostile strings and all, everything that is drawn is read as it was."""
        source = RandomSpans(7)
        file = FileExporter(self.path, Resources({"OTEL_SERVICE_NAME": "own"}, self.fail), self.fail)
        sent = {span.hex_id: span for span in source.make(self.SPANS) if span.flags & 1}
        for span in sent.values():
            file.add(span)
        file.close([], 0, "")
        found = read_files([self.path], self.fail).spans

        self.assertEqual(len(found), len(sent))
        for span in found:
            one = sent[span.hex_id]
            service = "own" if one.service is None else whole(one.service)
            self.assertEqual((span.trace_id, span.name), (one.trace_id, whole(one.name)))
            self.assertEqual(span.service, service)
            self.assertEqual(span.parent and span.parent.hex_id, one.parent and one.parent.hex_id)
            self.assertEqual((span.kind, span.start_us, span.end_us), (one.kind, one.start_us, one.end_us))
            self.assertEqual((span.status, span.error), (one.status, one.error and whole(one.error)))
            self.assertEqual(
                [(event.name, event.timestamp_us, list(event.attributes)) for event in span.events],
                [(whole(event.name), event.timestamp_us, list(map(whole, event.attributes))) for event in one.events],
            )

    def test_missing_fields_have_their_defaults(self) -> None:
        """A span with no field, or with nulls, is a root of the trace 0 that took no time in 1970; what is unknown is ignored."""
        names = (
            "traceId",
            "spanId",
            "parentSpanId",
            "kind",
            "startTimeUnixNano",
            "endTimeUnixNano",
            "events",
            "status",
        )
        for fields in ({}, dict.fromkeys(names), {"traceId": "", "spanId": "", "parentSpanId": "", "new": [{}]}):
            with self.subTest(fields):
                span = self.one(**fields)

                self.assertEqual((span.trace_id, span.hex_id, span.parent, span.kind), (0, 0, None, "INTERNAL"))
                self.assertEqual((span.start_us, span.end_us, span.status, span.error), (0, 0, "UNSET", None))
        self.assertEqual(
            [span.name for span in self.read({"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]})], [""]
        )

    def test_numbers_may_be_strings(self) -> None:
        """A time is a number or a string, with an exponent or without; it is cut to microseconds."""
        for time in (
            1_500_000_000_001_999,
            "1500000000001999",
            1500000000001e3,
            "1500000000001e3",
            "1.500000000001e15",
            f"{1_500_000_000_001_999:040}",
        ):
            with self.subTest(time):
                span = self.one(startTimeUnixNano=time, endTimeUnixNano=time, events=[{"timeUnixNano": time}])

                self.assertEqual((span.start_us, span.end_us), (1_500_000_000_001,) * 2)
                self.assertEqual([event.timestamp_us for event in span.events], [1_500_000_000_001])

    def test_enums_may_be_names(self) -> None:
        """Kinds and statuses are numbers, in strings too, or names; a number that is not known is the default."""
        for value in (3, "3", "SPAN_KIND_CLIENT", "CLIENT", "Client"):
            self.assertEqual(self.one(kind=value).kind, "CLIENT")
        for value in (0, 1, 6, -1, "SPAN_KIND_UNSPECIFIED"):
            self.assertEqual(self.one(kind=value).kind, "INTERNAL")
        self.assertEqual(self.one(kind=5).kind, "CONSUMER")
        for code, status in (
            (2, "ERROR"),
            ("STATUS_CODE_ERROR", "ERROR"),
            ("Error", "ERROR"),
            (1, "OK"),
            ("STATUS_CODE_UNSET", "UNSET"),
            (3, "UNSET"),
        ):
            span = self.one(status={"code": code, "message": "why"})
            self.assertEqual((span.status, span.error), (status, "why" if status == "ERROR" else None))
        self.assertIsNone(self.one(status={"code": 2}).error)

    def test_ids_are_hex_of_either_case(self) -> None:
        """A parent that is written in capitals is the same one."""
        for case in (str.upper, str.lower):
            span = self.one(traceId=case(TRACE), spanId=case(SPAN), parentSpanId=case(PARENT))

            self.assertEqual((span.trace_id, span.hex_id, span.parent.hex_id), (int(TRACE, 16), int(SPAN, 16), 0xAB))

    def test_flags_and_ids_on_the_wire_are_none(self) -> None:
        """What is read has no id that a message could name, and its trace is not taken for sampled."""
        span = self.one(traceId=TRACE, spanId=SPAN, parentSpanId=PARENT, flags=1)

        self.assertEqual((span.span_id, span.context.traceparent), ("", f"00-{TRACE}-{SPAN}-00"))
        self.assertEqual(span.parent.traceparent, f"00-{TRACE}-{PARENT}-00")

    def test_original_names_are_taken_too(self) -> None:
        """A field goes by its name in JSON or in the `.proto` file; of the two the one in JSON counts."""
        span = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT, "start_time_unix_nano": 5_000}
        span.update(end_time_unix_nano=9_000, events=[{"time_unix_nano": 7_000}], endTimeUnixNano=8_000)
        span["attributes"] = [{"key": "k", "value": {"array_value": {"values": [{"int_value": 1}]}}}]
        (found,) = self.read({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]})

        self.assertEqual((found.trace_id, found.hex_id, found.parent.hex_id), (int(TRACE, 16), int(SPAN, 16), 0xAB))
        self.assertEqual((found.start_us, found.end_us, found.events[0].timestamp_us), (5, 8, 7))
        self.assertEqual(found.attributes, {"k": (1,)})

    def test_values_are_read(self) -> None:
        """Every value that an attribute can have is read as JSON; bytes stay in base64."""
        values = {
            "text": ({"stringValue": "é"}, "é"),
            "empty": ({"stringValue": ""}, ""),
            "no": ({"boolValue": False}, False),
            "least": ({"intValue": str(-(2**63))}, -(2**63)),
            "number": ({"intValue": 5}, 5),
            "double": ({"doubleValue": 1.5}, 1.5),
            "infinite": ({"doubleValue": "Infinity"}, "Infinity"),
            "bytes": ({"bytesValue": "AAE="}, "AAE="),
            "list": ({"arrayValue": {"values": [{}, {"intValue": "1"}]}}, (None, 1)),
            "object": ({"kvlistValue": {"values": [{"key": "k"}, {"key": "e", "value": {"arrayValue": {}}}]}}, {"k": None, "e": ()}),
            "null": ({}, None),
            "unknown": ({"stringValueStrindex": 3}, None),
        }  # fmt: skip
        span = self.one(attributes=[{"key": key, "value": value} for key, (value, _) in values.items()])

        self.assertEqual(span.attributes, {key: expected for key, (_, expected) in values.items()})

    def test_end_that_is_not_known_is_open(self) -> None:
        """An end of 0 is none, unless the span starts at 0 too, whatever its status; none is before the start."""
        for start, end, code, expected in (
            (7_000, 0, 0, None),
            (7_000, 0, 1, None),
            (0, 0, 0, 0),
            (7_000, 3_000, 0, 7),
            (7_000, 9_000, 0, 9),
        ):
            span = self.one(startTimeUnixNano=start, endTimeUnixNano=end, status={"code": code})

            self.assertEqual(span.end_us, expected)

    def test_ids_may_be_base64(self) -> None:
        """Ids of 24 and 12 characters are bytes in base64, of either alphabet; one of zeros alone is none."""
        for encode in (b64encode, urlsafe_b64encode):
            trace, span, parent = (encode(bytes.fromhex(text)).decode() for text in (TRACE, "fb" * 8, "ff" * 8))
            found = self.one(traceId=trace, spanId=span, parentSpanId=parent)

            self.assertEqual((len(trace), len(span)), (24, 12))
            self.assertEqual((found.trace_id, found.hex_id), (int(TRACE, 16), 0xFBFBFBFBFBFBFBFB))
            self.assertEqual((found.parent.trace_id, found.parent.hex_id), (found.trace_id, 2**64 - 1))
        for parent in ("AAAAAAAAAAA=", "0" * 16):
            self.assertIsNone(self.one(parentSpanId=parent).parent)

    def test_links_are_read(self) -> None:
        """A link has the ids of its span, and attributes; more than a span may have are counted."""
        link = {"traceId": TRACE, "spanId": PARENT, "attributes": [{"key": "k", "value": {"stringValue": "v"}}]}
        span = self.one(links=[link] * 130)

        self.assertEqual((len(span.links), span.dropped_links), (128, 2))
        self.assertEqual(span.links[0].context.traceparent, f"00-{TRACE}-{PARENT}-00")
        self.assertEqual(span.links[0].attributes, {"k": "v"})

    def test_service_is_that_of_the_resource(self) -> None:
        """A span's service is its resource's; one that nobody has named is none, and a long one is cut."""
        services = {
            "a": "a",
            "unknown_service": "",
            "unknown_service:java": "",
            "": "",
            None: "",
            "unknown_services": "unknown_services",
        }
        for service, expected in services.items():
            (span,) = self.read(line(named("n"), service=service))

            self.assertEqual((span.service, span.name), (expected, "n"))
        self.assertEqual(self.read(line(named("n"), service="s" * 5_000))[0].service, "s" * CHARACTERS)

    def test_odd_span_costs_one_span(self) -> None:
        """The sentence names the field, what it has to be, and the line of the first; all other spans are read."""
        time = f"a whole number from 0 to {2**64 - 1}"
        kind = f"a whole number from {-(2**31)} to {2**31 - 1}"
        trace, span = "32 hex digits, or 16 bytes in base64", "16 hex digits, or 8 bytes in base64"
        cases = [({"name": 5}, "name", "a string"), ({"status": "OK"}, "status", "an object")]
        cases += [
            ({"traceId": text}, "traceId", trace) for text in ("0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n", "é" * 24)
        ]
        cases += [({"spanId": "é" * 16}, "spanId", span), ({"parentSpanId": TRACE}, "parentSpanId", span)]
        for value in (-1, 2**64, 1.5, True, "", "x", "-1", "nan", "1e400", [], "0" * 41, int("9" * 200)):
            cases.append(({"startTimeUnixNano": value}, "startTimeUnixNano", time))
        cases += [({"kind": value}, "kind", kind) for value in ("SPAN_KIND_", "SPAN_KIND_X", {}, 2**31)]
        cases += [({"status": {"code": "good"}}, "code", kind)]
        for fields, name, expected in cases:
            with self.subTest(fields):
                names = self.names(
                    "\n", line(named("a"), {**named("odd"), **fields}, {**named("odd"), **fields}, named("b"))
                )

                self.assertEqual(names, ["a", "b"])
                self.assertEqual(self.said, [f'2 spans were ignored, first line 2: "{name}" has to be {expected}'])

    def test_odd_part_costs_that_part(self) -> None:
        """An attribute, an event or a link that is odd is ignored, and what is beside it is read."""
        number = f"a whole number from {-(2**63)} to {2**63 - 1}"
        good = {"key": "good", "value": {"intValue": 1}}
        fields = {
            "attributes": [good, {"key": "k", "value": {"intValue": "x"}}, {"key": "k", "value": "text"}, 5],
            "events": [{"name": "e", "attributes": [good, {"key": 5}]}, {"timeUnixNano": -1}],
            "links": [{"traceId": "x"}, {"spanId": SPAN}],
        }
        (span,) = self.read(line({**named("n"), **fields}))

        self.assertEqual((span.attributes, [event.name for event in span.events]), ({"good": 1}, ["e"]))
        self.assertEqual((span.events[0].attributes, len(span.links)), ({"good": 1}, 1))
        self.assertEqual(
            self.said,
            [
                f'4 attributes were ignored, first line 1: "intValue" has to be {number}, in "k"',
                f'1 event was ignored, first line 1: "timeUnixNano" has to be a whole number from 0 to {2**64 - 1}',
                '1 link was ignored, first line 1: "traceId" has to be 32 hex digits, or 16 bytes in base64',
            ],
        )

    def test_lists_of_another_form_are_said(self) -> None:
        """What has to be a list, or a list of objects, is ignored where it is none."""
        for value, expected in (({}, "a list"), ([5], "a list of objects")):
            for name, what in (("attributes", "attribute"), ("events", "event"), ("links", "link")):
                (span,) = self.read(line(named("n", **{name: value})))

                self.assertEqual((span.name, list(span.attributes)), ("n", []))
                self.assertEqual(self.said, [f'1 {what} was ignored, first line 1: "{name}" has to be {expected}'])
        odd = {"key": "k", "value": {"arrayValue": {"values": [5]}}}
        self.assertEqual(self.read(line(named("n", attributes=[odd])))[0].attributes, {})
        self.assertIn('"values" has to be a list of objects, in "k"', self.said[0])

    def test_deep_values_cost_their_attribute(self) -> None:
        """A value may have as many levels as there is a bound for."""

        def make(levels: int) -> dict:
            deep = nested(levels, lambda value: {"arrayValue": {"values": [value]}}, {})
            return line(named("n", attributes=[{"key": "k", "value": deep}]))

        self.assertEqual(self.read(make(LEVELS))[0].attributes, {"k": nested(LEVELS, lambda value: (value,), None)})
        self.assertEqual(self.read(make(LEVELS + 1))[0].attributes, {})
        self.assertIn(f"has to have at most {LEVELS} levels of lists and objects", self.said[0])

    def test_texts_are_held_to_a_bound(self) -> None:
        """Long names, errors and values are cut."""
        attributes = [{"key": "k", "value": {"stringValue": "v" * 5_000}}]
        fields = {"status": {"code": 2, "message": "m" * 5_000}, "attributes": attributes}
        span = self.one(events=[{"name": "e" * 5_000, "attributes": attributes}], **{**fields, "name": "n" * 5_000})

        texts = (span.name, span.error, span.events[0].name, span.attributes["k"])
        self.assertEqual(texts, tuple(letter * CHARACTERS for letter in "nmev"))
        self.assertEqual(span.events[0].attributes, span.attributes)


if __name__ == "__main__":
    unittest.main()
