"""Spans on their way to a backend: what is put together, what is tried again, who waits, and what is lost and told."""

from __future__ import annotations

import gc
import gzip
import json
import sys
import threading
import time
import unittest
from unittest import mock

from tests.backend import TAKEN, Backend, Last, answer
from tests.helpers import PATIENCE_SECONDS
from tracer import CountedIds, Limits, SimulatedClock, Span, SpanManager
from tracer.export.connection import Answer
from tracer.export.environment import read_settings
from tracer.export.http import HttpExporter, choose_delay, is_otlp, read_partial_success
from tracer.export.otlp import Resources, write_lines

RETRY_SECONDS = "tracer.export.http.RETRY_SECONDS"
NEVER = 3_600


class HttpTests(unittest.TestCase):
    """Each test has a backend; spans go out at once, and further tries come at once."""

    def setUp(self) -> None:
        """Make the manager, and take the waiting out."""
        self.said: list[str] = []
        self.manager = SpanManager(Limits(), SimulatedClock(), CountedIds())
        self.retry_after(0.001)

    def retry_after(self, seconds: float) -> None:
        """Set the time before the first further try."""
        patch = mock.patch(RETRY_SECONDS, seconds)
        patch.start()
        self.addCleanup(patch.stop)

    def exporter(self, *answers: object, listens: bool = True, **variables: object) -> HttpExporter:
        """Start a backend, and an exporter to it; what it says is kept."""
        self.backend = Backend(*answers, listens=listens)
        self.addCleanup(self.backend.close)
        self.url = f'"{self.backend.url}/v1/traces"'
        variables = {"TIMEOUT": PATIENCE_SECONDS * 1000, "SCHEDULE_DELAY": 0, **variables}
        environment = {
            ("OTEL_BSP_" if name[:3] in ("SCH", "MAX") else "OTEL_EXPORTER_OTLP_") + name: str(value)
            for name, value in variables.items()
        }
        settings = read_settings(environment, self.fail)
        return HttpExporter(self.backend.url, settings, Resources({}, self.fail), self.said.append)

    def span(self, name: str, flags: int = 1) -> Span:
        """Make a span that has ended."""
        traceparent = f"00-{'a' * 32}-{'b' * 16}-{flags:02x}"
        span = self.manager.create_span({"name": name, "timestamp_us": 5_000, "traceparent": traceparent})
        return self.manager.span_end({"span_id": span.span_id})

    def add(self, exporter: HttpExporter, *names: str) -> None:
        """Add spans, and flush as the node does."""
        for name in names:
            exporter.add(self.span(name))
        exporter.flush()

    def close(self, exporter: HttpExporter) -> int:
        """Close, with no span open; return how many were lost."""
        return exporter.close([], 0, "") + exporter.wait()


class RequestTests(HttpTests):
    """What is in a request."""

    def test_request_is_a_line_of_the_file(self) -> None:
        """The body is what a file would have, and every request goes on one connection."""
        exporter = self.exporter()
        span = self.span("a")
        exporter.add(span)
        request = self.backend.request()
        self.add(exporter, "b")

        self.assertEqual(request.body, next(write_lines([span], Resources({}, self.fail))).data)
        self.assertEqual(self.backend.request().names(), ["b"])
        self.assertEqual(self.close(exporter), 0)
        self.assertEqual((self.said, self.backend.connections), ([], 1))

    def test_spans_are_put_together(self) -> None:
        """A request has no more spans than a batch, and a batch no more than the queue."""
        for variables in ({"MAX_EXPORT_BATCH_SIZE": 2}, {"MAX_QUEUE_SIZE": 2}):
            with self.subTest(variables):
                exporter = self.exporter(SCHEDULE_DELAY=NEVER * 1000, **variables)
                self.add(exporter, *"abcde")

                self.assertEqual(self.close(exporter), 0)
                self.assertEqual(self.backend.all_names(), [["a", "b"], ["c", "d"], ["e"]])

    def test_long_request_is_cut(self) -> None:
        """A request has no more bytes than there may be; one span that has more goes alone."""
        exporter = self.exporter(SCHEDULE_DELAY=NEVER * 1000)
        with mock.patch("tracer.export.http.REQUEST_BYTES", 1_200):
            self.add(exporter, "a", "b", "c" * 5_000, "d")
            self.close(exporter)

        self.assertEqual(self.backend.all_names(), [["a", "b"], ["c" * 5_000], ["d"]])

    def test_requests_are_compressed(self) -> None:
        """With `gzip` the body is, and says so."""
        exporter = self.exporter(COMPRESSION="gzip")
        self.add(exporter, "a")
        self.close(exporter)
        request = self.backend.request()

        self.assertEqual(request.headers["content-encoding"], "gzip")
        self.assertEqual(request._replace(body=gzip.decompress(request.body)).names(), ["a"])

    @unittest.skipUnless(
        hasattr(sys, "getrefcount"), "this Python counts no references: its collector frees cycles too"
    )
    def test_nothing_is_left_for_a_collector_of_cycles(self) -> None:
        """The node runs without one, so requests, refused and broken ones too, leave no cycle."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        exporter = self.exporter(*[TAKEN, answer("400 No"), Last(b""), answer("503 Busy")] * 10)
        for _ in range(30):
            self.add(exporter, "a")
            self.backend.request()
        self.close(exporter)

        self.assertEqual(gc.collect(), 0)


class AnswerTests(HttpTests):
    """What follows from an answer."""

    def test_passing_trouble_is_tried_again(self) -> None:
        """A busy backend, one that breaks off and one that speaks something else get the same request again."""
        for trouble in (
            *(answer(f"{status} Busy", b"later") for status in (429, 502, 503, 504)),
            *(Last(data) for data in (b"", b"HTTP/1.1 2", b"garbage\r\n")),
        ):
            with self.subTest(trouble[:20]):
                self.said.clear()
                exporter = self.exporter(trouble, trouble)
                self.add(exporter, "a")

                self.assertEqual(self.close(exporter), 0)
                self.assertEqual(self.backend.all_names(), [["a"]] * 3)
                self.assertEqual(len(self.said), 2 if isinstance(trouble, Last) else 0)

    def test_backend_says_when_to_try_again(self) -> None:
        """`Retry-After` counts in place of the time that the exporter would wait; 0 is no time."""
        self.retry_after(NEVER)
        with mock.patch("tracer.export.connection.read_retry_after", {"": None, "soon": 0.001}.__getitem__):
            exporter = self.exporter(answer("503 Busy", b"", "retry-after: soon"))
            self.add(exporter, "a")

            self.assertEqual(self.close(exporter), 0)
        self.assertEqual(self.backend.all_names(), [["a"]] * 2)

    def test_time_between_tries_doubles(self) -> None:
        """Each time it is twice as long, plus or minus 20 %, up to eight times the first; a 0 of the backend is none."""
        self.retry_after(1.0)
        with mock.patch("random.uniform", side_effect=lambda least, most: 3 * ((least, most) == (0.8, 1.2))):
            self.assertEqual([choose_delay(failures) for failures in (1, 2, 3, 4, 5, 10**6)], [3, 6, 12, 24, 24, 24])
        with mock.patch("tracer.export.http.choose_delay", return_value=0.001) as waited:
            exporter = self.exporter(*[answer("503 Busy", b"", "retry-after: 0")] * 2, TAKEN, answer("503 Busy"))
            for name in "ab":
                self.add(exporter, name)
                self.backend.request()
            self.close(exporter)

        self.assertEqual(waited.call_args_list, [mock.call(1), mock.call(2), mock.call(1)])

    def test_anything_else_is_final(self) -> None:
        """The spans are lost, and the status is said with the beginning of the body, once while it stays the same."""
        for status, body, said in [
            (
                "400 \x1b[31mBad",
                b'{"message":"no\x1b[2J"}' + b"x" * 999,
                r'400 Bad Request: "{\"message\":\"no\u001b[2J\"}x',
            ),
            ("401 No", b"", "401 Unauthorized"),
            ("404 No", b" \xff ", r'404 Not Found: "\ufffd"'),
            ("101 Other", b"", "101 Switching Protocols"),
            ("300 Many", b"", '300 Multiple Choices to "/x"'),
            ("301 Moved", b"", '301 Moved Permanently to "/x"'),
            ("500 No", b"", "500 Internal Server Error"),
            ("299 Odd", b"", None),
            ("699 Odd", b"", "699"),
        ]:
            with self.subTest(status):
                self.said.clear()
                exporter = self.exporter(*[answer(status, body, "location: /x?key=secret", "retry-after: 0")] * 2)
                for name in "ab":
                    self.add(exporter, name)
                    self.assertEqual(self.backend.request().names(), [name])

                self.assertEqual(self.close(exporter), 2 if said else 0)
                self.assertEqual(len(self.said), 2 if said else 0)
                if said:
                    sentence = f"{self.url} took 0 of 1 spans: {said}"
                    self.assertEqual(self.said[0][: len(sentence)] if body else self.said[0], sentence)
                    self.assertLess(len(self.said[0]), 400)
                    self.assertEqual(self.said[1], f"2 spans were lost on the way to {self.url}")

    def test_spans_that_a_backend_rejects_are_lost(self) -> None:
        """Of a `partialSuccess` the rejected spans are counted as lost, and its message is said."""
        body = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'
        exporter = self.exporter(answer("200 OK", body), MAX_EXPORT_BATCH_SIZE=2, SCHEDULE_DELAY=NEVER * 1000)
        self.add(exporter, "a", "b")

        self.assertEqual(self.close(exporter), 1)
        self.assertEqual(
            self.said, [f'{self.url} took 1 of 2 spans: "too old"', f"1 span was lost on the way to {self.url}"]
        )

    def test_rejection_without_a_message_is_said(self) -> None:
        """The sentence ends with the number, and not with an empty message."""
        exporter = self.exporter(answer("200 OK", b'{"partial_success":{"rejected_spans":1,"error_message":""}}'))
        self.add(exporter, "a")

        self.assertEqual(self.close(exporter), 1)
        self.assertEqual(self.said[0], f"{self.url} took 0 of 1 spans")

    def test_answer_that_is_no_otlp_loses_the_spans(self) -> None:
        """A web page, or another text, is what some other port says; it is said once, with a guess at the port."""
        page = answer("200 OK", b"<html>", "content-type: text/html; charset=utf-8")
        for reply in (page, answer("200 OK", b"welcome", "content-type: text/plain")):
            with self.subTest(reply[-9:]):
                self.said.clear()
                exporter = self.exporter(reply, reply)
                for name in "ab":
                    self.add(exporter, name)
                    self.backend.request()

                self.assertEqual(self.close(exporter), 2)
                why = "200 OK, but what came back is no OTLP; is the port right? OTLP over HTTP is mostly at 4318"
                lost = f"2 spans were lost on the way to {self.url}"
                self.assertEqual(self.said, [f"{self.url} took 0 of 1 spans: {why}", lost])

    def test_answer_of_otlp_may_be_empty_json_or_protobuf(self) -> None:
        """Any JSON counts, also the mere beginning of an object; protobuf is known by its type."""
        for content_type, body, expected in [
            ("", b"", True),
            ("text/plain", b" \n", True),
            ("", b'{"partialSuccess":{"errorMe', True),
            *(("text/plain", body, True) for body in (b"[]", b"null", b'"ok"', b" 1 ")),
            ("application/x-protobuf", b"\n\x02\x08\x01", True),
            ("", b"\n\x02\x08\x01", False),
            ("application/json", b"<html>", False),
            ("Text/HTML", b"{}", False),
            ("", b"ok", False),
            ("", b"[" * 60_000, False),
        ]:
            with self.subTest(content_type=content_type, body=body[:9]):
                self.assertIs(is_otlp(Answer(200, "200 OK", body, content_type)), expected)

    def test_message_of_a_backend_that_takes_all_is_said(self) -> None:
        """A `partialSuccess` that rejects nothing may have a message all the same."""
        exporter = self.exporter(answer("200 OK", b'{"partialSuccess":{"errorMessage":"slow down"}}'))
        self.add(exporter, "a")

        self.assertEqual(self.close(exporter), 0)
        self.assertEqual(self.said, [f'{self.url} took 1 of 1 spans: "slow down"'])

    def test_partial_success_is_read(self) -> None:
        """Numbers come as such or as strings, none or nonsense is nothing, and no more can be lost than was sent."""
        for said, expected in [
            *(({"rejectedSpans": number}, (2, "")) for number in (2, "2", 2.0)),
            *(({"rejectedSpans": number}, (5, "")) for number in (6, "99999999999999999999")),
            *(
                ({"rejectedSpans": number}, (0, ""))
                for number in (-1, "", "x", None, [], {}, float("inf"), float("nan"))
            ),
            *(({"errorMessage": text}, (0, text)) for text in ("", "slow down")),
            ({"rejectedSpans": 1, "errorMessage": 7}, (1, "")),
            ({"rejected_spans": "1", "error_message": "old"}, (1, "old")),
            ({"rejectedSpans": None, "rejected_spans": 1}, (1, "")),
            *((nothing, (0, "")) for nothing in (None, {}, [], 1, "x")),
        ]:
            with self.subTest(said):
                for name in ("partialSuccess", "partial_success"):
                    self.assertEqual(read_partial_success(json.dumps({name: said}).encode(), 5), expected)
        for body in (b"", b"{}", b"[]", b"null", b"<html>", b"\xff", b"[" * 60_000, b"\x12\x00"):
            with self.subTest(body[:9]):
                self.assertEqual(read_partial_success(body, 5), (0, ""))


class OutageTests(HttpTests):
    """A backend that does not answer."""

    def test_outage_is_said_when_it_begins_and_when_it_ends(self) -> None:
        """While a backend is not there, what is queued waits for it, with no limit of time, and is sent then."""
        later = 0
        with mock.patch("tracer.export.http.monotonic", lambda: time.monotonic() + later):
            exporter = self.exporter(listens=False)
            self.add(exporter, "a")
            self.wait_for_outage(exporter)
            self.add(exporter, "b")
            later = NEVER
            self.backend.listen()
            self.assertEqual(self.backend.request().names(), ["a"])

            self.assertEqual(self.close(exporter), 0)
        self.assertEqual(self.backend.all_names(), [["b"]])
        self.assertEqual(
            self.said,
            [
                f"cannot send spans to {self.url}: Connection refused",
                f"{self.url} answers again",
            ],
        )

    def wait_for_outage(self, exporter: HttpExporter) -> None:
        """Wait until the exporter knows that nobody answers."""
        with exporter._changed:
            self.assertTrue(exporter._changed.wait_for(lambda: exporter._is_out, PATIENCE_SECONDS))

    def test_new_span_is_lost_when_the_queue_is_full(self) -> None:
        """Nobody waits for a backend that does not answer; the spans that came first are kept."""
        exporter = self.exporter(listens=False, MAX_QUEUE_SIZE=2)
        self.add(exporter, "a", "b", "c")
        self.wait_for_outage(exporter)
        self.add(exporter, *"defghi")
        self.backend.listen()

        self.assertEqual(self.close(exporter), 9 - sum(map(len, names := self.backend.all_names())))
        self.assertLess(sum(map(len, names)), 6)
        self.assertEqual([name for some in names for name in some][:3], ["a", "b", "c"])

    def test_backend_that_stays_busy_gives_spans_up(self) -> None:
        """A request is given up when the next try would come after the timeout, and that is an outage."""
        self.retry_after(NEVER)
        for trouble, told in (
            (answer("503 Busy", b"full"), '503 Service Unavailable: "full"'),
            (answer("429 Busy", b"", "retry-after: 3600"), "429 Too Many Requests; not to be asked again for 1 hour"),
            (Last(b""), "Remote end closed connection without response"),
        ):
            with self.subTest(told):
                self.said.clear()
                exporter = self.exporter(trouble)
                self.add(exporter, "a")
                self.wait_for_outage(exporter)
                self.add(exporter, "b")

                self.assertEqual(self.close(exporter), 2)
                self.assertEqual(self.backend.all_names(), [["a"]])
                self.assertEqual(
                    self.said,
                    [
                        f"cannot send spans to {self.url}: {told}",
                        f"2 spans were lost on the way to {self.url}",
                    ],
                )

    def test_silent_backend_is_left_at_the_timeout(self) -> None:
        """At the end nobody waits longer than the timeout; what was not answered counts as lost."""
        gone = threading.Event()
        self.addCleanup(gone.set)
        exporter = self.exporter(lambda wire: gone.wait(PATIENCE_SECONDS), TIMEOUT=100)
        self.add(exporter, "a")

        self.assertEqual(self.close(exporter), 1)
        self.assertEqual(
            self.said,
            [
                f"cannot send spans to {self.url}: timed out waiting for the answer",
                f"1 span was lost on the way to {self.url}",
            ],
        )

    def test_end_that_waits_says_so(self) -> None:
        """After a second it says whom it waits for, and when it will give up; an end that waits for less says nothing."""
        gone = threading.Event()
        self.addCleanup(gone.set)
        with mock.patch("tracer.export.http.SILENT_SECONDS", 0.05):
            exporter = self.exporter(lambda wire: gone.wait(PATIENCE_SECONDS), TIMEOUT=300)
            self.add(exporter, "a")
            self.close(exporter)

        self.assertEqual(self.said[0], f"waiting for {self.url} to take spans, for 1 second at most")

    def test_thread_that_hangs_is_left(self) -> None:
        """At the end it is waited for a second longer than its requests may take, and it keeps no process alive."""
        exporter = self.exporter(TIMEOUT=2_000)
        with (
            mock.patch("tracer.export.http.monotonic", lambda: 5.0),
            mock.patch.object(exporter._thread, "join") as join,
        ):
            self.close(exporter)

        self.assertEqual(join.call_args_list, [mock.call(1.0), mock.call(3.0)])
        self.assertTrue(exporter._thread.daemon)

    def test_bug_in_the_thread_holds_nobody_up(self) -> None:
        """Should the thread end by an error, spans are lost and counted, and nobody waits for it."""
        exporter = self.exporter(MAX_QUEUE_SIZE=1)
        with mock.patch("tracer.export.http.write_lines", side_effect=RuntimeError), mock.patch("threading.excepthook"):
            self.add(exporter, *"abc")

            self.assertEqual(self.close(exporter), 3)


class RoomTests(HttpTests):
    """A queue that is full while the backend answers."""

    def test_reading_waits_for_room(self) -> None:
        """The span that finds no room waits until the backend has answered, and none is lost."""
        order: list[str] = []
        wanted = threading.Event()

        def late(wire: object) -> None:
            wanted.wait(PATIENCE_SECONDS)
            order.append("answered")
            wire.sendall(TAKEN)

        exporter = self.exporter(late, MAX_QUEUE_SIZE=1)
        self.add(exporter, "a")
        self.backend.request()
        self.add(exporter, "b")
        adding = threading.Thread(target=lambda: (wanted.set(), self.add(exporter, "c"), order.append("added")))
        adding.start()
        adding.join(PATIENCE_SECONDS)

        self.assertEqual(order, ["answered", "added"])
        self.assertEqual(self.close(exporter), 0)
        self.assertEqual(self.backend.all_names(), [["b"], ["c"]])

    def test_open_spans_are_sent_at_the_end(self) -> None:
        """However many they are, they are sent as ended by an error, and stay open where they are."""
        exporter = self.exporter(MAX_QUEUE_SIZE=2, MAX_EXPORT_BATCH_SIZE=2)
        spans = [self.manager.create_span({"name": name, "timestamp_us": 9_000}) for name in "abc"]

        self.assertEqual(exporter.close(spans, 7_000, "why") + exporter.wait(), 0)
        (first, second) = (self.backend.request() for _ in range(2))
        self.assertEqual((first.names(), second.names()), (["a", "b"], ["c"]))
        self.assertIn(b'"endTimeUnixNano":"9000000","status":{"message":"why","code":2}', second.body)
        self.assertEqual({span.end_us for span in spans}, {None})


if __name__ == "__main__":
    unittest.main()
