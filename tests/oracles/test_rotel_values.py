"""A collector in Rust as the judge: which forms of an attribute's value it takes, and that ours are among them.

`rotel` reads OTLP with Rust's `opentelemetry-proto`, as many receivers do, and refuses a whole request for one value.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import unittest
from http.client import HTTPConnection

try:
    import rotel
except ImportError as error:
    raise unittest.SkipTest(f"rotel is not installed: {error}") from None

from tests.helpers import PATIENCE_SECONDS, child_environment
from tests.otlp_cases import HOSTILE, NUMBERS, RandomSpans, nested
from tracer import SpanManager
from tracer.export.otlp import LEVELS, Resources, encoded, traces_data

AGENT = os.path.join(os.path.dirname(rotel.__file__), "rotel-agent")

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
    """Return ports of this machine that nobody has."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def has_null_in_a_list(message: object) -> bool:
    """Tell whether a list somewhere in a message has a null, which is the one form of ours that is refused."""
    if isinstance(message, list):
        return any(map(has_null_in_a_list, message))
    if not isinstance(message, dict):
        return False
    return {} in message.get("arrayValue", {}).get("values", ()) or any(map(has_null_in_a_list, message.values()))


class RotelTests(unittest.TestCase):
    """One collector serves all of the tests."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start the collector."""
        cls.port, grpc = free_ports(2)
        endpoints = ["--otlp-http-endpoint", f"127.0.0.1:{cls.port}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
        agent = subprocess.Popen(
            [AGENT, "start", *endpoints, "--exporter", "blackhole"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
        )
        cls.addClassCleanup(agent.stdout.close)
        cls.addClassCleanup(agent.wait, PATIENCE_SECONDS)
        cls.addClassCleanup(agent.kill)
        # It says what it listens to; then it does.
        agent.stdout.readline()

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

                self.assertTrue(self.is_taken(encoded(traces_data([span], Resources({}, self.fail)))))

    def test_random_spans_are_taken(self) -> None:
        """Of 300 random spans those alone are refused that have a null in a list."""
        for span in RandomSpans(3).make(300):
            body = encoded(traces_data([span], Resources({}, self.fail)))

            self.assertEqual(self.is_taken(body), not has_null_in_a_list(json.loads(body)), body)


if __name__ == "__main__":
    unittest.main()
