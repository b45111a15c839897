"""A collector in Rust as the judge: it takes what `--export URL` sends, plain and compressed, every span and value of it.

rotel parses OTLP's JSON by OpenTelemetry's own library for Rust, as many receivers do: it refuses a whole request for one
value.  Its log says how many spans came.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import tempfile
import time
import unittest
from http.client import HTTPConnection

from tests.helpers import OF_1970, PATIENCE_SECONDS, child_environment, line_of, run
from tests.otlp_cases import HOSTILE, NUMBERS, RandomSpans, nested
from tracer import SpanManager
from tracer.export.otlp import LEVELS, Resources, build_traces_data, encode

_SPEC = importlib.util.find_spec("rotel")
AGENT = os.path.join(os.path.dirname(_SPEC.origin), "rotel-agent") if _SPEC else ""
if not os.path.exists(AGENT):
    raise unittest.SkipTest("rotel is not installed")
SPANS = 1_500

#: Whether the collector takes each form; the forms that it refuses are right by protobuf's JSON all the same.
FORMS = {
    '{"key":"k"}': True,
    '{"key":"k","value":null}': True,
    '{"key":"k","value":{}}': False,
    '{"key":"k","value":{"stringValue":""}}': True,
    '{"key":"k","value":{"boolValue":false}}': True,
    '{"key":"k","value":{"intValue":"9223372036854775807"}}': True,
    '{"key":"k","value":{"intValue":5}}': True,
    '{"key":"k","value":{"intValue":"9223372036854775808"}}': False,
    '{"key":"k","value":{"doubleValue":1}}': True,
    '{"key":"k","value":{"doubleValue":-1.5e300}}': True,
    '{"key":"k","value":{"arrayValue":{"values":[]}}}': True,
    '{"key":"k","value":{"arrayValue":{}}}': False,
    '{"key":"k","value":{"arrayValue":{"values":[{"arrayValue":{"values":[]}}]}}}': True,
    '{"key":"k","value":{"arrayValue":{"values":[{}]}}}': False,
    '{"key":"k","value":{"arrayValue":{"values":[null]}}}': False,
    '{"key":"k","value":{"kvlistValue":{"values":[]}}}': True,
    '{"key":"k","value":{"kvlistValue":{}}}': False,
    '{"key":"k","value":{"kvlistValue":{"values":[{"key":"a"}]}}}': True,
    '{"key":"k","value":{"kvlistValue":{"values":[{"key":"a","value":{}}]}}}': False,
}


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def has_null_in_a_list(message: object) -> bool:
    """Tell whether a list somewhere in a message has a null, which is the one form of ours that is refused."""
    if isinstance(message, list):
        return any(map(has_null_in_a_list, message))
    if not isinstance(message, dict):
        return False
    return {} in message.get("arrayValue", {}).get("values", ()) or any(map(has_null_in_a_list, message.values()))


class CollectorTests(unittest.TestCase):
    """A collector that serves all tests of a class."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start it; its log is a file."""
        cls.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by a clean-up
        cls.addClassCleanup(cls.log.close)
        cls.port, grpc = free_ports(2)
        addresses = [f"--otlp-http-endpoint=127.0.0.1:{cls.port}", f"--otlp-grpc-endpoint=127.0.0.1:{grpc}"]
        command = [AGENT, "start", *addresses, "--exporter=blackhole", "--debug-log=traces", "--log-format=json"]
        collector = subprocess.Popen(command, stdout=cls.log, stderr=cls.log, env=child_environment())
        cls.addClassCleanup(collector.wait, PATIENCE_SECONDS)
        cls.addClassCleanup(collector.kill)
        cls.url = f"http://127.0.0.1:{cls.port}"

    def setUp(self) -> None:
        """Wait until it listens."""
        self.wait_for(self.listens)

    def wait_for(self, condition: object) -> None:
        """Wait, within bounds, for a condition."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, self.said())
            time.sleep(0.02)

    def listens(self) -> bool:
        """Tell whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> str:
        """Return the collector's log."""
        self.log.seek(0)
        return self.log.read()

    def taken(self) -> int:
        """Return how many spans the collector says that it has taken."""
        return sum(map(int, re.findall(r'"Received traces\..*?"spans":(\d+)', self.said())))


class SentTests(CollectorTests):
    """What the node sends."""

    def test_every_span_is_taken(self) -> None:
        """Spans with every kind of value come in several requests, and each is counted, whether compressed or not."""
        values = [*HOSTILE, *NUMBERS, True, [], {}, nested(60), nested(25, lambda value: {"k": value})]
        messages = [
            message
            for number in range(1, SPANS + 1)
            for message in (
                {"type": "create_span", "name": f"n{number}", "attributes": {"v": values[number % len(values)]}},
                {"type": "span_event", "span_id": f"span{number}", "event": "e", "attributes": {"a": [1, "b"]}},
                {"type": "span_end", "span_id": f"span{number}"},
            )
        ]
        data = b"".join([line_of(message) + b"\n" for message in messages])
        for times, compression in enumerate(("none", "gzip"), 1):
            environment = child_environment(OTEL_EXPORTER_OTLP_COMPRESSION=compression)
            done = run(data, "--export", self.url, env=environment)

            self.assertEqual((done.returncode, done.stderr), (0, OF_1970))
            self.wait_for(lambda times=times: self.taken() >= times * SPANS)
            self.assertEqual(self.taken(), times * SPANS)

    def test_refusal_is_told(self) -> None:
        """Where the collector does not take traces, its answer is final and said."""
        done = run(b'{"type":"create_span","name":"n"}\n', "--export", f"{self.url}/v1/nothing")

        self.assertEqual(done.returncode, 1)
        self.assertIn(b'/v1/nothing" took 0 of 1 spans: 404 Not Found', done.stderr)


class ValueTests(CollectorTests):
    """What the collector takes."""

    def is_taken(self, body: str) -> bool:
        """Send a request; tell whether it was taken, and not refused for its form."""
        connection = HTTPConnection("127.0.0.1", self.port, PATIENCE_SECONDS)
        try:
            connection.request("POST", "/v1/traces", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.assertIn(answer.status, (200, 400))
        return answer.status == 200

    def test_every_form_of_a_value(self) -> None:
        """What is taken and what is refused is as it was when the forms of ours were chosen."""
        for form, expected in FORMS.items():
            with self.subTest(form):
                span = f'{{"traceId":"{"a" * 32}","spanId":"{"b" * 16}","name":"n","attributes":[{form}]}}'

                self.assertEqual(
                    self.is_taken(f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'), expected
                )

    def test_our_values_are_taken(self) -> None:
        """Every JSON value is taken as we write it, as an attribute, in an object and, but for null, in a list."""
        deep = [nested(60), nested(60, lambda inner: {"k": inner}), nested(LEVELS, lambda inner: {"k": inner}, None)]
        values = [*HOSTILE, *NUMBERS, True, [], {}, [[]], [{}], {"k": None}, {"k": []}, *deep]
        for value in [None, *values, {"object": values}, values]:
            with self.subTest(value):
                manager = SpanManager()
                span = manager.create_span({"name": "a", "attributes": {"k": value}})
                # In an event it lies deepest.
                manager.span_event({"span_id": span.span_id, "event": "e", "attributes": {"k": value}})

                self.assertTrue(self.is_taken(encode(build_traces_data([span], Resources({}, self.fail)))))

    def test_random_spans_are_taken(self) -> None:
        """Of 300 random spans those alone are refused that have a null in a list."""
        for span in RandomSpans(3).make(300):
            body = encode(build_traces_data([span], Resources({}, self.fail)))

            self.assertEqual(self.is_taken(body), not has_null_in_a_list(json.loads(body)), body)


if __name__ == "__main__":
    unittest.main()
