"""Tests of the inner ring again, with more seeds, more lines and longer ones than fit into a run at every save."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import threading

from tests import (
    test_complaints,
    test_draw_option,
    test_export_option,
    test_export_url,
    test_fuzz,
    test_limits,
    test_lines,
    test_main,
    test_malformed,
    test_otlp,
    test_pen,
    test_samples,
    test_signals,
    test_spans,
    test_timeline_option,
    test_watched,
)
from tests.helpers import PATIENCE_SECONDS, TOP, child_environment, run, run_here, running
from tests.oracles import skip_unless_outer
from tests.test_main import ALIVE, ALIVE_OK

skip_unless_outer()


class LongHostileInputTests(test_main.HostileInputTests):
    """Longer lines, more attributes, links and spans, and all of the hostile lines in one session."""

    LINES = {**test_main.HOSTILE, "integer of 900,000 digits": b'{"type":"echo","echo":' + b"7" * 900_000 + b"}"}
    ATTRIBUTES, LINKS = 60_000, 10_000

    def test_all_of_them_in_one_session(self) -> None:
        """A process that gets all of it serves on, and exits 0 without a traceback."""
        process = run(b"".join(line + b"\n" + ALIVE for line in self.LINES.values()))

        self.assertEqual(process.stdout, ALIVE_OK * len(self.LINES))
        self.assertEqual(process.returncode, 0)
        self.assertNotIn(b"Traceback", process.stderr)

    def test_span_beyond_the_default_bound_is_refused(self) -> None:
        """The 100,001st open span gets error 11."""
        creates = b'{"type":"create_span","name":"n"}\n' * 100_000
        _, out, err = run_here(creates + b'{"type":"create_span","name":"n","msg_id":1}\n')

        self.assertEqual(json.loads(out)["code"], 11)
        self.assertIn(b"100000 spans are still open", err)


class LongStderrTests(test_complaints.StderrTests):
    """stderr is ASCII only for more reasons."""

    ASCII = (
        *test_complaints.StderrTests.ASCII,
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii:strict"},
    )


class LongExportOptionTests(test_export_option.ExportOptionTests):
    """More spans that are piped at once are exported whole."""

    MANY = 3_000


class LongExportUrlTests(test_export_url.ExportUrlTests):
    """Another signal comes while reading waits for room, or a second one at the end."""

    ENDINGS = ((signal.SIGTERM, 143), (signal.SIGINT, 130))

    def test_second_signal_at_the_end_kills(self) -> None:
        """Who does not want to wait for a silent backend sends the signal again."""
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)
        backend = self.backend(lambda wire: goes_on.wait(PATIENCE_SECONDS))
        with running("--export", backend.url, env=child_environment(**test_export_url.AT_ONCE)) as node:
            node.stdin.write(test_export_url.LIFE)
            node.stdin.flush()
            backend.request()
            node.send_signal(signal.SIGTERM)
            while node.poll() is None:
                node.send_signal(signal.SIGTERM)
                select.select([], [], [], 0.05)

            self.assertEqual(node.wait(PATIENCE_SECONDS), -signal.SIGTERM)


class LongDrawOptionTests(test_draw_option.DrawOptionTests):
    """Files are one picture in another order too, and what reads them is loaded only for it."""

    ORDERS = (*test_draw_option.DrawOptionTests.ORDERS, (test_draw_option.SHOP, test_draw_option.BANK))

    def test_node_without_the_option_does_not_load_it(self) -> None:
        """What reads files is imported only when it is asked for."""
        code = "import main, sys; main.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
        command = [sys.executable, "-S", "-c", code]
        for options, loaded in (((), False), (("--draw", test_draw_option.SHOP), True)):
            with self.subTest(options):
                done = subprocess.run(
                    [*command, *options],
                    input=b"",
                    capture_output=True,
                    env=test_draw_option.DRAWN,
                    cwd=TOP,
                    check=True,
                )

                self.assertEqual(b"tracer.reading" in done.stderr, loaded)


class LongFuzzTests(test_fuzz.FuzzTests):
    """Any input leaves the node whole, for longer."""

    HUNDREDS, SEEDS = 200, 150


class LongCycleTests(test_fuzz.CycleTests):
    """More lines leave no cycle either."""

    SEEDS = 100


class LongAddressTests(test_limits.AddressTests):
    """More addresses are not hoarded either."""

    SHORT = 20_000


class LongReadTests(test_lines.ReadTests):
    """Lines in more orders are read together as each by itself."""

    SEEDS = 300


class LongJsonTests(test_lines.JsonTests):
    """Nesting is bounded, up to what a line has room for."""

    DEPTHS = (*test_lines.JsonTests.DEPTHS, 150_000, 300_000)


class LongVerdictTests(test_malformed.VerdictTests):
    """What is said of more lines, and of longer ones."""

    SEEDS, ANY, LONG = 60, 3000, 1 << 18


class LongSpanMessageTests(test_otlp.SpanMessageTests):
    """More random spans are lines of compact JSON."""

    HUNDREDS = 6


class LongHostileNamesTests(test_pen.HostileNamesTests):
    """No name breaks the picture, at every width where it changes and at the greatest."""

    WIDTHS = (20, 27, 28, 43, 44, 59, 60, 80, 500)


class LongSpanTests(test_spans.SpanTests):
    """More of the node's own spans come back."""

    SPANS = 300


class LongSamplesTests(test_samples.SamplesTests):
    """Every sample through the commands of a checkout, as they are typed."""

    TYPED = tuple(test_samples.SESSIONS)


class LongSignalTests(test_signals.SignalTests):
    """Each signal comes in a flood, before the node is ready, and where it is ignored."""

    SUDDEN = test_signals.ENDINGS
    IGNORED = (("INT", signal.SIGTERM), ("HUP", signal.SIGINT), ("TERM", signal.SIGHUP))


class LongTimelineTests(test_timeline_option.StderrTests):
    """The picture is ASCII for more reasons."""

    ENCODINGS = (
        *test_timeline_option.StderrTests.ENCODINGS,
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("ascii", {"LANG": "C"}),
    )


class LongWatchedTests(test_watched.WatchedTests):
    """In more sessions stdout does not depend on who watches."""

    SESSIONS = 40
