"""A collector in Rust as the judge: it takes what `--export URL` sends, plain and compressed, every span of it.

rotel parses OTLP's JSON by OpenTelemetry's own library for Rust, and says in its log how many spans came.
"""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import tempfile
import time
import unittest

from tests.helpers import PATIENCE_SECONDS, child_environment, line_of, run
from tests.otlp_cases import HOSTILE, NUMBERS, nested

_SPEC = importlib.util.find_spec("rotel")
AGENT = os.path.join(os.path.dirname(_SPEC.origin), "rotel-agent") if _SPEC else ""
if not os.path.exists(AGENT):
    raise unittest.SkipTest("rotel is not installed")
SPANS = 1_500


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class RotelTests(unittest.TestCase):
    """The node and a collector, each a process."""

    def setUp(self) -> None:
        """Start the collector; its log is a file."""
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by a clean-up
        self.addCleanup(self.log.close)
        http, grpc = free_ports(2)
        addresses = [f"--otlp-http-endpoint=127.0.0.1:{http}", f"--otlp-grpc-endpoint=127.0.0.1:{grpc}"]
        command = [AGENT, "start", *addresses, "--exporter=blackhole", "--debug-log=traces", "--log-format=json"]
        collector = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=child_environment())
        self.addCleanup(collector.wait, PATIENCE_SECONDS)
        self.addCleanup(collector.kill)
        self.url = f"http://127.0.0.1:{http}"
        self.wait_for(lambda: self.listens(http))

    def wait_for(self, condition: object) -> None:
        """Wait, within bounds, for a condition."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, self.said())
            time.sleep(0.02)

    def listens(self, port: int) -> bool:
        """Tell whether somebody listens at a port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def said(self) -> str:
        """Return the collector's log."""
        self.log.seek(0)
        return self.log.read()

    def taken(self) -> int:
        """Return how many spans the collector says that it has taken."""
        return sum(map(int, re.findall(r'"Received traces\..*?"spans":(\d+)', self.said())))

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

            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.wait_for(lambda times=times: self.taken() >= times * SPANS)
            self.assertEqual(self.taken(), times * SPANS)

    def test_refusal_is_told(self) -> None:
        """Where the collector does not take traces, its answer is final and said."""
        done = run(b'{"type":"create_span","name":"n"}\n', "--export", f"{self.url}/v1/nothing")

        self.assertEqual(done.returncode, 1)
        self.assertIn(b'/v1/nothing" took 0 of 1 spans: 404 Not Found', done.stderr)


if __name__ == "__main__":
    unittest.main()
