"""A person at the keyboard: who hears what happens in silence, and that nothing on stdout depends on it.

The words of each sentence are in `test_sentences.py`.
"""

from __future__ import annotations

import os
import select
import unittest
from unittest import mock

from tests.helpers import PATIENCE_SECONDS, on_unix, open_terminal, run_here, running
from tests.sessions import random_session
from tracer.command.complaints import EXAMPLE
from tracer.machine import END_OF_INPUT

SILENT = b'{"type": "create_span", "name": "n", "knid": "CLIENT"}\n{"type": "span_end", "span_id": "mine"}\n'
REPORTED = b"""\
tracer: line 1: "knid" is no field of create_span and is ignored; did you mean kind?
tracer: line 1: span1 is open; not answered, for it states no kind
tracer: line 2: span1 is called mine from now on: nobody knew that name
"""


class WatchedTests(unittest.TestCase):
    """Who hears of it."""

    SESSIONS = 5

    def run_at(
        self, terminals: tuple[int, ...], data: bytes, *options: str, **variables: str
    ) -> tuple[int, bytes, bytes]:
        """Run the node where these descriptors are terminals."""
        with mock.patch("tracer.command.session.os.isatty", lambda descriptor: descriptor in terminals):
            return run_here(data, *options, **variables)

    def test_silence_stays_where_nobody_watches(self) -> None:
        """Without `--verbose` stderr is silent, unless both stdin and stderr are terminals."""
        for terminals in ((), (0,), (2,), (1, 2), (0, 1)):
            with self.subTest(terminals=terminals):
                self.assertEqual(self.run_at(terminals, SILENT)[2], b"")

    def test_verbose_reports_what_happens_in_silence(self) -> None:
        """With `--verbose` that is reported, without a greeting, and how many lines came."""
        self.assertEqual(self.run_at((), SILENT, "--verbose")[2], REPORTED + b"tracer: 2 lines read\n")

    def test_endpoint_in_the_environment_is_not_used(self) -> None:
        """Who watches and exports nothing reads so, without the endpoint, which may hold a secret."""
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "secret", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ""}
        said = b"tracer: OTEL_EXPORTER_OTLP_ENDPOINT is not used: spans go where --export says\n"
        for terminals, options, count in [
            ((0, 2), (), 1),
            ((), ("--verbose",), 1),
            ((), (), 0),
            ((), ("--verbose", "--export", os.devnull), 0),
        ]:
            with self.subTest(terminals=terminals, options=options):
                self.assertEqual(self.run_at(terminals, b"", *options, **variables)[2].count(said), count)

    def test_terminal_is_greeted(self) -> None:
        """At a terminal there is a greeting first; no bad line is only counted."""
        _, _, err = self.run_at((0, 2), SILENT + b"nonsense\n" * 50)
        greeting, _, told = err.decode().partition(REPORTED.decode())
        told = told.splitlines()

        self.assertRegex(greeting, rf"^tracer: span tracer \d.*one JSON message a line.*{END_OF_INPUT}")
        self.assertIn(
            "\ntracer: time is simulated, 5000 microseconds a line: --clock real gives the real time\n", greeting
        )
        self.assertTrue(greeting.endswith(f"\n{EXAMPLE}\n"))
        self.assertEqual([line.split(":")[1] for line in told[:50]], [f" line {number}" for number in range(3, 53)])
        self.assertEqual(told[50:], ["tracer: 50 bad lines in all"])

    def test_greeting_says_what_time_it_is_by(self) -> None:
        """The step is the one that was asked for; of the real time nothing is said."""
        self.assertIn(b" simulated, 7 microseconds a line", self.run_at((0, 2), b"", "--tick-us", "7")[2])
        self.assertNotIn(b"simulated", self.run_at((0, 2), b"", "--clock", "real")[2])

    def test_example_is_answered(self) -> None:
        """What the greeting has to paste gives a reply for each of its lines, and nothing to report."""
        code, out, err = run_here(EXAMPLE.encode())

        self.assertEqual((code, len(out.splitlines()), err), (0, len(EXAMPLE.splitlines()), b""))
        self.assertNotIn(b"error", out)

    def test_replies_are_the_same_to_the_byte(self) -> None:
        """Whoever watches, stdout and the exit code are the same, and so are the sentences about bad lines."""
        for seed in range(self.SESSIONS):
            data = random_session(seed).data
            plain = self.run_at((), data, "--clock", "simulated")
            for terminals, options in [((0, 2), ()), ((), ("--verbose",))]:
                with self.subTest(seed=seed, options=options):
                    code, out, err = self.run_at(terminals, data, "--clock", "simulated", *options)

                    self.assertEqual((code, out), plain[:2])
                    bad = [line for line in plain[2].splitlines() if line.startswith(b"tracer: line ")]
                    self.assertEqual([line for line in err.splitlines() if line in bad], bad)

    def test_watched_node_has_the_same_clock(self) -> None:
        """Whoever watches, an `init` that comes first makes the clock the real one, and the ids unique."""
        data = b'{"type": "init", "node_id": "n1"}\n{"type": "generate"}\n'
        for options in ((), ("--verbose",)):
            with self.subTest(options):
                self.assertRegex(run_here(data, *options)[1], b'"id": "n1-[0-9a-f]{8}-1"')

    @on_unix("pseudo-terminals")
    def test_real_terminal_is_one(self) -> None:
        """Typed at a pseudo-terminal, each line is answered on stdout and reported at once; Ctrl-D ends the node."""
        keyboard, terminal = open_terminal()
        self.addCleanup(os.close, keyboard)
        with running(stdin=terminal, stderr=terminal) as process:
            os.close(terminal)
            shown = b""
            for typed, awaited in [
                (b"", b'"span1"}\r\n'),
                (b'{"type": "create_span", "name": "n"}\n', b"states no kind\r\n"),
                (b"{'type'}\n", b"write double quotes"),
                (b"\x04", b"still open: span1\r\n"),
            ]:
                os.write(keyboard, typed)
                while awaited not in shown:
                    self.assertTrue(select.select([keyboard], [], [], PATIENCE_SECONDS)[0], shown)
                    shown += os.read(keyboard, 4096)
            process.wait(PATIENCE_SECONDS)

            self.assertEqual((process.returncode, process.stdout.read()), (0, b""))
