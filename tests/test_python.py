"""Exporting and drawing from Python: `export_spans` and `draw`."""

from __future__ import annotations

import io
import json
import os
import pathlib
import tempfile
import unittest
from unittest import mock

from tests.backend import Backend
from tracer import CountedIds, SimulatedClock, Span, SpanManager
from tracer.export import export_spans
from tracer.picture import draw


def manager(**arguments: object) -> SpanManager:
    """Return a manager on the simulated clock, whose first line has come."""
    clock = SimulatedClock()
    clock.tick()
    return SpanManager(clock=clock, ids=CountedIds(), **arguments)


class ExportTests(unittest.TestCase):
    """Each test exports into a file in a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "spans.jsonl")

    def exported(self) -> list[tuple[str, str, dict]]:
        """Return the service, the name and the status of each span in the file."""
        with open(self.path, encoding="utf-8") as file:
            found = [each for line in file for each in json.loads(line)["resourceSpans"]]
        return [
            (each["resource"]["attributes"][0]["value"]["stringValue"], span["name"], span["status"])
            for each in found
            for scope in each["scopeSpans"]
            for span in scope["spans"]
        ]

    def test_span_is_in_the_file_when_it_has_ended(self) -> None:
        """Each span is there as soon as it has ended, under the environment's service; what comes later is not."""
        spans = manager()
        spans.span_end(spans.create_span("before"))
        with export_spans(spans, self.path, environment={"OTEL_SERVICE_NAME": "shop"}):
            with spans.span("first"):
                pass
            self.assertEqual(self.exported(), [("shop", "first", {"code": 1})])
            spans.span_error(spans.create_span("second"), error="gone")
        spans.span_end(spans.create_span("behind"))

        self.assertEqual(
            self.exported(), [("shop", "first", {"code": 1}), ("shop", "second", {"code": 2, "message": "gone"})]
        )

    def test_open_spans_are_exported_at_the_end(self) -> None:
        """What is open when the export ends is in the file as an error, and stays open here, also where an exception ends it."""
        spans = manager()
        with self.assertRaises(ValueError), export_spans(spans, self.path):
            span = spans.create_span("open")
            raise ValueError

        ((_, name, status),) = self.exported()
        self.assertEqual((name, status), ("open", {"code": 2, "message": "still open when the export ended"}))
        self.assertEqual(spans.open_spans(), [span])

    def test_several_destinations_take_the_same(self) -> None:
        """Files, which may be paths, and backends all get each span; no variable but those given is read."""
        backend, spans = Backend(), manager()
        self.addCleanup(backend.close)
        with mock.patch.dict(os.environ, {"OTEL_SERVICE_NAME": "not read"}):
            export = export_spans(spans, pathlib.Path(self.path), backend.url, environment={})
        spans.span_end(spans.create_span("n"))

        self.assertEqual(export.close(), 0)
        self.assertEqual(self.exported(), [("unknown_service", "n", {"code": 1})])
        self.assertEqual(backend.all_names(), [["n"]])

    def test_on_end_is_called_too(self) -> None:
        """Who listened to the ends goes on hearing of each, while spans are exported and afterwards."""
        heard: list[str] = []

        def listen(span: Span) -> None:
            heard.append(span.name)

        spans = manager(on_end=listen)
        with export_spans(spans, self.path), export_spans(spans, self.path + "2"):
            spans.span_end(spans.create_span("within"))
        self.assertEqual(spans.listeners, [listen])
        first, second = export_spans(spans, self.path), export_spans(spans, self.path + "2")
        first.close()
        spans.span_end(spans.create_span("between"))
        second.close()
        spans.span_end(spans.create_span("behind"))

        self.assertEqual(heard, ["within", "between", "behind"])
        self.assertEqual([name for _, name, _ in self.exported()], ["within"])

    def test_lost_spans_are_counted_and_said(self) -> None:
        """What the destination did not take is counted by the first `close`, and said on stderr or to whom it was asked."""
        said: list[str] = []
        for options in ({}, {"say": said.append}):
            spans = manager()
            with mock.patch("sys.stderr", io.StringIO()) as stderr:
                export = export_spans(spans, self.path, **options)
                with mock.patch("tracer.export.file.append_at_once", side_effect=OSError(28, "No space left")):
                    spans.span_end(spans.create_span("n"))
                    counts = [export.close(), export.close()]

            self.assertEqual(counts, [1, 0])
            sentences = [f"tracer: {sentence}" for sentence in said] or stderr.getvalue().splitlines()
            self.assertRegex(sentences[0], "^tracer: cannot write .*: No space left")
            self.assertRegex(sentences[1], "^tracer: 1 span was lost")
            self.assertEqual(bool(said), "say" in options)
            self.assertEqual(bool(stderr.getvalue()), not said)

    def test_bad_destination_is_refused(self) -> None:
        """What cannot be opened raises a `ValueError` that says which, and changes nothing."""
        spans = manager()
        with self.assertRaisesRegex(ValueError, "^cannot export to .*: write http://localhost:4318"):
            export_spans(spans, "localhost:4318")

        with self.assertRaisesRegex(ValueError, "needs a destination"):
            export_spans(spans)

        self.assertEqual(spans.listeners, [])

    def test_closed_export_is_not_entered_again(self) -> None:
        """It would lose spans without a word."""
        export = export_spans(manager(), self.path)
        export.close()
        with self.assertRaisesRegex(ValueError, "closed"), export:
            self.fail("it was entered")


class DrawTests(unittest.TestCase):
    """The picture as a string."""

    def spans(self) -> SpanManager:
        """Return a manager with a trace of three spans, the last of them open."""
        spans = manager()
        root = spans.create_span("root", kind="SERVER", timestamp_us=0)
        pay = spans.create_span("pay", parent_span_id=root, timestamp_us=10, attributes={"amount": 3})
        spans.span_end(pay, timestamp_us=20)
        spans.create_span("open", parent_span_id=root, timestamp_us=20)
        spans.span_end(root, timestamp_us=40)
        return spans

    def test_ended_spans_are_drawn(self) -> None:
        """The picture is 80 columns wide, in block characters without colour."""
        picture = draw(self.spans().ended_spans())

        self.assertEqual(
            picture,
            "trace 00000000000000000000000000000001: 2 spans, 40 us\n"
            f"root   SERVER   OK 40 us {'█' * 55}\n"
            f"└ pay  INTERNAL OK 10 us {' ' * 13}▐{'█' * 13}▌\n",
        )

    def test_open_spans_are_drawn_up_to_the_latest_time(self) -> None:
        """An open span ends at the latest time among the spans, or when it is said."""
        spans = self.spans()
        every = [*spans.open_spans(), *spans.ended_spans()]

        self.assertIn("open  INTERNAL open 20 us", draw(iter(every)))
        self.assertIn("open  INTERNAL open 80 us", draw(every, now_us=100))

    def test_looks_can_be_chosen(self) -> None:
        """Width, ASCII, colours and details are chosen; a width below the narrowest is that."""
        spans = self.spans().ended_spans()

        self.assertLessEqual(max(map(len, draw(spans, width=5).splitlines())), 20)
        self.assertEqual(draw(spans, width=5), draw(spans, width=20))
        self.assertTrue(draw(spans, unicode=False).isascii())
        self.assertIn("\x1b[", draw(spans, colour=True))
        self.assertNotIn("\x1b[", draw(spans))
        self.assertIn("amount = 3", draw(spans, details=True))

    def test_nothing_is_said_to_be_nothing(self) -> None:
        """Where there are no spans the picture says that."""
        self.assertEqual(draw([]), "no spans to draw\n")
