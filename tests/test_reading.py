"""Files of OTLP JSON lines read back: every form that a field may have, and what is ignored."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import unittest
from unittest import mock

from tests.otlp_cases import RandomSpans, whole
from tracer import Span
from tracer.export.file import FileExporter
from tracer.export.otlp import Resources
from tracer.export.reading import CHARACTERS, _read_pieces, read_spans

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00000000000000ab"
#: The bounds, by their names for `mock.patch`.
SPANS, LINE_BYTES = "tracer.export.reading.SPANS", "tracer.export.reading.LINE_BYTES"


def line(*spans: dict, service: str | None = "s") -> dict:
    """Put spans of a service into a line."""
    attributes = [] if service is None else [{"key": "service.name", "value": {"stringValue": service}}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def named(name: str, **fields: object) -> dict:
    """Make a span with a name and these fields."""
    return {"traceId": TRACE, "spanId": SPAN, "name": name, **fields}


class ReadingTests(unittest.TestCase):
    """Each test has a directory for its files."""

    def setUp(self) -> None:
        """Make the directory."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "spans.jsonl")
        self.said: list[str] = []

    def written(self, *lines: object, path: str | None = None) -> str:
        """Write a file of these lines, bytes as they are; return its path."""
        path = path or self.path
        with open(path, "wb") as file:
            file.write(b"".join(line if type(line) is bytes else json.dumps(line).encode() + b"\n" for line in lines))
        return path

    def read(self, *lines: object) -> list[Span]:
        """Read the spans of a file of these lines."""
        return read_spans([self.written(*lines)], self.said.append)

    def one(self, **fields: object) -> Span:
        """Read the only span of a file, which has these fields."""
        (span,) = self.read(line({"name": "n", **fields}))
        self.assertEqual(self.said, [])
        return span

    def names(self, *lines: object) -> list[str]:
        """Return the names of the spans of a file of these lines."""
        return [span.name for span in self.read(*lines)]


class FormTests(ReadingTests):
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
        found = read_spans([self.path], self.fail)

        self.assertEqual(len(found), len(sent))
        for span in found:
            one = sent[span.hex_id]
            service = "own" if one.service is None else whole(one.service)
            self.assertEqual((span.trace_id, span.name), (one.trace_id, f"{service}: {whole(one.name)}"))
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
        for value in (3, "3", "SPAN_KIND_CLIENT"):
            self.assertEqual(self.one(kind=value).kind, "CLIENT")
        for value in (0, 1, 6, -1, "SPAN_KIND_UNSPECIFIED"):
            self.assertEqual(self.one(kind=value).kind, "INTERNAL")
        self.assertEqual(self.one(kind=5).kind, "CONSUMER")
        for code, status in (
            (2, "ERROR"),
            ("STATUS_CODE_ERROR", "ERROR"),
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

    def test_fields_of_another_form_are_said(self) -> None:
        """A line with such a field is ignored whole, and the sentence names the field and what it has to be."""
        time = f"a whole number from 0 to {2**64 - 1}"
        kind = f"a whole number from {-(2**31)} to {2**31 - 1}"
        cases = [({"name": 5}, "name", "a string"), ({"events": {}}, "events", "a list")]
        cases += [({"status": "OK"}, "status", "an object"), ({"events": [5]}, "events", "a list of objects")]
        cases += [
            ({"traceId": text}, "traceId", "32 hex digits") for text in ("0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n")
        ]
        cases += [
            ({"spanId": "é" * 16}, "spanId", "16 hex digits"),
            ({"parentSpanId": TRACE}, "parentSpanId", "16 hex digits"),
        ]
        for value in (-1, 2**64, 1.5, True, "", "x", "-1", "nan", "1e400", [], "0" * 41, "9" * 5_000):
            cases.append(({"startTimeUnixNano": value}, "startTimeUnixNano", time))
        cases += [({"kind": value}, "kind", kind) for value in ("CLIENT", "SPAN_KIND_", "SPAN_KIND_X", {}, 2**31)]
        cases += [({"status": {"code": "OK"}}, "code", kind)]
        cases += [
            (
                {"attributes": [{"key": "k", "value": {"intValue": "x"}}]},
                "intValue",
                f"a whole number from {-(2**63)} to {2**63 - 1}",
            )
        ]
        for fields, name, expected in cases:
            with self.subTest(fields):
                self.said.clear()

                self.assertEqual(self.names(line(named("good"), {**named("bad"), **fields})), [])
                self.assertEqual(
                    self.said, [f'"{self.path}": 1 line was ignored, first line 1: "{name}" has to be {expected}']
                )


class FileTests(ReadingTests):
    """Lines and files."""

    def test_lines_that_are_none_are_counted(self) -> None:
        """Torn and foreign lines are told with the number and the reason of the first; blank ones are no matter."""
        lines = [
            b"\xef\xbb\xbf",
            line(named("a")),
            b"\n \r\n",
            {"resourceLogs": []},
            b"5\n",
            line(named("b")),
            b'{"resourceSp',
        ]

        self.assertEqual(self.names(*lines), ["a", "b"])
        self.assertEqual(self.said, [f'"{self.path}": 3 lines were ignored, first line 4: it has no "resourceSpans"'])

    def test_torn_line_is_told_from_the_next_one(self) -> None:
        """A node that was killed leaves a piece of a line, after which the next run starts on a fresh one."""
        self.assertEqual(self.names(line(named("a")), b'{"resource\n', line(named("b"))), ["a", "b"])
        self.assertIn("1 line was ignored, first line 2: the line stops in the middle of a message", self.said[0])

    def test_same_span_is_there_once(self) -> None:
        """A file given twice and a line sent twice change nothing; other spans of the same ids are others."""
        path = self.written(line(named("a")), line(named("a")), line(named("a", endTimeUnixNano=9_000), named("b")))
        found = read_spans([path, path], self.said.append)

        self.assertEqual([(span.name, span.end_us) for span in found], [("a", 0), ("a", 9), ("b", 0)])

    def test_service_stands_before_the_name_where_there_are_several(self) -> None:
        """One service is not worth a word, over all files; a resource without one is of an unknown service."""
        other = f"{self.path}.2"
        self.written(line(named("b"), service=None), path=other)
        self.written(line(named("a")))

        self.assertEqual([span.name for span in read_spans([self.path], self.fail)], ["a"])
        self.assertEqual([span.name for span in read_spans([other], self.fail)], ["b"])
        self.assertEqual(
            [span.name for span in read_spans([self.path, other], self.fail)], ["s: a", "unknown_service: b"]
        )

    def test_files_are_read_up_to_a_bound(self) -> None:
        """Of more spans than are looked at the first of each file count; at the bound nothing is said."""
        other = f"{self.path}.2"
        self.written(line(*[named(str(number)) for number in range(2)]), b"bad\n", path=other)
        self.written(line(*[named(str(number)) for number in range(3, 6)]), b"bad\n")
        with mock.patch(SPANS, 4):
            found = read_spans([self.path, other], self.said.append)

        self.assertEqual([span.name for span in found], ["3", "4", "0", "1"])
        self.assertEqual(self.said[0], f'"{self.path}": only its first 2 spans are looked at')
        self.assertTrue(self.said[1].startswith(f'"{other}": 1 line was ignored'), self.said)
        self.assertEqual(len(self.said), 2)

    def test_texts_are_held_to_a_bound(self) -> None:
        """Long names, errors and values are cut, and a line that is too long is ignored."""
        fields = {"status": {"code": 2, "message": "m" * 5_000}, "events": [{"name": "e" * 5_000}]}
        attributes = [{"key": "k", "value": {"stringValue": "v" * 5_000}}]
        fields["events"][0]["attributes"] = attributes
        with mock.patch(LINE_BYTES, 35_000):
            (span,) = self.read(
                line(named("n" * 5_000, attributes=attributes, **fields), service="s" * 5_000), b"x" * 35_001
            )

        texts = (span.name, span.error, span.events[0].name, span.attributes["k"], span.service)
        self.assertEqual(texts, tuple(letter * CHARACTERS for letter in "nmevs"))
        self.assertEqual(span.events[0].attributes, span.attributes)
        self.assertTrue(self.said[0].endswith("line 2: the line is longer than 35000 bytes and was skipped"), self.said)

    def test_file_is_read_in_pieces(self) -> None:
        """However long it is, only a piece of it is in memory."""
        with mock.patch("tracer.export.reading._CHUNK_BYTES", 4):
            self.assertEqual(list(_read_pieces(self.written(b"123456789"))), [b"1234", b"5678", b"9"])

    def test_file_that_cannot_be_read_is_named(self) -> None:
        """What fails when it is opened or in the middle is raised with the file's name."""
        file = mock.MagicMock()
        file.__enter__.return_value.read.side_effect = OSError(errno.EIO, "Input/output error")
        for reason, patch in (("missing", mock.DEFAULT), ("broken", file)):
            with self.subTest(reason), mock.patch("builtins.open", return_value=patch, wraps=open):
                with self.assertRaises(OSError) as caught:
                    read_spans([self.path], self.fail)

                self.assertEqual(caught.exception.filename, self.path)


if __name__ == "__main__":
    unittest.main()
