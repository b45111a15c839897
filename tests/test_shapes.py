"""Which document holds which spans, the formats that are only named, and the docs' table of both."""

from __future__ import annotations

import gzip
import json
import re
import unittest

from tests.helpers import marked
from tests.otlp_files import SPAN, TRACE, ReadingTests, line, named

ONE = line(named("a"))
(RESOURCE_SPANS,) = ONE["resourceSpans"]
(SCOPE_SPANS,) = RESOURCE_SPANS["scopeSpans"]
OLD = {"instrumentationLibrarySpans": [{"instrumentationLibrary": {"name": "l"}, "spans": [named("a")]}]}
IN_BASE64 = {"traceId": "S/kvNXezTaajzpKdDg5HNg==", "spanId": "APBnqgupArc=", "name": "a"}
CHROME = {"name": "a", "ph": "X", "ts": 1, "pid": 1}
ZIPKIN = {"traceId": "a" * 16, "id": "b" * 16, "name": "a", "timestamp": 1}
JAEGER = {"traceID": "a", "spans": [{"traceID": "a", "spanID": "b"}], "processes": {}}
PYTHON = {"name": "a", "context": {"trace_id": "0x1"}, "parent_id": None}


def text(*documents: object, indent: int | None = None, between: str = "\n") -> bytes:
    """Write documents as JSON."""
    return between.join(json.dumps(document, indent=indent) for document in documents).encode()


#: Files of each form in the docs' table; those whose second column is a sentence are not read.
FORMS = {
    "lines of JSON": [text(ONE), text({}, ONE)],
    "one document over many lines": [text(ONE, indent=2)],
    "several documents, with or without commas between them": [text(ONE, ONE, indent=2), text(ONE, ONE, between=",")],
    "an array of any of these, whole or not": [text([ONE, ONE]), text([[ONE], ONE], indent=2), b"[" + text(ONE) + b",\n"],
    "`resourceSpans` or `batches`": [text({"batches": [RESOURCE_SPANS]})],
    "either in a `trace`, a `result` or `data`": [
        *(text({name: ONE}) for name in ("trace", "result", "data")),
        text({"data": [{"trace": {"batches": [RESOURCE_SPANS]}}]}, indent=1),
    ],
    "a `ResourceSpans` or a `ScopeSpans` by itself": [text(RESOURCE_SPANS), text(SCOPE_SPANS), text({"scope": {}, "spans": [named("a")]})],
    "`instrumentationLibrarySpans`, as before 2022": [
        text({"resourceSpans": [OLD]}), text(OLD), text(OLD["instrumentationLibrarySpans"][0])],
    "names as in the `.proto` files": [text({"resource_spans": [{"scope_spans": [{"spans": [{"span_id": SPAN, "name": "a"}]}]}]})],
    "ids in hex or in base64": [text(line({**named("a"), "traceId": TRACE.upper()})), text(line(IN_BASE64))],
    "gzip": [gzip.compress(text(ONE))],
    "UTF-8, or UTF-16 with a byte order mark": [text(ONE).decode().encode("utf-16")],
    "zstd, bzip2, xz, zip": [b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\x00", b"PK\x03\x04"],
    "logs and metrics": [text({"resourceLogs": [{"scopeLogs": []}]}), text({"scope_metrics": []}), text({"resourceProfiles": []})],
    "Zipkin's JSON, Jaeger's, Chrome's trace events, what console exporters print": [
        text([ZIPKIN]), text(JAEGER), text({"data": [JAEGER]}, indent=1), text(JAEGER["spans"][0]), text({"traceEvents": [CHROME]}),
        text([CHROME]), text({"ph": "M", "pid": 1}), text(PYTHON, indent=4), text({"Name": "a", "SpanContext": {}}),
        b"{\n  traceId: 'a',\n  name: 'a'\n}\n",
    ],
    "this node's messages": [text({"type": "create_span", "name": "a"}), text({"src": "c", "dest": "n", "body": {"type": "init"}})],
    "spans anywhere else": [
        text(*({"k": spans} for spans in ([named("a")], {"spans": [named("a")]}))), text(named("a")),
        text({"resourceSpans": [{"spans": [named("a")]}]}),
    ],
    "a line that is no JSON, or has a log's prefix": [b"2026-11-26 INFO " + text(ONE), b"[INFO] x", b'{"k": '],
}  # fmt: skip


class ShapeTests(ReadingTests):
    """Where spans are found."""

    def test_service_is_that_of_the_group(self) -> None:
        """Each span has the service of the resource beside it; a `ScopeSpans` by itself has none."""
        groups = {
            "data": [
                line(named("a"), service="s"),
                {"trace": {"batches": line(named("b"), service="t")["resourceSpans"]}},
            ]
        }
        spans = self.read(groups, SCOPE_SPANS)

        self.assertEqual([(span.name, span.service) for span in spans], [("a", "s"), ("b", "t"), ("a", "")])

    def test_other_signals_are_counted_apart(self) -> None:
        """Lines and documents of logs and metrics are not what is wrong with a file."""
        logs, metrics = {"resourceLogs": [{}]}, {"resourceMetrics": [{}]}

        self.assertEqual(self.names(*[logs] * 11, ONE, metrics, json.dumps(metrics, indent=1), {}), ["a"])
        self.assertEqual(
            self.said,
            [
                "12 lines hold no spans, but logs or metrics",
                "1 document holds no spans, but logs or metrics",
                '1 line was ignored, first line 18: it has no "resourceSpans"',
            ],
        )

    def test_empty_requests_are_no_problem(self) -> None:
        """A batch without spans is nothing to speak of."""
        for document in (
            {"resourceSpans": []},
            {"batches": []},
            {"resourceSpans": [{"scopeSpans": [{}]}]},
            {"scopeSpans": []},
        ):
            self.assertEqual((self.names(document), self.said), ([], []))

    def test_groups_of_another_form_are_said(self) -> None:
        """What is no list of objects on the way to the spans is ignored; what is beside it is read."""
        for document, name, expected in (
            ({"resourceSpans": 5}, "resourceSpans", "a list"),
            ({"resourceSpans": [5, RESOURCE_SPANS]}, "resourceSpans", "a list of objects"),
            ({"resourceSpans": [RESOURCE_SPANS, {"scopeSpans": {}}]}, "scopeSpans", "a list"),
            (
                {"resourceSpans": [RESOURCE_SPANS, {"resource": [], "scopeSpans": [SCOPE_SPANS]}]},
                "resource",
                "an object",
            ),
        ):
            with self.subTest(document):
                self.assertEqual(self.names(document), ["a"] * (document["resourceSpans"] != 5))
                self.assertEqual(self.said, [f'1 part was ignored, first line 1: "{name}" has to be {expected}'])

    def test_what_only_looks_like_spans_is_none(self) -> None:
        """A list called `spans` of another tool's, or none at all, is no `ScopeSpans`."""
        for spans, sentence in (
            ([{"id": 1}], "it has spans, but not where"),
            ([], 'it has no "resourceSpans"'),
            ("x", 'it has no "resourceSpans"'),
            ([5], "it has spans, but not where"),
        ):
            self.assertEqual(self.names({"spans": spans}), [])
            self.assertIn(sentence, self.said[0])


class DocsTests(ReadingTests):
    """The docs' table of what files may be."""

    def test_table_says_what_becomes_of_files(self) -> None:
        """Each form is read, or what is said of it begins as the table has it; spans of none are drawn."""
        rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", marked("draw-forms"), re.MULTILINE)[1:])
        self.assertEqual(rows.keys(), FORMS.keys())
        for form, becomes in rows.items():
            for data in FORMS[form]:
                with self.subTest(form, data=data[:60]):
                    names = self.names(data)

                    if becomes.startswith("read"):
                        self.assertEqual(set(names), {"a"})
                    else:
                        pattern = ".+".join(map(re.escape, becomes.strip('"`').split("...")))
                        self.assertEqual(names, [])
                        self.assertRegex(self.said[0], pattern)


if __name__ == "__main__":
    unittest.main()
